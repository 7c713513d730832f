"""`mesh validate`, `mesh explain`, `mesh schema`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from meshwright.cli import completing
from meshwright.cli.options import as_json, node_of
from meshwright.cli.output import findings_as_data, plural, print_json
from meshwright.model.errors import NotFound, Unavailable
from meshwright.model.findings import Finding, Severity


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@as_json
@click.pass_context
def validate(ctx: click.Context, files: tuple[Path, ...], *, as_json: bool) -> int:
    """Check every file of the mesh: syntax, schemas, references, SQL and its types. Nothing is run.

    With FILES, check single ODCS or ODPS documents, each by the version it declares, outside any mesh.
    """
    if files:
        from meshwright.workspace.documents import check_files

        return _report(check_files(list(files)), plural(len(files), "document"), as_json=as_json)
    found = node_of(ctx).validate()
    what = f"{plural(found.products, 'product')} in {plural(found.domains, 'domain')}"
    return _report(list(found.findings), what, as_json=as_json)


def _report(findings: list[Finding], what: str, *, as_json: bool) -> int:
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    if as_json:
        print_json({"valid": errors == 0, "findings": findings_as_data(findings)})
    else:
        for finding in findings:
            click.echo(str(finding), err=finding.severity is Severity.ERROR)
        warnings = len(findings) - errors
        verdict = click.style("valid", fg="green") if not errors else click.style(plural(errors, "error"), fg="red")
        click.echo(f"{what}: {verdict}" + (f", {plural(warnings, 'warning')}" if warnings else ""), err=bool(errors))
        if errors:
            click.echo("`mesh explain CODE` says more about one.", err=True)
    return 2 if errors else 0


@click.command()
@click.argument("code", required=False, shell_complete=completing.codes)
@as_json
def explain(code: str | None, *, as_json: bool) -> None:
    """Explain a finding's CODE: what it means, why it matters, how to correct it. Without one, list them all."""
    from meshwright.build.codes import all_codes
    from meshwright.model.names import nearest

    codes = {one.code: one for one in all_codes()}
    if code is None:
        if as_json:
            print_json(
                [{"code": one.code, "title": one.title, "explanation": one.explanation} for one in codes.values()]
            )
        else:
            width = max(map(len, codes))
            for one in codes.values():
                click.echo(f"{one.code.ljust(width)}  {one.title}")
        return
    found = codes.get(code)
    if found is None:
        guess = nearest(code, codes)
        raise NotFound(
            f"there is no code '{code}'" + (f": did you mean {guess}?" if guess else ": `mesh explain` lists them")
        )
    if as_json:
        print_json({"code": found.code, "title": found.title, "explanation": found.explanation})
    else:
        click.secho(f"{found.code}: {found.title}", bold=True)
        click.echo(f"\n{found.explanation}")


@click.command()
@click.argument("name", required=False)
@click.option(
    "--to", type=click.Path(path_type=Path, file_okay=False), help="Write each to NAME.json in this folder instead."
)
def schema(name: str | None, to: Path | None) -> None:
    """Print the JSON Schema of one kind of file (mesh, domain, product, contract, people, tests, policy_cases), or of all by name."""
    from meshwright.formats.mesh_files import schemas

    every = schemas()
    if name is not None and name not in every:
        raise NotFound(f"there is no schema '{name}': there are {', '.join(every)}")
    chosen = every if name is None else {name: every[name]}
    if to is None:
        print_json(every if name is None else every[name])
        return
    for kind, one in chosen.items():
        path = to / f"{kind}.json"
        try:
            to.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(one, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        except OSError as error:
            raise Unavailable(f"{path} cannot be written: {error.strerror or error}") from error
        click.echo(f"wrote {path}")
