"""`mesh preview`: one transformation run while it is written, once or at every save."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meshwright.cli import completing
from meshwright.cli.options import acting, as_json, environment, forget_node, node_of, purpose
from meshwright.cli.output import findings_as_data, plural, print_json, print_json_line, print_table, size
from meshwright.cli.rules import rule_as_data, show_rule
from meshwright.model.errors import InvalidMesh, MeshwrightError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from meshwright.build.events import Event
    from meshwright.build.previewing import Previewed, PreviewRequest

# An editor writes a file in several steps; what comes within this time is one save.
SETTLED_MILLISECONDS = 100


@click.command()
@click.argument("port", shell_complete=completing.ports_and_steps)
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="Show at most so many rows.")
@click.option(
    "--sample", default="", metavar="FRACTION|ROWS", help="Read a sample (0.1, 10% or 5000), by key: joins still match."
)
@click.option("--watch", is_flag=True, help="Run again at every save, until Ctrl-C.")
@environment
@acting
@purpose
@as_json
@click.pass_context
def preview(
    ctx: click.Context,
    port: str,
    limit: int,
    sample: str,
    environment: str,
    acting: str | None,
    purpose: str,
    *,
    watch: bool,
    as_json: bool,
) -> None:
    """Run the transformation of PORT, or of a step (domain.product.step), as it is written now and show its rows.

    Nothing is published or left behind. Upstream products are read as published; those that a build would publish anew
    are computed on the way. Rules of the contract that fail are notes here: exit 0. With --as, inputs are what that one may see.
    """
    from meshwright.build.previewing import PreviewRequest
    from meshwright.build.sampling import Sample

    request = PreviewRequest(address=port, limit=limit, sample=Sample.parse(sample) if sample else None)
    run = partial(_run, ctx, request, environment, acting=acting, purpose=purpose)
    if watch:
        try:
            _watch(ctx, request, run, as_json=as_json)
        except KeyboardInterrupt as stop:
            # Ctrl-C is how a watch ends; a signal from outside is told as everywhere.
            if type(stop) is not KeyboardInterrupt:
                raise
    else:
        _print(run(), as_json=as_json, line=False)


def _run(
    ctx: click.Context, request: PreviewRequest, environment: str, *, acting: str | None, purpose: str
) -> Previewed:
    return node_of(ctx).preview(environment, request, _say, acting=acting, purpose=purpose)


def _say(event: Event) -> None:
    """What a Python transformation prints."""
    line = getattr(event, "line", "")
    if line:
        click.echo(click.style(f"  {line}", dim=True), err=True)


def _watch(ctx: click.Context, request: PreviewRequest, run: Callable[[], Previewed], *, as_json: bool) -> None:
    for changed in _saves(node_of(ctx).root):
        # Each time the mesh is read anew.
        forget_node(ctx)
        if not as_json:
            click.echo(click.style(f"{time.strftime('%H:%M:%S')}  {', '.join(changed) or request.address}", dim=True))
        try:
            _print(run(), as_json=as_json, line=True)
        except InvalidMesh as error:
            _show_error(error, findings_as_data(error.findings), as_json=as_json)
        except MeshwrightError as error:
            _show_error(error, [], as_json=as_json)


def _show_error(error: MeshwrightError, findings: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json_line({"error": {"kind": type(error).__name__, "message": str(error)}, "findings": findings})
    else:
        click.echo(str(error) if findings else f"error: {error}", err=True)


def _saves(root: Path) -> Iterator[list[str]]:
    """First nothing, then what each save changed in the mesh's files; until Ctrl-C."""
    import watchfiles

    # The mesh's own state is no input, and has too many folders to watch.
    places = [entry for entry in root.iterdir() if not entry.name.startswith(".")]
    saves = watchfiles.watch(
        *places, step=SETTLED_MILLISECONDS // 2, debounce=SETTLED_MILLISECONDS, rust_timeout=200, yield_on_timeout=True
    )
    # Watching begins here: what is saved during the first run is seen after it.
    next(saves)
    yield []
    for changes in saves:
        if changes:
            yield sorted({Path(path).relative_to(root).as_posix() for _, path in changes})


def _print(found: Previewed, *, as_json: bool, line: bool) -> None:
    if as_json:
        (print_json_line if line else print_json)(as_data(found))
    else:
        _show(found)


def as_data(found: Previewed) -> dict[str, Any]:
    """A preview as `--json` prints it."""
    return {
        "port": found.address,
        "path": found.path,
        "kind": found.kind,
        "columns": [{"name": name, "type": str(kind)} for name, kind in found.columns],
        "rows": [dict(zip((name for name, _ in found.columns), row, strict=True)) for row in found.rows],
        "rows_computed": found.computed,
        "is_whole": found.is_whole,
        "failed_rules": [rule_as_data(rule) for rule in found.rules],
        "findings": findings_as_data(found.findings),
        "notes": list(found.notes),
        "reads": list(found.reads),
        "computed_upstream": list(found.rebuilt),
        "sampled": found.sampled,
        "artifacts": [{"path": path, "bytes": count} for path, count in found.artifacts],
        "seconds": round(found.seconds, 3),
    }


def _show(found: Previewed) -> None:
    if found.rows:
        types = [str(kind).replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ") for _, kind in found.columns]
        print_table([name for name, _ in found.columns], [types, *found.rows])
    for path, count in found.artifacts:
        click.echo(f"  {path}  {size(count)}")
    click.secho(f"{found.address}: {_extent(found)} in {found.seconds:.2f} s", bold=True)
    if found.columns and not found.rows:
        click.echo("  " + ", ".join(f"{name} {kind}" for name, kind in found.columns))
    for text in found.reads:
        click.echo(f"  reads {text}")
    if found.sampled:
        click.echo(f"  a sample: {found.sampled}")
    if found.rebuilt:
        click.echo(f"  computes {', '.join(found.rebuilt)}, which a build would publish anew")
    for finding in found.findings:
        click.echo(f"  {finding}")
    for rule in found.rules:
        show_rule(found.address, rule)
    for note in found.notes:
        click.echo(f"  note: {note}")


def _extent(found: Previewed) -> str:
    if found.kind == "files":
        return plural(len(found.artifacts), "file")
    shown, whole = len(found.rows), plural(found.computed, "row")
    if not found.is_whole and not found.sampled:
        return f"{shown} of more than {whole}"
    of = " of a sample" if found.sampled else ""
    return f"{whole}{of}" if shown == found.computed else f"{shown} of {whole}{of}"
