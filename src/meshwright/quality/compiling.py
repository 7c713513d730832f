"""A contract's table → the checks that its promises come to, in the order in which the contract makes them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meshwright.model.results import Outcome
from meshwright.quality import columns, metrics, physical, relationships, service_levels
from meshwright.quality.checks import About, Check, RowCheck, Settled, UniqueCheck, uncheckable
from meshwright.quality.comparison import Comparison
from meshwright.quality.drafting import Drafting
from meshwright.quality.places import whole_column

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from meshwright.model.contract import Column, Contract, Table
    from meshwright.quality import Dataset

EVENT_TIME = "mesh.eventTime"


def compile_checks(
    contract: Contract,
    table: Table,
    data: Dataset,
    *,
    references: Callable[[str], Dataset | None],
    now: datetime,
    event_time: str = "",
) -> list[Check]:
    """Every check that *contract* asks of *data*, its rows' schema first. Opens nothing."""
    draft = Drafting(contract, table, data, references)
    wrong = physical.differences(table, data)
    checks: list[Check] = [_schema(draft, wrong)]
    for column in table.columns:
        checks += _column(column, draft, wrong.get(column.name.lower()))
    checks += _primary_key(draft)
    checks += [relationships.compile_relationship(link, None, None, draft) for link in table.relationships]
    checks += [metrics.compile_rule(rule, None, None, draft) for rule in table.quality]
    written = table.custom.get(EVENT_TIME) or contract.custom.get(EVENT_TIME) or ""
    for level in contract.service_levels:
        check = service_levels.compile_service_level(level, draft, now, event_time or str(written))
        checks += [check] if check is not None else []
    return checks


def _schema(draft: Drafting, wrong: dict[str, str]) -> Check:
    about = About(
        rule=draft.names.name(None, "schema"),
        kind="schema",
        dimension="conformity",
        description="the columns and types that the contract promises",
        pointer=draft.table.pointer,
        comparison=Comparison((("mustBe", 0),)),
    )
    outcome = Outcome.FAILED if wrong else Outcome.PASSED
    message = "; ".join(wrong.values())
    return Settled(about=about, outcome=outcome, message=message, value=f"{len(wrong)} differences", proof="footer")


def _column(column: Column, draft: Drafting, problem: str | None) -> list[Check]:
    held = draft.held.get(column.name.lower())
    if problem is None and held is not None:
        return columns.compile_column(column, whole_column(*held), draft)
    # A column that is not there, or is something else, cannot keep any promise; each is named, none is left out.
    stand_in = whole_column(column.name, column.type)
    compiled = columns.compile_column(column, stand_in, draft)
    return [uncheckable(check.about, f"not evaluated: {problem}") for check in compiled]


def _primary_key(draft: Drafting) -> list[Check]:
    names = draft.table.primary_key
    if not names:
        return []
    held = [draft.data.column(name) for name in names]
    found = [column for column in held if column is not None]
    not_null = draft.about("primaryKey", None, None, asked=f"({', '.join(names)}) is not null")
    unique = draft.about("primaryKey", None, None, asked=f"({', '.join(names)}) is unique")
    not_null = replace(not_null, rule="primaryKey:required", dimension="completeness", column=_only(names))
    unique = replace(unique, rule="primaryKey:unique", column=_only(names))
    if len(found) < len(names):
        message = "not evaluated: a column of the key is missing"
        return [uncheckable(not_null, message), uncheckable(unique, message)]
    places = [whole_column(*column) for column in found]
    roots = tuple(place.root for place in places)
    broken = " OR ".join(f"{place.sql} IS NULL" for place in places)
    return [
        RowCheck(about=not_null, broken=f"({broken})", columns=roots, not_null=roots),
        UniqueCheck(about=unique, keys=tuple(place.sql for place in places), columns=roots),
    ]


def _only(names: tuple[str, ...]) -> str | None:
    return names[0] if len(names) == 1 else None
