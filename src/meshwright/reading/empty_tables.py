"""Which columns a query uses, told by binding it over empty tables. No data is read, but constants are evaluated."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from meshwright.model.datatype import DataType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshwright.analysis.binding import Binder

# Tables that a query may name, each with the names and types of its columns.
Tables: TypeAlias = "Sequence[tuple[str, Sequence[tuple[str, str]]]]"


def positions(binder: Binder, sql: str, tables: Tables) -> list[list[int]]:
    """Of each of *tables* the numbers of the columns that *sql* uses, from 0. Raises SqlError when it does not bind."""
    for name, columns in tables:
        binder.declare(name, [(column, DataType.parse(kind)) for column, kind in columns])
    used = binder.used_columns(sql)
    return [[at for at, (column, _) in enumerate(columns) if column in used.get(name, ())] for name, columns in tables]
