"""Test results and build events as text and as data."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

import click

from meshwright.build.events import BuildEnded, BuildStarted, OutputPrinted, ProductEnded, ProductStarted
from meshwright.cli.output import plural
from meshwright.model.results import Outcome, RuleResult
from meshwright.reading.catalogue import described_publication
from meshwright.reading.export import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from meshwright.build.events import Event

SAMPLES_SHOWN = 3
CELLS_SHOWN = 6
MARKS = {
    Outcome.PASSED: ("✓", "green"),
    Outcome.FAILED: ("✗", "red"),
    Outcome.ERROR: ("!", "red"),
    Outcome.NOT_RUN: ("–", "yellow"),
}


def show_rules(tests: Mapping[str, Iterable[RuleResult]], *, everything: bool = False) -> None:
    """Print the rules that did not pass, with a few failing rows; with *everything* also those that did."""
    for port, rules in tests.items():
        for rule in rules:
            if everything or rule.outcome is not Outcome.PASSED:
                show_rule(port, rule, explain=everything)


def show_rule(port: str, rule: RuleResult, *, explain: bool = False) -> None:
    """Print one rule's result and, when it blocks, a few of its failing rows; with *explain* what the rule is about."""
    mark, colour = MARKS[rule.outcome]
    if rule.outcome is Outcome.FAILED and not rule.blocks:
        mark, colour = "▲", "yellow"
    named = f" {rule.name}" if rule.name else ""
    described = f" ({' '.join(rule.description.split())})" if explain and rule.description else ""
    click.echo(f"          {click.style(mark, fg=colour)} {port} {rule.rule}{named}{described}{_finding(rule)}")
    if rule.blocks:
        for row in rule.sample[:SAMPLES_SHOWN]:
            shown = ", ".join(
                f"{name}={'NULL' if value is None else plain(value)}" for name, value in _telling(rule, row)
            )
            click.echo(f"              {shown}")


def _finding(rule: RuleResult) -> str:
    if rule.outcome is Outcome.PASSED:
        return ""
    if rule.outcome is Outcome.NOT_RUN:
        return f": not run, {rule.message}"
    if rule.outcome is Outcome.ERROR:
        return f": {rule.message}"
    if rule.quarantined:
        return f": {plural(rule.quarantined, 'row')} of {rule.rows:,} set aside in quarantine"
    rows = (
        f"{plural(rule.failing, 'row')} of {rule.rows:,}"
        if rule.failing
        else rule.message or f"{rule.value}, {rule.threshold}"
    )
    return f": {rows}" + ("" if rule.severity == "error" else f" ({rule.severity})")


def _telling(rule: RuleResult, row: dict[str, Any]) -> list[tuple[str, Any]]:
    """The row's cells that say most: the rule's own column first, then the row's first ones."""
    own = [(name, value) for name, value in row.items() if name == rule.column]
    return (own + [(name, value) for name, value in row.items() if name != rule.column])[:CELLS_SHOWN]


def event_as_data(event: Event) -> dict[str, Any]:
    """One build event as JSON lines print it; `event` is its name in snake case."""
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()
    match event:
        case ProductEnded():
            data: dict[str, Any] = {
                "product": event.product,
                "outcome": event.outcome,
                "message": event.message,
                "rows": event.rows,
                "seconds": round(event.seconds, 3),
                "exit_code": event.exit_code,
                "publication": described_publication(event.publication) if event.publication else None,
                "tests": {port: [rule_as_data(rule) for rule in rules] for port, rules in event.tests.items()},
            } | event.details
        case BuildStarted() | ProductStarted() | OutputPrinted() | BuildEnded():
            data = dataclasses.asdict(event)
    return {"event": name, **data}


def rule_as_data(rule: RuleResult) -> dict[str, Any]:
    """One rule's result as data."""
    return {key: plain(value) for key, value in dataclasses.asdict(rule).items()}
