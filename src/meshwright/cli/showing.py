"""`mesh list`, `mesh show`, `mesh status`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from meshwright.cli import completing
from meshwright.cli.options import as_json, environment, node_of
from meshwright.cli.output import plural, print_json, print_table, size
from meshwright.model.errors import Denied, NotFound
from meshwright.model.names import nearest

if TYPE_CHECKING:
    from meshwright.node import Node


@click.command("list")
@environment
@as_json
@click.pass_context
def list_(ctx: click.Context, environment: str, *, as_json: bool) -> None:
    """List every published port: its address, version, rows and what it is. Bearers of tokens see what they may discover."""
    from meshwright.reading.catalogue import published_ports

    node = node_of(ctx)
    names = node.names(environment)
    if names is not None:
        _list_discovered(names.described(environment), as_json=as_json)
        return
    ports = published_ports(node.registry, environment) if node.published(environment) else []
    if as_json:
        print_json(ports)
    elif not ports:
        click.echo(f"nothing is published in {environment} yet: run `mesh build`")
    else:
        rows = [
            (
                one["address"],
                one["version"],
                one["status"],
                f"{one['rows']:,}" if one["kind"] == "tables" else plural(one["files"], "file"),
                _sentence(one["description"]),
            )
            for one in ports
        ]
        print_table(("port", "version", "status", "rows", "description"), rows, right=(3,))


def _list_discovered(ports: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(ports)
        return
    rows = [(one["address"], one["version"], one["status"], _sentence(one["description"])) for one in ports]
    print_table(("port", "version", "status", "description"), rows)


def _sentence(text: str) -> str:
    return " ".join(text.split()).partition(". ")[0]


@click.command()
@click.argument("product", shell_complete=completing.products)
@click.option("--publications", is_flag=True, help="List every publication, newest first.")
@click.option(
    "--effective", is_flag=True, help="Print the descriptor and contracts with everything implied written out."
)
@environment
@as_json
@click.pass_context
def show(
    ctx: click.Context, product: str, environment: str, *, publications: bool, effective: bool, as_json: bool
) -> None:
    """Show a PRODUCT: what it serves, what it reads, what it promises and what its tests found. Bearers of tokens see what they may know of it."""
    node = node_of(ctx)
    product = ".".join(product.partition("@")[0].split(".")[:2])
    described = node.described(product, environment)
    if described is not None:
        if effective or publications:
            raise Denied("--effective and --publications answer the owner of a mesh only")
        _show_described(described, as_json=as_json)
        return
    if effective:
        _show_effective(node, product, environment, as_json=as_json)
        return
    published = node.published(environment)
    if product not in published:
        _nothing(node, product, environment)
    if publications:
        _show_publications(node, product, environment, as_json=as_json)
        return
    from meshwright.reading.catalogue import described_publication

    data = described_publication(published[product])
    data["descriptor"] = published[product].descriptor
    if as_json:
        print_json(data)
    else:
        _show_head(data)


def _nothing(node: Node, product: str, environment: str) -> None:
    known = {*node.workspace.mesh.products, *node.published(environment)}
    if product in known:
        raise NotFound(
            f"{product} serves nothing in {environment} yet: run `mesh build`, or see `mesh show {product} --effective`"
        )
    guess = nearest(product, known)
    raise NotFound(f"there is no product {product}" + (f": did you mean {guess}?" if guess else ": see `mesh list`"))


def _show_head(data: dict[str, Any]) -> None:
    descriptor = data["descriptor"]
    click.secho(f"{data['product']}  {descriptor.get('title') or ''}".rstrip(), bold=True)
    if descriptor.get("description"):
        click.echo(descriptor["description"].strip())
    owner = f", owned by {descriptor['owner']}" if descriptor.get("owner") else ""
    click.echo(f"publication {data['sequence']} of {data['published_at'][:19]}Z{owner}: {data['reason'] or 'built'}")
    for port in data["ports"]:
        click.echo()
        facts = (
            plural(port["rows"], "row") + f", {size(port['bytes'])}"
            if port["kind"] == "tables"
            else plural(port["files"], "file")
        )
        click.echo(f"{click.style(port['address'], bold=True)}  {port['version']} {port['status']}, {facts}")
        if port["event_time"] and port["event_time"][0]:
            click.echo(f"  {port['event_time'][0]} to {port['event_time'][1]}")
        if port["columns"]:
            rows = [
                (f"  {one['name']}", one["type"], "required" if one["required"] else "", one["description"])
                for one in port["columns"]
            ]
            print_table(("  column", "type", "", "description"), rows)
        for one in port["artifacts"]:
            click.echo(f"  {one['path']}  {size(one['bytes'])}  sha256 {one['sha256'][:12]}…")
    if data["inputs"]:
        click.echo()
        click.secho("reads", bold=True)
    for read in data["inputs"]:
        what = (
            f"{read['product']} publication {read['publication']}"
            if read["product"]
            else plural(len(read["files"]), "file")
        )
        columns = f": {', '.join(read['columns'])}" if read["columns"] else ""
        click.echo(f"  {read['name']}  {what}{columns}")
    counts = ", ".join(f"{count} {word}" for word, count in data["tests"].items() if count)
    click.echo(f"\ntests: {counts or 'none'}")


def _show_described(data: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(data)
        return
    click.secho(f"{data['product']}  {data['title']}".rstrip(), bold=True)
    if data["description"]:
        click.echo(data["description"].strip())
    owner = f", owned by {data['owner']}" if data["owner"] else ""
    click.echo(f"publication {data['sequence']} of {data['published_at'][:19]}Z{owner}")
    for port in data["ports"]:
        click.echo()
        rows = f", {port['rows_seen']} rows" if port["kind"] == "tables" and not port["refused"] else ""
        click.echo(f"{click.style(port['address'], bold=True)}  {port['version']} {port['status']}{rows}")
        for reason in port["refused"]:
            click.echo(f"  you may not read it: {reason}")
        if port["columns"]:
            table = [(f"  {one['name']}", one["type"], one["seen"], one["description"]) for one in port["columns"]]
            print_table(("  column", "type", "seen", "description"), table)
    if data["reads"]:
        click.echo(f"\nreads {', '.join(data['reads'])}")


def _show_publications(node: Node, product: str, environment: str, *, as_json: bool) -> None:
    from meshwright.reading.catalogue import described_publication

    head = node.registry.head(environment, product)
    found = [described_publication(one) for one in node.registry.publications(environment, product)]
    served = head.sequence if head else None
    if as_json:
        print_json([{**one, "served": one["sequence"] == served} for one in found])
        return
    rows = [
        (
            "→" if one["sequence"] == served else "",
            one["sequence"],
            one["published_at"][:19],
            one["version"],
            f"{one['rows']:,}",
            one["reason"],
        )
        for one in found
    ]
    print_table(("", "seq", "published (UTC)", "version", "rows", "why"), rows, right=(1, 4))


def _show_effective(node: Node, product: str, environment: str, *, as_json: bool) -> None:
    from meshwright.formats import odcs, odps
    from meshwright.formats.yaml_text import dump

    mesh = node.effective(environment)
    bound = mesh.products.get(product)
    if bound is None:
        _nothing(node, product, environment)
        return
    descriptor = odps.write(bound.product)
    contracts = {
        f"contracts/{port.name}.yaml": odcs.write(port.contract) for port in bound.product.output_ports if port.contract
    }
    if as_json:
        print_json({"product.yaml": descriptor, **contracts})
        return
    for path, document in {"product.yaml": descriptor, **contracts}.items():
        click.secho(f"# {bound.product.folder}/{path}", fg="cyan")
        click.echo(dump(document))
