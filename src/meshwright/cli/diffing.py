"""`mesh diff`: how two states of a port differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from meshwright.cli import completing
from meshwright.cli.options import acting, as_json, environment, node_of, purpose
from meshwright.cli.output import plural, print_json, print_table
from meshwright.reading.diff import SAMPLES

if TYPE_CHECKING:
    from meshwright.reading.diff import ColumnDifference, PortDifference, RowDifference
    from meshwright.reading.resolve import ResolvedPort

SAMPLES_MAX = 10_000
SIGNS = {"added": ("+", "green"), "removed": ("-", "red")}


@click.command()
@click.argument("port", shell_complete=completing.ports)
@click.option(
    "--from",
    "before",
    default="",
    metavar="STATE",
    shell_complete=completing.environments,
    help="A publication's number, a time or an environment; by default what the environment below serves, in prod what was served before.",
)
@click.option(
    "--to",
    "after",
    default="",
    metavar="STATE",
    shell_complete=completing.environments,
    help="The same; by default what is served now.",
)
@click.option(
    "--key",
    default="",
    metavar="A,B",
    shell_complete=completing.columns,
    help="The columns that tell rows apart; by default the port's key.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=0, max=SAMPLES_MAX),
    default=SAMPLES,
    show_default=True,
    help="Show at most so many rows of each kind.",
)
@environment
@acting
@purpose
@as_json
@click.pass_context
def diff(
    ctx: click.Context,
    port: str,
    before: str,
    after: str,
    key: str,
    limit: int,
    environment: str,
    acting: str | None,
    purpose: str,
    *,
    as_json: bool,
) -> None:
    """Show how PORT differs between two publications or environments: columns, rows by key, values by column.

    Data files that both states have are not read.
    """
    reader = node_of(ctx).reader(environment, acting=acting, purpose=purpose)
    names = [name.strip() for name in key.split(",") if name.strip()]
    found = reader.diff(port, before=before, after=after, key=names, samples=limit)
    if as_json:
        print_json(as_data(found))
    else:
        _show(found)


def as_data(found: PortDifference) -> dict[str, Any]:
    """A difference as `--json` prints it."""
    rows = found.rows
    return {
        "port": str(found.after.address),
        "from": _state_as_data(found.before),
        "to": _state_as_data(found.after),
        "differs": not found.is_empty,
        "columns": [
            {"kind": one.kind, "column": one.name, "from": one.before, "to": one.after} for one in found.columns
        ],
        "contract": [
            {"kind": one.kind, "column": one.column, "breaking": one.breaking, "detail": one.detail}
            for one in found.contract
        ],
        "rows": None if rows is None else _rows_as_data(rows),
        "artifacts": [{"path": path, "kind": kind} for path, kind in found.artifacts.items()],
        "files_compared": found.compared,
        "files_skipped": found.skipped,
        "notes": list(found.notes),
    }


def _state_as_data(state: ResolvedPort) -> dict[str, Any]:
    one = state.publication
    return {
        "environment": one.environment,
        "publication": one.sequence,
        "version": state.port.version,
        "published_at": one.published_at,
        "rows": state.port.rows,
    }


def _rows_as_data(rows: RowDifference) -> dict[str, Any]:
    return {
        "key": list(rows.key),
        "added": rows.added,
        "removed": rows.removed,
        "changed": rows.changed,
        "unchanged": rows.unchanged,
        "changed_by_column": rows.columns,
        "samples": {
            "added": list(rows.added_samples),
            "removed": list(rows.removed_samples),
            "changed": [
                {"key": one.key, "columns": {name: {"from": a, "to": b} for name, (a, b) in one.columns.items()}}
                for one in rows.changed_samples
            ],
        },
    }


def _show(found: PortDifference) -> None:
    click.secho(f"{found.after.address}: {_state(found.before)} → {_state(found.after)}", bold=True)
    for column in found.columns:
        _show_column(column)
    for change in found.contract:
        if not change.kind.startswith("column "):
            breaking = click.style(" (breaking)", fg="red") if change.breaking else ""
            detail = f": {change.detail}" if change.detail else ""
            click.echo(f"  contract: {f'{change.column} {change.kind}'.strip()}{detail}{breaking}")
    for path, kind in found.artifacts.items():
        sign, colour = SIGNS.get(kind, ("~", "yellow"))
        click.echo(f"  {click.style(sign, fg=colour)} {path}")
    if found.rows is not None:
        _show_rows(found.rows)
        if found.compared is not None:
            read = plural(found.compared, "data file")
            click.echo(
                f"{read} compared, {found.skipped:,} in common not read" if found.skipped else f"{read} compared"
            )
    elif not found.artifacts:
        click.echo("  the same files")
    for note in found.notes:
        click.echo(f"note: {note}")


def _state(state: ResolvedPort) -> str:
    one = state.publication
    return f"{one.environment} #{one.sequence} ({one.published_at[:19]}, {state.port.version})"


def _show_column(one: ColumnDifference) -> None:
    sign, colour = SIGNS.get(one.kind, ("~", "yellow"))
    what = {
        "added": f"column {one.name} {one.after}",
        "removed": f"column {one.name} {one.before}",
        "renamed": f"column {one.before} is now {one.name}",
        "retyped": f"column {one.name}: {one.before} → {one.after}",
    }[one.kind]
    click.echo(f"  {click.style(sign, fg=colour)} {what}")


def _show_rows(rows: RowDifference) -> None:
    by = f"by {', '.join(rows.key)}" if rows.key else "as a whole"
    parts = [f"{rows.added:,} added", f"{rows.removed:,} removed"]
    parts += [f"{rows.changed:,} changed"] if rows.key else []
    click.echo(f"rows, {by}: {', '.join(parts)}, {rows.unchanged:,} the same")
    touched = {name: count for name, count in rows.columns.items() if count}
    if touched:
        click.echo()
        print_table(("column", "rows changed"), list(touched.items()), right=(1,))
    _show_samples("added", rows.added, list(rows.added_samples))
    _show_samples("removed", rows.removed, list(rows.removed_samples))
    if rows.changed_samples:
        _title("changed", rows.changed, len(rows.changed_samples))
        table = [
            (*one.key.values(), name, before, after)
            for one in rows.changed_samples
            for name, (before, after) in one.columns.items()
        ]
        print_table((*rows.key, "column", "from", "to"), table)
    click.echo()


def _show_samples(kind: str, count: int, samples: list[dict[str, Any]]) -> None:
    if samples:
        _title(kind, count, len(samples))
        print_table(tuple(samples[0]), [tuple(row.values()) for row in samples])


def _title(kind: str, count: int, shown: int) -> None:
    sign, colour = SIGNS.get(kind, ("~", "yellow"))
    more = f", the first {shown}" if shown < count else ""
    click.echo(f"\n{click.style(sign, fg=colour)} {kind}{more}")
