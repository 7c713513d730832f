"""`mesh init` and `mesh new`: the smallest files that are valid, never over existing ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshwright.cli import completing
from meshwright.cli.options import environment_of, node_of
from meshwright.model.errors import Denied, InvalidInput, NotFound
from meshwright.model.names import PortAddress, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshwright.authoring.from_data import Started
    from meshwright.model.product import Product
    from meshwright.node import Node


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=".")
@click.option("--name", help="The mesh's name; by default the folder's.")
@click.option(
    "--ci",
    "provider",
    type=click.Choice(["github", "gitlab"]),
    help="Write a workflow that reviews and promotes, for a mesh that is there, too.",
)
def init(folder: Path, name: str | None, provider: str | None) -> None:
    """Start a mesh in FOLDER, by default here."""
    from meshwright.workspace.root import MESH_FILE
    from meshwright.workspace.scaffold import init_mesh

    if provider and (folder / MESH_FILE).exists() and name is None:
        _write_workflow(folder, provider)
        return
    folder.mkdir(parents=True, exist_ok=True)
    _say(init_mesh(folder, name or folder.resolve().name))
    if provider:
        _write_workflow(folder, provider)
    there = "" if folder.resolve() == Path.cwd() else f" -C {folder}"
    click.echo(f"next: mesh{there} new domain NAME")


def _write_workflow(folder: Path, provider: str) -> None:
    from meshwright.authoring.ci import write_workflow

    written = write_workflow(folder.resolve(), provider)
    _say([written.path])
    if written.secrets:
        click.echo(f"give the workflow these secrets: {', '.join(written.secrets)}")
    for note in written.notes:
        click.echo(f"note: {note}")


@click.group()
def new() -> None:
    """Write a new domain, product or contract. Nothing that exists is overwritten."""


@new.command("policy", short_help="Write a common policy without knowing Cedar.")
@click.argument("kind", type=click.Choice(["mask", "rows", "purpose", "open", "embargo"]))
@click.argument("target", metavar="DOMAIN[.PRODUCT[.PORT]]")
@click.option("--tag", default="", help="mask: columns with this tag.")
@click.option("--mask", default="", help="mask: what is seen instead; by default a pseudonym.")
@click.option("--column", default="", help="rows: the column that must be the reader's own.")
@click.option("--attribute", default="", help="rows: the reader's attribute, as in people/*.yaml.")
@click.option("--purpose", default="", help="purpose: the only one allowed, with those below it.")
@click.option(
    "--until",
    default="",
    metavar="DATE",
    help="embargo: nobody of another domain reads before this day, or time (ISO 8601; UTC where it has no offset).",
)
@click.pass_context
def new_policy_(ctx: click.Context, /, kind: str, target: str, **values: str) -> None:
    """Write a policy of one KIND about a domain, product or port, into the domain's own policies.

    mask: columns with a tag are seen masked. rows: other domains' people see the rows of, say, their own region. purpose: only
    for one purpose. open: every domain reads. embargo: only the own domain until a date.
    """
    from meshwright.governance.templates import new_policy, require_target
    from meshwright.workspace.new_files import write_all
    from meshwright.workspace.policy_files import folder_of

    node = node_of(ctx)
    text = new_policy(kind, target, values, purposes=node.council.purposes)
    require_target(target, node.workspace.mesh, may_suggest=node.caller.principal.is_owner)
    domain = target.partition(".")[0]
    name = f"{kind}-{target.replace('.', '-')}.cedar"
    _say(write_all(node.root, {f"{folder_of(domain)}/{name}": text}))
    click.echo(f"next: mesh policy test, then mesh policy publish --domain {domain}")


@new.command()
@click.argument("name")
@click.option("--team", default="", help="The owning team.")
@click.pass_context
def domain(ctx: click.Context, name: str, team: str) -> None:
    """Write a domain called NAME."""
    from meshwright.workspace.scaffold import new_domain

    _say(new_domain(node_of(ctx).root, name, team=team))
    click.echo(f"next: mesh new product {name}/PRODUCT --from FILE, or without --from for the smallest one")


@new.command(short_help="Write a product: the smallest, or one from data that is looked at.")
@click.argument("name", metavar="DOMAIN/PRODUCT", required=False)
@click.option(
    "--from",
    "source",
    metavar="WHAT",
    shell_complete=completing.origins,
    help="Look at a file, a glob in quotes, a URL, CONNECTION#table or another product's port, and write what fits it.",
)
@click.option("--sheet", "sheets", metavar="NAME", multiple=True, help="Take this sheet of a workbook only.")
@click.option(
    "--blueprint",
    "blueprint",
    metavar="NAME",
    shell_complete=completing.blueprints,
    help="The folder to render the product from; `list` prints all.",
)
@click.option(
    "--env",
    "environment",
    metavar="NAME",
    shell_complete=completing.environments,
    help="The environment whose ports and connections are read.  [default: the git branch's, else prod]",
)
@click.option(
    "--purpose",
    default="",
    metavar="NAME",
    help="What it reads others' ports for, which is written down; see `mesh policy purposes`.",
)
@click.pass_context
def product(
    ctx: click.Context,
    name: str | None,
    source: str | None,
    sheets: tuple[str, ...],
    blueprint: str | None,
    environment: str | None,
    purpose: str,
) -> None:
    """Write a product.

    Without --from it is the smallest one: a descriptor of three lines and a query. With it, the data is looked at, every
    row of it, and a query, a contract with proposed rules and a README are written that can be built at once.
    """
    if blueprint == "list":
        _list_blueprints(node_of(ctx).root)
        return
    if name is None:
        raise click.MissingParameter(ctx=ctx, param=ctx.command.params[0])
    domain, separator, product = name.replace(".", "/").partition("/")
    if not separator:
        raise InvalidInput(f"'{name}' names no domain: write DOMAIN/PRODUCT")
    node = node_of(ctx)
    if source is None and blueprint is None:
        from meshwright.workspace.scaffold import new_product

        _say(new_product(node.root, domain, product, purpose=purpose))
        click.echo(
            f"next: edit the query, then mesh build; mesh new contract {domain}.{product} writes down what it promises"
        )
        return
    from meshwright.authoring.from_data import Asked, start_product

    asked = Asked(
        domain=domain,
        name=product,
        source=source or "",
        blueprint=blueprint or "",
        here=Path.cwd(),
        sheets=sheets,
        purpose=purpose,
    )
    started = start_product(
        node.root,
        asked,
        # Only ports and connections need an environment, and so the registry.
        reader=lambda: node.reader(environment_of(ctx, environment), purpose=purpose),
        admission=lambda: node.admission(environment_of(ctx, environment), purpose=purpose),
        connect=lambda name: (
            node.connection(name, domain=domain, environment=environment_of(ctx, environment)) if name else None
        ),
        cache=node.cache,
    )
    _tell(started, f"{domain}.{product}")


def _list_blueprints(root: Path) -> None:
    from meshwright.authoring.blueprints import blueprints

    for one in blueprints(root).values():
        click.echo(f"{one.name:12}{one.description}")


def _tell(started: Started, product: str) -> None:
    if started.rows or started.columns:
        click.echo(f"looked at {started.rows:,} rows, {started.columns} columns")
    _say(started.written)
    for hint in started.product.hints:
        click.echo(f"note: {hint}")
    if started.product.review:
        click.echo("to be judged by a person:")
        for one in started.product.review:
            column = one.column if len(started.product.ports) == 1 else f"{one.port}.{one.column}"
            click.echo(f"  {column}: {one.reason}")
    click.echo(f"next: mesh build, then {_first_read(started, product)}")


def _first_read(started: Started, product: str) -> str:
    """The command that shows what the product will serve."""
    port = next(iter(started.product.ports), product.partition(".")[2])
    address = product if port == product.partition(".")[2] else f"{product}.{port}"
    return f"mesh read {address} --to FOLDER" if started.product.serves_files else f"mesh read {address} --limit 5"


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
    names = node.names("prod")
    if bound is None:
        guess = nearest(port_address.product_id, mesh.products if names is None else names.products("prod"))
        raise NotFound(f"there is no product {port_address.product_id}" + (f": did you mean {guess}?" if guess else ""))
    port = bound.product.output_port(port_address.port)
    if port is None:
        # Files tell the mesh's owner of all their ports, a bearer of a token of what may be discovered.
        told = None if names is None else {(one.product_id, one.port) for one in names.ports("prod")}
        ports = [one.name for one in bound.product.output_ports if told is None or (bound.product.id, one.name) in told]
        listed = f": it has {', '.join(ports)}" if ports else ""
        raise NotFound(f"{bound.product.id} has no output port {port_address.port}{listed}")
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
    if names is not None:
        _require_readable(node, bound.product)
    path = node.root / bound.product.folder / "contracts" / f"{port.name}.yaml"
    path.parent.mkdir(exist_ok=True)
    with path.open("x", encoding="utf-8") as file:
        file.write(contract_text(drafted))
    _say([path])
    click.echo("next: describe its columns, add rules, and set status: active when consumers may rely on it")


def _require_readable(node: Node, product: Product) -> None:
    """Raise Denied when policies hide something of a published port that *product* reads from the bearer of a token."""
    from meshwright.reading.restricted_scan import visible_fields

    reader = node.reader("prod")
    for port in product.input_ports:
        if port.address is None:
            continue
        try:
            resolved = reader.resolve(str(port.address))
        except NotFound:
            # What it serves is written in this folder only.
            continue
        if len(visible_fields(resolved.port.schema, reader.restriction(resolved))) < len(resolved.port.schema):
            raise Denied(
                f"policies hide columns of {port.address} from you: write the contract of {product.id} by hand"
            )


def _say(paths: Iterable[Path]) -> None:
    here = Path.cwd()
    for path in paths:
        shown = path.relative_to(here) if path.is_relative_to(here) else path
        click.echo(f"wrote {shown}")
