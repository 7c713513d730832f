"""Files as inputs: good ones read as they are, bad ones told with their place."""

from __future__ import annotations

import gzip
import io
import zipfile
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from meshwright.engines import TableInput, TableOutput
from meshwright.engines.duckdb_engine import DuckDBEngine
from meshwright.model.datatype import DataType
from meshwright.model.errors import InvalidInput, NotFound
from meshwright.model.fields import fields
from meshwright.model.product import Source
from meshwright.sources.files import files, sample, scan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from meshwright.sources import Sample


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    engine = DuckDBEngine(threads=2)
    cursor = engine.cursor()
    yield cursor
    cursor.close()
    engine.close()


class Reader:
    """Writes files into a root and reads them back as a product would."""

    def __init__(self, root: Path, connection: duckdb.DuckDBPyConnection) -> None:
        self.root = root
        self.connection = connection

    def write(self, name: str, content: str | bytes) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    def look(self, path: str, **options: Any) -> Sample:
        return sample(self.root, Source(path=path, options=options), self.connection)

    def rows(self, path: str, **options: Any) -> list[tuple[Any, ...]]:
        found = self.look(path, **options)
        source = Source(path=path, format=found.format, options=found.options)
        select = scan(self.root, source, found.columns, unpacked=self.root / ".unpacked")
        rows = self.connection.execute(select).fetchall()
        assert found.rows_sampled == len(rows)
        return rows


@pytest.fixture
def reader(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> Reader:
    return Reader(tmp_path, connection)


GOOD: dict[str, tuple[str, str | bytes, dict[str, Any], list[tuple[Any, ...]]]] = {
    "plain": ("a.csv", "a,b\n1,x\n2,\n", {}, [(1, "x"), (2, None)]),
    "quoted newlines": ("a.csv", 'a,b\n1,"x\ny"\n2,"say ""hi"""\n', {}, [(1, "x\ny"), (2, 'say "hi"')]),
    "windows line ends": ("a.csv", "a,b\r\n1,x\r\n", {}, [(1, "x")]),
    "byte order mark": ("a.csv", b"\xef\xbb\xbfa,b\n1,x\n", {}, [(1, "x")]),
    "utf-16": ("a.csv", "a,b\n1,é\n".encode("utf-16"), {}, [(1, "é")]),
    "latin-1": ("a.csv", "a,b\n1,é\n".encode("latin-1"), {"encoding": "latin-1"}, [(1, "é")]),
    "cp1252": ("a.csv", "a,b\n1,€\n".encode("cp1252"), {"encoding": "cp1252"}, [(1, "€")]),
    "semicolons and decimal commas": ("a.csv", "a;b\n1,5;x\n2,25;y\n", {}, [(1.5, "x"), (2.25, "y")]),
    "tabs": ("a.tsv", "a\tb\n1\tx\n", {}, [(1, "x")]),
    "one column": ("a.csv", "a\n1\n2\n", {}, [(1,), (2,)]),
    "no header": (
        "a.csv",
        "1,x\n2,y\n",
        {"header": False, "columns": {"id": "BIGINT", "name": "VARCHAR"}},
        [(1, "x"), (2, "y")],
    ),
    "declared nulls": ("a.csv", "a,b\n1,-\nNA,NA\n", {"nulls": ["NA", "-"]}, [(1, None), (None, None)]),
    "sniffed nulls": ("a.csv", "a,b\n1,x\nNA,y\n", {}, [(1, "x"), (None, "y")]),
    "skipped lines": ("a.csv", "made on Monday\na,b\n1,x\n", {"skip": 1}, [(1, "x")]),
    "not a number and infinity": ("a.csv", "a,b\n1.5,inf\n2,-inf\n", {}, [(1.5, float("inf")), (2.0, float("-inf"))]),
    "many digits": (
        "a.csv",
        "a\n1234567890123456789012345678.0123456789\n",
        {"columns": {"a": "DECIMAL(38,10)"}},
        [(Decimal("1234567890123456789012345678.0123456789"),)],
    ),
    "leading zeros": ("a.csv", "a,b\n007,x\n", {}, [("007", "x")]),
    "header only": ("a.csv", "a,b\n", {}, []),
    "array": ("a.json", '[{"a": 1}, {"a": 2, "b": "x"}]', {}, [(1, None), (2, "x")]),
    "array with a byte order mark": ("a.json", b'\xef\xbb\xbf[{"a": 1}]', {}, [(1,)]),
    "lines": ("a.ndjson", '{"a": 1, "s": {"x": [1]}}\n{"a": 2}\n', {}, [(1, {"x": [1]}), (2, None)]),
    "gzip": ("a.csv.gz", gzip.compress(b"a,b\n1,x\n"), {}, [(1, "x")]),
    "a name with glob signs": ("a[1].csv", "a,b\n1,x\n", {}, [(1, "x")]),
}


@pytest.mark.parametrize(("name", "content", "options", "rows"), GOOD.values(), ids=GOOD)
def test_a_good_file_reads_as_it_is(
    reader: Reader, name: str, content: str | bytes, options: dict[str, Any], rows: list[tuple[Any, ...]]
) -> None:
    reader.write(name, content)
    assert reader.rows(name, **options) == rows


BAD: dict[str, tuple[str, str | bytes, dict[str, Any], str]] = {
    "a row with too few values": ("a.csv", "a,b\n1,x\n2\n3,y\n", {}, r"a\.csv:3: the row has 1 values, 2 are expected: 2"),
    "a row with too many values": ("a.csv", "a,b\n1,x\n2,y,z\n", {}, r"a\.csv:3: the row has 3 values, 2 are expected: 2,y,z"),
    "a value of another type": (
        "a.csv", "a,b\n1,x\nfoo,y\n", {"columns": {"a": "INTEGER"}}, r"a\.csv: row 2: column a: 'foo' is not INTEGER",
    ),
    "a fraction for an integer": ("a.csv", "a\n1\n1.5\n", {"columns": {"a": "INTEGER"}}, r"row 2: column a: '1.5' is not INTEGER"),
    "too many digits": ("a.csv", "a\n1.255\n", {"columns": {"a": "DECIMAL(5,2)"}}, r"row 1: column a: '1.255' is not DECIMAL\(5,2\)"),
    "an offset for a naive time": (
        "a.csv", "a\n2020-01-01T10:00:00+02:00\n", {"columns": {"a": "TIMESTAMP"}}, "row 1: column a: '2020-01-01T10:00:00",
    ),
    "a quote that never closes": ("a.csv", 'a,b\n1,"x\n2,y\n', {}, "a.csv: .*quote is opened and never closed"),
    "a name twice": ("a.csv", "a,b,A\n1,2,3\n", {}, r"the header has the name 'A' twice \(columns 1 and 3\)"),
    "another encoding": ("a.csv", "a,b\n1,é\n".encode("latin-1"), {}, "a.csv: byte 0xe9 at offset 6 is not UTF-8"),
    "an unknown encoding": ("a.csv", "a\n1\n", {"encoding": "klingon"}, "'klingon' is no known encoding"),
    "nothing": ("a.csv", "", {}, "a.csv: the file is empty"),
    "cut gzip": ("a.csv.gz", gzip.compress(b"a,b\n" + b"1,x\n" * 9999)[:-20], {}, "damaged or cut short"),
    "no gzip": ("a.csv.gz", b"a,b\n1,x\n", {}, "damaged or cut short"),
    "cut parquet": ("a.parquet", b"PAR1 and no more", {}, "a.parquet"),
    "cut arrow": ("a.arrow", b"ARROW1\0\0and no more", {}, "a.arrow: not a whole Arrow file"),
    "cut zip": ("a.zip", b"PK\x03\x04 and no more", {}, "not a whole zip archive"),
    "cut json": ("a.ndjson", '{"a": 1}\n{"a": 2', {}, "a.ndjson: not JSON"),
    "a json value of another type": (
        "a.ndjson", '{"a": 1}\n{"a": 1.5}\n', {"columns": {"a": "BIGINT"}}, "a.ndjson: row 2: column a: '1.5' is not BIGINT",
    ),
    "json without objects": ("a.json", "[1, 2]", {}, "no JSON objects"),
    "latin-1 json": ("a.ndjson", b'{"a": "\xe9"}', {}, "byte 0xe9 at offset 7 is not UTF-8"),
    "a declared column that is not there": ("a.csv", "a\n1\n", {"columns": {"z": "INTEGER"}}, "no column 'z' to declare"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content", "options", "told"), BAD.values(), ids=BAD)
def test_a_bad_file_is_told_with_its_place(
    reader: Reader, name: str, content: str | bytes, options: dict[str, Any], told: str
) -> None:
    reader.write(name, content)
    with pytest.raises(InvalidInput, match=told):
        reader.look(name, **options)


def test_dates_are_sniffed_once_and_pinned(reader: Reader) -> None:
    reader.write("a.csv", "d\n31/01/2013\n02/03/2013\n")
    found = reader.look("a.csv")
    assert (found.options["date_format"], str(found.columns[0][1])) == ("%d/%m/%Y", "DATE")
    reader.write("a.csv", "d\n02/03/2013\n")
    source = Source(path="a.csv", format=found.format, options=found.options)
    select = scan(reader.root, source, found.columns, unpacked=reader.root / "u")
    assert str(reader.connection.execute(select).fetchone()) == "(datetime.date(2013, 3, 2),)"


def test_local_times_in_a_gap_of_summer_time_stay_as_written(reader: Reader) -> None:
    reader.write("a.csv", "naive,zoned\n2013-03-10 02:30:00,2013-03-10T02:30:00-05:00\n")
    found = reader.look("a.csv")
    assert [str(kind) for _, kind in found.columns] == ["TIMESTAMP", "TIMESTAMP WITH TIME ZONE"]
    source = Source(path="a.csv", format="csv", options=found.options)
    select = scan(reader.root, source, found.columns, unpacked=reader.root / "u")
    row = reader.connection.execute(f"SELECT naive::VARCHAR, zoned::VARCHAR FROM ({select})").fetchone()
    assert row == ("2013-03-10 02:30:00", "2013-03-10 07:30:00+00")


def test_columns_are_found_by_name_when_a_later_file_has_another_order(reader: Reader) -> None:
    reader.write("in/1.csv", "a,b\n1,x\n")
    reader.write("in/2.csv", "b,a,c\ny,2,9\n")
    reader.write("in/3.csv", "a,b\n,z\n")
    assert reader.rows("in/*.csv") == [(1, "x", None), (2, "y", 9), (None, "z", None)]


def test_contradicting_files_are_named(reader: Reader) -> None:
    reader.write("in/1.csv", "a\n1\n")
    reader.write("in/2.csv", "a\n2020-01-01\n")
    with pytest.raises(InvalidInput, match=r"column a is BIGINT in in/1\.csv and DATE in in/2\.csv"):
        reader.look("in/*.csv")


def test_a_column_that_went_away_is_an_error(reader: Reader) -> None:
    reader.write("a.csv", "a,b\n1,x\n")
    found = reader.look("a.csv")
    reader.write("a.csv", "a,c\n1,x\n")
    with pytest.raises(InvalidInput, match="the header has no column b; it has a, c"):
        scan(
            reader.root, Source(path="a.csv", format="csv", options=found.options), found.columns, unpacked=reader.root
        )


def test_only_the_files_asked_for_are_read(reader: Reader) -> None:
    reader.write("in/1.csv", "a\n1\n")
    reader.write("in/2.csv", "a\n2\n")
    found = reader.look("in/*.csv")
    source = Source(path="in/*.csv", format="csv", options=found.options)
    select = scan(reader.root, source, found.columns, unpacked=reader.root, files=["in/2.csv"])
    assert reader.connection.execute(select).fetchall() == [(2,)]
    assert (
        reader.connection.execute(scan(reader.root, source, found.columns, unpacked=reader.root, files=[])).fetchall()
        == []
    )


@pytest.mark.parametrize("name", ["a.parquet", "a.feather", "a.arrows", "no_ending"])
def test_columnar_files_keep_their_types(reader: Reader, name: str) -> None:
    table = pa.table({"a": pa.array([1, 2], pa.int32()), "n": pa.array([[1.5], None], pa.list_(pa.float64()))})
    if name.endswith((".parquet", "ending")):
        pq.write_table(table, reader.root / name)
    elif name.endswith(".feather"):
        feather.write_feather(table, reader.root / name)
    else:
        with pa.ipc.new_stream(reader.root / name, table.schema) as writer:
            writer.write_table(table)
    assert [str(kind) for _, kind in reader.look(name).columns] == ["INTEGER", "DOUBLE[]"]
    assert reader.rows(name) == [(1, [1.5]), (2, None)]


def test_a_parquet_column_that_changed_its_type_is_cast_only_without_loss(reader: Reader) -> None:
    pq.write_table(pa.table({"a": [1.5]}), reader.root / "a.parquet")
    select = scan(reader.root, Source(path="a.parquet"), (("a", DataType("BIGINT")),), unpacked=reader.root)
    with pytest.raises(duckdb.Error):
        reader.connection.execute(select).fetchall()
    with pytest.raises(InvalidInput, match="column a is DOUBLE, BLOB is expected"):
        scan(reader.root, Source(path="a.parquet"), (("a", DataType("BLOB")),), unpacked=reader.root)


def zipped(**members: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("_csv", ".csv"), content)
    return stream.getvalue()


def test_members_of_an_archive_are_read_together_or_by_name(reader: Reader) -> None:
    reader.write("a.zip", zipped(one_csv="a\n1\n", sub__two_csv="a\n2\n"))
    assert files(reader.root, Source(path="a.zip")) == ["a.zip!one.csv", "a.zip!sub/two.csv"]
    assert reader.rows("a.zip") == [(1,), (2,)]
    assert reader.rows("a.zip!sub/*.csv") == [(2,)]


def test_a_member_with_a_path_that_climbs_is_written_nowhere_else(reader: Reader) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("../../climbed.csv", "a\n1\n")
    reader.write("in/deep/a.zip", stream.getvalue())
    assert reader.rows("in/deep/a.zip") == [(1,)]
    outside = [path for path in reader.root.rglob("climbed.csv") if ".unpacked" not in path.parts]
    assert outside == []


def test_a_bomb_is_not_unpacked(reader: Reader) -> None:
    reader.write("a.zip", zipped(bomb_csv="0" * (150 << 20)))
    with pytest.raises(InvalidInput, match="times its size"):
        reader.look("a.zip")


@pytest.mark.parametrize("path", ["../a.csv", "/etc/passwd", "in/../../a.csv", ""])
def test_a_path_that_leaves_the_root_is_refused(reader: Reader, path: str) -> None:
    with pytest.raises(InvalidInput, match="leaves the mesh"):
        files(reader.root, Source(path=path))


def test_a_symbolic_link_that_leaves_the_root_is_refused(reader: Reader) -> None:
    (reader.root / "a.csv").symlink_to("/etc/hostname")
    with pytest.raises(InvalidInput, match="symbolic link that leaves the mesh"):
        files(reader.root, Source(path="a.csv"))


@pytest.mark.parametrize("path", ["nope.csv", "in/*.csv"])
def test_nothing_that_matches_is_not_found(reader: Reader, path: str) -> None:
    with pytest.raises(NotFound):
        files(reader.root, Source(path=path))


def test_a_bad_value_is_told_with_file_and_row_when_the_engine_meets_it(reader: Reader) -> None:
    reader.write("in/1.csv", "a\n" + "1\n" * 5)
    reader.write("in/2.csv", "a\n1\n2\nx\n")
    columns = (("a", DataType("INTEGER")),)
    select = scan(reader.root, Source(path="in/*.csv", format="csv"), columns, unpacked=reader.root)
    engine = DuckDBEngine(threads=2)
    output = TableOutput(name="t", folder=reader.root / "out", schema=fields(columns)[0])
    with pytest.raises(InvalidInput, match=r"in/2\.csv: row 3: column a: 'x' is not INTEGER"):
        engine.stage("FROM numbers", inputs=[TableInput(name="numbers", scan=select)], output=output)
    engine.close()


@pytest.mark.slow
def test_five_thousand_columns_work(reader: Reader) -> None:
    names = ",".join(f"c{i}" for i in range(5000))
    reader.write("a.csv", f"{names}\n{','.join(['1'] * 5000)}\n")
    assert len(reader.look("a.csv").columns) == 5000
