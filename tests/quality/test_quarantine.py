"""Quarantine: good rows and bad rows are told apart, and too many bad ones block."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from meshwright.model.contract import Contract, Table
from meshwright.quality.quarantine import Quarantine, split
from meshwright.quality.run import run

if TYPE_CHECKING:
    from meshwright.model.results import RuleResult
    from meshwright.quality import Dataset
    from quality.conftest import Lab

ASIDE = {"mesh.onFailure": "quarantine", "mesh.quarantineMax": "100%"}


def tell_apart(lab: Lab, table: Table, data: Dataset) -> tuple[dict[str, RuleResult], Quarantine | None]:
    contract = Contract(id="c", version="1", status="", tables=(table,))
    given: dict[str, Any] = {"connection": lab.connection, "references": lab.tables.get, "now": lab.now}
    results = run(contract, table, data, **given)
    return {result.rule: result for result in results}, split(contract, table, data, results, **given)


def rows(lab: Lab, query: str) -> list[Any]:
    return lab.connection.execute(query).fetchall()


@pytest.mark.parametrize(
    ("most", "severity", "quarantined"),
    [("50%", "warning", 1), ("49%", "error", 0), (1, "warning", 1), (0, "error", 0), (None, "error", 0)],
)
def test_rows_are_set_aside_up_to_a_limit_above_which_the_rule_blocks(
    lab: Lab, most: Any, severity: str, quarantined: int
) -> None:
    custom = {"mesh.onFailure": "quarantine"} | ({} if most is None else {"mesh.quarantineMax": most})
    promised = lab.typed("v", "INTEGER", quality=(lab.rule("nullValues", mustBe=0, custom=custom),))
    result = lab.column(lab.values("1", "NULL"), promised)["v:nullValues"]
    assert (result.outcome, result.severity, result.quarantined) == ("failed", severity, quarantined)
    assert result.blocks is (severity == "error")


def test_a_rule_that_holds_sets_nothing_aside(lab: Lab) -> None:
    rule = lab.rule("nullValues", mustBeLessThan=2, custom=ASIDE)
    table = Table(name="t", columns=(lab.typed("v", "INTEGER", quality=(rule,)),))
    results, quarantine = tell_apart(lab, table, lab.data(lab.values("1", "NULL")))
    assert (results["v:nullValues"].outcome, quarantine) == ("passed", None)


def test_every_kind_of_row_rule_tells_good_rows_from_bad(lab: Lab) -> None:
    lab.tables["places"] = lab.data(lab.values("1", "2", "3", "4", "5", "6", names="id"))
    table = Table(
        name="t",
        columns=(
            lab.typed("id", "INTEGER", primary_key=True, custom=ASIDE),
            lab.typed("place", "INTEGER", relationships=(lab.link("place", to="places.id"),)),
            lab.typed("word", "VARCHAR", required=True, options={"pattern": "^[a-z]+$", "enum": ["a", "b"]}),
        ),
        custom=ASIDE,
    )
    data = lab.data(
        lab.values("3, 1, 'a'", "1, 9, 'a'", "3, 1, 'b'", names="id, place, word"),
        lab.values("NULL, 1, 'a'", "2, NULL, 'B'", "5, 2, NULL", "4, 4, 'b'", "4, 5, 'b'", names="id, place, word"),
    )
    results, quarantine = tell_apart(lab, table, data)
    assert quarantine is not None
    assert not any(result.blocks for result in results.values())
    assert rows(lab, quarantine.good) == [(3, 1, "a"), (4, 4, "b")]
    assert rows(lab, quarantine.bad) == [
        (1, 9, "a", ["place:relationship"]),
        (3, 1, "b", ["primaryKey:unique"]),
        (None, 1, "a", ["primaryKey:required"]),
        (2, None, "B", ["word:pattern", "word:enum"]),
        (5, 2, None, ["word:required"]),
        (4, 5, "b", ["primaryKey:unique"]),
    ]
    assert quarantine.rows == 6
    again, _ = tell_apart(lab, table, lab.data(quarantine.good))
    assert {result.outcome for result in again.values()} == {"passed"}


@pytest.mark.parametrize("scanned", [False, True])
def test_of_an_append_port_only_new_rows_are_set_aside(lab: Lab, scanned: bool) -> None:
    table = Table(name="t", columns=(lab.typed("v", "INTEGER", unique=True, required=True),), custom=ASIDE)
    data = lab.data(lab.values("1", "NULL", "2", "2"), lab.values("3", "2", "NULL", "3", "4"))
    listed = ", ".join(f"'{file}'" for file in data.files)
    data = replace(data, new_files=data.files[1:])
    if scanned:
        data = replace(data, scan=f"SELECT v FROM read_parquet([{listed}])")
    else:
        data = replace(data, files=data.files[::-1])
    results, quarantine = tell_apart(lab, table, data)
    assert quarantine is not None
    assert results["v:required"].failing == 1
    assert rows(lab, quarantine.good) == [(3,), (4,)]
    assert rows(lab, quarantine.bad) == [(2, ["v:unique"]), (None, ["v:required"]), (3, ["v:unique"])]


def test_the_reasons_never_take_the_name_of_a_column(lab: Lab) -> None:
    table = Table(name="t", columns=(lab.typed("broken_rules", "INTEGER", required=True),), custom=ASIDE)
    _, quarantine = tell_apart(lab, table, lab.data("SELECT CAST(NULL AS INTEGER) AS broken_rules"))
    assert quarantine is not None
    assert quarantine.reasons == "broken_rules_"
    assert rows(lab, quarantine.bad) == [(None, ["broken_rules:required"])]
