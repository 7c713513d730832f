"""`mesh import`: products written from another tool's project or contracts. Nothing that exists is overwritten."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meshwright.cli.options import as_json, node_of
from meshwright.cli.output import plural, print_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshwright.authoring.adoption import Adoption, Item

# How many places of one kind, and names on one line, the screen shows; the report has them all.
PLACES_MAX = 6
NAMES_MAX = 8

dry_run = click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
domain_option = click.option("--domain", "domain", default="", help="The domain that the products go to.")
product_option = click.option("--product", "product", default="", help="The product; by default the contract's.")
connection_option = click.option(
    "--connection", default="", help="What the mesh calls the database that the tables are in."
)
server_option = click.option(
    "--server", default="", help="The contract's server that rows are read from; by default the first."
)
team_option = click.option("--team", default="", help="The team that owns the domain, where it is new.")


@click.group("import", invoke_without_command=True)
@click.option(
    "--all",
    "place",
    type=click.Path(path_type=Path, exists=True),
    metavar="PLACE",
    help="Fill this mesh's new registry and warehouse with what `mesh export --all` wrote to PLACE.",
)
@as_json
@click.pass_context
def import_(ctx: click.Context, place: Path | None, *, as_json: bool) -> None:
    """Adopt what exists: another tool's project, contracts, or a whole mesh. Nothing that exists is overwritten."""
    if ctx.invoked_subcommand is not None:
        return
    if place is None:
        ctx.fail("say what to import: dbt PROJECT, odcs FILE, datacontract FILE, or --all PLACE")
    from meshwright.cli.moving import import_all

    import_all(ctx, place, as_json=as_json)


@import_.command(short_help="Adopt a dbt project.")
@click.argument("project", type=click.Path(path_type=Path, exists=True, file_okay=False))
@domain_option
@team_option
@click.option("--by", type=click.Choice(["group", "folder"]), help="What makes a product; groups, where there are any.")
@connection_option
@click.option("--dialect", default="", help="The database that the SQL is for, where nothing says so.")
@click.option("--target", default="", help="What target.name is in templates; by default prod.")
@click.option(
    "--steps/--no-steps", "steps", default=True, help="Whether inner models are steps, or all are output ports."
)
@dry_run
@as_json
@click.pass_context
def dbt(
    ctx: click.Context,
    project: Path,
    *,
    domain: str,
    team: str,
    by: str | None,
    connection: str,
    dialect: str,
    target: str,
    steps: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Write data products from the dbt project in the folder PROJECT.

    Models, sources, seeds, tests, contracts, groups, documentation, versions and unit tests are carried over; what
    cannot be is listed with its place, on the screen and in IMPORTED-….md of the domain. dbt itself is not needed.
    """
    from meshwright.authoring.dbt.adoption import DbtImport, adopt_dbt

    asked = DbtImport(
        folder=project,
        domain=domain,
        team=team,
        by=by or "",
        connection=connection,
        dialect=dialect,
        target=target,
        with_steps=steps,
    )
    _adopt(ctx, lambda node: adopt_dbt(node.workspace, asked), dry_run=dry_run, as_json=as_json)


@import_.command(short_help="Adopt an ODCS contract.")
@click.argument("file", type=click.Path(path_type=Path))
@domain_option
@product_option
@team_option
@connection_option
@server_option
@dry_run
@as_json
@click.pass_context
def odcs(ctx: click.Context, /, file: Path, *, dry_run: bool, as_json: bool, **named: str) -> None:
    """Write a data product from the ODCS contract FILE: an output port for each of its tables."""
    _adopt_contract(ctx, file, dry_run=dry_run, as_json=as_json, is_specification=False, **named)


@import_.command(short_help="Adopt a Data Contract Specification.")
@click.argument("file", type=click.Path(path_type=Path))
@domain_option
@product_option
@team_option
@connection_option
@server_option
@dry_run
@as_json
@click.pass_context
def datacontract(ctx: click.Context, /, file: Path, *, dry_run: bool, as_json: bool, **named: str) -> None:
    """Write a data product from FILE, a Data Contract Specification 0.9 or 1.x: an output port for each of its models."""
    _adopt_contract(ctx, file, dry_run=dry_run, as_json=as_json, is_specification=True, **named)


def _adopt_contract(
    ctx: click.Context, file: Path, *, dry_run: bool, as_json: bool, is_specification: bool, **named: str
) -> None:
    from meshwright.authoring.contract_adoption import ContractImport, adopt_contract

    asked = ContractImport(file=file, is_specification=is_specification, **named)
    _adopt(ctx, lambda node: adopt_contract(node.workspace, asked), dry_run=dry_run, as_json=as_json)


def _adopt(ctx: click.Context, adopt: Callable[[Any], Adoption], *, dry_run: bool, as_json: bool) -> None:
    from meshwright.workspace.new_files import write_all

    node = node_of(ctx)
    adoption = adopt(node)
    if not dry_run:
        write_all(node.root, adoption.files)
    if as_json:
        _print_data(adoption, written=not dry_run)
    else:
        _print(adoption, written=not dry_run)


def _print_data(adoption: Adoption, *, written: bool) -> None:
    from meshwright.authoring.adoption import Outcome

    items = [{**asdict(item), "outcome": item.outcome.name.lower()} for item in adoption.items]
    print_json(
        {
            "source": adoption.source,
            "written": written,
            "products": adoption.products,
            "files": sorted(adoption.files),
            "counts": {outcome.name.lower(): adoption.counts(outcome) for outcome in Outcome},
            "items": items,
            "next": adoption.next_steps,
        }
    )


def _print(adoption: Adoption, *, written: bool) -> None:
    from meshwright.authoring.adoption import Outcome

    for outcome, colour in ((Outcome.LEFT, "red"), (Outcome.CHANGED, "yellow")):
        groups = adoption.grouped(outcome)
        if groups:
            click.secho(f"{outcome}:", fg=colour, bold=True)
        for group in groups:
            _print_group(group)
        if groups:
            click.echo()
    carried = adoption.counts(Outcome.CARRIED)
    click.secho(f"{Outcome.CARRIED}: ", fg="green", bold=True, nl=False)
    click.echo(", ".join(plural(count, kind) for kind, count in carried.items()) or "nothing")
    verb = "wrote" if written else "would write"
    named = ", ".join(adoption.products[:NAMES_MAX]) + (" …" if len(adoption.products) > NAMES_MAX else "")
    click.echo(f"{verb} {plural(len(adoption.products), 'product')} in {plural(len(adoption.files), 'file')}: {named}")
    for report in (path for path in adoption.files if path.endswith(".md")):
        click.echo(f"{verb} this list, with every place, to {report}")
    for step in [*adoption.next_steps, "mesh validate, then mesh plan"]:
        click.echo(f"next: {step}")


def _print_group(group: list[Item]) -> None:
    first = group[0]
    if len(group) == 1:
        place = f"{first.place}  " if first.place else ""
        click.echo(f"  {place}{first.kind} {_named(first)}: {first.note}")
    else:
        click.echo(f"  {plural(len(group), first.kind)}: {first.note}")
        for item in group[:PLACES_MAX]:
            click.echo(f"      {item.place}  {_named(item)}" if item.place else f"      {_named(item)}")
        if len(group) > PLACES_MAX:
            click.echo(f"      … and {len(group) - PLACES_MAX} more")
    if first.action:
        click.echo(f"      – {first.action}")


def _named(item: Item) -> str:
    return item.name + (f" → {item.to}" if item.to else "")
