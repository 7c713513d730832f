"""`mesh maintain`: forgets what is past, removes files that nobody needs, keeps retention, compacts small files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from meshwright.cli.options import as_json, environment, node_of, require_named, selected
from meshwright.cli.output import plural, print_json, size

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshwright.model.maintenance import StoredFile
    from meshwright.operating.maintaining import Maintained
    from meshwright.operating.rewrites import Rewritten


def _span(context: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """The seconds of a length of time."""
    del context, parameter
    from meshwright.formats.quantities import span
    from meshwright.model.errors import InvalidInput

    if value is None:
        return None
    try:
        return span(value)
    except ValueError as error:
        raise InvalidInput(f"--grace {value}: {error}") from None


@click.command()
@environment
@selected
@click.option("--dry-run", is_flag=True, help="Only list what would go.")
@click.option(
    "--grace",
    callback=_span,
    metavar="TIME",
    help="How long files stay that nobody needs any more.  [default: that of mesh.yaml, else 1h]",
)
@as_json
@click.pass_context
def maintain(
    ctx: click.Context, environment: str, selected: tuple[str, ...], grace: int | None, *, dry_run: bool, as_json: bool
) -> int:
    """Forget publications past their history, remove files that nobody needs, keep retention, make small files few.

    History and files are those of every environment; retention and small files those of --env. Never removed is what is
    served, what a kept publication or a running build needs, and what somebody may still be reading.
    """
    node = node_of(ctx)
    require_named(ctx, node, environment)
    node.rights(environment).administer()
    maintaining = node.maintaining(environment, selected=selected, grace_seconds=grace)
    found = maintaining.run(dry_run=dry_run)
    if not dry_run:
        node.copies.expire()
        chosen = maintaining.scope.selected
        node.warm(environment, node.copies.products(environment) if chosen is None else chosen)
    if as_json:
        print_json(_as_data(found, environment, dry_run=dry_run))
    else:
        _show(found, dry_run=dry_run)
    return max((one.exit_code for one in found.rewritten), default=0)


def _as_data(found: Maintained, environment: str, *, dry_run: bool) -> dict[str, Any]:
    return {
        "env": environment,
        "dry_run": dry_run,
        "forgotten": [
            {"env": env, "product": product, "publication": number} for env, product, number in found.forgotten
        ],
        "failed_builds": found.attempts,
        "removed": [{"path": file.path, "bytes": file.bytes} for file in found.removed],
        "waiting": [{"path": file.path, "bytes": file.bytes} for file in found.waiting],
        "staging": list(found.staged),
        "leftovers": [str(path) for path in found.leftovers],
        "rewritten": [
            {
                "product": one.product,
                "what": one.what,
                "files": one.files,
                "rows": one.rows,
                "made": one.made,
                "publication": one.publication,
                "problem": one.problem,
            }
            for one in found.rewritten
        ],
    }


def _show(found: Maintained, *, dry_run: bool) -> None:
    would = "would be " if dry_run else ""
    for env, product, number in found.forgotten:
        click.echo(f"forget  {product} publication {number} in {env}")
    if dry_run:
        for path in [*(file.path for file in found.removed), *found.staged, *map(str, found.leftovers)]:
            click.echo(f"remove  {path}")
    for one in found.rewritten:
        click.echo(f"{one.what}  {one.product}: {_rewritten(one)}")
    gone = len(found.removed) + len(found.leftovers)
    click.echo(
        f"{plural(len(found.forgotten), 'publication')} {would}forgotten, {plural(gone, 'file')} ({_size(found.removed)}) and "
        f"{plural(len(found.staged), 'staging folder')} {would}removed"
    )
    if found.waiting:
        click.echo(
            f"{plural(len(found.waiting), 'file')} more ({_size(found.waiting)}) that nobody needs: they go when the time of "
            "grace is over"
        )


def _rewritten(one: Rewritten) -> str:
    if one.problem:
        return one.problem
    what = f"{plural(one.files, 'file')} with {plural(one.rows, 'row')} made into {one.made}"
    return what if one.publication is None else f"{what}, publication {one.publication}"


def _size(files: Iterable[StoredFile]) -> str:
    return size(sum(file.bytes for file in files))
