"""Freshness of what is already published, from what the publication recorded: no data is read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from meshwright.model.results import Outcome, RuleResult
from meshwright.quality import Dataset
from meshwright.quality.checks import AgeCheck
from meshwright.quality.compiling import EVENT_TIME
from meshwright.quality.drafting import Drafting
from meshwright.quality.run import result_of
from meshwright.quality.service_levels import NEWEST, compile_service_level

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshwright.model.contract import Contract, Table


def freshness(
    contract: Contract, table: Table, *, newest: Mapping[str, str | None], now: datetime, event_time: str = ""
) -> list[RuleResult]:
    """What the contract's freshness and latency promises come to at *now* (aware).

    *newest* holds the newest value of columns as ISO text, such as `PublishedPort.event_time_highest`; a promise about
    a column that it lacks is *not run*.
    """
    data = Dataset(files=(), columns=tuple((column.name, column.type) for column in table.columns))
    draft = Drafting(contract, table, data, lambda _: None)
    chosen = event_time or str(table.custom.get(EVENT_TIME) or contract.custom.get(EVENT_TIME) or "")
    found = []
    for level in contract.service_levels:
        if level.property.lower() not in NEWEST:
            continue
        check = compile_service_level(level, draft, now, chosen)
        if isinstance(check, AgeCheck):
            found.append(_judged(check, newest.get(check.column)))
        elif check is not None:
            found.append(replace(result_of(check, check.outcome, 0), message=check.message))
    return found


def _judged(check: AgeCheck, value: str | None) -> RuleResult:
    if value is None:
        message = f"the newest '{check.column}' was not recorded"
        return replace(result_of(check, Outcome.NOT_RUN, 0), message=message)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        message = f"the newest '{check.column}' was recorded as '{value}', which is no moment: build the product again"
        return replace(result_of(check, Outcome.ERROR, 0), message=message)
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    whole_day = len(value) <= len("2026-01-01")
    kept = moment.date() >= check.since.date() if whole_day else moment >= check.since
    return replace(
        result_of(check, Outcome.PASSED if kept else Outcome.FAILED, 0),
        value=value,
        threshold=check.promise,
        proof="clock",
        message="" if kept else f"the newest '{check.column}' is {value}, before {check.since.isoformat()}",
    )
