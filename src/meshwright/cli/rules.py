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
                show_rule(port, rule)


def show_rule(port: str, rule: RuleResult) -> None:
    """Print one rule's result."""
    mark, colour = MARKS[rule.outcome]
    if rule.outcome is Outcome.FAILED and rule.severity != "error":
        mark, colour = "▲", "yellow"
    parts = [f"{click.style(mark, fg=colour)} {port} {rule.rule}"]
    if rule.outcome is Outcome.FAILED:
        parts.append(
            f"{plural(rule.failing, 'row')} of {rule.rows:,} failed"
            if rule.failing
            else f"{rule.value}, should be {rule.threshold}"
        )
    elif rule.outcome is Outcome.NOT_RUN:
        parts.append(f"not run: {rule.message}")
    elif rule.outcome is Outcome.ERROR:
        parts.append(rule.message)
    if rule.quarantined:
        parts.append(f"{plural(rule.quarantined, 'row')} quarantined")
    if rule.outcome is not Outcome.PASSED and rule.severity != "error":
        parts.append(rule.severity)
    click.echo("          " + "  ".join(parts))
    if rule.outcome is Outcome.FAILED:
        for row in rule.sample[:SAMPLES_SHOWN]:
            shown = ", ".join(f"{name}={plain(value)}" for name, value in list(row.items())[:8])
            click.echo(f"              {shown}")


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
