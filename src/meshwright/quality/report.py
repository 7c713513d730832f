"""Test results as the draft Bitol OORS v0.1.0 writes them (RFC 18), and in one line.

The draft knows `pass` and `fail`; a rule that could not be evaluated is `error` here and one that another engine runs
`skipped`, so that nobody takes either for a pass. As the draft asks, no rows are in it unless they are wanted.
"""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

from meshwright.model.results import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from meshwright.model.contract import Contract, Table
    from meshwright.model.results import RuleResult

STATUS: Final = {
    Outcome.PASSED: "pass",
    Outcome.FAILED: "fail",
    Outcome.ERROR: "error",
    Outcome.NOT_RUN: "skipped",
}
# What a measured number is of, where it is not rows.
METRICS: Final = {"freshness": "age", "latency": "age", "schema": "differences", "sql": "query"}
THRESHOLD = re.compile(r"(must\w+) (.+?)( %)?\Z")


def report(
    contract: Contract,
    table: Table,
    results: Iterable[RuleResult],
    *,
    observed_at: datetime,
    run: str = "",
    samples: bool = False,
) -> dict[str, Any]:
    """The results of one run on *table* as an OORS document; *observed_at* is aware, *run* names the run."""
    source = {"process": "mesh test", "vendor": "meshwright"}
    return {
        "apiVersion": "v0.1.0",
        "kind": "ObservabilityResults",
        "id": f"{contract.id}/{run}" if run else contract.id,
        "observedAt": observed_at.isoformat(),
        "source": source | ({"runID": run} if run else {}),
        "contract": {"contractID": contract.id, "standard": "ODCS", "version": contract.version},
        "results": [_result(result, table, samples=samples) for result in results],
    }


def summary(results: Iterable[RuleResult]) -> str:
    """How many rules came out how, such as `12 passed, 1 failed (1 warning), 2 not run`."""
    found = list(results)
    counts = Counter(result.outcome for result in found)
    warnings = sum(result.severity != "error" and result.outcome in {Outcome.FAILED, Outcome.ERROR} for result in found)
    parts = [f"{counts[outcome]} {outcome}" for outcome in Outcome if counts[outcome]]
    quarantined = max((result.quarantined for result in found), default=0)
    if warnings:
        parts.append(f"{warnings} of them as a warning" if warnings == 1 else f"{warnings} of them as warnings")
    if quarantined:
        parts.append("rows quarantined")
    return ", ".join(parts) or "no rules"


def _result(result: RuleResult, table: Table, *, samples: bool) -> dict[str, Any]:
    document: dict[str, Any] = {
        "id": result.rule,
        "type": "check",
        "name": result.name or result.description or result.kind,
        "status": STATUS[result.outcome],
        "outcome": str(result.outcome),
        "severity": result.severity,
        "dimension": result.dimension,
        "target": _target(result, table),
        "measure": _measure(result),
        "rowsChecked": result.rows,
        "rowsFailing": result.failing,
        "rowsQuarantined": result.quarantined,
        "proof": result.proof,
        "durationSeconds": result.duration_seconds,
        "blocks": result.blocks,
        "message": result.message,
        "relatesTo": result.pointer,
    }
    if samples:
        document["sample"] = list(result.sample)
    return document


def _target(result: RuleResult, table: Table) -> dict[str, Any]:
    if result.column is None:
        return {"resourceType": "table", "resourceIdentifier": table.name}
    return {"resourceType": "column", "resourceIdentifier": f"{table.name}.{result.column}"}


def _measure(result: RuleResult) -> dict[str, Any]:
    percent = result.value.endswith(" %")
    return {
        "metric": METRICS.get(result.kind, "rowCount" if result.value else ""),
        "value": _number(result.value.removesuffix(" %")),
        "threshold": _threshold(result.threshold),
        "unit": "percent" if percent else "rows" if result.kind not in METRICS else "",
    }


def _threshold(text: str) -> dict[str, Any]:
    """`mustBeBetween 1 and 5 %` as an object; a promise in words as one of the key `promise`."""
    found: dict[str, Any] = {}
    if not text.startswith("must"):
        return {"promise": text} if text else {}
    for part in text.split(", must"):
        match = THRESHOLD.match(part if part.startswith("must") else f"must{part}")
        if match is None:
            return {"promise": text} if text else {}
        name, operand = match.group(1), match.group(2)
        found[name] = [_number(edge) for edge in operand.split(" and ")] if "Between" in name else _number(operand)
    return found


def _number(text: str) -> Any:  # noqa: ANN401 - a number where the text is one
    try:
        value = Decimal(text)
    except InvalidOperation:
        return text
    if not value.is_finite():
        return text
    return int(value) if value == value.to_integral_value() else float(value)
