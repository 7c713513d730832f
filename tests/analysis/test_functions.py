"""The list of functions covers DuckDB's own catalogue, so that a new DuckDB does not widen the fence unseen."""

from __future__ import annotations

import re

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
    rows = duckdb.connect().execute(
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
    assert set() == ALLOWED & REFUSED
    assert not any(name.startswith(REFUSED_PREFIXES) for name in ALLOWED)


def test_what_is_allowed_exists() -> None:
    existing = catalogue("scalar", "aggregate", "window", "macro", "table")
    assert ALLOWED - existing == set()
    assert TABLE_FUNCTIONS - existing == set()


def test_every_aggregate_that_is_allowed_is_known_as_one() -> None:
    assert catalogue("aggregate") & ALLOWED <= AGGREGATES


def test_macros_around_an_aggregate_are_known_as_aggregates() -> None:
    rows = duckdb.connect().execute(
        "select function_name, macro_definition from duckdb_functions() where function_type = 'macro'"
    )
    around = re.compile(rf"\b(?:{'|'.join(sorted(catalogue('aggregate')))})\(")
    # What begins with list_ aggregates a list within its row.
    found = {name for name, definition in rows.fetchall() if around.search(definition or "") and name in ALLOWED}
    assert {name for name in found if not name.startswith("list_")} <= AGGREGATES


def test_volatile_functions_are_marked() -> None:
    rows = duckdb.connect().execute(
        "select distinct function_name from duckdb_functions() where stability <> 'CONSISTENT'"
    )
    unstable = {name for (name,) in rows.fetchall()} & ALLOWED
    # `error` gives no value at all.
    assert unstable - {"error"} <= VOLATILE


def test_the_review_is_of_this_size() -> None:
    assert (len(OPERATORS), len(ROW_MAKERS), len(TABLE_FUNCTIONS)) == (36, 3, 8)
    assert (len(SCALARS), len(AGGREGATES), len(REFUSED)) == (493, 84, 98)
