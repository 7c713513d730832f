"""Values that their column's type has room for in the file, but not in the contract or in other readers' tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshwright.engines.parquet_scan import parquet
from meshwright.model.datatype import quote
from meshwright.model.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshwright.engines import Staged
    from meshwright.engines.duckdb_engine import DuckDBEngine
    from meshwright.model.contract import Contract
    from meshwright.model.publication import DataFile, Field

TEMPORAL = frozenset({"DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"})
# Types that are stored as wider ones.
RANGES = {
    "TINYINT": (-(2**7), 2**7 - 1),
    "SMALLINT": (-(2**15), 2**15 - 1),
    "UTINYINT": (0, 2**8 - 1),
    "USMALLINT": (0, 2**16 - 1),
    "UINTEGER": (0, 2**32 - 1),
    "UBIGINT": (0, 2**64 - 1),
}


def refuse_unfaithful(
    port: str, staged: Staged, schema: Sequence[Field], contract: Contract, engine: DuckDBEngine
) -> None:
    """Raise InvalidInput for a staged number outside its contracted type, and for an infinite date or time.

    The bounds of each file's columns decide; a file is read only where they cannot.
    """
    promised = {column.name: column.type.name for column in contract.table.columns}
    for column in schema:
        for file in staged.files:
            if promised.get(column.name) in RANGES:
                _refuse_outside(port, column, promised[column.name], file)
            if column.type.name in TEMPORAL:
                _refuse_infinite(port, column, file, engine)


def _refuse_outside(port: str, column: Field, kind: str, file: DataFile) -> None:
    lowest, highest = RANGES[kind]
    found = file.columns.get(column.id)
    for bound in (found.lowest, found.highest) if found is not None else ():
        if bound is not None and not lowest <= int(bound) <= highest:
            raise InvalidInput(
                f"{port}: column {column.name}: {bound} cannot be stored as {kind} without loss; correct the value, or "
                "declare a wider type in the contract"
            )


def _refuse_infinite(port: str, column: Field, file: DataFile, engine: DuckDBEngine) -> None:
    found = file.columns.get(column.id)
    # An infinite value is no bound, so only a column without one can hold it.
    if found is None or found.nulls == file.rows or None not in {found.lowest, found.highest}:
        return
    cursor = engine.cursor()
    try:
        sql = f"SELECT 1 FROM {parquet([file.path])} WHERE isinf({quote(column.name)}) LIMIT 1"
        infinite = cursor.execute(sql).fetchone()
    finally:
        cursor.close()
    if infinite:
        raise InvalidInput(
            f"{port}: column {column.name}: an infinite {column.type} cannot be stored faithfully: no open table "
            "format has one; use NULL, or the last day that is meant"
        )
