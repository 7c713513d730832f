"""`mesh init` and `mesh new`: the smallest files that are valid, never over existing ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshwright.cli.options import node_of
from meshwright.model.errors import InvalidInput, NotFound
from meshwright.model.names import PortAddress, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=".")
@click.option("--name", help="The mesh's name; by default the folder's.")
def init(folder: Path, name: str | None) -> None:
    """Start a mesh in FOLDER, by default here."""
    from meshwright.workspace.scaffold import init_mesh

    folder.mkdir(parents=True, exist_ok=True)
    _say(init_mesh(folder, name or folder.resolve().name))
    there = "" if folder.resolve() == Path.cwd() else f" -C {folder}"
    click.echo(f"next: mesh{there} new domain NAME")


@click.group()
def new() -> None:
    """Write a new domain, product or contract. Nothing that exists is overwritten."""


@new.command()
@click.argument("name")
@click.option("--team", default="", help="The owning team.")
@click.pass_context
def domain(ctx: click.Context, name: str, team: str) -> None:
    """Write a domain called NAME."""
    from meshwright.workspace.scaffold import new_domain

    _say(new_domain(node_of(ctx).root, name, team=team))
    click.echo(f"next: mesh new product {name}/PRODUCT")


@new.command(short_help="Write the smallest product.")
@click.argument("name", metavar="DOMAIN/PRODUCT")
@click.pass_context
def product(ctx: click.Context, name: str) -> None:
    """Write the smallest product: a descriptor of three lines and a query."""
    from meshwright.workspace.scaffold import new_product

    domain, separator, product = name.replace(".", "/").partition("/")
    if not separator:
        raise InvalidInput(f"'{name}' names no domain: write DOMAIN/PRODUCT")
    _say(new_product(node_of(ctx).root, domain, product))
    click.echo(
        f"next: edit the query, then mesh build; mesh new contract {domain}.{product} writes down what it promises"
    )


@new.command(short_help="Write down the contract that a query implies.")
@click.argument("address", metavar="PORT")
@click.pass_context
def contract(ctx: click.Context, address: str) -> None:
    """Write down the contract that PORT's query implies, to be described and tightened."""
    from meshwright.workspace.scaffold import contract_text

    try:
        port_address = PortAddress.parse(address)
    except ValueError as error:
        raise InvalidInput(str(error)) from None
    node = node_of(ctx)
    mesh = node.effective("prod")
    bound = mesh.products.get(port_address.product_id)
    if bound is None:
        guess = nearest(port_address.product_id, mesh.products)
        raise NotFound(f"there is no product {port_address.product_id}" + (f": did you mean {guess}?" if guess else ""))
    port = bound.product.output_port(port_address.port)
    if port is None:
        raise NotFound(
            f"{bound.product.id} has no output port {port_address.port}: it has {', '.join(one.name for one in bound.product.output_ports)}"
        )
    drafted = port.contract
    if drafted is None or not drafted.tables[0].columns:
        head = node.published("prod").get(bound.product.id)
        served = head.port(port.name) if head is not None else None
        if served is None:
            raise InvalidInput(
                f"the columns of {address} are not known before it is built: run `mesh build --select {bound.product.id}` first"
            )
        drafted = served.contract
    if drafted.written:
        raise InvalidInput(f"{address} has a contract: {drafted.path}")
    path = node.root / bound.product.folder / "contracts" / f"{port.name}.yaml"
    path.parent.mkdir(exist_ok=True)
    with path.open("x", encoding="utf-8") as file:
        file.write(contract_text(drafted))
    _say([path])
    click.echo("next: describe its columns, add rules, and set status: active when consumers may rely on it")


def _say(paths: Iterable[Path]) -> None:
    here = Path.cwd()
    for path in paths:
        shown = path.relative_to(here) if path.is_relative_to(here) else path
        click.echo(f"wrote {shown}")
