"""The physical schema: columns and stored types as promised, or the test fails hard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meshwright.model.contract import Table

if TYPE_CHECKING:
    from quality.conftest import Lab

# the contract's type, SQL for what the data holds, whether it fits
TYPES = [
    ("INTEGER", "1::INTEGER", True),
    ("INTEGER", "1::BIGINT", False),
    ("SMALLINT", "1::SMALLINT", True),
    ("SMALLINT", "1::INTEGER", True),
    ("SMALLINT", "1::BIGINT", False),
    ("UBIGINT", "1::DECIMAL(20,0)", True),
    ("DECIMAL(10,2)", "1::DECIMAL(10,2)", True),
    ("DECIMAL(10,2)", "1::DECIMAL(12,2)", False),
    ("DECIMAL(10,2)", "1::DOUBLE", False),
    ("DATE", "'2020-01-01'", False),
    ("TIMESTAMP", "TIMESTAMPTZ '2020-01-01'", False),
    ("JSON", "'{}'", True),
    ("UUID", "uuid()", True),
    ("UUID", "'53581432-6c55-4ba2-a65f-72344a91553a'", True),
    ("INTEGER[]", "[1]", True),
    ("INTEGER[]", "['a']", False),
    ("INTEGER[3]", "[1, 2, 3]", True),
    ("STRUCT(a INTEGER, b VARCHAR)", "{'b': 'x', 'a': 1}", True),
    ("STRUCT(a INTEGER, b VARCHAR)", "{'a': 1}", False),
    ("STRUCT(a INTEGER)", "{'a': 1::BIGINT}", False),
    ("MAP(VARCHAR, INTEGER)", "MAP {'a': 1}", True),
    ("MAP(VARCHAR, INTEGER)", "MAP {'a': 'b'}", False),
    ("INTERVAL", "'1 day'", False),
]


@pytest.mark.parametrize(("promised", "held", "fits"), TYPES)
def test_a_column_is_held_as_it_is_promised_or_stored(lab: Lab, promised: str, held: str, fits: bool) -> None:
    table = Table(name="t", columns=(lab.typed("v", promised),))
    result = lab.run(table, lab.data(f"SELECT {held} AS V"))["schema"]
    assert (result.outcome == "passed") is fits
    assert (result.severity, result.kind, result.blocks) == ("error", "schema", not fits)


def test_missing_extra_and_wrong_columns_are_all_named(lab: Lab) -> None:
    table = Table(name="t", columns=(lab.typed("a", "INTEGER"), lab.typed("b", "INTEGER"), lab.typed("c", "DATE")))
    result = lab.run(table, lab.data("SELECT 1 AS a, 'x' AS c, 2 AS d"))["schema"]
    assert result.value == "3 differences"
    assert result.message == (
        "the column 'b' is missing; the column 'c' is VARCHAR, the contract says DATE; "
        "the column 'd' (INTEGER) is not in the contract"
    )


def test_promises_of_a_wrong_column_are_errors_and_of_others_are_judged(lab: Lab) -> None:
    table = Table(
        name="t",
        columns=(
            lab.typed("a", "INTEGER", required=True, options={"minimum": 0}, primary_key=True),
            lab.typed("b", "INTEGER", required=True, unique=True, primary_key=True),
        ),
    )
    results = lab.run(table, lab.data("SELECT 1 AS a"))
    assert {name: str(result.outcome) for name, result in results.items()} == {
        "schema": "failed",
        "a:required": "passed",
        "a:minimum": "passed",
        "b:required": "error",
        "b:unique": "error",
        "primaryKey:required": "error",
        "primaryKey:unique": "error",
    }
    assert "missing" in results["b:unique"].message
