"""Staging: what is written is what the query returned, or nothing."""

from __future__ import annotations

import hashlib
import threading
import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshwright.engines import Staged, TableInput, TableOutput
from meshwright.engines.duckdb_engine import DuckDBEngine
from meshwright.model.datatype import DataType
from meshwright.model.errors import InvalidInput, Unavailable
from meshwright.model.fields import fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDBEngine]:
    engine = DuckDBEngine(threads=2)
    yield engine
    engine.close()


def output(folder: Path, columns: str, key: Sequence[str] = ()) -> TableOutput:
    parsed = tuple((part.split(" ", 1)[0], DataType.parse(part.split(" ", 1)[1])) for part in columns.split("; "))
    return TableOutput(name="orders", folder=folder, schema=fields(parsed)[0], key=tuple(key))


def rows(staged: Staged) -> list[tuple[Any, ...]]:
    return [row for file in staged.files for row in duckdb.connect().read_parquet(file.path).fetchall()]


def test_rows_are_cast_by_name_and_written_with_field_ids(engine: DuckDBEngine, tmp_path: Path) -> None:
    staged = engine.stage("SELECT 'x' AS Name, 1 AS id", inputs=(), output=output(tmp_path, "id BIGINT; name VARCHAR"))
    assert rows(staged) == [(1, "x")]
    schema = pq.read_schema(staged.files[0].path)
    assert [(field.name, field.metadata[b"PARQUET:field_id"]) for field in schema] == [("id", b"1"), ("name", b"2")]


def test_nested_values_have_field_ids_too(engine: DuckDBEngine, tmp_path: Path) -> None:
    columns = "s STRUCT(x INTEGER, y STRUCT(z VARCHAR)[]); m MAP(VARCHAR, BIGINT)"
    query = "SELECT {'x': 1, 'y': [{'z': 'a'}]} AS s, MAP {'k': 1} AS m"
    staged = engine.stage(query, inputs=(), output=output(tmp_path, columns))
    found = duckdb.connect().execute(
        f"SELECT name, field_id FROM parquet_schema('{staged.files[0].path}') WHERE field_id IS NOT NULL"
    )
    assert found.fetchall() == [
        ("s", 1),
        ("x", 2),
        ("y", 3),
        ("element", 4),
        ("z", 5),
        ("m", 6),
        ("key", 7),
        ("value", 8),
    ]


def test_inputs_are_tables_under_their_dotted_names(engine: DuckDBEngine, tmp_path: Path) -> None:
    table = TableInput(name="sales.orders", scan="SELECT 1 AS a UNION ALL SELECT 2", changes="SELECT 2 AS a")
    query = 'SELECT * FROM "sales.orders" UNION ALL SELECT * FROM "sales.orders__changes"'
    assert rows(engine.stage(query, inputs=(table,), output=output(tmp_path, "a INTEGER"))) == [(1,), (2,), (2,)]


def test_without_a_last_publication_everything_is_a_change(engine: DuckDBEngine, tmp_path: Path) -> None:
    table = TableInput(name="orders", scan="SELECT 1 AS a")
    assert engine.stage("FROM orders__changes", inputs=(table,), output=output(tmp_path, "a INTEGER")).rows == 1


def test_no_rows_leave_no_file(engine: DuckDBEngine, tmp_path: Path) -> None:
    staged = engine.stage("SELECT 1 AS a WHERE false", inputs=(), output=output(tmp_path, "a INTEGER", ["a"]))
    assert (staged.files, staged.rows, list(tmp_path.iterdir())) == ((), 0, [])


def test_every_column_that_does_not_match_is_named(engine: DuckDBEngine, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"does not return b, c; it returns x, y"):
        engine.stage("SELECT 1 AS a, 2 AS x, 3 AS y", inputs=(), output=output(tmp_path, "a INTEGER; b DATE; c DATE"))


@pytest.mark.parametrize(
    ("value", "kind", "told"),
    [
        ("3000000000", "INTEGER", "BIGINT value 3000000000"),
        ("1.5::DOUBLE", "INTEGER", "DOUBLE value 1.5"),
        ("'nan'::DOUBLE", "BIGINT", "DOUBLE value nan"),
        ("1.25", "DECIMAL(3,1)", r"DECIMAL\(3,2\) value 1.25"),
        ("0.123::DOUBLE", "DECIMAL(10,2)", "DOUBLE value 0.123"),
        ("9007199254740993", "DOUBLE", "BIGINT value 9007199254740993"),
        ("1e300::DOUBLE", "FLOAT", "DOUBLE value 1e"),
        ("'x'", "INTEGER", "VARCHAR value x"),
        ("'1.5'", "INTEGER", "VARCHAR value 1.5"),
        ("'1.255'", "DECIMAL(10,2)", "VARCHAR value 1.255"),
        ("'2020-01-01T10:00:00+02:00'", "TIMESTAMP", "VARCHAR value 2020"),
        ("'2020-01-01 10:00'", "DATE", "VARCHAR value 2020"),
        ("TIMESTAMP '2020-01-01 10:00'", "DATE", "TIMESTAMP value 2020"),
        ("TIMESTAMP_NS '2020-01-01 10:00:00.123456789'", "TIMESTAMP", "TIMESTAMP_NS value 2020"),
        ("5", "BOOLEAN", "INTEGER value 5"),
        ("[1.5, 2]", "INTEGER[]", "value "),
        ("1.5::HUGEINT + 170141183460469231731687303715884105000", "DECIMAL(38,0)", "HUGEINT value 1701"),
    ],
)
def test_a_value_that_would_lose_is_an_error_naming_the_cast(
    engine: DuckDBEngine, tmp_path: Path, value: str, kind: str, told: str
) -> None:
    with pytest.raises(InvalidInput, match=f"column v: .*{told}.*cannot be stored as .*without loss; "):
        engine.stage(f"SELECT {value} AS v", inputs=(), output=output(tmp_path, f"v {kind}"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("value", "kind", "hint"),
    [
        ("TIMESTAMPTZ '2020-01-01 10:00+00'", "TIMESTAMP", "AT TIME ZONE 'UTC'"),
        ("TIMESTAMP '2020-01-01 10:00'", "TIMESTAMPTZ", "AT TIME ZONE 'UTC'"),
        ("'x'::BLOB", "VARCHAR", "decode"),
        ("{'a': 1, 'b': 2}", "STRUCT(a INTEGER)", "members differ"),
        ("{'a': 1}", "VARCHAR", "to_json"),
    ],
)
def test_a_conversion_without_one_meaning_is_refused(
    engine: DuckDBEngine, tmp_path: Path, value: str, kind: str, hint: str
) -> None:
    with pytest.raises(InvalidInput, match=hint):
        engine.stage(f"SELECT {value} AS v", inputs=(), output=output(tmp_path, f"v {kind}"))


@pytest.mark.parametrize(
    ("value", "kind", "stored"),
    [
        ("sum(i) FROM range(10) t(i)", "BIGINT", 45),
        ("'007'", "INTEGER", 7),
        ("'1.50'", "DECIMAL(3,1)", Decimal("1.5")),
        ("2.0::DOUBLE", "INTEGER", 2),
        ("0.1::DOUBLE", "DECIMAL(10,2)", Decimal("0.10")),
        ("12345678901234567890123456.1234567891", "DECIMAL(38,10)", Decimal("12345678901234567890123456.1234567891")),
        ("NULL", "DATE", None),
        ("uuid '00000000-0000-0000-0000-000000000001'", "VARCHAR", "00000000-0000-0000-0000-000000000001"),
        ("'a'::ENUM('a', 'b')", "VARCHAR", "a"),
    ],
)
def test_a_value_that_fits_is_stored(
    engine: DuckDBEngine, tmp_path: Path, value: str, kind: str, stored: object
) -> None:
    head, _, source = value.partition(" FROM ")
    query = f"SELECT {head} AS v" + (f" FROM {source}" if source else "")
    assert rows(engine.stage(query, inputs=(), output=output(tmp_path, f"v {kind}"))) == [(stored,)]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), min_size=1, max_size=40), st.randoms())
def test_equal_keyed_rows_give_equal_bytes_in_whatever_order_they_came(
    engine: DuckDBEngine, tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[int, int]], random: Any
) -> None:
    shuffled = random.sample(pairs, len(pairs))
    contents = []
    for version in (pairs, shuffled):
        values = ", ".join(str(pair) for pair in version)
        query = f"SELECT a, b FROM (VALUES {values}) t(a, b)"
        staged = engine.stage(
            query, inputs=(), output=output(tmp_path_factory.mktemp("k"), "a INTEGER; b INTEGER", ["a"])
        )
        assert rows(staged) == sorted(pairs)
        contents.append(Path(staged.files[0].path).read_bytes())
    assert contents[0] == contents[1]


@pytest.mark.slow
def test_row_groups_do_not_depend_on_threads_or_on_the_input_layout(tmp_path: Path) -> None:
    digests = set()
    for threads, chunk in ((1, 50_000), (2, 77_777), (4, 122_880)):
        source = tmp_path / f"{chunk}.parquet"
        duckdb.connect().execute(
            f"COPY (SELECT i AS a, i * 7 % 1000 AS b FROM range(400_000) t(i)) TO '{source}' (ROW_GROUP_SIZE {chunk})"
        )
        engine = DuckDBEngine(threads=threads, memory_mb=500)
        folder = tmp_path / str(threads)
        staged = engine.stage(f"FROM '{source}'", inputs=(), output=output(folder, "a BIGINT; b BIGINT", ["a"]))
        engine.close()
        digests.add(hashlib.sha256(Path(staged.files[0].path).read_bytes()).hexdigest())
    assert len(digests) == 1


def test_only_the_edited_column_has_another_content(engine: DuckDBEngine, tmp_path: Path) -> None:
    query = "SELECT i::INTEGER AS a, {} AS b FROM range(1000) t(i)"
    first, second = (
        engine.stage(query.format(b), inputs=(), output=output(tmp_path, "a INTEGER; b BIGINT")).files[0].columns
        for b in ("i * 2", "i * 2 + (i = 500)::INTEGER")
    )
    assert first[1] == second[1]
    assert first[2].content != second[2].content


def test_a_column_without_nulls_has_the_bytes_of_one_that_might_have_had_some(
    engine: DuckDBEngine, tmp_path: Path
) -> None:
    first, second = (
        engine.stage(query, inputs=(), output=output(tmp_path, "a INTEGER")).files[0].columns[1].content
        for query in ("SELECT 1 AS a", "SELECT a FROM (VALUES (1), (NULL)) t(a) WHERE a IS NOT NULL")
    )
    assert first == second


def test_statistics_are_exact_or_absent(engine: DuckDBEngine, tmp_path: Path) -> None:
    query = "SELECT * FROM (VALUES (10, 'b', 1.5::DOUBLE, DATE '2020-01-02'), (9, NULL, 'nan', DATE '2019-12-31')) t(i, s, d, t)"
    staged = engine.stage(query, inputs=(), output=output(tmp_path, "i INTEGER; s VARCHAR; d DOUBLE; t DATE"))
    number, text, double, date = (staged.files[0].columns[i] for i in (1, 2, 3, 4))
    assert (number.nulls, number.lowest, number.highest) == (0, "9", "10")
    assert (text.nulls, text.lowest, text.highest) == (1, "b", "b")
    assert (double.lowest, double.highest) == (None, None)
    assert (date.lowest, date.highest) == ("2019-12-31", "2020-01-02")


def test_many_threads_share_one_engine(engine: DuckDBEngine, tmp_path: Path) -> None:
    found: dict[int, Staged] = {}

    def stage(number: int) -> None:
        table = TableInput(name="orders", scan=f"SELECT {number} AS a")
        found[number] = engine.stage("FROM orders", inputs=(table,), output=output(tmp_path / str(number), "a INTEGER"))

    threads = [threading.Thread(target=stage, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {number: rows(staged) for number, staged in found.items()} == {number: [(number,)] for number in range(8)}


def test_five_thousand_columns_work(engine: DuckDBEngine, tmp_path: Path) -> None:
    names = [f"c{i}" for i in range(5000)]
    query = f"SELECT {', '.join(f'{i} AS {name}' for i, name in enumerate(names))}"
    staged = engine.stage(query, inputs=(), output=output(tmp_path, "; ".join(f"{name} INTEGER" for name in names)))
    assert len(staged.files[0].columns) == 5000


@pytest.mark.slow
def test_interrupt_stops_what_runs(tmp_path: Path) -> None:
    engine = DuckDBEngine(threads=1)
    timer = threading.Timer(0.5, engine.interrupt)
    timer.start()
    begun = time.monotonic()
    with pytest.raises(Unavailable, match="interrupted"):
        engine.stage(
            "SELECT count(*) AS n FROM range(1000000) a(i), range(1000000) b(j) WHERE i * j % 7 = 3",
            inputs=(),
            output=output(tmp_path, "n BIGINT"),
        )
    assert time.monotonic() - begun < 10
    engine.close()


def test_a_full_disk_is_unavailable_and_a_wrong_query_invalid(engine: DuckDBEngine, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="nope"):
        engine.stage("SELECT nope FROM range(1)", inputs=(), output=output(tmp_path, "a INTEGER"))
    if Path("/dev/full").exists():
        blocked = tmp_path / "file"
        blocked.write_text("in the way")
        with pytest.raises(Unavailable):
            engine.stage("SELECT 1 AS a", inputs=(), output=output(blocked, "a INTEGER"))


def test_an_engine_that_was_started_beside_is_closed_with_everything_it_opened(tmp_path: Path) -> None:
    engine = DuckDBEngine(temp=tmp_path)
    engine.start()
    engine.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "duckdb"]
    assert engine.columns("SELECT 1 AS a", inputs=(), name="q") == (("a", DataType("INTEGER")),)
    engine.close()


def test_a_table_that_the_query_does_not_name_is_not_opened(engine: DuckDBEngine, tmp_path: Path) -> None:
    table = TableInput(name="orders", scan="FROM read_csv('/nowhere.csv')", changes="SELECT 1 AS a", columns=())
    assert engine.stage('FROM "Orders__changes"', inputs=(table,), output=output(tmp_path, "a INTEGER")).rows == 1
    with pytest.raises((InvalidInput, Unavailable), match=r"nowhere\.csv"):
        engine.stage("FROM ORDERS", inputs=(table,), output=output(tmp_path, "a INTEGER"))
