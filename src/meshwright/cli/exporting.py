"""`mesh export`: the mesh for other programs, and all of it for another place."""

from __future__ import annotations

from pathlib import Path

import click

from meshwright.cli.options import as_json, environment, node_of
from meshwright.cli.output import plural
from meshwright.model.errors import InvalidInput


@click.group(invoke_without_command=True)
@click.option(
    "--all",
    "place",
    type=click.Path(path_type=Path),
    metavar="PLACE",
    help="Write all that registry and warehouse hold to PLACE, a .zip file or a folder, for `mesh import --all`.",
)
@as_json
@click.pass_context
def export(ctx: click.Context, place: Path | None, *, as_json: bool) -> None:
    """Write the mesh for the schedulers Apache Airflow and Dagster; or, with --all, everything for another place."""
    if ctx.invoked_subcommand is not None:
        return
    if place is None:
        ctx.fail("say what to write: airflow FILE, dagster FILE, or --all PLACE")
    from meshwright.cli.moving import export_all

    export_all(ctx, place, as_json=as_json)


file = click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
folder = click.option(
    "--folder", metavar="DIR", help="The mesh's folder where the scheduler runs; default: where it is here."
)


@export.command()
@file
@folder
@environment
@click.pass_context
def airflow(ctx: click.Context, file: Path, folder: str | None, environment: str) -> None:
    """Write FILE (- prints it): Apache Airflow DAGs that call `mesh run` by the products' schedules."""
    _write(ctx, "airflow", file, folder, environment)


@export.command()
@file
@folder
@environment
@click.pass_context
def dagster(ctx: click.Context, file: Path, folder: str | None, environment: str) -> None:
    """Write FILE (- prints it): Dagster definitions whose assets call `mesh run`, with schedules and automation."""
    _write(ctx, "dagster", file, folder, environment)


def _write(ctx: click.Context, kind: str, file: Path, folder: str | None, environment: str) -> None:
    from meshwright.operating import exports

    node = node_of(ctx)
    found = exports.export(
        node.effective(environment), folder=folder or str(node.root.resolve()), environment=environment
    )
    text = exports.render(found, kind)
    if str(file) == "-":
        click.echo(text, nl=False)
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(
            f"cannot write {file}: {error.strerror or error}; name a file in a folder that exists"
        ) from error
    counts = (plural(len(found.reads), "product"), plural(len(found.schedules), "schedule"))
    click.echo(f"wrote {file}: {', '.join(counts)}, {len(found.on_inputs)} on inputs")
