"""Tests asked for by themselves: contracts on published data, and a product's own given/expected cases."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from meshwright.build.build_inputs import BuildInput
from meshwright.build.outline import CHANGES
from meshwright.build.reuse import label
from meshwright.build.testing import ContractRun, Tester, admitted_dataset
from meshwright.build.transforming import Transforming
from meshwright.engines import TableInput
from meshwright.model.datatype import DataType, literal, quote
from meshwright.model.errors import Denied, InvalidInput, MeshwrightError
from meshwright.model.publication import InputRead
from meshwright.model.restriction import ABSENT, Restriction
from meshwright.quality.unit_cases import compare
from meshwright.reading.seen_contract import seen_contract

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from meshwright.build.bound import BoundProduct
    from meshwright.build.workshop import Workshop
    from meshwright.model.contract import Contract
    from meshwright.model.product import TestCase
    from meshwright.model.publication import Publication, PublishedPort
    from meshwright.quality import Dataset

Columns = tuple[tuple[str, DataType], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """What became of one given/expected case: no differences, it passed."""

    name: str
    port: str
    path: str
    line: int
    differences: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Tested:
    """What tests found: contracts on published ports, and products' own cases.

    `denied` says of ports why they may not be read, `unpublished` are products that serve nothing yet.
    """

    runs: list[ContractRun] = field(default_factory=list)
    cases: list[CaseResult] = field(default_factory=list)
    denied: dict[str, Denied] = field(default_factory=dict)
    unpublished: list[str] = field(default_factory=list)


def run_tests(
    workshop: Workshop, products: Iterable[str], bound: Mapping[str, BoundProduct], *, has_cases: bool
) -> Tested:
    """The contracts of *products* on what they serve, and with *has_cases* their own cases, where *bound* has them."""
    tested = Tested()
    for product in products:
        if workshop.stopped.is_set():
            break
        head = workshop.registry.head(workshop.environment, product)
        if head is None:
            tested.unpublished.append(product)
        else:
            _run_contracts(workshop, head, tested)
        if has_cases and product in bound:
            tested.cases += run_cases(workshop, bound[product])
    return tested


def _run_contracts(workshop: Workshop, head: Publication, tested: Tested) -> None:
    """Add to *tested* what every port's contract finds in what *head* serves, as far as that may be read."""
    product = head.product
    tester = Tester(workshop, product)
    data: dict[tuple[str, int], Dataset] = {}
    for port in head.ports:
        if port.kind == "tables":
            try:
                seen = admitted_dataset(workshop, product, head, port, only_clear=True)
            except Denied as error:
                tested.denied[f"{product}.{label(port.name, port.major)}"] = error
                continue
            data[port.name, port.major] = tester.staged[port.name] = seen
    for port in head.ports:
        if (port.name, port.major) in data:
            seen = data[port.name, port.major]
            contract = port.contract if not seen.scan or len(seen.columns) == len(port.schema) else _told(port, seen)
            tested.runs.append(
                ContractRun(
                    name=f"{product}.{label(port.name, port.major)}",
                    contract=contract,
                    table=contract.table,
                    results=tester.test(contract, seen, event_time=port.event_time),
                )
            )


def _told(port: PublishedPort, seen: Dataset) -> Contract:
    """What the contract says of the columns that are *seen* as they are: a rule on others would tell of them."""
    clear = {name for name, _ in seen.columns}
    others = {field.id: ABSENT for field in port.schema if field.name not in clear}
    contract = seen_contract(port, Restriction(actions=others))
    columns = tuple(
        replace(column, quality=tuple(rule for rule in column.quality if rule.kind != "sql"))
        for column in contract.table.columns
    )
    table = replace(contract.table, columns=columns, quality=(), relationships=())
    return replace(contract, tables=(table,), service_levels=())


def run_cases(workshop: Workshop, bound: BoundProduct) -> list[CaseResult]:
    """The product's own cases: each port or step run over the given rows and compared with the expected ones."""
    return [_run_case(workshop, bound, case, number) for number, case in enumerate(bound.product.tests)]


def _run_case(workshop: Workshop, bound: BoundProduct, case: TestCase, number: int) -> CaseResult:
    folder = workshop.staging / f"{bound.product.id}.case{number}"
    try:
        differences = _differences(workshop, bound, case, folder)
    except MeshwrightError as error:
        differences = (str(error),)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return CaseResult(name=case.name, port=case.port, path=case.path, line=case.line, differences=tuple(differences))


def _differences(workshop: Workshop, bound: BoundProduct, case: TestCase, folder: Any) -> tuple[str, ...]:  # noqa: ANN401 - a Path
    parsed = {one.name: one for one in bound.transformations}
    if case.port not in parsed:
        raise InvalidInput(f"there is no port or step {case.port}: there are {', '.join(parsed)}")
    unknown = sorted(set(case.given) - set(bound.inputs) - set(parsed) - {f"{name}{CHANGES}" for name in bound.inputs})
    if unknown:
        raise InvalidInput(f"given {', '.join(unknown)} is no input: there are {', '.join(bound.inputs)}")
    inputs = {name: _given(name, columns, case) for name, columns in bound.inputs.items()}
    run = Transforming(workshop, bound, inputs, {}, folder, only=_needed(bound, case))
    for name, rows in case.given.items():
        if name in parsed and name not in bound.inputs:
            run.results[name] = TableInput(name=name, scan=rows_sql(rows, bound.columns.get(name, ())))
    run.run()
    cursor = workshop.engine.cursor()
    try:
        found = cursor.sql(run.results[case.port].scan)
        actual = [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]
    finally:
        cursor.close()
    return tuple(compare(case.expected, actual, ordered=case.ordered))


def _needed(bound: BoundProduct, case: TestCase) -> frozenset[str]:
    """The tested transformation and the siblings it reads, but for those whose rows are given."""
    parsed = {one.name: one for one in bound.transformations}
    found = {case.port}
    queue = [case.port]
    while queue:
        for name in parsed[queue.pop()].siblings.values():
            if name not in found and name not in case.given:
                found.add(name)
                queue.append(name)
    return frozenset(found)


def _given(name: str, columns: Columns, case: TestCase) -> BuildInput:
    changes = case.given.get(f"{name}{CHANGES}")
    scan = rows_sql(case.given.get(name, changes or []), columns)
    table = TableInput(
        name=name, scan=scan, changes=rows_sql(changes, columns) if changes is not None else None, columns=columns
    )
    return BuildInput(name=name, table=table, read=InputRead(name=name))


def rows_sql(rows: list[dict[str, Any]], columns: Columns) -> str:
    """A SELECT that yields *rows* with *columns*; a column that a row does not name is NULL. Raises InvalidInput."""
    known = {name.lower() for name, _ in columns}
    unknown = sorted({name for row in rows for name in row if name.lower() not in known})
    if unknown:
        raise InvalidInput(
            f"given rows name {', '.join(unknown)}, which the input does not have: it has {', '.join(name for name, _ in columns)}"
        )
    empty = "SELECT " + ", ".join(f"CAST(NULL AS {kind}) AS {quote(name)}" for name, kind in columns)
    if not rows:
        return f"{empty} WHERE false"
    return " UNION ALL ".join(_row_sql(row, columns) for row in rows)


def _row_sql(row: dict[str, Any], columns: Columns) -> str:
    values = {name.lower(): value for name, value in row.items()}
    cells = [f"CAST({_value_sql(values.get(name.lower()))} AS {kind}) AS {quote(name)}" for name, kind in columns]
    return "SELECT " + ", ".join(cells)


def _value_sql(value: Any) -> str:  # noqa: ANN401 - any value of a YAML document
    match value:
        case None:
            return "NULL"
        case bool():
            return str(value).lower()
        case int() | float():
            return literal(str(value))
        case list():
            return "[" + ", ".join(_value_sql(inner) for inner in value) + "]"
        case dict():
            return "{" + ", ".join(f"{literal(str(key))}: {_value_sql(inner)}" for key, inner in value.items()) + "}"
        case _:
            return literal(str(value))
