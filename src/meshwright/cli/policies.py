"""`mesh policy`: what binds, what would, and why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from meshwright.cli import completing
from meshwright.cli.options import as_json, environment, node_of, purpose, somebody
from meshwright.cli.output import findings_as_data, plural, print_json, print_table
from meshwright.model.environment import PROD
from meshwright.model.errors import InvalidInput
from meshwright.model.findings import Severity
from meshwright.model.policy_version import WHOLE_MESH

if TYPE_CHECKING:
    from meshwright.operating.explaining import Explained

domain_option = click.option(
    "--domain", "domain", default=WHOLE_MESH, metavar="NAME", help="A domain's own policies; without it, the mesh's."
)


@click.group()
def policy() -> None:
    """Policies say who may read which product, row and column, and for what. Edited files bind when they are published."""


@policy.command()
@domain_option
@click.option("--all", "everything", is_flag=True, help="Those of the mesh and of every domain.")
@as_json
@click.pass_context
def publish(ctx: click.Context, domain: str, *, everything: bool, as_json: bool) -> int:
    """Let the policies in the files bind: every decision a second from now uses them."""
    if domain and everything:
        raise InvalidInput("--all publishes every domain's policies: leave out --domain")
    council, now = node_of(ctx).council, datetime.now(UTC)
    published = council.publish_all(at=now) if everything else {domain: council.publish(domain, at=now)}
    if as_json:
        listed = [
            {"scope": scope, "version": one.version, "files": sorted(one.files), "changed": one.changed}
            for scope, one in published.items()
        ]
        print_json(listed if everything else listed[0])
        return 0
    for scope, one in published.items():
        if one.changed:
            click.echo(f"version {one.version} of {_scope(scope)} binds now: {plural(len(one.files), 'file')}")
        else:
            of = f" of {_scope(scope)}" if everything else ""
            click.echo(f"version {one.version}{of} binds already, and is the same")
    return 0


@policy.command("list")
@as_json
@click.pass_context
def list_(ctx: click.Context, *, as_json: bool) -> None:
    """List the versions that bind, and whether the files have changed since."""
    node = node_of(ctx)
    files, _ = node.council.files()
    binding = {version.scope: version for version in node.policies.binding()}
    names = node.names(PROD)
    told = None if names is None else {WHOLE_MESH, *names.domains_told(PROD)}
    rows = [
        {
            "scope": scope,
            "version": binding[scope].version if scope in binding else None,
            "published_at": binding[scope].published_at if scope in binding else "",
            "published_by": binding[scope].published_by if scope in binding else "",
            "edited": files.get(scope, {}) != (binding[scope].files if scope in binding else {}),
        }
        for scope in sorted({*files, *binding})
        if (files.get(scope) or scope in binding) and (told is None or scope in told)
    ]
    if as_json:
        print_json(rows)
        return
    print_table(
        ["policies of", "version", "published", "by", "files"],
        [
            [
                _scope(str(row["scope"])),
                str(row["version"] or "–"),
                str(row["published_at"])[:16].replace("T", " "),
                str(row["published_by"]),
                "edited since" if row["edited"] else "as published",
            ]
            for row in rows
        ],
    )


@policy.command()
@click.argument("port", shell_complete=completing.ports)
@click.option(
    "--as",
    "acting",
    default=None,
    metavar="WHO",
    callback=somebody,
    help="Who would read; without it, whose MESH_TOKEN is set.",
)
@purpose
@click.option("--column", default="", metavar="NAME", help="Say why this column is seen as it is.")
@click.option("--files", "from_files", is_flag=True, help="By the files as they are now, not by what binds.")
@environment
@as_json
@click.pass_context
def explain(
    ctx: click.Context,
    port: str,
    acting: str,
    purpose: str,
    column: str,
    environment: str,
    *,
    from_files: bool,
    as_json: bool,
) -> int:
    """Say what somebody may read of PORT, by which policies, and how to get access."""
    from meshwright.operating.explaining import Question

    node = node_of(ctx)
    if not acting:
        if node.caller.principal.is_owner:
            raise InvalidInput("the mesh's owner reads everything; say who would read: --as NAME, --as service:NAME")
        acting = node.caller.principal.spelled
    question = Question(
        port=port, acting=acting, purpose=purpose, column=column, environment=environment, from_files=from_files
    )
    found = node.explain(question)
    if as_json:
        print_json(_as_data(found))
    else:
        _show(found, column)
    return 0 if found.decision.allowed else 1


def _as_data(found: Explained) -> dict[str, Any]:
    decision = found.decision
    return {
        "port": found.port,
        "allowed": decision.allowed,
        "purpose": decision.purpose,
        "reasons": list(decision.reasons),
        "policies": list(decision.policies),
        "columns": dict(found.columns),
        "masked_by": {name: list(policies) for name, policies in found.masked_by.items()},
        "rows": decision.rows,
    }


def _show(found: Explained, column: str) -> None:
    decision = found.decision
    if not decision.allowed:
        click.secho("denied", fg="red", bold=True)
        for reason in decision.reasons:
            click.echo(f"  {reason}")
        if found.owner:
            click.echo(f"  ask its owner, {found.owner}, for a policy that permits it")
        return
    click.secho(f"allowed for purpose {decision.purpose}; {decision.rows} rows", fg="green", bold=True)
    for name, seen in found.columns.items():
        if column in {"", name}:
            because = f"  ({', '.join(found.masked_by[name])})" if found.masked_by.get(name) else ""
            click.echo(f"  {name}: {seen}{because}")
    click.echo(f"  decided by {', '.join(decision.policies)}")


@policy.command()
@as_json
@click.pass_context
def test(ctx: click.Context, *, as_json: bool) -> int:
    """Run the cases in policies/tests/ (and each domain's) against the policies in the files. Cases speak of anybody: it takes the right to administer."""
    from meshwright.operating.policy_cases import try_cases

    node = node_of(ctx)
    node.rights(PROD).administer()
    results = try_cases(node.council)
    failed = sum(bool(wrong) for _, wrong in results)
    if as_json:
        print_json(
            [
                {"name": case.name, "file": case.path, "line": case.line, "passed": not wrong, "differences": wrong}
                for case, wrong in results
            ]
        )
    else:
        for case, wrong in results:
            mark = click.style("failed", fg="red") if wrong else click.style("passed", fg="green")
            click.echo(f"{mark}  {case.path}:{case.line}: {case.name}")
            for one in wrong:
                click.echo(f"        {one}")
        click.echo(f"{plural(len(results), 'case')}, {failed} failed")
    return 1 if failed else 0


@policy.command()
@click.pass_context
def schema(ctx: click.Context) -> None:
    """Print the Cedar schema that this mesh's policies are checked against."""
    node = node_of(ctx)
    node.council.require_author()
    names = node.names(PROD)
    click.echo(node.council.schema(names.products(PROD) if names is not None else None))


@policy.command()
@as_json
@click.pass_context
def purposes(ctx: click.Context, *, as_json: bool) -> None:
    """List the purposes that policies and readers can name; indented ones are part of the one above."""
    from meshwright.governance.purposes import ancestors

    known = node_of(ctx).council.purposes
    if as_json:
        print_json([{"name": name, "part_of": wider} for name, wider in known.items()])
        return
    # Each below the one that it is a part of.
    for name in sorted(known, key=lambda one: (*reversed(ancestors(one, known)), one)):
        click.echo(f"{'  ' * len(ancestors(name, known))}{name}")


@policy.command()
@as_json
@click.pass_context
def check(ctx: click.Context, *, as_json: bool) -> int:
    """Check the policy files without publishing them."""
    found = node_of(ctx).council.checked()
    errors = [one for one in found if one.severity is Severity.ERROR]
    if as_json:
        print_json({"valid": not errors, "findings": findings_as_data(found)})
    else:
        for finding in found:
            click.echo(str(finding), err=True)
        click.echo(plural(len(errors), "error") if errors else "valid")
    return 2 if errors else 0


def _scope(scope: str) -> str:
    return f"domain {scope}" if scope else "the mesh"
