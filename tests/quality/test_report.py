"""Results as documents and in one line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from meshwright.model.contract import Contract, Table
from meshwright.model.results import Outcome, RuleResult
from meshwright.quality.report import report, summary

if TYPE_CHECKING:
    from quality.conftest import Lab

TABLE = Table(name="t", columns=())
CONTRACT = Contract(id="orders-v1", version="1.2.0", status="active", tables=(TABLE,))


def test_a_run_is_a_document_of_the_draft_standard(lab: Lab) -> None:
    table = Table(
        name="t",
        columns=(lab.typed("v", "INTEGER", required=True),),
        quality=(lab.rule("rowCount", mustBeBetween=[5, 10]), lab.rule(kind="text", description="ok")),
    )
    results = lab.run(table, lab.data(lab.values("1", "NULL"))).values()
    document = report(CONTRACT, table, results, observed_at=lab.now, run="r1")
    assert json.loads(json.dumps(document)) == document
    assert document["contract"] == {"contractID": "orders-v1", "standard": "ODCS", "version": "1.2.0"}
    assert document["observedAt"] == "2026-01-10T12:00:00+00:00"
    assert [entry["status"] for entry in document["results"]] == ["pass", "fail", "fail", "skipped"]
    required = document["results"][1]
    assert required["target"] == {"resourceType": "column", "resourceIdentifier": "t.v"}
    assert required["measure"] == {"metric": "rowCount", "value": 1, "threshold": {"mustBe": 0}, "unit": "rows"}
    assert document["results"][2]["measure"]["threshold"] == {"mustBeBetween": [5, 10]}


def test_rows_are_in_the_document_only_where_wanted(lab: Lab) -> None:
    table = Table(name="t", columns=(lab.typed("v", "INTEGER", required=True),))
    results = list(lab.run(table, lab.data(lab.values("CAST(NULL AS INTEGER)"))).values())
    assert "sample" not in report(CONTRACT, table, results, observed_at=lab.now)["results"][1]
    shown = report(CONTRACT, table, results, observed_at=lab.now, samples=True)
    assert shown["results"][1]["sample"] == [{"v": None}]


@pytest.mark.parametrize(
    ("text", "threshold"),
    [
        ("mustBe 0", {"mustBe": 0}),
        ("mustBeLessThan 0.5 %", {"mustBeLessThan": 0.5}),
        ("mustBeGreaterThan 1, mustBeLessThan 5", {"mustBeGreaterThan": 1, "mustBeLessThan": 5}),
        ("freshness 1 d", {"promise": "freshness 1 d"}),
        ("", {}),
    ],
)
def test_a_threshold_is_an_object_of_operators(lab: Lab, text: str, threshold: dict[str, object]) -> None:
    result = RuleResult(rule="x", kind="nullValues", outcome=Outcome.PASSED, value="1 %", threshold=text)
    document = report(CONTRACT, TABLE, [result], observed_at=lab.now)
    assert document["results"][0]["measure"]["threshold"] == threshold


def test_a_summary_counts_outcomes() -> None:
    results = [RuleResult(rule=str(n), kind="x", outcome=outcome) for n, outcome in enumerate(Outcome)]
    assert summary(results) == "1 passed, 1 failed, 1 error, 1 not run"
    warned = RuleResult(rule="w", kind="x", outcome=Outcome.FAILED, severity="warning", quarantined=3)
    assert summary([warned]) == "1 failed, 1 of them as a warning, rows quarantined"
    assert summary([]) == "no rules"
