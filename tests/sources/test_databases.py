"""Tables of PostgreSQL and SQLite: every type as it is, or as its text; what cannot be told apart is refused."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from meshwright.model.connection import Connection
from meshwright.model.errors import InvalidInput, Refused, Unavailable
from meshwright.model.product import Source
from meshwright.sources import highest
from meshwright.sources.opening import bring, open_source, remote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from meshwright.sources import Remote
    from postgres_server import PostgresDatabase

EVERY_TYPE = """
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TYPE pair AS (a int, b text);
CREATE TABLE t (
    i2 smallint, i4 int, i8 bigint, f4 real, f8 double precision, n numeric, n2 numeric(10, 2), b bool, tx text,
    vc varchar(10), d date, ts timestamp, tz timestamptz, tm time, iv interval, by bytea, u uuid, j json, jb jsonb,
    ia int[], ta text[], na numeric[], m mood, p pair, ip inet, mo money, r int4range, x xml, "Wei""rd Näme" int, o oid
);
INSERT INTO t VALUES (
    1, 2, 3, 1.5, 2.5, 123.456, 12.34, true, 'ä', 'y', '2024-01-02', '2024-01-02 03:04:05.678', '2024-01-02 03:04:05+02',
    '03:04:05', '1 day', '\\xdead', '0ed6a5e6-1bb9-4fd6-b6bb-a4ec5a4a0b3c', '{"a":1}', '{"b": 2}', '{1,2}', '{a,b}', '{1.5}',
    'ok', '(1,x)', '10.0.0.1', '12.34', '[1,5)', '<a/>', 7, 4000000000
);
INSERT INTO t DEFAULT VALUES;
"""
ROW = {
    "i2": 1, "i4": 2, "i8": 3, "f4": 1.5, "f8": 2.5, "n": Decimal("123.456000000"), "n2": Decimal("12.34"), "b": True,
    "tx": "ä", "vc": "y", "d": date(2024, 1, 2), "ts": datetime(2024, 1, 2, 3, 4, 5, 678000),  # noqa: DTZ001 - a timestamp without zone
    "tz": datetime(2024, 1, 2, 1, 4, 5, tzinfo=UTC), "tm": time(3, 4, 5), "iv": "1 day", "by": b"\xde\xad",
    "u": "0ed6a5e6-1bb9-4fd6-b6bb-a4ec5a4a0b3c", "j": '{"a":1}', "jb": '{"b": 2}', "ia": [1, 2], "ta": ["a", "b"],
    "na": "{1.5}", "m": "ok", "p": "(1,x)", "ip": "10.0.0.1/32", "mo": Decimal("12.340000000"), "r": "[1,5)", "x": "<a/>",
    'Wei"rd Näme': 7, "o": 4000000000,
}  # fmt: skip


def connection(postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch, **more: Any) -> Connection:
    monkeypatch.setenv("CRM_PASSWORD", postgres.server.password)
    settings = {"host": "127.0.0.1", "port": postgres.server.port, "database": postgres.name, "user": "mesh"}
    return Connection(
        name="crm", type="postgresql", settings={**settings, "password": {"env": "CRM_PASSWORD"}, "timeout": 3, **more}
    )


@pytest.fixture
def crm(postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch) -> Connection:
    return connection(postgres, monkeypatch)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(tmp_path / "shop.db", isolation_level=None)
    yield database
    database.close()


SHOP = Connection(name="shop", type="sqlite", settings={"path": "shop.db", "timeout": 1})


def rows(source: Source, through: Connection, root: Path) -> list[dict[str, Any]]:
    with open_source(source, root=root, cache=root / "cache", connection=through) as opened:
        found: list[dict[str, Any]] = opened.arrow().read_all().to_pylist()
        return found


def reader(source: Source, through: Connection, root: Path) -> Remote:
    return remote(source, root=root, cache=root / "cache", connection=through)


def table(name: str, through: str = "crm", **more: Any) -> Source:
    return Source(path=name, connection=through, **more)


def test_every_type_of_postgresql_is_itself_or_its_text(
    postgres: PostgresDatabase, crm: Connection, tmp_path: Path
) -> None:
    postgres.execute(EVERY_TYPE)
    first, second = rows(table("public.t"), crm, tmp_path)
    assert first == ROW
    assert set(second.values()) == {None}


def test_a_socket_and_a_whole_url_by_reference_lead_there_too(
    postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    postgres.execute("CREATE TABLE t AS SELECT 1 AS a")
    socket = connection(postgres, monkeypatch, host=str(postgres.server.folder))
    assert rows(table("t"), socket, tmp_path) == [{"a": 1}]
    monkeypatch.setenv("CRM_URL", postgres.url)
    whole = Connection(name="crm", type="postgresql", settings={"url": {"env": "CRM_URL"}})
    assert rows(table("t"), whole, tmp_path) == [{"a": 1}]


def test_a_query_cannot_change_anything_nor_be_more_than_one(
    postgres: PostgresDatabase, crm: Connection, tmp_path: Path
) -> None:
    postgres.execute(
        "CREATE TABLE t AS SELECT 1 AS a; CREATE SEQUENCE s; CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'INSERT INTO t VALUES (2) RETURNING a'"
    )
    for query in (
        "SELECT f() AS a",
        "SELECT 1 AS a) AS q; DROP TABLE t; --",
        "WITH x AS (DELETE FROM t RETURNING a) SELECT a FROM x",
    ):
        with pytest.raises((InvalidInput, Unavailable)):
            bring(reader(Source(path="", connection="crm", query=query), crm, tmp_path), tmp_path)
    assert postgres.execute("SELECT count(*) FROM t") == "1"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT 1 AS a, 2 AS a", "column a comes twice"),
        ("SELECT nothing FROM t", 'column "nothing" does not exist'),
        ("SELECT 1/0 AS a FROM t", "division by zero"),
        ("SELEC 1", "syntax error"),
    ],
)
def test_a_wrong_query_is_its_author_s_to_correct(
    postgres: PostgresDatabase, crm: Connection, tmp_path: Path, query: str, words: str
) -> None:
    postgres.execute("CREATE TABLE t AS SELECT 1 AS a")
    with pytest.raises(InvalidInput, match=r"^crm#query: ") as raised:
        bring(reader(Source(path="", connection="crm", query=query), crm, tmp_path), tmp_path)
    assert words in str(raised.value)


def test_equal_rows_give_an_equal_fingerprint_and_others_another(
    postgres: PostgresDatabase, crm: Connection, tmp_path: Path
) -> None:
    postgres.execute("CREATE TABLE t AS SELECT g AS a, 'x' || g AS b FROM generate_series(1, 200000) g")
    prints = [bring(reader(table("t"), crm, tmp_path), tmp_path / str(turn)).prints for turn in range(2)]
    assert prints[0] == prints[1]
    postgres.execute("UPDATE t SET b = 'y' WHERE a = 77777")
    assert bring(reader(table("t"), crm, tmp_path), tmp_path / "3").prints != prints[0]


@pytest.mark.parametrize("kind", ["int", "timestamptz", "date", "numeric", "text"])
def test_only_rows_beyond_the_highest_value_are_read(
    postgres: PostgresDatabase, crm: Connection, tmp_path: Path, kind: str
) -> None:
    values = {"int": ("1", "2"), "timestamptz": ("2024-01-01 00:00:00+01", "2024-01-02"), "date": ("2024-01-01", "2024-01-02"),
              "numeric": ("1.5", "1.50001"), "text": ("a'b", "b")}[kind]  # fmt: skip
    low, high = (value.replace("'", "''") for value in values)
    postgres.execute(f"CREATE TABLE t (k {kind}, n int); INSERT INTO t VALUES ('{low}', 1)")
    source = table("t", incremental="k")
    first = bring(reader(source, crm, tmp_path), tmp_path / "1")
    assert first.prints == reader(source, crm, tmp_path).glance()
    postgres.execute(f"INSERT INTO t VALUES ('{high}', 2)")
    (name, recorded), *_ = first.prints.items()
    second = reader(source, crm, tmp_path)
    brought = bring(second, tmp_path / "2", beyond=recorded)
    import pyarrow.parquet as pq

    assert pq.read_table(brought.files[name]).column("n").to_pylist() == [2]
    again = bring(reader(source, crm, tmp_path), tmp_path / "3", beyond=brought.prints[name])
    assert pq.read_table(again.files[name]).num_rows == 0


def test_an_empty_table_has_no_highest_value(postgres: PostgresDatabase, crm: Connection, tmp_path: Path) -> None:
    postgres.execute("CREATE TABLE t (k int)")
    source = table("t", incremental="k")
    assert bring(reader(source, crm, tmp_path), tmp_path).prints == {"crm#t": highest("k")}


def test_a_column_that_is_sometimes_null_tells_no_new_rows(
    postgres: PostgresDatabase, crm: Connection, tmp_path: Path
) -> None:
    postgres.execute("CREATE TABLE t (k int); INSERT INTO t VALUES (1), (NULL)")
    with pytest.raises(InvalidInput, match="column k has NULLs"):
        bring(reader(table("t", incremental="k"), crm, tmp_path), tmp_path)


def test_a_column_to_go_by_must_be_there(postgres: PostgresDatabase, crm: Connection, tmp_path: Path) -> None:
    postgres.execute("CREATE TABLE t (k int)")
    with pytest.raises(InvalidInput, match="there is no column changed_at"):
        bring(reader(table("t", incremental="changed_at"), crm, tmp_path), tmp_path)


def test_a_decimal_is_read_as_the_type_that_is_declared_for_it(
    postgres: PostgresDatabase, crm: Connection, tmp_path: Path
) -> None:
    postgres.execute("CREATE TABLE t AS SELECT 0.12345678901::numeric AS n")
    for kind, value in (("DECIMAL(20,12)", Decimal("0.123456789010")), ("VARCHAR", "0.12345678901")):
        source = table("t", options={"columns": {"n": kind}})
        from meshwright.model.datatype import DataType

        brought = bring(reader(source, crm, tmp_path), tmp_path, columns=(("n", DataType.parse(kind)),))
        import pyarrow.parquet as pq

        assert pq.read_table(brought.files["crm#t"]).column("n").to_pylist() == [value]


def test_sqlite_columns_are_what_their_values_are(shop: sqlite3.Connection, tmp_path: Path) -> None:
    shop.execute(
        'CREATE TABLE t (i INTEGER, r REAL, m NUMERIC, s TEXT, d DATE, ts DATETIME, b BOOLEAN, bl BLOB, x, "nothing" TEXT, odd DATE)'
    )
    shop.execute(
        "INSERT INTO t VALUES (1, 1.5, 2, 'a', '2024-01-02', '2024-01-02 03:04:05', 1, x'00ff', 'q', NULL, '02.01.2024')"
    )
    shop.execute("INSERT INTO t VALUES (2, 2, 2.5, NULL, NULL, '2024-01-02T03:04:05.5', 0, NULL, 3, NULL, NULL)")
    first, second = rows(table("t", "shop"), SHOP, tmp_path)
    assert first == {
        "i": 1, "r": 1.5, "m": 2.0, "s": "a", "d": date(2024, 1, 2), "ts": datetime(2024, 1, 2, 3, 4, 5), "b": True,  # noqa: DTZ001 - likewise
        "bl": b"\x00\xff", "x": "q", "nothing": None, "odd": "02.01.2024",
    }  # fmt: skip
    assert (second["m"], second["x"], second["b"]) == (2.5, "3", False)
    assert second["ts"] == datetime(2024, 1, 2, 3, 4, 5, 500000)  # noqa: DTZ001 - likewise


def test_a_sqlite_column_that_got_another_kind_of_value_is_drift(shop: sqlite3.Connection, tmp_path: Path) -> None:
    shop.execute("CREATE TABLE t (amount INTEGER, share REAL, note TEXT)")
    shop.execute("INSERT INTO t VALUES (1, 0.5, NULL)")
    columns = reader(table("t", "shop"), SHOP, tmp_path).columns()
    shop.execute("DELETE FROM t")
    shop.execute("INSERT INTO t VALUES (2, 1, 'now it has one')")
    bring(reader(table("t", "shop"), SHOP, tmp_path), tmp_path, columns=columns)
    shop.execute("INSERT INTO t VALUES ('many', 1, NULL)")
    with pytest.raises(Refused, match="column amount is VARCHAR now, BIGINT is expected"):
        bring(reader(table("t", "shop"), SHOP, tmp_path), tmp_path, columns=columns)


def test_a_sqlite_file_is_never_written_nor_made(shop: sqlite3.Connection, tmp_path: Path) -> None:
    shop.execute("CREATE TABLE t AS SELECT 1 AS a")
    with pytest.raises((InvalidInput, Unavailable)):
        bring(reader(Source(path="", connection="shop", query="DELETE FROM t RETURNING a"), SHOP, tmp_path), tmp_path)
    # The driver runs one statement, whatever follows it.
    two = Source(path="", connection="shop", query="SELECT 1 AS a) AS q; DROP TABLE t; --")
    bring(reader(two, SHOP, tmp_path), tmp_path)
    assert shop.execute("SELECT count(*) FROM t").fetchone() == (1,)
    gone = Connection(name="shop", type="sqlite", settings={"path": "gone.db"})
    with pytest.raises(Unavailable, match=r"shop#t: there is no database file gone\.db"):
        bring(reader(table("t", "shop"), gone, tmp_path), tmp_path)
    assert not (tmp_path / "gone.db").exists()


def test_a_sqlite_file_that_is_being_written_is_waited_for_and_told(shop: sqlite3.Connection, tmp_path: Path) -> None:
    shop.execute("CREATE TABLE t AS SELECT 1 AS a")
    # In a process of its own: SQLite's locks do not hold within one.
    hold = "import sqlite3, sys; d = sqlite3.connect(sys.argv[1], isolation_level=None); d.execute('BEGIN EXCLUSIVE'); print(1, flush=True); input()"
    command = [sys.executable, "-c", hold, str(tmp_path / "shop.db")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        with pytest.raises(Unavailable, match=r"shop#t: .*locked.*somebody is writing"):
            bring(reader(table("t", "shop"), SHOP, tmp_path), tmp_path)
        writer.communicate("done\n")
    assert rows(table("t", "shop"), SHOP, tmp_path) == [{"a": 1}]


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "shop.db").write_text("not a database at all, but long enough to be looked at " * 20)
    with pytest.raises(Unavailable, match=r"shop#t: .*not a database"):
        bring(reader(table("t", "shop"), SHOP, tmp_path), tmp_path)


def test_a_missing_library_is_told_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shop: sqlite3.Connection
) -> None:
    monkeypatch.setitem(sys.modules, "adbc_driver_manager", None)
    with pytest.raises(Unavailable, match=r"pip install 'meshwright\[sqlite\]'"):
        bring(reader(table("t", "shop"), SHOP, tmp_path), tmp_path)


def test_a_sqlite_file_that_nobody_wrote_is_not_read_to_know_that(
    shop: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.execute("CREATE TABLE t AS SELECT 1 AS a")
    source = table("t", "shop")
    assert reader(source, SHOP, tmp_path).glance() is None
    bring(reader(source, SHOP, tmp_path), tmp_path / "1")
    # So new that another write could hide in the clock's tick.
    assert reader(source, SHOP, tmp_path).glance() is None
    monkeypatch.setattr("meshwright.sources.sqlite.SETTLED_NS", 0)
    prints = bring(reader(source, SHOP, tmp_path), tmp_path / "2").prints
    assert reader(source, SHOP, tmp_path).glance() == prints
    shop.execute("INSERT INTO t VALUES (2)")
    assert reader(source, SHOP, tmp_path).glance() is None
