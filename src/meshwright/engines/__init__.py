"""Engines run transformations. Whatever the engine, it writes Parquet to staging; nothing else publishes.

`Engine` is the Protocol; `duckdb_engine` and `python_process` stand behind it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from meshwright.model.datatype import DataType
    from meshwright.model.product import Limits
    from meshwright.model.publication import DataFile, Field

Columns = tuple[tuple[str, "DataType"], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableInput:
    """A table that a transformation reads.

    `scan` is a SELECT in DuckDB's dialect that yields the rows, lazily; `changes` likewise only those that are new
    since the publication last read (None: everything is new). `name` is the table's name in the transformation.
    """

    name: str
    scan: str
    changes: str | None = None
    columns: Columns = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOutput:
    """What is asked of one transformation.

    `schema` is the stored columns that its rows are cast to, in order; `key` the columns in whose order rows are
    written (empty: as they come); `folder` an empty or absent folder that takes the Parquet files.
    """

    name: str
    folder: Path
    schema: tuple[Field, ...]
    key: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """Rows written to staging: the files (paths are absolute here), their rows and bytes. Not yet synced to disk."""

    files: tuple[DataFile, ...]
    rows: int
    bytes: int
    sorted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonJob:
    """One call of a Python transformation in its own process.

    `source` is the file, `function` its function's name, `folder` an empty folder for what it returns;
    `kind` is tables or files (the function then writes into, or returns paths of, files below `inputs.folder`).
    """

    source: Path
    function: str
    folder: Path
    inputs: Sequence[TableInput]
    limits: Limits
    environments: Path
    dependencies: tuple[str, ...] = ()
    kind: str = "tables"
    on_output: Callable[[str], None] | None = field(default=None, compare=False)
    # Asked while it runs; the answer True ends it.
    stopped: Callable[[], bool] | None = field(default=None, compare=False)


class Engine(Protocol):
    """Runs transformations within the machine's memory; safe to use from several threads."""

    def columns(self, query: str, *, inputs: Sequence[TableInput], name: str) -> Columns:
        """The columns that *query* over *inputs* yields, nothing being run. Raises InvalidInput."""
        ...

    def stage(self, query: str, *, inputs: Sequence[TableInput], output: TableOutput) -> Staged:
        """Write the rows of *query* over *inputs* to staging, cast to the output's columns.

        Raises InvalidInput naming the column and the cast when a value does not fit.
        """
        ...
