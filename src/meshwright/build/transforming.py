"""Transforming: runs a product's transformations in order, each output port's rows to staging."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from meshwright.build.bound import draft_contract
from meshwright.build.events import OutputPrinted
from meshwright.build.faithful import refuse_unfaithful
from meshwright.build.fingerprints import key_of
from meshwright.build.outline import stem
from meshwright.engines import PythonJob, Staged, TableInput, TableOutput
from meshwright.engines.parquet_scan import parquet, scan_sql
from meshwright.model.datatype import DataType, Unstorable, stored
from meshwright.model.errors import InvalidInput
from meshwright.model.fields import fields
from meshwright.model.product import Limits

if TYPE_CHECKING:
    from pathlib import Path

    from meshwright.build.bound import BoundProduct
    from meshwright.build.build_inputs import BuildInput
    from meshwright.build.outline import ParsedTransformation
    from meshwright.build.workshop import Workshop
    from meshwright.model.contract import Contract
    from meshwright.model.product import OutputPort
    from meshwright.model.publication import Field


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedPort:
    """One output port's staged result: rows (tables) or a folder of artifacts (files). `port` has its contract."""

    port: OutputPort
    schema: tuple[Field, ...] = ()
    last_field_id: int = 0
    staged: Staged = field(default_factory=lambda: Staged(files=(), rows=0, bytes=0))
    artifacts: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviousSchema:
    """The columns that a port's table has now, and the highest field id it ever gave."""

    schema: tuple[Field, ...] = ()
    last_field_id: int = 0


class Transforming:
    """Runs the transformations of one product over *inputs*, below *folder*."""

    def __init__(
        self,
        workshop: Workshop,
        bound: BoundProduct,
        inputs: dict[str, BuildInput],
        previous: dict[tuple[str, int], PreviousSchema],
        folder: Path,
        only: frozenset[str] | None = None,
        begin: frozenset[str] = frozenset(),
    ) -> None:
        self.workshop = workshop
        self.bound = bound
        self.inputs = inputs
        self.previous = previous
        self.folder = folder
        # The transformations to run, with all they read; None for every one.
        self.only = only
        # The transformations to which every row of their inputs is new.
        self.begin = begin
        self.ports = {stem(port): port for port in bound.product.output_ports}
        # What each finished transformation can be read as, by its name.
        self.results: dict[str, TableInput] = {}

    def run(self) -> list[StagedPort]:
        """Every output port's result, in the descriptor's order. Raises InvalidInput, Refused, Unavailable."""
        done: dict[str, StagedPort] = {}
        for one in self.bound.transformations:
            if self.workshop.stopped.is_set():
                raise KeyboardInterrupt
            if self.only is not None and one.name not in self.only:
                continue
            port = self.ports.get(one.name)
            if port is None:
                self._step(one)
            else:
                done[one.name] = self._files(one, port) if port.kind == "files" else self._table(one, port)
        missing = [name for name in self.ports if name not in done]
        if missing and self.only is None:
            raise InvalidInput(f"no transformation makes {', '.join(missing)}")
        return [done[name] for name in self.ports if name in done]

    def _table(self, one: ParsedTransformation, port: OutputPort) -> StagedPort:
        query, inputs, columns = self._source(one)
        if port.contract is None or not port.contract.table.columns:
            port = replace(port, contract=draft_contract(self.bound.product, port, columns))
        assert port.contract is not None  # noqa: S101 - drafted just above when it was missing
        before = self.previous.get((port.name, port.major), PreviousSchema())
        kept = kept_columns(one.name, port.contract)
        schema, last = fields(kept, before.schema, before.last_field_id)
        key = key_of(port) if port.materialization == "full" else ()
        output = TableOutput(name=one.name, folder=self.folder / one.name, schema=schema, key=key)
        staged = self.workshop.engine.stage(query, inputs=inputs, output=output)
        refuse_unfaithful(one.name, staged, schema, port.contract, self.workshop.engine)
        self.results[one.name] = TableInput(name=one.name, scan=scan_sql(staged.files, schema, str), columns=kept)
        return StagedPort(port=port, schema=schema, last_field_id=last, staged=staged)

    def _source(
        self, one: ParsedTransformation
    ) -> tuple[str, tuple[TableInput, ...], tuple[tuple[str, DataType], ...]]:
        """The query that yields the rows, its inputs, and its columns."""
        engine = self.workshop.engine
        if one.language == "sql":
            inputs = self._tables(one)
            known = self.bound.columns.get(one.name, ())
            return one.sql, inputs, known or engine.columns(one.sql, inputs=inputs, name=one.name)
        query = f"SELECT * FROM {parquet([str(part) for part in self._python(one, 'tables')])}"
        return query, (), engine.columns(query, inputs=(), name=one.name)

    def _tables(self, one: ParsedTransformation) -> tuple[TableInput, ...]:
        """The inputs of a SQL transformation, each under the name that its SQL uses."""
        found: dict[str, TableInput] = {}
        for table, name in one.tables.items():
            base = table.removesuffix("__changes") if name in one.changes else table
            found[base] = replace(self._input(one, name), name=base)
        return (*self._siblings(one), *found.values())

    def _input(self, one: ParsedTransformation, name: str) -> TableInput:
        table = self.inputs[name].table
        return replace(table, changes=None) if one.name in self.begin else table

    def _siblings(self, one: ParsedTransformation) -> list[TableInput]:
        return [replace(self.results[name], name=table) for table, name in one.siblings.items()]

    def _step(self, one: ParsedTransformation) -> None:
        """An intermediate step: staged once, read by whoever names it inside this product."""
        query, inputs, columns = self._source(one)
        kept = tuple((name, stored(kind)) for name, kind in columns)
        schema, _ = fields(kept, (), 0)
        output = TableOutput(name=one.name, folder=self.folder / one.name, schema=schema)
        staged = self.workshop.engine.stage(query, inputs=inputs, output=output)
        self.results[one.name] = TableInput(name=one.name, scan=scan_sql(staged.files, schema, str), columns=kept)

    def _files(self, one: ParsedTransformation, port: OutputPort) -> StagedPort:
        self._python(one, "files")
        if port.contract is None:
            port = replace(port, contract=draft_contract(self.bound.product, port, ()))
        return StagedPort(port=port, artifacts=self._artifacts(one))

    def _artifacts(self, one: ParsedTransformation) -> Path:
        return self.folder / one.name / "returned"

    def _python(self, one: ParsedTransformation, kind: str) -> list[Path]:
        if one.language != "python":
            raise InvalidInput(f"{one.path}: a port of type files is made by Python, not SQL")
        names = {name: self._input(one, port) for name, port in one.tables.items()}
        names |= {name: self.results[name] for name in one.siblings.values() if name in self.results}
        tables = tuple(replace(table, name=name) for name, table in names.items())
        folder = self._artifacts(one)
        return call_python(self.workshop, self.bound, one, tables, folder=folder, kind=kind)


def call_python(
    workshop: Workshop,
    bound: BoundProduct,
    one: ParsedTransformation,
    tables: tuple[TableInput, ...],
    *,
    folder: Path,
    kind: str,
) -> list[Path]:
    """The files that a Python transformation of *bound* makes of *tables* in *folder*, within the product's limits."""
    from meshwright.engines.python_process import run_python

    own, settings = bound.product.limits, workshop.settings
    limits = Limits(
        seconds=own.seconds or settings.python_seconds, memory_mb=own.memory_mb or settings.python_memory_mb
    )
    folder.mkdir(parents=True)
    job = PythonJob(
        source=workshop.root / one.path,
        function=one.name.partition("@")[0],
        folder=folder,
        inputs=tables,
        limits=limits,
        environments=workshop.cache / "environments",
        dependencies=one.dependencies,
        kind=kind,
        on_output=lambda line: workshop.emit(OutputPrinted(product=bound.product.id, line=line)),
        stopped=workshop.stopped.is_set,
    )
    with workshop.python_slots:
        return run_python(job)


def kept_columns(port: str, contract: Contract) -> tuple[tuple[str, DataType], ...]:
    """The columns as they are stored. Raises InvalidInput for a type that no table can hold."""
    try:
        return tuple((column.name, stored(column.type)) for column in contract.table.columns)
    except Unstorable as error:
        raise InvalidInput(f"{port}: {error}") from error
