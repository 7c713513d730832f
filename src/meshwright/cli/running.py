"""`mesh run`: build what is due, once or for as long as it stays."""

from __future__ import annotations

import gc
import os
import secrets
import socket
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meshwright.cli.options import as_json, environment, node_of, require_named, selected
from meshwright.cli.output import plural, print_json_line
from meshwright.cli.stopping import is_asked
from meshwright.model.errors import InvalidInput
from meshwright.operating.events import DueFound, LeftToOthers, NoticeFailed, Troubled, Waited

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from meshwright.build.events import Event
    from meshwright.model.plan import Plan
    from meshwright.model.schedule import Due
    from meshwright.operating.events import RunEvent
    from meshwright.operating.runner import Report

UNITS = (("days", 86_400), ("h", 3600), ("min", 60), ("s", 1))


def _duration(context: click.Context, parameter: click.Parameter, value: str) -> float:
    from meshwright.formats.quantities import seconds

    del context
    try:
        return seconds(value)
    except ValueError as error:
        raise InvalidInput(f"{parameter.opts[0]} {value}: {error}") from None


@click.command()
@click.option("--due", is_flag=True, help="Build what is due now, and stop.")
@click.option("--watch", is_flag=True, help="Stay, and build whatever becomes due, until Ctrl-C.")
@selected
@environment
@click.option(
    "--retries", type=click.IntRange(0, 20), default=3, show_default=True, help="Tries after a failure from outside."
)
@click.option(
    "--delay",
    default="10s",
    show_default=True,
    callback=_duration,
    help="Before the first of them; then twice as long.",
)
@click.option(
    "--every", default="5s", show_default=True, callback=_duration, help="How often --watch looks for something new."
)
@click.option(
    "--lease", default="60s", show_default=True, callback=_duration, help="How long a silent runner keeps others off."
)
@as_json
@click.pass_context
def run(
    ctx: click.Context,
    selected: tuple[str, ...],
    environment: str,
    *,
    due: bool,
    watch: bool,
    retries: int,
    delay: float,
    every: float,
    lease: float,
    as_json: bool,
) -> int:
    """Build what is due by its `mesh.schedule`: upstream first, each product by one runner however many there are.

    Without --due and --watch, what --select names is run at once, due or not: other schedulers call it so. What fails from
    outside is tried again; a failed test is not. Exit codes as of `mesh build`.
    """
    from meshwright.build.running import exit_code
    from meshwright.node.runners import open_runner
    from meshwright.operating.due_build import RunSettings

    if due + watch > 1:
        raise InvalidInput("--due builds once and --watch stays: choose one")
    if not (due or watch or selected):
        raise InvalidInput("say what to run: --due, --watch, or products with --select")
    if any("changed" in pattern for pattern in selected):
        raise InvalidInput(
            "--select changed is for `mesh build`: a run goes by schedules; name products, or leave it out"
        )
    node = node_of(ctx)
    require_named(ctx, node, environment)
    folder = Path(ctx.find_root().obj)
    settings = RunSettings(
        environment=environment,
        select=selected,
        retries=retries,
        delay_seconds=delay,
        poll_seconds=every,
        lease_seconds=lease,
        is_stopped=is_asked,
        told=node.told_products(environment),
    )
    tell, show = _tell(as_json=as_json), _show(as_json=as_json)
    with open_runner(folder, settings, _name(), tell=tell, show=show) as runner:
        if watch:
            # A process that stays makes garbage, unlike a command.
            gc.enable()
            runner.watch()
        report = runner.once() if due else runner.asked()
    _summary(report, as_json=as_json)
    return exit_code(list(report.ended.values()))


def _name() -> str:
    """A name that no other runner bears, and that tells people where it runs."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def _show(*, as_json: bool) -> Callable[[Plan], Any]:
    from meshwright.cli.progress import progress

    @contextmanager
    def show(plan: Plan) -> Iterator[Callable[[Event], None]]:
        with progress(plan, as_json=as_json) as emit:
            yield emit

    return show


def _tell(*, as_json: bool) -> Callable[[RunEvent], None]:
    def tell(event: RunEvent) -> None:
        if as_json:
            print_json_line(_as_data(event))
        else:
            _say(event)

    return tell


def _as_data(event: RunEvent) -> dict[str, Any]:
    match event:
        case DueFound():
            return {"event": "due_found", "products": [_due(name, one) for name, one in event.due.items()]}
        case LeftToOthers():
            return {"event": "left_to_others", "products": event.runners}
        case Waited():
            following = _due(event.product, event.due) if event.product and event.due else None
            return {"event": "waited", "next": following}
        case Troubled():
            return {"event": "troubled", "message": event.message, "exit_code": event.exit_code}
        case NoticeFailed():
            return {
                "event": "notice_failed",
                "webhook": event.webhook,
                "product": event.product,
                "condition": event.condition,
                "message": event.message,
            }


def _due(name: str, one: Due) -> dict[str, Any]:
    return {"id": name, "at": one.at.isoformat(), "cause": one.cause, "reason": one.reason}


def _say(event: RunEvent) -> None:
    match event:
        case DueFound():
            for name, one in event.due.items():
                click.echo(f"{click.style('due', fg='cyan')}       {name}  {one.reason}")
        case LeftToOthers():
            for name, runner in event.runners.items():
                click.echo(f"{click.style('elsewhere', fg='yellow')} {name}  another runner is building it ({runner})")
        case Waited():
            if event.product is not None and event.due is not None:
                click.echo(f"waiting   {event.product}  due {_when(event.due)}: {event.due.reason}")
            else:
                click.echo("waiting   nothing will be due before something changes")
        case Troubled():
            click.echo(f"error: {event.message}", err=True)
        case NoticeFailed():
            click.echo(
                f"warning: {event.webhook} was not told that {event.product} is {event.condition}: {event.message}",
                err=True,
            )


def _summary(report: Report, *, as_json: bool) -> None:
    first = min(report.next, key=lambda name: report.next[name].at, default=None)
    if as_json:
        following = [_due(name, one) for name, one in sorted(report.next.items(), key=lambda item: item[1].at)]
        outcomes = {name: one.outcome for name, one in report.ended.items()}
        print_json_line({"event": "run_ended", "outcomes": outcomes, "elsewhere": report.elsewhere, "next": following})
        return
    if not report.ended and not report.elsewhere:
        hint = "" if report.scheduled else ": no product here says when (`mesh.schedule` in its product.yaml)"
        click.echo(f"nothing is due{hint}")
    if first is not None:
        more = len(report.next) - 1
        others = f", and {plural(more, 'product')} later" if more else ""
        click.echo(f"next: {first} {_when(report.next[first])}{others}")


def _when(due: Due) -> str:
    seconds = max(0, int((due.at - datetime.now(UTC)).total_seconds()))
    unit, length = next(((unit, length) for unit, length in UNITS if seconds >= 2 * length), UNITS[-1])
    return f"{due.at:%Y-%m-%d %H:%M}Z (in {seconds // length} {unit})"
