"""`mesh test`: contracts on published data or on files, and a product's own cases."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshwright.cli import completing
from meshwright.cli.options import acting, as_json, environment, node_of, purpose
from meshwright.cli.output import plural, print_json
from meshwright.cli.rules import show_rules
from meshwright.model.errors import InvalidInput, NotFound
from meshwright.model.names import nearest

if TYPE_CHECKING:
    from collections.abc import Collection

    from meshwright.build.product_tests import CaseResult
    from meshwright.build.testing import ContractRun
    from meshwright.node import Node
    from meshwright.reading.reader import Reader


@click.command()
@click.argument("names", nargs=-1, metavar="[PRODUCT | FILE]...", shell_complete=completing.products)
@click.option("--contract", type=click.Path(path_type=Path, dir_okay=False), help="Test FILES against this contract.")
@click.option("--schema", default="", help="The contract's schema object, when it has several.")
@click.option(
    "--reference",
    "references",
    multiple=True,
    metavar="TABLE=FILE",
    help="Where a table is that relationships point to.",
)
@environment
@acting
@purpose
@as_json
@click.pass_context
def test(
    ctx: click.Context,
    names: tuple[str, ...],
    contract: Path | None,
    schema: str,
    references: tuple[str, ...],
    environment: str,
    acting: str | None,
    purpose: str,
    *,
    as_json: bool,
) -> int:
    """Run the contracts of PRODUCTS (all of them by default) on published data, and the products' own tests.

    With --as, and for the bearer of a token, contracts run on what that one may see, as far as they speak of columns that are clear. With --contract, test FILES against a contract; no mesh is needed. Exit 1 when a rule of severity error fails.
    """
    if contract is not None:
        return _files(contract, schema, [Path(name) for name in names], references, as_json=as_json)
    node = node_of(ctx)
    reader = node.reader(environment, acting=acting, purpose=purpose)
    return _products(node, names, environment, reader, as_json=as_json)


def _files(path: Path, schema: str, files: list[Path], references: tuple[str, ...], *, as_json: bool) -> int:
    from meshwright.build.file_tests import chosen_table, read_contract, run_on_files

    if not files:
        raise InvalidInput("name the files to test: mesh test --contract CONTRACT FILE…")
    contract = read_contract(path)
    table = chosen_table(contract, schema)
    if wrong := [one for one in references if not one.partition("=")[2]]:
        raise InvalidInput(f"--reference {wrong[0]} names no file: write --reference TABLE=FILE")
    tables = {name: Path(file) for name, _, file in (one.partition("=") for one in references)}
    return _report([run_on_files(contract, table, files, references=tables)], [], as_json=as_json)


def _products(node: Node, names: tuple[str, ...], environment: str, reader: Reader, *, as_json: bool) -> int:
    from meshwright.build.product_tests import run_tests
    from meshwright.engines.interruption import interruptible
    from meshwright.operating.admission import ReaderAdmission
    from meshwright.reading.export import size_of

    mesh = node.effective(environment)
    known = {*mesh.products, *node.published(environment)}
    told = known if reader.told is None else {one.product_id for one in reader.told(environment)}
    _require_known(names, known, told)
    workshop = node.workshop(environment, lambda _: None, mesh)
    admission = ReaderAdmission(reader=reader) if reader.guard is not None else None
    workshop.admission = admission or workshop.admission
    started, shown = time.monotonic(), []
    run = partial(run_tests, workshop, names or sorted(told), mesh.products, has_cases=admission is None)
    try:
        tested = interruptible(run, workshop.stop)
        if admission is not None:
            admission.confirm()
        shown = [row.values() for run in tested.runs for rule in run.results for row in rule.sample]
    finally:
        workshop.discard()
        if admission is not None:
            admission.ended(rows=len(shown), size=size_of(shown), seconds=time.monotonic() - started)
    if names and tested.denied and not tested.runs:
        raise next(iter(tested.denied.values()))
    if admission is not None:
        _tell_untested("policies do not let it be read", tested.denied)
        _tell_untested("only the mesh's owner runs own cases", tested.unpublished)
    return _report(tested.runs, tested.cases, as_json=as_json)


def _tell_untested(why: str, names: Collection[str]) -> None:
    if names:
        click.echo(f"not tested, as {why}: {', '.join(names)}", err=True)


def _require_known(names: tuple[str, ...], known: set[str], told: set[str]) -> None:
    """Raise NotFound for one of *names* that is none of the *known* products; it suggests only what may be *told*."""
    unknown = [name for name in names if name not in known]
    if unknown:
        guess = nearest(unknown[0], told)
        raise NotFound(
            f"there is no product {unknown[0]}" + (f": did you mean {guess}?" if guess else ": see `mesh list`")
        )


def _report(runs: list[ContractRun], cases: list[CaseResult], *, as_json: bool) -> int:
    results = [rule for run in runs for rule in run.results]
    broken = [case for case in cases if case.differences]
    failed = bool(broken) or any(rule.blocks for rule in results)
    if as_json:
        _print_report(runs, cases, passed=not failed)
        return int(failed)
    show_rules({run.name: run.results for run in runs}, everything=len(runs) == 1)
    for case in broken:
        click.echo(f"          {click.style('✗', fg='red')} {case.path}:{case.line} {case.name}")
        for difference in case.differences[:10]:
            click.echo(f"              {difference}")
    outcomes = [rule.outcome.value for rule in results]
    counts = ", ".join(
        f"{outcomes.count(word)} {word}" for word in ("passed", "failed", "error", "not run") if word in outcomes
    )
    own = f"; {plural(len(cases), 'own case')}, {len(broken)} failed" if cases else ""
    click.echo(f"{plural(len(results), 'rule')}: {counts or 'none'}{own}")
    return int(failed)


def _print_report(runs: list[ContractRun], cases: list[CaseResult], *, passed: bool) -> None:
    from meshwright.quality.report import report

    now = datetime.now(UTC)
    contracts = {run.name: report(run.contract, run.table, run.results, observed_at=now, samples=True) for run in runs}
    listed = [
        {
            "name": case.name,
            "port": case.port,
            "file": case.path,
            "line": case.line,
            "passed": not case.differences,
            "differences": list(case.differences),
        }
        for case in cases
    ]
    print_json({"passed": passed, "contracts": contracts, "cases": listed})
