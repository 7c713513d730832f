"""A product's outline: its transformations parsed, every table they name resolved, implied input ports added.

Only the product's own files are looked at, so an outline can be kept for as long as they stay the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from meshwright.analysis import fence, fingerprint, python_source
from meshwright.analysis.query import SqlError, parse_all, rewrite
from meshwright.model.findings import Finding
from meshwright.model.graph import build_order
from meshwright.model.names import PortAddress, nearest
from meshwright.model.product import InputPort, OutputPort, Product, Source, Transformation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from meshwright.analysis.fence import Problem
    from meshwright.analysis.query import Query, TableReference
    from meshwright.workspace.source_paths import SourcePlace

CHANGES = "__changes"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedTransformation:
    """One transformation, understood as far as its own text goes.

    `tables` maps the table's name in `sql` to the input port (or, for `siblings`, to the transformation of the same product)
    that it stands for; `changes` are the input ports of which only new rows are read.
    """

    name: str
    language: str
    path: str
    sql: str = ""
    tables: dict[str, str] = field(default_factory=dict)
    siblings: dict[str, str] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    fingerprint: str = ""
    volatile: str = ""
    dependencies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A product with implied inputs added, and its transformations in the order in which they must run."""

    product: Product
    transformations: tuple[ParsedTransformation, ...] = ()
    findings: tuple[Finding, ...] = ()
    # The ids of other products that relationships of its contracts point to.
    references: tuple[str, ...] = ()
    # Where an implied input is named first: path, line, column.
    places: dict[str, tuple[str, int, int]] = field(default_factory=dict)

    def transformation(self, name: str) -> ParsedTransformation | None:
        """The transformation whose file stem is *name*."""
        return next((one for one in self.transformations if one.name == name), None)


Parsed = Mapping[str, "Query | SqlError"]


def outline(
    product: Product, locate_source: Callable[[str, str], SourcePlace], parsed: Parsed | None = None
) -> Outline:
    """The outline of *product*; *locate_source(folder, path)* says where a literal path leads.

    *parsed* has queries that are parsed already, by text: parsing many at a time costs half.
    """
    return _Outliner(product, locate_source, parsed or {}).run()


def sql_texts(product: Product) -> list[str]:
    """The text of every SQL transformation of *product*."""
    sources = (*product.steps, *(port.transformation for port in product.output_ports))
    return [one.text for one in sources if one is not None and one.language == "sql"]


def stem(port: OutputPort) -> str:
    """The file stem of a port's transformation."""
    return port.transformation.name if port.transformation else port.name


class _Outliner:
    def __init__(self, product: Product, locate_source: Callable[[str, str], SourcePlace], parsed: Parsed) -> None:
        self.product = product
        self.parsed = parsed
        self.locate_source = locate_source
        self.inputs = {port.name: port for port in product.input_ports}
        self.findings: list[Finding] = []
        self.places: dict[str, tuple[str, int, int]] = {}
        self.sources: dict[str, Transformation] = {step.name: step for step in product.steps}
        self.sources |= {stem(port): port.transformation for port in product.output_ports if port.transformation}

    def run(self) -> Outline:
        parsed = {name: self.parse(source) for name, source in sorted(self.sources.items())}
        order, cycles = build_order({name: set(one.siblings.values()) for name, one in parsed.items()})
        for cycle in cycles:
            self.find(
                parsed[cycle[0]].path,
                "step-cycle",
                "transformations read each other in a circle",
                value=" → ".join(cycle),
            )
        product = replace(self.product, input_ports=tuple(self.inputs.values()))
        return Outline(
            product=product,
            transformations=tuple(parsed[name] for name in order),
            findings=tuple(self.findings),
            references=tuple(product.references),
            places=self.places,
        )

    def parse(self, source: Transformation) -> ParsedTransformation:
        if source.language == "python":
            return self.parse_python(source)
        query = self.parsed.get(source.text) or parse_all([source.text])[0]
        if isinstance(query, SqlError):
            self.problems(source.path, [query.problem])
            return ParsedTransformation(name=source.name, language="sql", path=source.path)
        refused = fence.check(query)
        self.problems(source.path, refused)
        return self.parse_sql(source, query, is_refused=bool(refused))

    def parse_sql(self, source: Transformation, query: Query, *, is_refused: bool) -> ParsedTransformation:
        names: dict[tuple[str, ...], str] = {}
        tables: dict[str, str] = {}
        siblings: dict[str, str] = {}
        changes: list[str] = []
        for reference in query.references:
            table, port, changed = self.target(source, reference)
            if not table:
                continue
            names[reference.path] = table
            if changed:
                changes.append(port)
            (siblings if port in self.sources and port not in self.inputs else tables)[table] = port
        complete = all(reference.path in names for reference in query.references)
        return ParsedTransformation(
            name=source.name,
            language="sql",
            path=source.path,
            sql=self.rewritten(source, query, names) if complete and not is_refused else "",
            tables=tables,
            siblings=siblings,
            inputs=tuple(sorted(set(tables.values()))),
            changes=tuple(sorted(set(changes))),
            fingerprint=fingerprint.fingerprint(query),
            volatile=", ".join(fence.volatile_functions(query)),
        )

    def rewritten(self, source: Transformation, query: Query, names: Mapping[tuple[str, ...], str]) -> str:
        """*query* over the tables *names*; "" where one of them is named in a way that has no place."""
        try:
            return rewrite(query, names)
        except SqlError as error:
            self.problems(source.path, [error.problem])
            return ""

    def target(self, source: Transformation, reference: TableReference) -> tuple[str, str, bool]:
        """The table's name in rewritten SQL, the input port or sibling it stands for, whether only its changes."""
        *front, last = reference.path
        changed = last.endswith(CHANGES) and not reference.is_literal
        last = last.removesuffix(CHANGES) if changed else last
        place = {"line": reference.line, "column": reference.column}
        suffix = CHANGES if changed else ""
        if reference.is_literal:
            return self.literal(source, last, place)
        if not front and last in self.inputs:
            return self.table(self.inputs[last]) + suffix, last, changed
        if not front and last in self.sources:
            return self.sibling(source, last, place)
        if front or "." in last:
            name = self.address(source, ".".join((*front, last)), place)
            return (self.table(self.inputs[name]) + suffix, name, changed) if name else ("", "", False)
        self.unknown(source, last, place)
        return "", "", False

    def table(self, port: InputPort) -> str:
        """The table's name in rewritten SQL: the same in every product that reads the same thing."""
        return str(port.address) if port.address else f"{self.product.id}:{port.name}"

    def literal(self, source: Transformation, path: str, place: dict[str, int]) -> tuple[str, str, bool]:
        found = self.locate_source(self.product.folder, path)
        if found.findings:
            for one in found.findings:
                self.find(source.path, one.code, one.message, value=one.value, hint=one.hint, **place)
            return "", "", False
        inputs = self.inputs.values()
        source_read = found.complete(Source(path=found.path))
        known = next((port for port in inputs if port.source and _is_same(port.source, source_read)), None)
        port = known or InputPort(name=path, source=source_read, implied=True)
        self.inputs.setdefault(port.name, port)
        if port.implied:
            self.places.setdefault(port.name, (source.path, place["line"], place["column"]))
        return self.table(port), port.name, False

    def sibling(self, source: Transformation, name: str, place: dict[str, int]) -> tuple[str, str, bool]:
        if name == source.name:
            hint = f"declare an input port named {name}, or read another product's port as domain.product"
            self.find(
                source.path, "self-input", "a transformation cannot read its own result", value=name, hint=hint, **place
            )
            return "", "", False
        if self.publishes_files(name):
            self.no_table(source, name, place)
            return "", "", False
        return f"{self.product.id}#{name}", name, False

    def publishes_files(self, name: str) -> bool:
        return any(port.kind == "files" and stem(port) == name for port in self.product.output_ports)

    def no_table(self, source: Transformation, name: str, place: dict[str, int]) -> None:
        message = "this port publishes files, which no other transformation can read as a table"
        hint = "make what both need in an intermediate step"
        self.find(source.path, "unknown-table", message, value=name, hint=hint, **place)

    def address(self, source: Transformation, text: str, place: dict[str, int]) -> str:
        try:
            address = PortAddress.parse(text)
        except ValueError as error:
            self.find(source.path, "unknown-table", str(error), value=text, **place)
            return ""
        if address.product_id == self.product.id:
            hint = "a product cannot be its own input; use `<input>__changes` with materialization append or merge"
            self.find(source.path, "self-input", "the product reads itself", value=text, hint=hint, **place)
            return ""
        known = next((port for port in self.inputs.values() if port.address == address), None)
        port = known or InputPort(name=str(address), address=address, implied=True)
        self.inputs.setdefault(port.name, port)
        if port.implied:
            self.places.setdefault(port.name, (source.path, place["line"], place["column"]))
        return port.name

    def unknown(self, source: Transformation, name: str, place: dict[str, int]) -> None:
        guess = nearest(name, [*self.inputs, *(other for other in self.sources if other != source.name)])
        hint = (
            f"did you mean {guess}?"
            if guess
            else "declare it under inputPorts, or write domain.product or 'path/to/file.csv'"
        )
        self.find(
            source.path, "unknown-table", "no input port, step or table has this name", value=name, hint=hint, **place
        )

    def parse_python(self, source: Transformation) -> ParsedTransformation:
        function = source.name.partition("@")[0]
        read = python_source.read(source.text, function)
        self.problems(source.path, read.findings)
        tables: dict[str, str] = {}
        siblings: dict[str, str] = {}
        names = [*self.inputs, *self.sources] if read.reads_all else sorted({*read.inputs, *read.changes})
        for name in names:
            place = {"line": read.function_line, "column": 1}
            if name in self.inputs:
                tables[name] = name
            elif name in self.sources:
                if self.publishes_files(name) and not read.reads_all and name != source.name:
                    self.no_table(source, name, place)
                elif name != source.name and not self.publishes_files(name):
                    siblings[name] = name
            elif "." in name and (port := self.python_input(source, name, place)):
                tables[name] = port
            elif "." not in name:
                self.unknown(source, name, place)
        return ParsedTransformation(
            name=source.name,
            language="python",
            path=source.path,
            tables=tables,
            siblings=siblings,
            inputs=tuple(sorted(set(tables.values()))),
            changes=tuple(sorted(set(read.changes) & set(self.inputs))),
            fingerprint=read.fingerprint,
            dependencies=read.dependencies,
        )

    def python_input(self, source: Transformation, name: str, place: dict[str, int]) -> str:
        if "/" in name or not self.locate_source(self.product.folder, name).findings:
            return self.literal(source, name, place)[1]
        return self.address(source, name, place)

    def problems(self, path: str, problems: Iterable[Problem]) -> None:
        for one in problems:
            self.find(path, one.code, one.message, value=one.value, hint=one.hint, line=one.line, column=one.column)

    def find(self, path: str, code: str, message: str, **place: Any) -> None:  # noqa: ANN401 - a Finding's own fields
        self.findings.append(Finding(code=code, message=message, path=path, **place))


def _is_same(declared: Source, named: Source) -> bool:
    """Whether a literal in FROM names what an input port declares."""
    if declared.query or declared.options.get("sheet") != named.options.get("sheet"):
        return False
    return declared.address == named.address
