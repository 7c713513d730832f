"""A contract run on files outside any mesh: `mesh test --contract`."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from meshwright.build.testing import ContractRun
from meshwright.engines.duckdb_engine import DuckDBEngine
from meshwright.engines.interruption import interruptible
from meshwright.engines.parquet_scan import parquet
from meshwright.model.datatype import DataType
from meshwright.model.errors import InvalidInput, InvalidMesh, NotFound
from meshwright.model.findings import Severity
from meshwright.model.names import nearest
from meshwright.model.product import Source
from meshwright.quality import Dataset
from meshwright.quality.run import run as run_rules
from meshwright.sources import files

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from duckdb import DuckDBPyConnection

    from meshwright.model.contract import Contract, Table
    from meshwright.model.results import RuleResult


def read_contract(path: Path) -> Contract:
    """The contract in *path*, whatever its number of schema objects. Raises InvalidMesh with its findings, NotFound."""
    from meshwright.formats import odcs
    from meshwright.formats.yaml_text import parse, placed

    try:
        content = path.read_bytes()
    except OSError as error:
        raise NotFound(f"{path} cannot be read: {error.strerror}") from None
    document, findings = parse(content, str(path))
    if not findings:
        findings = odcs.check(document, str(path))
    if any(finding.severity is Severity.ERROR for finding in findings):
        raise InvalidMesh(placed(findings, content))
    contract, more = odcs.read(document, path=str(path))
    if any(finding.severity is Severity.ERROR for finding in more):
        raise InvalidMesh(placed(more, content))
    return contract


def chosen_table(contract: Contract, name: str) -> Table:
    """The schema object called *name*; the only one when *name* is "". Raises InvalidInput."""
    names = [table.name for table in contract.tables]
    if not name and len(names) == 1:
        return contract.tables[0]
    found = next((table for table in contract.tables if name in {table.name, table.physical_name}), None)
    if found is None:
        guess = nearest(name, names)
        step = f"did you mean --schema {guess}?" if guess else f"choose one with --schema: {', '.join(names)}"
        raise InvalidInput(
            f"the contract has {len(names)} schema objects{f', none called {name}' if name else ''}: {step}"
        )
    return found


def run_on_files(
    contract: Contract, table: Table, paths: Sequence[Path], *, references: Mapping[str, Path] = MappingProxyType({})
) -> ContractRun:
    """The results of every rule of *table* on the rows of *paths* (Parquet as it is, anything else as it is sniffed).

    *references* are the files of the tables that relationships point to, by name. Raises NotFound, InvalidInput.
    """
    missing = [str(path) for path in (*paths, *references.values()) if not path.is_file()]
    if missing:
        raise NotFound(f"there is no file {', '.join(missing)}")
    engine = DuckDBEngine()
    cursor = engine.cursor()

    def results() -> Sequence[RuleResult]:
        with tempfile.TemporaryDirectory() as unpacked:
            data = _dataset(paths, cursor, Path(unpacked))
            known = {
                name: _dataset([path], cursor, Path(unpacked) / str(number))
                for number, (name, path) in enumerate(references.items())
            }
            return run_rules(contract, table, data, connection=cursor, references=known.get, now=datetime.now(UTC))

    try:
        found = tuple(interruptible(results, engine.interrupt))
    finally:
        cursor.close()
        engine.close()
    return ContractRun(name=table.name, contract=contract, table=table, results=found)


def _dataset(paths: Sequence[Path], cursor: DuckDBPyConnection, unpacked: Path) -> Dataset:
    if all(path.suffix in {".parquet", ".pq"} for path in paths):
        names = tuple(str(path.resolve()) for path in paths)
        return Dataset(files=names, columns=_described(cursor, names))
    if len(paths) != 1:
        raise InvalidInput("several files are tested together only when all are Parquet")
    path = paths[0].resolve()
    source = Source(path=path.name)
    sample = files.sample(path.parent, source, cursor, unpacked=unpacked)
    source = Source(path=path.name, format=sample.format, options=sample.options)
    scan = files.scan(path.parent, source, sample.columns, unpacked=unpacked)
    # A rule in SQL may open what the scan reads, and nothing else: the file, or what it was unpacked to.
    opened = [path, *(member for member in unpacked.rglob("*") if member.is_file())]
    return Dataset(files=tuple(str(one) for one in opened), columns=sample.columns, scan=scan)


def _described(cursor: DuckDBPyConnection, names: tuple[str, ...]) -> tuple[tuple[str, DataType], ...]:
    described = cursor.execute(f"DESCRIBE SELECT * FROM {parquet(names)}").fetchall()
    return tuple((str(row[0]), DataType.parse(str(row[1]))) for row in described)
