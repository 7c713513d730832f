"""The list of functions covers DuckDB's own catalogue, so that a new DuckDB does not widen the fence unseen."""

from __future__ import annotations

import duckdb

from meshwright.analysis.functions import (
    AGGREGATES,
    ALLOWED,
    OPERATORS,
    REFUSED,
    REFUSED_PREFIXES,
    ROW_MAKERS,
    SCALARS,
    TABLE_FUNCTIONS,
    VOLATILE,
)


def catalogue(*kinds: str) -> set[str]:
    rows = duckdb.execute(
        "select distinct lower(function_name) from duckdb_functions() where function_type in (select unnest($1))",
        [list(kinds)],
    )
    return {name for (name,) in rows.fetchall()}


def test_every_function_of_duckdb_was_looked_at() -> None:
    known = {
        name for name in catalogue("scalar", "aggregate", "window", "macro") if not name.startswith(REFUSED_PREFIXES)
    }
    new = known - ALLOWED - {name.lower() for name in REFUSED}
    assert new == set()


def test_no_function_is_both_allowed_and_refused() -> None:
    assert ALLOWED & REFUSED == set()
    assert not any(name.startswith(REFUSED_PREFIXES) for name in ALLOWED)


def test_what_is_allowed_exists() -> None:
    existing = catalogue("scalar", "aggregate", "window", "macro", "table")
    assert ALLOWED - existing == set()
    assert catalogue("table", "scalar", "macro") >= TABLE_FUNCTIONS


def test_every_aggregate_that_is_allowed_is_known_as_one() -> None:
    assert catalogue("aggregate") & ALLOWED <= AGGREGATES
    # A macro that aggregates is one as well: it binds without GROUP BY over two rows to one.
    for name in sorted(catalogue("macro") & {name.lower() for name in SCALARS}):
        rows = duckdb.execute(
            "select distinct macro_definition from duckdb_functions() where function_name = $1", [name]
        )
        called = " ".join(definition or "" for (definition,) in rows.fetchall())
        # Lists are aggregated within a row.
        assert name.startswith("list_") or not any(f"{aggregate}(" in called.split() for aggregate in AGGREGATES)


def test_volatile_functions_are_marked() -> None:
    rows = duckdb.execute("select distinct function_name from duckdb_functions() where stability <> 'CONSISTENT'")
    unstable = {name for (name,) in rows.fetchall()} & ALLOWED
    # `error` gives no value at all.
    assert unstable - {"error"} <= VOLATILE


def test_the_review_is_of_this_size() -> None:
    assert (len(OPERATORS), len(ROW_MAKERS), len(TABLE_FUNCTIONS)) == (36, 3, 8)
    assert (len(SCALARS), len(AGGREGATES), len(REFUSED)) == (493, 84, 98)
