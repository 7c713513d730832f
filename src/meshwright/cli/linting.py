"""`mesh lint`: the style of SQL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshwright.cli.options import as_json, node_of
from meshwright.cli.output import findings_as_data, plural, print_json
from meshwright.model.errors import NotFound

if TYPE_CHECKING:
    from meshwright.build.linting import Linted


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--fix", is_flag=True, help="Put right what can be without a change of what a query says.")
@as_json
@click.pass_context
def lint(ctx: click.Context, paths: tuple[Path, ...], *, fix: bool, as_json: bool) -> int:
    """Check the style of every SQL transformation, or of PATHS (files and folders). Exit 1 when something is left.

    Needs the extra `lint` (sqlfluff). A file `.sqlfluff` beside mesh.yaml changes the rules.
    """
    from meshwright.build.linting import lint as run
    from meshwright.build.linting import sql_files, transformations

    try:
        node = node_of(ctx)
    except NotFound:
        if not paths:
            raise
        found = run(Path.cwd(), sql_files(Path.cwd(), paths), fix=fix, cache=None)
    else:
        files = sql_files(node.root, paths) if paths else transformations(node.workspace.mesh)
        found = run(node.root, files, fix=fix, cache=node.cache)
    if as_json:
        print_json(
            {
                "clean": not found.findings,
                "files": found.files,
                "findings": findings_as_data(found.findings),
                "fixed": list(found.fixed),
                "not_read": list(found.unread),
            }
        )
    else:
        _show(found)
    return int(bool(found.findings))


def _show(found: Linted) -> None:
    for name in found.fixed:
        click.echo(f"{click.style('fixed', fg='green')}  {name}")
    for finding in found.findings:
        click.echo(str(finding))
    for name in found.unread:
        click.echo(f"{name}: not checked: the linter does not know every word in it, which DuckDB does")
    fixable = sum(bool(one.hint) for one in found.findings)
    verdict = plural(len(found.findings), "finding") if found.findings else click.style("in good style", fg="green")
    step = f"; `mesh lint --fix` puts {fixable} right" if fixable else ""
    click.echo(f"{plural(found.files, 'query').replace('querys', 'queries')}: {verdict}{step}")
