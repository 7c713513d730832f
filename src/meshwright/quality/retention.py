"""Retention: which rows a contract no longer keeps, told without looking at any."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meshwright.model.results import Outcome
from meshwright.quality import Dataset
from meshwright.quality.checks import AgeCheck
from meshwright.quality.compiling import EVENT_TIME
from meshwright.quality.drafting import Drafting
from meshwright.quality.service_levels import OLDEST, compile_service_level

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from meshwright.model.contract import Contract
    from meshwright.model.results import RuleResult


def retention(contract: Contract, *, now: datetime, event_time: str = "") -> AgeCheck | None:
    """What the contract's retention promises at *now* (aware): rows whose `column` is before `since` are to be gone.

    None when it promises none, or one that cannot be told of a column.
    """
    table = contract.table
    data = Dataset(files=(), columns=tuple((column.name, column.type) for column in table.columns))
    draft = Drafting(contract, table, data, lambda _: None)
    chosen = event_time or str(table.custom.get(EVENT_TIME) or contract.custom.get(EVENT_TIME) or "")
    for level in contract.service_levels:
        if level.property.lower() in OLDEST:
            check = compile_service_level(level, draft, now, chosen)
            if isinstance(check, AgeCheck):
                return check
    return None


def is_retention(result: RuleResult) -> bool:
    """Whether *result* is about rows past their retention."""
    return result.kind.lower() in OLDEST


def left_to_maintenance(results: Iterable[RuleResult]) -> list[RuleResult]:
    """*results* of rows that stay from build to build: that some of them grow too old is no reason to refuse new ones."""
    return [
        replace(one, severity="warning", message=f"{one.message}; `mesh maintain` removes what is older")
        if is_retention(one) and one.outcome is Outcome.FAILED
        else one
        for one in results
    ]
