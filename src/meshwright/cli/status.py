"""`mesh status`: what each product serves, and whether it is late, failing or blocked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from meshwright.cli.options import as_json, environment, node_of
from meshwright.cli.output import plural, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshwright.operating.health import Health


@click.command()
@environment
@as_json
@click.pass_context
def status(ctx: click.Context, environment: str, *, as_json: bool) -> None:
    """Say what each product serves, whether it is late, failing or blocked and since when, and when it is due next."""
    from meshwright.build.states import product_states
    from meshwright.operating.health import healths, outlook_of_heads

    node = node_of(ctx)
    workspace, now = node.workspace, datetime.now(UTC)
    published, runs = node.published(environment), node.runs.last(environment)
    states = product_states(node.registry, environment, workspace.mesh.products, published, now)
    if not published and not runs:
        states = []
    outlook = outlook_of_heads(
        workspace.mesh.products,
        workspace.fingerprints,
        node.registry,
        environment=environment,
        published=published,
        runs=runs,
        now=now,
    )
    found = healths(states, outlook)
    building = node.runs.leased(environment, now=now)
    if as_json:
        print_json([_as_data(one, building) for one in found])
    elif not found:
        click.echo(f"nothing is published in {environment} yet: run `mesh build`")
    else:
        _show(found, building)


def _as_data(one: Health, building: Mapping[str, str]) -> dict[str, Any]:
    state = one.state
    head, attempt, run = state.head, state.attempt, one.run
    return {
        "product": one.product,
        "state": one.condition,
        "since": one.since or None,
        "reasons": list(one.reasons),
        "publication": head.sequence if head else None,
        "published_at": head.published_at if head else None,
        "rows": sum(port.rows for port in head.ports) if head else None,
        "warnings": state.warnings,
        "late": [{"rule": rule.rule, "value": rule.value, "threshold": rule.threshold} for rule in state.late],
        "last_failure": {"at": attempt.ended_at, "message": attempt.message, "staged": attempt.staged}
        if attempt
        else None,
        "due": {"at": one.due.at, "cause": one.due.cause, "reason": one.due.reason} if one.due else None,
        "last_run": {
            "cause": run.cause,
            "started_at": run.started_at,
            "ended_at": run.ended_at,
            "outcome": run.outcome,
            "message": run.message,
            "retry_at": run.retry_at or None,
        }
        if run
        else None,
        "building": building.get(one.product),
    }


def _show(found: list[Health], building: Mapping[str, str]) -> None:
    rows: list[tuple[Any, ...]] = []
    for one in found:
        head = one.state.head
        served = (
            (head.sequence, head.published_at[:19], f"{sum(port.rows for port in head.ports):,}")
            if head
            else ("", "", "")
        )
        due = f"{one.due.at:%Y-%m-%d %H:%M}" if one.due else ""
        rows.append((one.product, one.condition, *served, due, "; ".join(_notes(one, building))))
    headers: tuple[str, ...] = ("product", "state", "seq", "published (UTC)", "rows", "due (UTC)", "notes")
    if not any(row[5] for row in rows):
        # A mesh without schedules need not be told so in every line.
        headers, rows = (*headers[:5], headers[6]), [(*row[:5], row[6]) for row in rows]
    print_table(headers, rows, right=(2, 4))
    for one in found:
        if one.reasons:
            since = f" since {one.since[:16].replace('T', ' ')}Z" if one.since else ""
            click.echo(f"\n{click.style(one.product, bold=True)} {one.condition}{since}")
            for reason in one.reasons:
                click.echo(f"  {reason}")


def _notes(one: Health, building: Mapping[str, str]) -> list[str]:
    notes = [f"being built by {building[one.product]}"] if one.product in building else []
    return [*notes, plural(one.state.warnings, "warning")] if one.state.warnings else notes
