from dataclasses import replace
from typing import Any

import pytest

from meshwright.model.compatibility import contract_changes, is_bumped, required_bump
from meshwright.model.contract import Column, Contract, QualityRule, Table
from meshwright.model.datatype import DataType


def column(name: str, kind: str = "INTEGER", **rest: Any) -> Column:
    return Column(name=name, type=DataType.parse(kind), **rest)


def contract(*columns: Column, **rest: Any) -> Contract:
    return Contract(id="c", version="1.0.0", status="active", tables=(Table(name="t", columns=columns, **rest),))


OLD = contract(
    column("id", required=True, unique=True, primary_key=True),
    column("amount", "DECIMAL(10,2)", options={"minimum": 0, "maximum": 10}),
    column("name", "VARCHAR"),
)


def kinds(old: Contract, new: Contract) -> dict[str, bool]:
    return {f"{change.column} {change.kind}".strip(): change.breaking for change in contract_changes("p", old, new)}


def with_column(called: str, **changes: Any) -> Contract:
    columns = tuple(replace(one, **changes) if one.name == called else one for one in OLD.table.columns)
    return contract(*columns)


def test_equal_contracts_have_no_changes() -> None:
    assert contract_changes("p", OLD, OLD) == []
    assert required_bump([]) == ""


def test_a_lost_column_breaks_and_a_new_one_does_not() -> None:
    assert kinds(OLD, contract(*OLD.table.columns[:2])) == {"name column removed": True}
    assert kinds(OLD, contract(*OLD.table.columns, column("extra"))) == {"extra column added": False}


def test_a_rename_is_a_loss_and_a_gain() -> None:
    assert kinds(OLD, with_column("name", name="label")) == {"name column removed": True, "label column added": False}


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("BIGINT", {"id type widened": False}),
        ("VARCHAR", {"id type changed": True}),
        ("SMALLINT", {"documentation changed": False}),
        ("DOUBLE", {"id type changed": True}),
    ],
)
def test_only_a_wider_type_is_compatible(kind: str, found: dict[str, bool]) -> None:
    assert kinds(OLD, with_column("id", type=DataType.parse(kind))) == found


def test_a_weaker_promise_breaks_and_a_stronger_one_does_not() -> None:
    assert (
        kinds(OLD, with_column("id", required=False, primary_key=False, unique=True))["id no longer required"] is True
    )
    assert kinds(OLD, with_column("name", required=True)) == {"name now required": False}
    assert kinds(OLD, with_column("amount", options={"minimum": -1, "maximum": 10})) == {
        "amount minimum weakened": True
    }
    assert kinds(OLD, with_column("amount", options={"minimum": 1, "maximum": 9})) == {
        "amount minimum tightened": False,
        "amount maximum tightened": False,
    }
    assert kinds(OLD, with_column("amount", options={"minimum": 0})) == {"amount maximum weakened": True}


def test_an_enum_breaks_when_it_gains_a_value() -> None:
    narrow, wide = with_column("name", options={"enum": ["a"]}), with_column("name", options={"enum": ["a", "b"]})
    assert kinds(narrow, wide) == {"name enum changed": True}
    assert kinds(wide, narrow) == {"name enum changed": False}


def test_another_primary_key_breaks() -> None:
    changed = kinds(OLD, contract(*(replace(one, primary_key=one.name != "name") for one in OLD.table.columns)))
    assert changed["primary key changed"] is True


def test_a_rule_that_comes_or_goes_is_told_but_breaks_nobody() -> None:
    rule = QualityRule(kind="library", metric="rowCount", comparisons={"mustBeGreaterThan": 0})
    ruled = contract(*OLD.table.columns, quality=(rule,))
    assert kinds(OLD, ruled) == {"rule added": False}
    assert kinds(ruled, OLD) == {"rule dropped": False}


def test_words_alone_ask_for_a_patch() -> None:
    changes = contract_changes("p", OLD, with_column("name", description="who"))
    assert [(change.kind, change.breaking) for change in changes] == [("documentation changed", False)]
    assert required_bump(changes) == "patch"


@pytest.mark.parametrize(
    ("old", "new", "bump", "enough"),
    [
        ("1.2.3", "2.0.0", "major", True),
        ("1.2.3", "1.3.0", "major", False),
        ("1.2.3", "1.3.0", "minor", True),
        ("1.2.3", "1.2.4", "minor", False),
        ("1.2.3", "1.2.4", "patch", True),
        ("1.2.3", "1.2.3", "patch", False),
        ("1.2.3", "soon", "patch", False),
    ],
)
def test_the_right_part_of_the_version_must_rise(old: str, new: str, bump: str, enough: bool) -> None:
    assert is_bumped(old, new, bump) is enough
