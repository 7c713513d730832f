"""`mesh env`: environments beside prod, at no cost."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from meshwright.cli import completing
from meshwright.cli.options import allow_remove, as_json, node_of
from meshwright.cli.output import plural, print_json, print_table, size

if TYPE_CHECKING:
    from meshwright.build.environments import PortDifference, ProductDifference
    from meshwright.model.environment import Environment
    from meshwright.model.publication import Publication
    from meshwright.node import Node


@click.group()
def env() -> None:
    """Try a change in an environment of its own: what it does not change it serves from below, without a copy."""


def _find(node: Node, name: str | None) -> Environment:
    from meshwright.build.environments import find_environment

    return find_environment(node.registry, node.environment(name), node.workspace.mesh.settings.environments)


@env.command()
@click.argument("name", required=False, shell_complete=completing.environments)
@click.option("--from", "base", default="prod", metavar="ENV", show_default=True, help="The environment it stands on.")
@click.option("--if-absent", is_flag=True, help="Be content with one that is there and stands on the same.")
@click.pass_context
def create(ctx: click.Context, name: str | None, base: str, *, if_absent: bool) -> None:
    """Make the environment NAME, by default the git branch's. It serves what its base does until it differs."""
    from meshwright.build.environments import create_environment
    from meshwright.governance.actions import Target
    from meshwright.model.environment import environment_name
    from meshwright.model.errors import InvalidInput
    from meshwright.workspace.git_branch import current_branch

    node = node_of(ctx)
    name = name or environment_name(current_branch(node.root))
    if not name:
        raise InvalidInput("name the environment: this is no git branch to name it after")
    declared = node.workspace.mesh.settings.environments
    if if_absent and any((one.name, one.base) == (name, base) for one in node.registry.environments()):
        click.echo(f"{name} is there and stands on {base}")
        return
    node.rights(name).settle("make an environment", Target(), "")
    create_environment(node.registry, name, base=base, declared=declared, by=node.principal, now=datetime.now(UTC))
    click.echo(f"{name} stands on {base} and serves what it does")
    click.echo(f"next: change something, then mesh build --env {name}")


@env.command("name")
@click.argument("branch", required=False)
@click.pass_context
def name_(ctx: click.Context, branch: str | None) -> None:
    """Print the name of the environment for the git BRANCH, by default the one that is checked out.

    Refused for a branch whose name is that of an environment which everybody shares.
    """
    from meshwright.build.environments import branch_environment
    from meshwright.workspace.git_branch import current_branch

    node = node_of(ctx)
    branch = branch or current_branch(node.root)
    click.echo(branch_environment(branch, node.workspace.mesh.settings.environments))


@env.command("list")
@as_json
@click.pass_context
def list_(ctx: click.Context, *, as_json: bool) -> None:
    """List the environments there are."""
    from meshwright.build.environments import known_environments

    node = node_of(ctx)
    current = node.environment()
    rows = [
        {
            "name": one.name,
            "base": one.base,
            "own_products": _own_products(node, one.name),
            "created_at": one.created_at,
            "created_by": one.created_by,
            "is_default": one.name == current,
        }
        for one in known_environments(node.registry, node.workspace.mesh.settings.environments)
    ]
    if as_json:
        print_json(rows)
        return
    print_table(
        ["environment", "stands on", "own products", "created", "by"],
        [
            [
                f"{row['name']}{' *' if row['is_default'] else ''}",
                row["base"],
                str(row["own_products"]),
                str(row["created_at"])[:16].replace("T", " "),
                row["created_by"],
            ]
            for row in rows
        ],
    )


def _own_products(node: Node, environment: str) -> int:
    """How many products *environment* has of its own, of those that the caller may be told of."""
    own, told = node.registry.own_heads(environment), node.told_products(environment)
    return len(own) if told is None else len(set(own) & set(told()))


@env.command()
@click.argument("name", required=False, shell_complete=completing.environments)
@as_json
@click.pass_context
def diff(ctx: click.Context, name: str | None, *, as_json: bool) -> None:
    """Show what the environment NAME serves otherwise than the one below."""
    from meshwright.build.environments import differences
    from meshwright.governance.actions import PUBLISH

    node = node_of(ctx)
    environment = _find(node, name)
    node.require(PUBLISH, node.registry.own_heads(environment.name), environment.name)
    found = differences(node.registry, environment)
    if as_json:
        print_json({"env": environment.name, "base": environment.base, "products": [_as_data(one) for one in found]})
        return
    if not found:
        click.echo(f"{environment.name} serves what {environment.base} does")
    for one in found:
        _show(one, environment)
    if any(one.moved_on for one in found):
        click.echo(
            f"* {environment.base} has published since: `mesh env refresh {environment.name}` begins anew on that"
        )


def _as_data(one: ProductDifference) -> dict[str, Any]:
    return {
        "id": one.product,
        "from": one.before.sequence if one.before else None,
        "to": one.after.sequence if one.after else None,
        "moved_on": one.moved_on,
        "ports": [
            {
                "port": port.name,
                "from_version": port.before.version if port.before else None,
                "to_version": port.after.version if port.after else None,
                "from_rows": port.before.rows if port.before else None,
                "to_rows": port.after.rows if port.after else None,
                "changes": [
                    {"column": change.column, "kind": change.kind, "breaking": change.breaking}
                    for change in port.changes
                ],
            }
            for port in one.ports
        ],
    }


def _show(one: ProductDifference, environment: Environment) -> None:
    what = "removed" if one.after is None else "new" if one.before is None else "changed"
    click.echo(f"{click.style(what, bold=True)}  {one.product}{' *' if one.moved_on else ''}")
    for port in one.ports:
        click.echo(f"    {port.name}: {_described(port)}")
        for change in port.changes:
            word = click.style("breaking", fg="red") if change.breaking else "compatible"
            click.echo(f"        {change.column} {change.kind}".rstrip() + f" ({word})")
    if one.before is not None and one.after is not None:
        click.echo(f"    rows: mesh diff {one.product} --from {environment.base} --to {environment.name}")


def _described(port: PortDifference) -> str:
    if port.before is None or port.after is None:
        kept = port.before or port.after
        assert kept is not None  # noqa: S101 - a difference has at least one side
        return f"version {kept.version}, {plural(kept.rows, 'row')}"
    version = port.after.version
    if port.before.version != version:
        version = f"{port.before.version} → {version}"
    rows = f"{port.after.rows:,} rows"
    if port.before.rows != port.after.rows:
        rows = f"{port.before.rows:,} → {rows}"
    columns = [
        name for name in port.after.columns if port.before.columns.get(name) != port.after.columns[name] and name
    ]
    changed = f", other values in {', '.join(columns)}" if columns else ", the same values"
    return f"version {version}, {rows}{changed if port.after.kind == 'tables' else ''}"


@env.command()
@click.argument("name", required=False, shell_complete=completing.environments)
@allow_remove
@as_json
@click.pass_context
def promote(ctx: click.Context, name: str | None, *, allow_remove: bool, as_json: bool) -> int:
    """Serve what the environment NAME serves in the one below, all products at once; nothing is rebuilt."""
    from meshwright.build.environments import elsewhere
    from meshwright.build.environments import promote as promote_environment
    from meshwright.build.planning import PlanRequest
    from meshwright.governance.actions import PROMOTE
    from meshwright.model.environment import PROD

    node = node_of(ctx)
    environment = _find(node, name)
    plan = node.plan(PlanRequest(environment=environment.name)).plan
    domains = node.workspace.mesh.domains
    node.require(PROMOTE, node.registry.own_heads(environment.name), environment.base or PROD)
    served = promote_environment(
        node.registry,
        environment,
        plan=plan,
        domains=domains,
        allow_remove=allow_remove,
        now=datetime.now(UTC),
        admission=node.admission(environment.base) if environment.base else None,
    )
    left = elsewhere(node.registry.own_heads(environment.name), domains)
    _tell_promoted(environment, served, left, as_json=as_json)
    node.warm(environment.base, [one.product for one in served])
    return 0


def _tell_promoted(environment: Environment, served: list[Publication], left: list[str], *, as_json: bool) -> None:
    if as_json:
        products = [{"id": one.product, "publication": one.sequence, "version": one.version} for one in served]
        print_json({"env": environment.name, "base": environment.base, "promoted": products, "left": left})
        return
    for one in served:
        click.echo(f"{one.product}: {environment.base} serves publication {one.sequence} now, version {one.version}")
    same = f"{environment.name} serves what {environment.base} does"
    rest = f"{', '.join(left)} of domains that are not in this checkout stay in {environment.name}"
    click.echo(f"{plural(len(served), 'product')} promoted; {rest if left else same}")


@env.command()
@click.argument("name", required=False, shell_complete=completing.environments)
@as_json
@click.pass_context
def refresh(ctx: click.Context, name: str | None, *, as_json: bool) -> None:
    """Begin anew, on what is served below now, with products that were published there since."""
    from meshwright.build.environments import refresh as refresh_environment
    from meshwright.governance.actions import PUBLISH

    node = node_of(ctx)
    environment = _find(node, name)
    node.require(PUBLISH, node.registry.own_heads(environment.name), environment.name)
    found = refresh_environment(node.registry, environment, node.workspace.mesh.domains)
    if as_json:
        print_json({"env": environment.name, "base": environment.base, "refreshed": found})
        return
    if not found:
        click.echo(f"nothing of {environment.name} was published in {environment.base} since")
        return
    click.echo(f"{', '.join(found)}: as in {environment.base} now")
    click.echo(f"next: mesh build --env {environment.name}")


@env.command()
@click.argument("name", shell_complete=completing.environments)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--all-domains", is_flag=True, help="Also when products of domains that are not in this checkout go.")
@as_json
@click.pass_context
def drop(ctx: click.Context, name: str, *, yes: bool, all_domains: bool, as_json: bool) -> int:
    """Forget the environment NAME and what is its own. What others serve stays."""
    from meshwright.build.environments import elsewhere, holdings, known_environments
    from meshwright.model.errors import Refused

    node = node_of(ctx)
    environment = _find(node, name)
    _require_to_drop(node, environment)
    theirs = elsewhere(node.registry.own_heads(environment.name), node.workspace.mesh.domains)
    if theirs and not all_domains:
        raise Refused(
            f"{environment.name} also holds {', '.join(theirs)}, of domains that are not in this checkout: "
            f"--all-domains says that they may go, too"
        )
    others = known_environments(node.registry, node.workspace.mesh.settings.environments)
    found = holdings(node.registry, environment, others)
    what = (
        f"{plural(found.publications, 'publication')} of its own, {plural(found.rows, 'row')} "
        f"in {plural(found.files, 'file')} ({size(found.bytes)}) that nobody else serves"
    )
    if not as_json:
        click.echo(f"{environment.name} holds {what}")
    if not (yes or as_json):
        click.confirm(f"Drop {environment.name}?", abort=True)
        # Somebody may have published there, or policies, while it was thought about.
        _require_to_drop(node, environment)
    node.registry.drop_environment(environment.name)
    if as_json:
        print_json(
            {
                "env": environment.name,
                "publications": found.publications,
                "files": found.files,
                "rows": found.rows,
                "bytes": found.bytes,
            }
        )
    else:
        click.echo(f"{environment.name} is gone; `mesh maintain` removes its files")
    return 0


def _require_to_drop(node: Node, environment: Environment) -> None:
    """Raise Denied, before anything is told of it, unless the caller may publish all that *environment* holds of its own.

    One that holds nothing is for who made it, and for those who administer the mesh.
    """
    from meshwright.governance.actions import ADMINISTER, PUBLISH, Target

    if own := node.registry.own_heads(environment.name):
        node.require(PUBLISH, own, environment.name)
        return
    rights = node.rights(environment.name)
    is_own = environment.created_by == node.principal or rights.allows(ADMINISTER, Target())
    rights.settle("drop an environment", Target(), "" if is_own else "somebody else made it")
