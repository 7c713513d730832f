"""Which names are tables: the walk agrees with DuckDB's own binder on generated queries."""

from __future__ import annotations

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from meshwright.analysis.query import parse, rewrite

NAMES = ("a", "b", "c")


def engine(prefix: str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": 1})
    for number, name in enumerate(NAMES):
        connection.execute(f'create table "{prefix}{name}" as select {number} as x')
    return connection


# In the second one a table that was taken for a CTE, or a CTE for a table, is not found.
BEFORE, AFTER = engine(""), engine("input.")


@st.composite
def queries(draw: st.DrawFn, depth: int = 2) -> str:
    """Queries of one column `x` over the tables and CTEs a, b, c, with names shadowed at random."""
    kind = (
        draw(st.sampled_from(["table", "with", "union", "subquery", "in", "scalar", "recursive"])) if depth else "table"
    )
    inner = queries(depth=depth - 1)
    name = draw(st.sampled_from(NAMES))
    match kind:
        case "with":
            second = draw(st.sampled_from([other for other in NAMES if other != name]))
            return f"with {name} as ({draw(inner)}), {second} as ({draw(inner)}) ({draw(inner)})"
        case "union":
            return f"({draw(inner)}) union all ({draw(inner)})"
        case "subquery":
            return f"select q.x from ({draw(inner)}) q, {name}"
        case "in":
            return f"select x from {name} where x in ({draw(inner)})"
        case "scalar":
            return f"select (select max(x) from ({draw(inner)}) z) as x from {name}"
        case "recursive":
            return f"with recursive {name}(x) as (({draw(inner)}) union (select x + 1 from {name} where x < 3)) ({draw(inner)})"
    return f"select x from {name}"


@settings(max_examples=80, deadline=None)
@given(queries())
def test_only_tables_are_renamed_and_the_rows_stay_the_same(text: str) -> None:
    rewritten = rewrite(parse(text), {(name,): f"input.{name}" for name in NAMES})
    expected = BEFORE.execute(f"select x, count(*) from ({text}) group by x order by x").fetchall()
    assert AFTER.execute(f"select x, count(*) from ({rewritten}) group by x order by x").fetchall() == expected
