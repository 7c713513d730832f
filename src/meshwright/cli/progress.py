"""Progress of a build: a live line in a terminal, plain lines in a log, JSON lines for programs."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from meshwright.build.events import BuildEnded, BuildStarted, OutputPrinted, ProductEnded, ProductStarted
from meshwright.cli.output import plural, print_json_line
from meshwright.cli.rules import event_as_data, show_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from meshwright.build.events import Event
    from meshwright.model.plan import Plan
    from meshwright.model.publication import Publication

COLOURS = {"published": "green", "reused": "green", "removed": "magenta", "kept": "yellow", "skipped": "yellow"}
# Below this many rows a rate says nothing.
RATE_ROWS_MIN = 10_000
QUIET = frozenset({"reused"})


@contextmanager
def progress(plan: Plan, *, as_json: bool) -> Iterator[Callable[[Event], None]]:
    """A function that takes a build's events from any thread and shows them."""
    lock = threading.Lock()
    show = _JsonLines() if as_json else _Lines(len(plan.products), live=sys.stdout.isatty())

    def emit(event: Event) -> None:
        with lock:
            show.show(event)

    yield emit


class _JsonLines:
    """Every event as one JSON object on one line."""

    def show(self, event: Event) -> None:
        print_json_line(event_as_data(event))


class _Lines:
    """A line per product when it is done; in a terminal also a line, overwritten, of what is running."""

    def __init__(self, total: int, *, live: bool) -> None:
        self.total = total
        self.live = live
        self.running: list[str] = []
        self.done = 0
        self.width = 0

    def show(self, event: Event) -> None:
        self._clear()
        match event:
            case ProductStarted():
                self.running.append(event.product)
            case OutputPrinted():
                click.echo(f"          {event.product} │ {event.line}")
            case ProductEnded():
                self.done += 1
                if event.product in self.running:
                    self.running.remove(event.product)
                if event.outcome not in QUIET:
                    self._ended(event)
            case BuildEnded():
                self._summary(event)
            case BuildStarted():
                pass
        self._live()

    def _ended(self, event: ProductEnded) -> None:
        word = click.style(event.outcome.ljust(9), fg=COLOURS.get(event.outcome, "red"))
        if event.outcome == "published" and event.publication is not None:
            rate = (
                f", {event.rows / event.seconds:,.0f} rows/s" if event.seconds and event.rows >= RATE_ROWS_MIN else ""
            )
            rules = sum(len(found) for found in event.tests.values())
            tests = f", {plural(rules, 'test')}" if rules else ""
            note = f" ({event.message})" if event.message else ""
            facts = f"{_served(event.publication)}{tests}, {event.seconds:.2f} s{rate}{note}"
            click.echo(f"{word} {event.product}  #{event.publication.sequence}  {facts}")
        else:
            click.echo(f"{word} {event.product}  {event.message}")
        show_rules(event.tests)
        if event.details.get("staged") and event.outcome == "failed":
            click.echo(f"          nothing was published; the rejected rows are kept in {event.details['staged']}")

    def _summary(self, event: BuildEnded) -> None:
        order = ("published", "reused", "removed", "kept", "blocked", "skipped", "failed", "error")
        counts = ", ".join(f"{event.outcomes[name]} {name}" for name in order if event.outcomes.get(name))
        click.echo(f"\n{counts or 'nothing to do'} in {event.seconds:.2f} s")

    def _clear(self) -> None:
        if self.live and self.width:
            sys.stdout.write("\r" + " " * self.width + "\r")
            self.width = 0

    def _live(self) -> None:
        if self.live and self.running:
            text = f"[{self.done}/{self.total}] building {', '.join(self.running)}"[:100]
            sys.stdout.write(text)
            sys.stdout.flush()
            self.width = len(text)


def _served(publication: Publication) -> str:
    """`3 rows`, `3 files`, or both, as the ports are."""
    tables = [port.rows for port in publication.ports if port.kind == "tables"]
    files = [port.files for port in publication.ports if port.kind == "files"]
    parts = [plural(sum(tables), "row")] if tables else []
    return " and ".join([*parts, plural(sum(files), "file")] if files else parts)
