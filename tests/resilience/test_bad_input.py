"""Bad input, through the command line: each is refused with its place and the next step, or read as what it says."""

from __future__ import annotations

import gzip
import io
import itertools
import os
import time
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mesh_folder import MeshFolder

PRODUCT = "apiVersion: v1.1.0\nkind: DataProduct\nid: a.b\n"
PLACE = "domains/a/b/product.yaml"
SQL = "domains/a/b/transform/b.sql"


@pytest.fixture
def product(mesh: MeshFolder) -> MeshFolder:
    """A mesh with the product a.b, to be spoilt."""
    mesh.product("a.b", "select 1 as x")
    return mesh


def findings(mesh: MeshFolder) -> dict[str, dict[str, Any]]:
    """What `mesh validate` finds, by code; it must find something, and quickly."""
    started = time.monotonic()
    answer = mesh.mesh("validate", "--json")
    assert answer.code == 2, answer
    assert time.monotonic() - started < 20
    return {one["code"]: one for one in answer.data["findings"]}


def refused(mesh: MeshFolder, *words: str) -> None:
    """The build publishes nothing, says every one of *words*, and calls nothing a defect."""
    answer = mesh.mesh("build")
    said = answer.out + answer.err
    assert answer.code in {1, 2}, said
    for word in words:
        assert word in said
    assert "defect" not in said
    assert mesh.mesh("read", "a.b").code == 2


# Descriptors and queries.


@pytest.mark.parametrize("path", ["mesh.yaml", "domains/a/domain.yaml", PLACE, SQL])
def test_text_that_is_not_utf8_is_found_with_line_and_column(product: MeshFolder, path: str) -> None:
    file = product.root / path
    lines = file.read_bytes().rstrip().count(b"\n") + 1
    file.write_bytes(file.read_bytes().rstrip() + b" # caf\xe9")
    found = findings(product)["not-utf8"]
    assert (found["file"], found["line"]) == (path, lines)
    assert found["column"] > 1
    assert found["value"] == "byte 0xe9"
    assert "UTF-8" in found["hint"]


@pytest.mark.parametrize("path", ["mesh.yaml", "domains/a/domain.yaml", PLACE, SQL])
def test_a_byte_order_mark_does_no_harm(product: MeshFolder, path: str) -> None:
    file = product.root / path
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert product.build()["a.b"]["outcome"] == "published"
    assert product.rows("a.b") == [{"x": 1}]


def test_an_alias_bomb_is_refused_at_once(product: MeshFolder) -> None:
    names = "abcdefghi"
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in itertools.pairwise(names))
    product.write(PLACE, PRODUCT + bomb)
    assert findings(product)["alias-bomb"]["file"] == PLACE


def test_a_duplicate_key_is_found_at_the_second(product: MeshFolder) -> None:
    product.write(PLACE, PRODUCT + "id: a.c\n")
    found = findings(product)["duplicate-key"]
    assert (found["file"], found["line"], found["value"]) == (PLACE, 4, "id")


def test_tabs_as_indentation_are_found_with_their_line(product: MeshFolder) -> None:
    product.write(PLACE, PRODUCT + "tags:\n\t- x\n")
    found = findings(product)["bad-yaml"]
    assert (found["file"], found["line"]) == (PLACE, 5)
    assert "tab" in found["message"]
    assert found["hint"] == "indent with spaces"


@pytest.mark.parametrize("opening", ["- ", "? ", "[", "{a: "])
def test_nesting_without_end_is_found_and_ends_no_process(product: MeshFolder, opening: str) -> None:
    product.write(PLACE, PRODUCT + "tags: " + opening * 100_000)
    assert findings(product)["bad-yaml"]["file"] == PLACE


def test_a_descriptor_of_fifty_megabytes_is_refused_unread(product: MeshFolder) -> None:
    product.write(PLACE, PRODUCT + f"title: {'x' * 50_000_000}\n")
    started = time.monotonic()
    found = findings(product)["too-large"]
    assert (found["file"], found["value"]) == (PLACE, f"{50_000_000 + len(PRODUCT) + 8:,} bytes")
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("path", ["mesh.yaml", "domains/a/domain.yaml", PLACE])
@pytest.mark.parametrize("content", ["", "# nothing\n"])
def test_an_empty_descriptor_is_named(product: MeshFolder, path: str, content: str) -> None:
    product.write(path, content)
    assert findings(product)["empty-file"]["file"] == path


def test_a_nul_character_in_a_query_is_found(product: MeshFolder) -> None:
    product.write(SQL, "select 1 as x\0")
    refused(product, f"{SQL}:1:14: error[sql-syntax]: the text holds a NUL character")


# Names and paths.


@pytest.mark.parametrize("other", ["a.B", "A.b"])
def test_names_that_differ_in_case_only_are_both_named(product: MeshFolder, other: str) -> None:
    product.product(other, "select 1 as x")
    found = findings(product)
    assert set(found) == {"bad-name", "case-collision"}
    assert "rename" in found["case-collision"]["hint"]


@pytest.mark.parametrize("name", ["café", "données", "naïve", "Ωmega", "x\u200by"])
def test_a_product_whose_name_is_not_plain_is_named(product: MeshFolder, name: str) -> None:
    product.product(f"a.{name}", "select 1 as x")
    found = findings(product)["bad-name"]
    assert (found["file"], found["value"]) == (f"domains/a/{name}", name)
    assert "a-z" in found["hint"]


def test_columns_that_differ_in_case_only_are_refused(product: MeshFolder) -> None:
    product.write(SQL, "select 1 as x, 2 as X")
    refused(product, SQL, "sql-duplicate-column", "x and X differ in letter case only")


def test_columns_and_files_may_have_any_name(mesh: MeshFolder) -> None:
    mesh.write("data/größe 列.csv", 'größe,列,a b,"x""y",💶\n1,2,3,4,5\n')
    mesh.product("a.b", "select * from 'data/größe 列.csv'")
    mesh.build()
    assert mesh.rows("a.b") == [{"größe": 1, "列": 2, "a b": 3, 'x"y': 4, "💶": 5}]


def outside(mesh: MeshFolder) -> Path:
    secret = mesh.root.parent / "outside" / "secret.csv"
    secret.parent.mkdir()
    secret.write_text("id\n918273645\n")
    return secret


@pytest.mark.parametrize(
    "path",
    [
        "../../../../outside/secret.csv",
        "data/../../../../../outside/*.csv",
        "{outside}/secret.csv",
        "{outside}/*.csv",
        "data/link.csv",
        "data/folder/secret.csv",
        "data/folder/*.csv",
        "data/**/*.csv",
    ],
)
@pytest.mark.parametrize("how", ["port", "literal"])
def test_no_path_leads_out_of_the_mesh(mesh: MeshFolder, path: str, how: str) -> None:
    secret = outside(mesh)
    (mesh.root / "data").mkdir()
    (mesh.root / "data/link.csv").symlink_to(secret)
    (mesh.root / "data/folder").symlink_to(secret.parent)
    path = path.format(outside=secret.parent)
    port = f"inputPorts:\n- name: i\n  customProperties: [{{property: mesh.path, value: '{path}'}}]\n"
    mesh.product(
        "a.b",
        *(["select * from i"] if how == "port" else [f"select * from '{path}'"]),
        descriptor=port * (how == "port"),
    )
    refused(mesh, path.rsplit("/", 1)[-1])
    assert "918273645" not in "".join(
        file.read_text("latin-1") for file in (mesh.root / ".mesh").rglob("*") if file.is_file()
    )


@pytest.mark.parametrize("what", [SQL, "domains/a/b", "domains/a"])
def test_no_symbolic_link_brings_descriptors_or_queries_from_outside(product: MeshFolder, what: str) -> None:
    original = product.root / what
    away = product.root.parent / "away"
    original.rename(away)
    original.symlink_to(away)
    found = findings(product)["leaves-mesh"]
    assert found["file"] == what
    refused_or_nothing = product.mesh("build")
    assert "published" not in refused_or_nothing.out


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["fifo", "folder"])
def test_what_is_no_file_is_not_read_as_one(mesh: MeshFolder, make: Callable[[Path], None]) -> None:
    (mesh.root / "data").mkdir()
    make(mesh.root / "data/a.csv")
    mesh.product("a.b", "select * from 'data/a.csv'")
    refused(mesh, "data/a.csv is a folder or a device")


# Source files.


def zipped(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        # Without the time of day: every process that collects these tests names them alike.
        archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def parquet_file(rows: int) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(pa.table({"x": list(range(rows))}), buffer)
    return buffer.getvalue()


ROWS = "".join(f"{number},x\n" for number in range(1, 501))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "id,n\n1,café\n".encode("latin-1"), ["byte 0xe9 at offset 10 is not UTF-8", "encoding: latin-1"]),
        ("a.csv", b"", ["the file is empty"]),
        ("a.csv", f"id,n\n{ROWS}501,x,y\n502,x\n".encode(), ["data/a.csv:502: the row has 3 values, 2 are expected: 501,x,y"]),
        ("a.csv", f"id,n\n{ROWS}501\n502,x\n".encode(), ["data/a.csv:502: the row has 1 values, 2 are expected: 501"]),
        ("a.csv", b'id,n\n1,"abc\n2,x\n', ["data/a.csv", "a quote is opened and never closed"]),
        ("a.csv", b"id,ID\n1,2\n", ["the header has the name 'ID' twice"]),
        ("a.csv.gz", b"", ["the file is empty"]),
        ("a.csv.gz", b"no gzip at all", ["data/a.csv.gz: the gzip data is damaged or cut short"]),
        ("a.csv.gz", gzip.compress(os.urandom(9999).hex().encode())[:4000], ["the gzip data is damaged or cut short"]),
        ("a.csv.zip", zipped("a.csv", b"id\n1\n")[:-20], ["a.csv.zip: not a whole zip archive"]),
        ("a.parquet", b"", ["the file is empty"]),
        ("a.parquet", parquet_file(1000)[:900], ["data/a.parquet"]),
        ("a.parquet", b"PAR1" + b"\xff" * 40 + b"PAR1", ["data/a.parquet"]),
        ("a.json", b'[{"a": 1}, {"a":', ["data/a.json: not JSON", "unexpected end of data"]),
        ("a.ndjson", b'{"a": 1}\n{"a":\n', ["data/a.ndjson: not JSON", "unexpected end of data"]),
        ("a.arrow", b"ARROW1\0\0abc", ["data/a.arrow: not a whole Arrow file"]),
    ],
)  # fmt: skip
def test_a_damaged_source_is_named_with_what_is_wrong(
    mesh: MeshFolder, name: str, content: bytes, words: list[str]
) -> None:
    mesh.write(f"data/{name}", content)
    mesh.product("a.b", f"select * from 'data/{name}'")
    refused(mesh, *words)


def test_a_ragged_row_in_a_later_file_is_named_and_the_head_stays(mesh: MeshFolder) -> None:
    mesh.write("data/a.csv", f"id,n\n{ROWS}")
    mesh.product("a.b", "select * from 'data/*.csv'")
    mesh.build()
    mesh.write("data/b.csv", "id,n\n501,x\n502,x,y\n")
    answer = mesh.mesh("build")
    assert answer.code in {1, 2}
    assert "data/b.csv:3: the row has 3 values, 2 are expected: 502,x,y" in answer.out
    assert len(mesh.rows("a.b")) == 500


def test_a_value_that_is_not_of_the_pinned_type_is_named_with_its_row(mesh: MeshFolder) -> None:
    mesh.write("data/a.csv", f"id,n\n{ROWS}")
    mesh.product("a.b", "select * from 'data/a.csv'")
    mesh.build()
    mesh.write("data/a.csv", f"id,n\n{ROWS}many,x\n")
    answer = mesh.mesh("build")
    assert answer.code == 2
    assert "data/a.csv" in answer.out
    assert "501" in answer.out or "502" in answer.out
    assert "column id: 'many' is not" in answer.out
    assert len(mesh.rows("a.b")) == 500


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_csv_with_a_byte_order_mark_is_read(mesh: MeshFolder, encoding: str) -> None:
    mesh.write("data/a.csv", "id,n\n1,ü\n".encode(encoding))
    mesh.product("a.b", "select * from 'data/a.csv'")
    mesh.build()
    assert mesh.rows("a.b") == [{"id": 1, "n": "ü"}]


def test_a_member_of_an_archive_cannot_be_written_elsewhere(mesh: MeshFolder) -> None:
    mesh.write("data/a.zip", zipped("../../../../../escaped.csv", b"id\n1\n"))
    port = "inputPorts:\n- name: i\n  customProperties:\n  - {property: mesh.path, value: data/a.zip}\n  - {property: mesh.format, value: csv}\n"
    mesh.product("a.b", "select * from i", descriptor=port)
    mesh.mesh("build")
    assert list(mesh.root.parent.rglob("escaped.csv")) == []


@pytest.mark.slow
def test_a_csv_of_fifty_megabytes_is_read_whole(mesh: MeshFolder) -> None:
    mesh.write("data/a.csv", "id,t\n" + "".join(f"{number},{'x' * 90}\n" for number in range(530_000)))
    mesh.product("a.b", "select * from 'data/a.csv'")
    mesh.build()
    assert mesh.mesh("query", "select count(*) as n, max(id) as m, max(length(t)) as t from a.b", "--json").data == [
        {"n": 530_000, "m": 529_999, "t": 90}
    ]


@pytest.mark.slow
def test_five_thousand_columns_work_from_file_to_reader(mesh: MeshFolder) -> None:
    names = [f"c{number}" for number in range(5000)]
    rows = [",".join(str(number + row) for number in range(5000)) for row in range(20)]
    mesh.write("data/wide.csv", "\n".join([",".join(names), *rows]) + "\n")
    mesh.product("a.b", "select * from 'data/wide.csv'")
    mesh.product("a.c", "select c0, c4999 from a.b")
    started = time.monotonic()
    mesh.build()
    assert mesh.rows("a.b", "--limit", "1") == [{name: number for number, name in enumerate(names)}]
    assert mesh.rows("a.c", "--limit", "1") == [{"c0": 0, "c4999": 4999}]
    assert mesh.actions() == {"a.b": "reuse", "a.c": "reuse"}
    assert time.monotonic() - started < 60


# Values.


def published(mesh: MeshFolder, query: str) -> list[dict[str, Any]]:
    mesh.product("a.b", query)
    mesh.build()
    return mesh.rows("a.b")


def test_nan_and_infinity_are_kept_and_are_text_in_json(mesh: MeshFolder) -> None:
    rows = published(mesh, "select 'nan'::double as a, 'inf'::double as b, '-inf'::float as c")
    assert rows == [{"a": "nan", "b": "inf", "c": "-inf"}]
    assert mesh.mesh("query", "select isnan(a) as a, isinf(b) as b, c < 0 as c from a.b", "--json").data == [
        {"a": True, "b": True, "c": True}
    ]


def test_decimals_are_exact_to_the_last_digit(mesh: MeshFolder) -> None:
    values = ["1234567890123456789012345678.0123456789", "-9999999999999999999999999999.9999999999"]
    mesh.write("data/a.csv", "d\n" + "\n".join(values) + "\n")
    port = """
    inputPorts:
    - name: i
      customProperties:
      - {property: mesh.path, value: data/a.csv}
      - {property: mesh.options, value: {columns: {d: "DECIMAL(38,10)"}}}
    """
    mesh.product("a.b", "select d from i", descriptor=port)
    mesh.build()
    assert [row["d"] for row in mesh.rows("a.b")] == values


def test_nested_values_come_out_of_json_as_they_went_in(mesh: MeshFolder) -> None:
    rows = published(
        mesh,
        "select {'a': 1, 'b': [{'c': 'x', 'd': null::int}, null], 'm': map {'k': [1, 2]}} as s, [[1], [], null] as l, "
        "map {'y': {'z': true}} as m, null::struct(q int) as n",
    )
    assert rows == [
        {
            "s": {"a": 1, "b": [{"c": "x", "d": None}, None], "m": {"k": [1, 2]}},
            "l": [[1], [], None],
            "m": {"y": {"z": True}},
            "n": None,
        }
    ]


def test_an_instant_is_one_whatever_zone_it_was_written_in(mesh: MeshFolder) -> None:
    """02:30 does not exist on the last Sunday of March in Berlin, and comes twice on that of October."""
    rows = published(
        mesh,
        "select timestamptz '2024-10-27 02:30:00+02' as first, timestamptz '2024-10-27 02:30:00+01' as second, "
        "timestamptz '2024-03-31 02:30:00 Europe/Berlin' as gap, timestamp '2024-03-31 02:30:00' as local",
    )
    assert rows == [
        {
            "first": "2024-10-27T00:30:00+00:00",
            "second": "2024-10-27T01:30:00+00:00",
            "gap": "2024-03-31T01:30:00+00:00",
            "local": "2024-03-31T02:30:00",
        }
    ]


def test_offsets_in_a_file_are_heeded_whatever_the_zone_of_the_machine(
    mesh: MeshFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "America/St_Johns")
    time.tzset()
    try:
        mesh.write("data/a.csv", "t\n2024-10-27T02:30:00+02:00\n2024-10-27T02:30:00+01:00\n2024-03-31 02:30:00\n")
        port = (
            "inputPorts:\n- name: i\n  customProperties:\n  - {property: mesh.path, value: data/a.csv}\n"
            "  - {property: mesh.options, value: {columns: {t: TIMESTAMPTZ}}}\n"
        )
        mesh.product("a.b", "select t from i", descriptor=port)
        mesh.build()
        assert [row["t"] for row in mesh.rows("a.b")] == [
            "2024-10-27T00:30:00+00:00",
            "2024-10-27T01:30:00+00:00",
            "2024-03-31T02:30:00+00:00",
        ]
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("interval 1 day", "INTERVAL cannot be stored faithfully"),
        ("null", "it has no type; cast it"),
        ("timetz '10:00:00+02'", "its offset would be lost"),
        ("timestamp_ns '2024-01-01 00:00:00.123456789'", "tables keep microseconds"),
        ("union_value(n := 1)", "tables have no unions"),
        ("'101'::bit", "tables have no bit strings"),
        ("[interval 1 day]", "INTERVAL cannot be stored faithfully"),
    ],
)
def test_a_type_that_no_table_can_hold_is_refused_before_anything_runs(
    mesh: MeshFolder, value: str, words: str
) -> None:
    mesh.product("a.b", f"select {value} as v")
    refused(mesh, f"{SQL}:1:1: error[column-type]: column v:", words)


@pytest.mark.parametrize("value", ["'infinity'::date", "'-infinity'::timestamp", "'infinity'::timestamptz"])
def test_an_infinite_day_is_refused_naming_its_column(mesh: MeshFolder, value: str) -> None:
    mesh.product("a.b", f"select unnest([{value}, '2024-01-01', null]) as v")
    refused(mesh, "b: column v: an infinite", "cannot be stored faithfully")


@pytest.mark.parametrize(
    ("value", "kind"),
    [("3000000000", "INTEGER"), ("170141183460469231731687303715884105727::hugeint", "BIGINT"), ("70000", "SMALLINT")],
)
def test_a_number_too_large_for_its_contract_is_refused_naming_the_cast(
    mesh: MeshFolder, value: str, kind: str
) -> None:
    mesh.product("a.b", f"select {value} as v", contract=f"- {{name: v, physicalType: {kind}}}\n")
    refused(mesh, "b: column v:", f"cannot be stored as {kind} without loss")
