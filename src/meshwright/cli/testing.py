"""`mesh test`: contracts on published data or on files, and a product's own cases."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshwright.cli.options import as_json, environment, node_of
from meshwright.cli.output import plural, print_json
from meshwright.cli.rules import show_rules
from meshwright.model.errors import InvalidInput, NotFound
from meshwright.model.names import nearest

if TYPE_CHECKING:
    from meshwright.build.product_tests import CaseResult
    from meshwright.model.results import RuleResult
    from meshwright.node import Node

Tests = "dict[str, tuple[RuleResult, ...]]"


@click.command()
@click.argument("names", nargs=-1, metavar="[PRODUCT | FILE]...")
@click.option("--contract", type=click.Path(path_type=Path, dir_okay=False), help="Test FILES against this contract.")
@click.option("--schema", default="", help="The contract's schema object, when it has several.")
@environment
@as_json
@click.pass_context
def test(
    ctx: click.Context, names: tuple[str, ...], contract: Path | None, schema: str, environment: str, *, as_json: bool
) -> int:
    """Run the contracts of PRODUCTS (all of them by default) on published data, and the products' own tests.

    With --contract, test FILES against a contract; no mesh is needed. Exit 1 when a rule of severity error fails.
    """
    if contract is not None:
        return _files(contract, schema, [Path(name) for name in names], as_json=as_json)
    return _products(node_of(ctx), names, environment, as_json=as_json)


def _files(path: Path, schema: str, files: list[Path], *, as_json: bool) -> int:
    from meshwright.build.file_tests import chosen_table, read_contract, test_files

    if not files:
        raise InvalidInput("name the files to test: mesh test --contract CONTRACT FILE…")
    contract = read_contract(path)
    table = chosen_table(contract, schema)
    return _report({table.name: test_files(contract, table, files)}, [], as_json=as_json)


def _products(node: Node, names: tuple[str, ...], environment: str, *, as_json: bool) -> int:
    from meshwright.build.product_tests import test_cases, test_published

    mesh = node.effective(environment)
    published = node.published(environment)
    known = {**mesh.products, **published}
    unknown = [name for name in names if name not in known]
    if unknown:
        guess = nearest(unknown[0], known)
        raise NotFound(f"there is no product {unknown[0]}" + (f": did you mean {guess}?" if guess else ": see `mesh list`"))
    workshop = node.workshop(environment, lambda _: None, mesh)
    tests: dict[str, tuple[RuleResult, ...]] = {}
    cases: list[CaseResult] = []
    try:
        for name in names or sorted(known):
            if name in published:
                tests |= {f"{name}.{port}": rules for port, rules in test_published(workshop, name).items()}
            if name in mesh.products:
                cases += test_cases(workshop, mesh.products[name])
    finally:
        workshop.engine.close()
    return _report(tests, cases, as_json=as_json)


def _report(tests: dict[str, tuple[RuleResult, ...]], cases: list[CaseResult], *, as_json: bool) -> int:
    blocking = sum(rule.blocks for rules in tests.values() for rule in rules)
    broken = [case for case in cases if case.differences]
    if as_json:
        from meshwright.quality.report import report

        data = {port: report(rules) for port, rules in tests.items()}
        listed = [
            {"name": case.name, "port": case.port, "file": case.path, "line": case.line, "passed": not case.differences, "differences": list(case.differences)}
            for case in cases
        ]
        print_json({"passed": not blocking and not broken, "contracts": data, "cases": listed})
        return 1 if blocking or broken else 0
    show_rules(tests, everything=len(tests) == 1)
    for case in broken:
        click.echo(f"          {click.style('✗', fg='red')} {case.path}:{case.line} {case.name}")
        for difference in case.differences[:10]:
            click.echo(f"              {difference}")
    rules = sum(len(found) for found in tests.values())
    outcomes = [rule.outcome.value for found in tests.values() for rule in found]
    counts = ", ".join(f"{outcomes.count(word)} {word}" for word in ("passed", "failed", "error", "not run") if word in outcomes)
    own = f"; {plural(len(cases), 'own case')}, {len(broken)} failed" if cases else ""
    click.echo(f"{plural(rules, 'rule')}: {counts or 'none'}{own}")
    return 1 if blocking or broken else 0
