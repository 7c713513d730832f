"""A product bound to its inputs: exact output columns, drafts for ports without a contract, what each column is made from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from meshwright.analysis.fingerprint import definitions
from meshwright.analysis.query import SqlError, parse
from meshwright.build.outline import CHANGES, Outline, ParsedTransformation, stem
from meshwright.build.used_columns import UsedColumns
from meshwright.model.casting import is_castable
from meshwright.model.contract import Column, Contract, Table
from meshwright.model.datatype import DataType, Unstorable, stored
from meshwright.model.findings import Finding, Severity
from meshwright.model.names import nearest
from meshwright.model.product import Product  # noqa: TC001 - the analysis cache's decoder reads the annotation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from meshwright.analysis.binding import Binder
    from meshwright.model.product import OutputPort

Columns = tuple[tuple[str, DataType], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundProduct:
    """A product whose transformations were bound over the columns of its inputs.

    `columns` maps a transformation to its output columns, () while only running it can tell (Python without a contract);
    `used` maps an input port that is read to the columns that are read of it; `inputs` to the columns it has.
    """

    product: Product
    transformations: tuple[ParsedTransformation, ...]
    inputs: dict[str, Columns] = field(default_factory=dict)
    columns: dict[str, Columns] = field(default_factory=dict)
    used: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    def transformation(self, name: str) -> ParsedTransformation:
        """The transformation whose file stem is *name*."""
        return next(one for one in self.transformations if one.name == name)

    def definitions(self, name: str) -> dict[str, str]:
        """What computes each output column of a transformation, "" what determines its rows, as fingerprints.

        Worked out when it is asked: only what is built, or was changed, needs it.
        """
        parsed = self.transformation(name)
        if parsed.language != "sql":
            return {"": parsed.fingerprint}
        sources = (*self.product.steps, *(port.transformation for port in self.product.output_ports))
        text = next(one.text for one in sources if one is not None and one.name == name)
        return definitions(parse(text))


def bind(outline: Outline, inputs: Mapping[str, Columns], binder: Binder) -> BoundProduct:
    """*outline* bound over its *inputs*' columns (by input port; one that is missing has a finding already)."""
    return _Binding(outline, inputs, binder).run()


class _Binding:
    def __init__(self, outline: Outline, inputs: Mapping[str, Columns], binder: Binder) -> None:
        self.outline = outline
        self.inputs = inputs
        self.binder = binder
        self.findings = list(outline.findings)
        self.columns: dict[str, Columns] = {}
        self.failed: set[str] = set()
        self.ports = {stem(port): port for port in outline.product.output_ports}

    def run(self) -> BoundProduct:
        for one in self.outline.transformations:
            self.columns[one.name] = self.bind_sql(one) if one.language == "sql" else self.bind_python(one)
        ports = tuple(self.check(port) for port in self.outline.product.output_ports)
        inputs = {name: tuple(columns) for name, columns in self.inputs.items()}
        transformations = self.outline.transformations
        # What a query that does not bind reads is not known: the record of what was published tells.
        sound = [one for one in transformations if one.name not in self.failed]
        return BoundProduct(
            product=replace(self.outline.product, output_ports=ports),
            transformations=transformations,
            inputs=inputs,
            columns=self.columns,
            used=UsedColumns(sound, inputs=inputs, columns=self.columns, binder=self.binder),
            findings=tuple(self.findings),
        )

    def bind_python(self, one: ParsedTransformation) -> Columns:
        port = self.ports.get(one.name)
        if port is None or port.contract is None or port.kind == "files":
            return ()
        return tuple((column.name, column.type) for column in port.contract.table.columns)

    def bind_sql(self, one: ParsedTransformation) -> Columns:
        known = all(self.inputs.get(port) for port in one.tables.values())
        if not one.sql or not known or not all(self.columns.get(name) for name in one.siblings.values()):
            return ()
        for table, port in one.tables.items():
            self.binder.declare(table, self.inputs[port])
        for table, name in one.siblings.items():
            self.binder.declare(table, self.columns[name])
        try:
            return self.binder.bind(one.sql)
        except SqlError as error:
            self.find(
                one.path,
                error.code,
                error.message,
                value=error.value,
                line=error.line,
                column=error.column,
                hint=error.hint,
            )
            self.failed.add(one.name)
            return ()

    def check(self, port: OutputPort) -> OutputPort:
        columns = self.columns.get(stem(port), ())
        if port.contract is not None:
            if columns and port.transformation is not None and port.transformation.language == "sql":
                self.compare(port, port.contract, columns)
        elif columns or port.kind == "files":
            self.check_storable(port, columns)
            port = replace(port, contract=draft_contract(self.outline.product, port, columns))
        if port.contract is not None and port.kind == "tables":
            self.check_settings(port, port.contract)
        return port

    def compare(self, port: OutputPort, contract: Contract, columns: Columns) -> None:
        assert port.transformation is not None  # noqa: S101 - narrowed by the caller
        path = port.transformation.path
        line = query_line(port.transformation.text)
        found = {name.lower(): (name, kind) for name, kind in columns}
        for column in contract.table.columns:
            if column.name.lower() not in found:
                guess = nearest(column.name, [name for name, _ in columns])
                hint = (
                    f"the query has {guess}: name it so, or correct the contract"
                    if guess
                    else "select it, or drop it from the contract"
                )
                self.find(
                    path,
                    "column-missing",
                    f"the contract promises column {column.name}",
                    value=contract.path,
                    hint=hint,
                    line=line,
                )
                continue
            name, kind = found[column.name.lower()]
            if not is_castable(kind, column.type):
                hint = f"write CAST({name} AS {column.type}) AS {name}, or correct the contract"
                message = f"column {name} is {kind}, but the contract promises {column.type}"
                self.find(path, "column-type", message, value=contract.path, hint=hint, line=line)
        promised = {column.name.lower() for column in contract.table.columns}
        for name, kind in columns:
            if name.lower() not in promised:
                hint = "add it to the contract, or leave it out of the query"
                self.find(
                    path,
                    "column-extra",
                    f"the contract does not speak of column {name}",
                    value=str(kind),
                    hint=hint,
                    line=line,
                )

    def check_storable(self, port: OutputPort, columns: Columns) -> None:
        """Find the columns that no table can hold; a contract's types can all be stored."""
        for name, kind in columns:
            try:
                stored(kind)
            except Unstorable as error:
                if port.transformation is not None:
                    line = query_line(port.transformation.text)
                    hint = "write the cast in the query"
                    message = f"column {name}: {error}"
                    self.find(port.transformation.path, "column-type", message, hint=hint, line=line)

    def check_settings(self, port: OutputPort, contract: Contract) -> None:
        known = [column.name for column in contract.table.columns]
        for name in (*port.key, *([port.event_time] if port.event_time else [])):
            if name not in known:
                guess = nearest(name, known)
                hint = f"did you mean {guess}?" if guess else f"it has {', '.join(known[:8])}"
                self.find(
                    contract.path or self.outline.product.path,
                    "unknown-column",
                    "the contract has no such column",
                    value=name,
                    hint=hint,
                )
        if port.materialization == "merge" and not (port.key or contract.table.primary_key):
            hint = "mark the key's columns primaryKey in the contract, or set mesh.key on the port"
            self.find(
                self.outline.product.path,
                "merge-without-key",
                f"port {port.name} merges by key but has none",
                hint=hint,
            )
        parsed = self.outline.transformation(stem(port))
        if port.materialization == "append" and parsed is not None and not parsed.changes and parsed.inputs:
            hint = f"read FROM {parsed.inputs[0]}{CHANGES}, or use materialization full"
            message = f"port {port.name} appends, but reads whole inputs: every build would add all rows again"
            self.find(parsed.path, "append-without-changes", message, hint=hint, severity=Severity.WARNING)

    def find(self, path: str, code: str, message: str, **rest: Any) -> None:  # noqa: ANN401 - a Finding's own fields
        self.findings.append(Finding(code=code, message=message, path=path, **rest))


def query_line(text: str) -> int:
    """The line on which the query proper begins: the first that is neither blank nor a comment."""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("--"):
            return number
    return 1


LOGICAL_NAMES = {
    "BOOLEAN": "boolean",
    "INTEGER": "integer",
    "BIGINT": "integer",
    "FLOAT": "number",
    "DOUBLE": "number",
    "DECIMAL": "number",
    "DATE": "date",
    "TIME": "time",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamp",
    "STRUCT": "object",
    "LIST": "array",
    "MAP": "map",
}


def draft_contract(product: Product, port: OutputPort, columns: Sequence[tuple[str, DataType]]) -> Contract:
    """The contract that a query implies: its columns as they would be stored, and no promise beyond."""
    return Contract(
        id=f"{product.id}.{port.name}",
        name=port.name,
        version=port.version or "0.1.0",
        status="draft",
        domain=product.domain,
        data_product=product.name,
        tables=(Table(name=port.name, columns=tuple(_draft_column(*column) for column in columns)),),
        written=False,
    )


def _draft_column(name: str, kind: DataType) -> Column:
    try:
        kept = stored(kind)
    except Unstorable:
        kept = kind
    items = properties = None
    if kept.name == "LIST":
        items = _draft_column("", kept.element)
    if kept.name == "STRUCT":
        properties = tuple(_draft_column(inner, member) for inner, member in kept.fields)
    logical = LOGICAL_NAMES.get(kept.name, "string")
    return Column(
        name=name, type=kept, logical_type=logical, physical_type=str(kept), items=items, properties=properties or ()
    )
