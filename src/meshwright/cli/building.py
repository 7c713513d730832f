"""`mesh build` (also `apply`) and `mesh rollback`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshwright.cli import completing
from meshwright.cli.options import allow_remove, as_json, environment, full, node_of, require_named, selected
from meshwright.cli.output import plural, print_json
from meshwright.model.errors import Conflict, InvalidInput

if TYPE_CHECKING:
    from meshwright.build.planning import Planned
    from meshwright.model.publication import Publication
    from meshwright.node import Node


@click.command()
@selected
@environment
@full
@allow_remove
@click.option(
    "--plan",
    "saved",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Apply the plan saved in FILE, and nothing else.",
)
@as_json
@click.pass_context
def build(
    ctx: click.Context,
    selected: tuple[str, ...],
    environment: str,
    saved: Path | None,
    *,
    full: bool,
    allow_remove: bool,
    as_json: bool,
) -> int:
    """Build what changed: run, test, then publish each product all at once, or leave everything as it was.

    Exit 1 when a test failed or something is blocked; 2 when a transformation or input is wrong; 3 when something outside failed.
    """
    from meshwright.build.planning import PlanRequest
    from meshwright.build.running import exit_code
    from meshwright.cli.progress import progress

    given = ctx.get_parameter_source("environment") is click.core.ParameterSource.COMMANDLINE
    if saved is not None and (selected or full or given):
        raise InvalidInput(
            "--plan applies what was saved: leave out --select, --env and --full, or plan anew with them"
        )
    node = node_of(ctx)
    if saved is None:
        require_named(ctx, node, environment)
    request = PlanRequest(environment=environment, select=selected, full=full, allow_remove=allow_remove)
    planned = _saved(node, saved) if saved is not None else node.plan(request)
    with progress(planned.plan, as_json=as_json) as emit:
        ended = node.build(planned, emit)
    return exit_code(ended)


def _saved(node: Node, path: Path) -> Planned:
    from meshwright.build.planning import PlanRequest, unchanged
    from meshwright.build.saved_plan import load

    saved = load(path)
    request = PlanRequest(
        environment=saved.environment, select=saved.select, full=saved.full, allow_remove=saved.allow_remove
    )
    planned = node.plan(request)
    differing = unchanged(saved.plan, planned.plan)
    if differing:
        raise Conflict(
            f"the plan in {path} no longer holds for {', '.join(differing)}: something it rests on has changed. Plan again"
        )
    return planned


@click.command()
@click.argument("product", shell_complete=completing.products)
@click.option("--to", type=int, metavar="SEQ", help="The publication to serve; by default the one before.")
@environment
@as_json
@click.pass_context
def rollback(ctx: click.Context, product: str, to: int | None, environment: str, *, as_json: bool) -> None:
    """Serve an earlier publication of PRODUCT again, at once. Nothing is rebuilt; the later one stays in the history."""
    from meshwright.build.rollback import roll_back
    from meshwright.governance.actions import ROLLBACK

    node = node_of(ctx)
    require_named(ctx, node, environment)
    node.require(ROLLBACK, [product], environment)
    # The owner, who sees everything, may bring back what was made under other policies.
    admission = None if node.caller.principal.is_owner else node.admission(environment)
    before, now = roll_back(node.registry, environment, product, to=to, admission=admission)
    _tell_rolled_back(product, environment, before, now, as_json=as_json)
    node.warm(environment, [product])


def _tell_rolled_back(
    product: str, environment: str, before: Publication | None, now: Publication, *, as_json: bool
) -> None:
    if as_json:
        print_json(
            {"product": product, "env": environment, "from": before.sequence if before else None, "to": now.sequence}
        )
        return
    rows = plural(sum(port.rows for port in now.ports), "row")
    stays = f"; {before.sequence} stays in its history" if before else ""
    click.echo(f"{product} serves publication {now.sequence} again ({rows}, published {now.published_at[:19]}){stays}")
