"""Fingerprints: free of layout, and equal column definitions mean equal columns."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshwright.analysis.fingerprint import definitions, fingerprint
from meshwright.analysis.query import parse

# One thread: rows without an order come as they are stored.
ENGINE = duckdb.connect(config={"threads": 1})
EXAMPLES = Path(__file__).parents[2] / "examples"


def of(text: str) -> dict[str, str]:
    return definitions(parse(text))


def changed(before: str, after: str) -> set[str]:
    """The keys whose definition differs."""
    old, new = of(before), of(after)
    return {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a,b FROM t WHERE c=1",
        "select a, b from t where c = 1;",
        "-- why\nselect a, /* what */ b\n  from t -- from where\n where (c = 1)",
        "Select\ta,\u00a0b From t Where c\n=\n1",
    ],
)
def test_comments_spaces_line_breaks_and_keyword_case_are_free(text: str) -> None:
    assert fingerprint(parse(text)) == fingerprint(parse("select a, b from t where c = 1"))
    assert of(text) == of("select a, b from t where c = 1")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("select a from t", "select b from t"),
        ("select a from t", "select a as b from t"),
        ("select a from t", "select a from u"),
        ("select a from 'x.csv'", "select a from 'y.csv'"),
        ("select 'A' as a", "select 'a' as a"),
        ("select 1 as a", "select 1.0 as a"),
        ("select a from t limit 1", "select a from t limit 2"),
        ("select a::int as a from t", "select a::bigint as a from t"),
        ("select a, b from t", "select b, a from t"),
        ("""select '"query_location":1' as a""", """select '"query_location":2' as a"""),
    ],
)
def test_what_means_something_else_has_another_fingerprint(one: str, other: str) -> None:
    assert fingerprint(parse(one)) != fingerprint(parse(other))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("select a, b * 2 as c from t", "select a, b * 3 as c from t", {"c"}),
        ("select a, b as c from t", "select a, b as c, d from t", {"d"}),
        ("select a, b as c from t", "select b as c, a from t", set()),
        ("select a, b from t where c > 1", "select a, b from t where c > 2", {""}),
        ("select a, b from t", "select a, b from u", {""}),
        ("select a, sum(b) as s from t group by a", "select a, sum(c) as s from t group by a", {"s"}),
        ("select a, sum(b) as s from t group by a", "select a, sum(b) as s from t group by a, d", {""}),
        ("select a, b + 1 as c from t order by c", "select a, b + 2 as c from t order by c", {"", "c"}),
        ("select a, b + 1 as c from t where c > 1", "select a, b + 2 as c from t where c > 1", {"", "c"}),
        ("select a, b + 1 as c from t order by a", "select a, b + 2 as c from t order by a", {"c"}),
        ("select b + 1 as c, c * 2 as d, a from t", "select b + 2 as c, c * 2 as d, a from t", {"c", "d"}),
        ("select b + 1 as c, c * 2 as d, d as e from t", "select b + 2 as c, c * 2 as d, d as e from t", {"c", "d", "e"}),
        ("select a as k, 5 as n from t", "select max(a) as k, 5 as n from t", {"", "k"}),
        ("select b + 1 as l, l.abs() as m from t", "select b + 2 as l, l.abs() as m from t", {"l", "m"}),
        ("select a, rank() over (order by b) as r from t", "select a, rank() over (order by c) as r from t", {"", "r"}),
        ("with x as (select a, b from t) select a, b from x", "with x as (select a, c as b from t) select a, b from x", {""}),
        ("select a, b + 1 as C from t order by c", "select a, b + 2 as C from t order by c", {"", "C"}),
    ],
)  # fmt: skip
def test_a_change_reaches_these_columns(before: str, after: str, expected: set[str]) -> None:
    assert changed(before, after) == expected


@pytest.mark.parametrize(
    "text",
    [
        "select * from t",
        "select t.*, 1 as b from t",
        "select columns('a') from t",
        "select distinct a, b from t",
        "select distinct on (a) a, b from t",
        "select a, sum(b) as b from t group by all",
        "select a, sum(b) as b from t group by 1",
        "select a, b from t order by 2",
        "select a, b from t order by all",
        "select a, b from t order by #1",
        "select a, b from t limit 5",
        "select a, b from t order by a offset 1",
        "select a, b from t using sample 3 rows (reservoir, 1)",
        "select a from t union select a from u",
        "select a, unnest([1, 2]) as b from t",
        "select a, generate_subscripts([1], 1) as b from t",
        "select a, random() as b from t",
        "select a, current_date as b from t",
        "select a, b from t where random() > 0.5",
        "select a, a + b from t",
        "select a, b as a from t",
        "values (1, 2)",
        "pivot t on a in (1) using sum(b)",
    ],
)
def test_columns_that_cannot_be_told_apart_have_one_definition(text: str) -> None:
    query = parse(text)
    assert definitions(query) == {"": fingerprint(query)}


def test_the_examples_transformations_have_definitions() -> None:
    files = [path for path in EXAMPLES.rglob("*.sql") if "transform" in path.parts]
    assert all("" in of(path.read_text()) for path in files)


ITEMS = st.sampled_from(
    ["a", "b", "c", "a + b", "x", "y + 1", "z * 2", "sum(a)", "count(*)", "max(b) + 1", "5", "(select max(u.b) from u)",
     "(select max(u.b) from u where u.a = t.a)", "lag(a) over (order by b, c, a)", "row_number() over (partition by a)",
     "case when a > b then x else 0 end", "a.abs()", "coalesce(b, y)", "list_sum([a, b])", "unnest([a, b])"]
)  # fmt: skip
CLAUSES = st.sampled_from(
    ["", "where x > 1", "where b > 1", "group by a", "group by x", "group by a, b, c", "order by y, a, b, c", "order by b",
     "where a > 0 order by x, a", "group by a having max(c) > 1", "qualify row_number() over (order by c, b, a) > 1",
     "order by a limit 2", "group by all", "group by 1", "where z > 0 order by y desc"]
)  # fmt: skip
ROWS = st.lists(st.tuples(*[st.one_of(st.none(), st.integers(-2, 3))] * 3), max_size=8)


def columns_of(text: str, tables: tuple[list[tuple[int, ...]], ...]) -> dict[str, list[object]] | None:
    """The result's columns with the rows in order; None when the query does not run."""
    connection = ENGINE
    for name, rows in zip("tu", tables, strict=True):
        connection.execute(f"create or replace table {name} (a bigint, b bigint, c bigint)")
        if rows:
            values = ", ".join(str(tuple("null" if value is None else value for value in row)) for row in rows)
            connection.execute(f"insert into {name} values {values}".replace("'", ""))
    try:
        result = connection.execute(text)
        names = [str(entry[0]) for entry in result.description or ()]
        rows = result.fetchall()
    except duckdb.Error:
        return None
    return {name: [row[number] for row in rows] for number, name in enumerate(names)}


@pytest.mark.slow
@settings(max_examples=250, deadline=None)
@given(
    items=st.tuples(ITEMS, ITEMS, ITEMS),
    position=st.integers(0, 2),
    other=ITEMS,
    clause=CLAUSES,
    tables=st.tuples(ROWS, ROWS),
)
def test_columns_with_equal_definitions_are_equal_when_the_rows_definition_is(
    items: tuple[str, str, str],
    position: int,
    other: str,
    clause: str,
    tables: tuple[list[tuple[int, ...]], ...],
) -> None:
    edited = [other if number == position else item for number, item in enumerate(items)]
    before, after = (
        f"select {', '.join(f'{item} as {name}' for item, name in zip(select, 'xyz', strict=True))} from t {clause}"
        for select in (items, edited)
    )
    old, new = columns_of(before, tables), columns_of(after, tables)
    if old is None or new is None:
        return
    same = of(before), of(after)
    if same[0][""] != same[1][""]:
        return
    for name in old:
        if same[0].get(name) == same[1].get(name):
            assert old[name] == new[name], (before, after)
