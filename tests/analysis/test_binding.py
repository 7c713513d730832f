"""Binding: exact columns and types before any data moves, and the columns that a query really reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshwright.analysis.binding import Binder
from meshwright.analysis.problem import SqlError
from meshwright.analysis.query import parse, rewrite
from meshwright.model.datatype import DataType, quote

if TYPE_CHECKING:
    from collections.abc import Iterator

ENGINE = duckdb.connect(config={"threads": 1})

FLIGHTS = {
    "id": "BIGINT",
    "origin": "VARCHAR",
    "delay": "DOUBLE",
    "day": "DATE",
    "fare": "DECIMAL(10,2)",
    "plane": "STRUCT(tail VARCHAR, seats INTEGER)",
    "legs": "INTEGER[]",
}


@pytest.fixture(scope="module")
def binder() -> Iterator[Binder]:
    with Binder() as made:
        made.declare("flights", [(name, DataType.parse(kind)) for name, kind in FLIGHTS.items()])
        made.declare("operations.flights", [(name, DataType.parse(kind)) for name, kind in FLIGHTS.items()])
        made.declare('odd "name".x', [("a b", DataType("BIGINT")), ("a b.c", DataType("DATE"))])
        made.declare("lines", [("a\nb", DataType("BIGINT")), ("a", DataType("BIGINT")), ("b", DataType("BIGINT"))])
        for name in ("t", "u"):
            made.declare(name, [(column, DataType("BIGINT")) for column in "abcd"])
        yield made


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select id, delay * 2 as twice from flights", [("id", "BIGINT"), ("twice", "DOUBLE")]),
        ("select sum(id) as total, count(*) as n from flights;", [("total", "HUGEINT"), ("n", "BIGINT")]),
        ("select plane.seats, legs[1] as first from flights", [("seats", "INTEGER"), ("first", "INTEGER")]),
        ("select null as nothing, [] as list", [("nothing", '"NULL"'), ("list", '"NULL"[]')]),
        ("select now() as at, interval 1 day as span", [("at", "TIMESTAMP WITH TIME ZONE"), ("span", "INTERVAL")]),
        ("select fare / 3 as third, avg(fare) over () as mean from flights", [("third", "DOUBLE"), ("mean", "DOUBLE")]),
        ("select 'a'::enum('a', 'b') as letter, map {1: 'x'} as m", [("letter", "VARCHAR"), ("m", "MAP(INTEGER, VARCHAR)")]),
        ("pivot flights on origin in ('EWR') using sum(id) group by day", [("day", "DATE"), ("EWR", "HUGEINT")]),
        ("select columns('^d.*') from flights -- comment", [("delay", "DOUBLE"), ("day", "DATE")]),
        ("select '101'::bit as bits", [("bits", "BIT")]),
        ('select "a b" from "odd ""name"".x"', [("a b", "BIGINT")]),
        ("with flights as (select 1 as one) from flights", [("one", "INTEGER")]),
        ("select id from flights where id > 0 order by id limit 1", [("id", "BIGINT")]),
    ],
)  # fmt: skip
def test_a_query_has_these_columns_and_types(binder: Binder, text: str, expected: list[tuple[str, str]]) -> None:
    assert [(name, str(kind)) for name, kind in binder.bind(text)] == expected


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("select\n  idd from flights", "sql-unknown-column", 2, 3),
        ("select é.id,\n é.x from flights é", "sql-unknown-column", 2, 2),
        ("select 'ö', \n\tx from flights", "sql-unknown-column", 2, 2),
        ("select id from fligths", "sql-unknown-table", 1, 16),
        ("select\n\n uper(origin) from flights", "sql-unknown-function", 3, 2),
        ("select id,\n origin + 1 as x from flights", "sql-type", 2, 9),
        ("select sum(origin) as x from flights", "sql-type", 1, 8),
        ("select origin, sum(id) as n from flights", "sql-binding", 1, 8),
        ("select 1 as a, 2 as A", "sql-duplicate-column", 0, 0),
        ("select f.id, g.id from flights f join flights g using (id)", "sql-duplicate-column", 0, 0),
        ("select 1::bignum as big", "sql-type", 0, 0),
        ("select ['1'::bit] as bits", "sql-type", 0, 0),
        ("from read_csv('x')", "sql-binding", 1, 6),
        ("with c as (copy flights to 'f') select 1 as x", "sql-binding", 0, 0),
    ],
)
def test_what_does_not_bind_is_an_error_at_its_place(
    binder: Binder, text: str, code: str, line: int, column: int
) -> None:
    with pytest.raises(SqlError) as raised:
        binder.bind(text)
    assert (raised.value.code, raised.value.line, raised.value.column) == (code, line, column)
    assert "LINE" not in raised.value.message
    assert "^" not in raised.value.message
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("select operations.flights.id, operations.flights.idd from operations.flights", 1, 31),
        ("select a.id from operations.flights as a join operations.flights as b on a.id = b.idd", 1, 81),
        ("select id\nfrom operations\n.flights where flights.x", 3, 16),
        ("select ü.id from operations.flights ü where é = 1", 1, 45),
        ("from operations.flights select oops(id)", 1, 32),
    ],
)
def test_an_error_in_a_rewritten_query_is_placed_in_the_original(
    binder: Binder, text: str, line: int, column: int
) -> None:
    with pytest.raises(SqlError) as raised:
        binder.bind(rewrite(parse(text), {("operations", "flights"): "operations.flights"}))
    assert (raised.value.line, raised.value.column) == (line, column)


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("select orign from flights", "origin"),
        ("select f.orign from flights f", "origin"),
        ("from fligths", "flights"),
        ("select uper(origin) from flights", "upper"),
    ],
)
def test_near_misses_are_suggested(binder: Binder, text: str, near: str) -> None:
    with pytest.raises(SqlError) as raised:
        binder.bind(text)
    assert near in raised.value.hint


def test_a_table_is_declared_again_with_other_columns() -> None:
    with Binder() as binder:
        binder.declare("t", [("a", DataType("BIGINT"))])
        binder.declare("t", [("a", DataType("BIGINT"))])
        assert [name for name, _ in binder.bind("from t")] == ["a"]
        binder.declare("T", [("b", DataType("DATE")), ("n", DataType("NULL"))])
        assert binder.bind("from t") == (("b", DataType("DATE")), ("n", DataType("NULL")))
        assert binder.used_columns("select b from t") == {"T": frozenset({"b"})}


def test_two_columns_of_one_name_cannot_be_declared() -> None:
    with Binder() as binder, pytest.raises(SqlError):
        binder.declare("t", [("a", DataType("BIGINT")), ("A", DataType("BIGINT"))])


@pytest.mark.parametrize(
    "statement",
    [
        "set enable_external_access = true",
        "set lock_configuration = false",
        "install httpfs",
        "load sqlite_scanner",
        "copy flights to 'stolen.csv'",
        "attach 'stolen.db'",
        "select * from read_text('/etc/passwd')",
        "select * from '/etc/passwd'",
        "select * from stolen",
    ],
)
def test_the_binders_engine_reaches_nothing_outside(binder: Binder, statement: str) -> None:
    stolen = object()  # a replacement scan over Python's variables would find it
    assert stolen
    with pytest.raises(duckdb.Error):
        binder._connection.execute(statement)


@pytest.mark.parametrize(
    ("text", "column", "expected"),
    [
        ("select * from flights", None, {"flights": set(FLIGHTS)}),
        ("select id from flights where delay > 1", None, {"flights": {"id", "delay"}}),
        ("select count(*) as n from flights", None, {"flights": set()}),
        ("select plane.seats from flights", None, {"flights": {"plane"}}),
        ("select 1 as one", None, {}),
        ("with unused as (from u) select a from t", None, {"t": {"a"}}),
        ("select id, delay * 2 as d from flights", "d", {"flights": {"delay"}}),
        ("select id, delay as d from flights where day is null", "d", {"flights": {"delay", "day"}}),
        ("select id, delay as d from flights where day is null", "", {"flights": {"day"}}),
        ("select id, delay from flights order by day", "id", {"flights": {"id", "day"}}),
        ("select id, delay from flights order by day limit 3", "", {"flights": {"day"}}),
        ("select origin, sum(delay) as s, max(day) as m from flights group by origin", "s", {"flights": {"origin", "delay"}}),
        ("select origin, sum(delay) as s, max(day) as m from flights group by origin", "", {"flights": {"origin"}}),
        ("select distinct origin, delay from flights", "origin", {"flights": {"origin", "delay"}}),
        ("select t.a, u.b from t left join u on t.a = u.a", "a", {"t": {"a"}, "u": {"a"}}),
        ("select a, b from t union all select c, d from u", "b", {"t": {"b"}, "u": {"d"}}),
        ("select a, row_number() over (order by b) as n from t", "a", {"t": {"a", "b"}}),
        ("select a, (select max(b) from u where u.a = t.c) as m from t", "m", {"t": {"a", "c"}, "u": {"a", "b"}}),
        ("select unnest([a, b]) as x, c from t", "c", {"t": {"a", "b", "c"}}),
        ("with s as (select * from t) select a, b from s", "", {"t": {"a"}}),
        ('select "a b" from "odd ""name"".x"', None, {'odd "name".x': {"a b"}}),
        ('select "a b.c" from "odd ""name"".x"', None, {'odd "name".x': {"a b", "a b.c"}}),
        ("select a from lines", None, {"lines": {"a", "b", "a\nb"}}),
        ("select a, b from t semi join u using (a);", "b", {"t": {"a", "b"}, "u": {"a"}}),
        ("with recursive r(n, m) as (select a, b from t union all select n + 1, m from r where n < 3) from r", "n", {"t": {"a"}}),
    ],
)  # fmt: skip
def test_a_query_reads_these_columns(
    binder: Binder, text: str, column: str | None, expected: dict[str, set[str]]
) -> None:
    found = binder.used_columns(text, column)
    assert all(columns <= found[table] for table, columns in expected.items())
    assert found == {table: frozenset(columns) for table, columns in expected.items()}


def test_a_column_that_cannot_be_asked_for_reads_what_the_whole_query_reads(binder: Binder) -> None:
    assert binder.used_columns("select a, b from t", "no such column") == {"t": frozenset({"a", "b"})}


ITEMS = st.sampled_from(
    ["a", "b", "c + d", "a * 2", "coalesce(b, c)", "(select max(u.b) from u where u.a = q.a)", "case when c > 1 then d end",
     "row_number() over (partition by a order by d, c, b, a)", "sum(b) over (order by c)", "unnest([a, d])"]
)  # fmt: skip
AGGREGATES = st.sampled_from(["sum(a)", "max(b)", "count(distinct c)", "count(*)", "min(d) filter (a > 1)"])
SOURCES = st.sampled_from(
    ["t", "(from t where d > 1)", "(from t union select * from u)", "(select distinct a, b, c, d from t)",
     "(select t.* from t join u on t.a = u.b)", "(select t.a, u.b, t.c, u.d from t left join u using (c))",
     "(select distinct on (a) a, b, c, d from t order by a, b, c, d)", "(from t order by c, d, a, b limit 3)",
     "(select a, sum(b) as b, max(c) as c, count(*) as d from t group by a)", "(from t anti join u on t.c = u.c)",
     "(select * from t qualify rank() over (partition by a order by b) = 1)", "(select * from t, (select max(d) from u) m(e))",
     "(from t full join u using (a, c) select a, t.b, c, u.d)", "(from t intersect from u)", "(from t except all from u)",
     "(select t.a, t.b, t.c, z.d from t, lateral (select max(u.d) as d from u where u.a = t.c) z)",
     "(select t.*, u.b as e from t asof join u on t.a = u.a and t.b >= u.b)", "(from t positional join u select t.a, u.b, t.c, u.d)",
     "(select a, b, sum(c) as c, max(d) as d from t group by rollup (a, b))",
     "(with recursive r(a, b, c, d) as (from t union select a + 1, c, b, d from r where a < 3) from r)",
     "(select a, b, v as c, length(n) as d from (from t unpivot (v for n in (c, d))))",
     "(select a, max_1 as b, max_2 as c, a as d from (from t pivot (max(b) as max_b for c in (1 as max, 2 as maxi) group by a)) p(a, max_1, max_2))",
     "(with m as materialized (from t) select m.a, n.b, m.c, n.d from m join m n on m.a = n.a)",
     "(from t tablesample reservoir(2 rows) repeatable (1))", "(select s.a, s.b, c, d from (select {'a': a, 'b': b} as s, c, d from t))",
     "(select a, b, c, d from (select a, b, c, d, count(*) over (partition by b order by a, b, c, d) as n from t) where n = 1)"]
)  # fmt: skip
CLAUSES = st.sampled_from(
    ["", "where q.b > 1", "where q.a in (select c from u)", "where exists (from u where u.d = q.d)"]
)
ROWS = st.lists(st.tuples(*[st.one_of(st.none(), st.integers(0, 3))] * 4), max_size=6)


@st.composite
def queries(draw: st.DrawFn) -> str:
    clause = draw(CLAUSES)
    if draw(st.booleans()):
        first, second = draw(AGGREGATES), draw(AGGREGATES)
        return f"select a as x, {first} as y, {second} as z from {draw(SOURCES)} q {clause} group by a"
    first, second, third = draw(ITEMS), draw(ITEMS), draw(ITEMS)
    return f"select {first} as x, {second} as y, {third} as z from {draw(SOURCES)} q {clause}"


@pytest.mark.slow
@settings(max_examples=120, deadline=None)
@given(text=queries(), column=st.sampled_from(["x", "y", "z", ""]), tables=st.tuples(ROWS, ROWS), other=ROWS)
def test_columns_that_are_not_named_never_change_a_result(
    binder: Binder, text: str, column: str, tables: tuple[list[tuple[int, ...]], ...], other: list[tuple[int, ...]]
) -> None:
    used = binder.used_columns(text, column)
    wanted = f"select {quote(column) if column else 'count(*)'} from ({text}) order by 1"
    results = []
    for spoil in (False, True):
        for name, rows in zip("tu", tables, strict=True):
            ENGINE.execute(f"create or replace table {name} (a bigint, b bigint, c bigint, d bigint)")
            for number, row in enumerate(rows):
                spoiled = other[number % len(other)] if spoil and other else row
                keep = used.get(name, frozenset())
                values = [old if letter in keep else new for letter, old, new in zip("abcd", row, spoiled, strict=True)]
                ENGINE.execute(f"insert into {name} values ($1, $2, $3, $4)", values)
        results.append(ENGINE.execute(wanted).fetchall())
    assert results[0] == results[1]
