"""`mesh plan`: what a build would do, why, at what cost, and whom it would break."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meshwright.cli.options import allow_remove, as_json, environment, full, node_of, selected
from meshwright.cli.output import plural, print_json, size
from meshwright.model.errors import InvalidInput, InvalidMesh
from meshwright.model.plan import Action

if TYPE_CHECKING:
    from meshwright.build.planning import PlanRequest
    from meshwright.model.plan import Plan, ProductPlan
    from meshwright.node import Node

# A single reason no longer than this stands beside the product.
BRIEF = 80
COLUMNS_SHOWN = 8
COLOURS = {Action.BUILD: "yellow", Action.REUSE: "green", Action.REMOVE: "magenta", Action.BLOCKED: "red"}


@click.command()
@selected
@environment
@full
@allow_remove
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Save the plan for `mesh build --plan FILE`."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    show_default=True,
    help="markdown: a comment for review, on what merging does to the environment below; json: the same as --json.",
)
@as_json
@click.pass_context
def plan(
    ctx: click.Context,
    selected: tuple[str, ...],
    environment: str,
    out: Path | None,
    form: str,
    *,
    full: bool,
    allow_remove: bool,
    as_json: bool,
) -> int:
    """Say per product whether it would be built, reused, removed or is blocked, why, and whom a change would break.

    Nothing is run and nothing is written, but what is sniffed of new file inputs is pinned. Exit 1 when anything is blocked.
    """
    from meshwright.build.planning import PlanRequest

    request = PlanRequest(environment=environment, select=selected, full=full, allow_remove=allow_remove)
    if form == "markdown":
        if out is not None or as_json:
            raise InvalidInput("--format markdown is a comment for people: leave out --out and --json")
        return _review(node_of(ctx), request)
    planned = node_of(ctx).plan(request)
    if out is not None:
        from meshwright.build.saved_plan import save

        save(planned.plan, request, out)
    if as_json or form == "json":
        print_json(plan_as_data(planned.plan))
    else:
        show_plan(planned.plan)
    return 1 if any(one.action is Action.BLOCKED for one in planned.plan.products) else 0


def _review(node: Node, request: PlanRequest) -> int:
    """Print the review of what *request* asks; of a mesh that is not valid what is wrong with it."""
    from meshwright.cli.reviewing import findings_text, review_text

    try:
        review = node.review(request)
    except InvalidMesh as error:
        click.echo(findings_text(error.findings))
        return error.exit_code
    click.echo(review_text(review), nl=False)
    return 1 if review.planned(Action.BLOCKED) else 0


def plan_as_data(plan: Plan) -> dict[str, Any]:
    """The plan as `--json` prints it."""
    return {
        "env": plan.environment,
        "products": [
            {
                "id": one.id,
                "action": one.action.value,
                "reasons": list(one.reasons),
                "changes": [
                    {
                        "port": change.port,
                        "column": change.column,
                        "kind": change.kind,
                        "breaking": change.breaking,
                        "bump": change.bump,
                        "detail": change.detail,
                    }
                    for change in one.changes
                ],
                "affects": [{"id": hit.id, "port": hit.port, "columns": list(hit.columns)} for hit in one.affects],
                "consumers": [{"id": hit.id, "owner": hit.owner, "reads": list(hit.reads)} for hit in one.affects],
                "estimate": {
                    "rows_read": one.estimate.rows_read,
                    "bytes_read": one.estimate.bytes_read,
                    "rows_written": one.estimate.rows_written,
                    "bytes_written": one.estimate.bytes_written,
                },
            }
            for one in plan.products
        ],
    }


def show_plan(plan: Plan) -> None:
    """Print the plan for a person: what changes first, what is reused in one line."""
    reused = [one for one in plan.products if one.action is Action.REUSE]
    for one in plan.products:
        if one.action is not Action.REUSE:
            _show_product(one)
    if reused:
        names = ", ".join(one.id for one in reused[:6]) + (f" and {len(reused) - 6} more" if len(reused) > 6 else "")  # noqa: PLR2004 - a line's worth
        click.echo(f"{click.style('reuse', fg='green')}    {names}")
    counts = [(action, sum(one.action is action for one in plan.products)) for action in Action]
    summary = ", ".join(
        f"{count} to {action.value}" if action is not Action.BLOCKED else f"{count} blocked"
        for action, count in counts
        if count
    )
    click.echo(f"\n{plan.environment}: {summary or 'nothing to do'}{_cost(plan)}")


def _show_product(one: ProductPlan) -> None:
    action = click.style(one.action.value.ljust(8), fg=COLOURS[one.action])
    brief = f"  {one.reasons[0]}" if len(one.reasons) == 1 and not one.changes and len(one.reasons[0]) < BRIEF else ""
    click.echo(f"{action} {click.style(one.id, bold=True)}{brief}")
    for reason in () if brief else one.reasons:
        click.echo(f"           {reason}")
    for change in one.changes:
        word = click.style("breaking", fg="red") if change.breaking else "compatible"
        column = f".{change.column}" if change.column else ""
        detail = f" ({change.detail})" if change.detail else ""
        click.echo(f"           {word}: {change.port}{column} {change.kind}{detail}, needs a {change.bump} version")
    for hit in one.affects:
        rest = len(hit.columns) - COLUMNS_SHOWN
        columns = f": {', '.join(hit.columns[:COLUMNS_SHOWN])}" if hit.columns else ""
        columns += f" and {rest} more" if rest > 0 else ""
        owner = f" ({hit.owner})" if hit.owner else ""
        click.echo(f"           reaches {click.style(hit.id, bold=True)}{owner} port {hit.port}{columns}")


def _cost(plan: Plan) -> str:
    building = [one.estimate for one in plan.products if one.action is Action.BUILD]
    rows = sum(one.rows_read or 0 for one in building)
    weight = sum(one.bytes_read or 0 for one in building)
    unknown = sum(one.rows_written is None for one in building)
    # Of files only the size is known.
    parts = [plural(rows, "row")] if rows else []
    known = f"; last time that read {', '.join([*parts, size(weight)])}" if rows or weight else ""
    return known + (f"; {plural(unknown, 'product')} never built before" if unknown else "")
