"""A reader's query over relations of ours, run in a process that is locked down, within the reader's limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from meshwright.model.errors import InvalidInput, Unavailable
from meshwright.model.fields import fields
from meshwright.reading.query_text import first_line
from meshwright.reading.session import extracted, write_table
from meshwright.reading.views import OUTSIDE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from meshwright.model.datatype import DataType
    from meshwright.model.errors import MeshwrightError
    from meshwright.reading.sql_gate import SqlGate

# What a query reads: the name by which it does, the SELECT of ours that yields the rows, the columns.
Relation: TypeAlias = "tuple[str, str, tuple[tuple[str, DataType], ...]]"


def run_locked(
    gate: SqlGate,
    reader: str,
    sql: str,
    relations: Sequence[Relation],
    path: Path,
    *,
    name: str,
    check: Callable[[], None],
) -> None:
    """Write the rows of *sql*, which *reader* wrote and errors call *name*, over *relations* to a Parquet file at *path*.

    Only what *sql* uses of each relation is read, by us, before the process has it. *check* is called every second, and
    raises when the reader may not go on. Raises InvalidInput, Refused beyond the reader's limits, Unavailable.
    """
    import duckdb

    def explain(error: Exception) -> MeshwrightError:
        kind = Unavailable if str(error).startswith(OUTSIDE) else InvalidInput
        return kind(f"{name}: {first_line(error)}")

    with gate.worker(reader) as worker:
        try:
            with gate.preparing(worker):
                tables = [(known, [(column, str(kind)) for column, kind in columns]) for known, _, columns in relations]
                used = gate.used_columns(worker, tables, sql, check=check, explain=explain)
                views = []
                for (known, scan, columns), names in zip(relations, used, strict=True):
                    table, file = worker.table()
                    visible, _ = fields(columns)
                    select = extracted(scan, visible, names, file, table, seconds=worker.seconds_left)
                    views.append((known, select))
            write_table(gate.run(worker, views, sql, check=check, explain=explain), path)
        except duckdb.Error as error:
            raise explain(error) from error
