"""Tables that a new product may read, looked at: what they hold, how it is read, and how it is selected."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from meshwright.authoring.naming import valid_names
from meshwright.model.datatype import DataType, Unstorable, literal, quote, stored

if TYPE_CHECKING:
    from meshwright.model.contract import Contract
    from meshwright.model.product import InputPort

CELLS_KEPT: Final = 40_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class InputColumn:
    """A column of an input: its name there (`original`), its valid `name`, and the SQL that selects it.

    `note` says what a person should know of its values, `doubt` what was left undecided; `mask` names what policies let be
    seen in place of them, "" when that is themselves.
    """

    original: str
    name: str
    expression: str
    note: str = ""
    doubt: str = ""
    mask: str = ""

    @property
    def selected(self) -> str:
        """The entry of a SELECT list."""
        return self.expression if self.expression == self.name else f"{self.expression} AS {identifier(self.name)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class InputTable:
    """One table that was looked at; the connection has it as a view called like the input `port`.

    `title` is what people call it, `pin` what the lock file keeps of it (None: nothing), `contract` that of the port that
    it is. `is_table` says that it is one of a database, `hints` are for the person who asked for the product.
    """

    title: str
    port: InputPort
    columns: tuple[InputColumn, ...]
    rows: int
    pin: dict[str, Any] | None = None
    contract: Contract | None = None
    is_table: bool = False
    hints: tuple[str, ...] = field(default=())


def kept_as(rows: int, columns: int) -> str:
    """What SQL makes of a query that is looked at several times: a table, a view where that would take gigabytes."""
    return "TEMP TABLE" if rows * columns <= CELLS_KEPT else "TEMP VIEW"


def plain_columns(columns: tuple[tuple[str, DataType], ...]) -> tuple[InputColumn, ...]:
    """The columns of a table whose types are known, each selected as it is, or as the nearest type that can be stored."""
    names = valid_names(name for name, _ in columns)
    return tuple(
        InputColumn(original=original, name=name, expression=_storable(original, kind))
        for name, (original, kind) in zip(names, columns, strict=True)
    )


def _storable(column: str, kind: DataType) -> str:
    try:
        stored(kind)
    except Unstorable:
        text = f"to_json({identifier(column)})" if kind.is_nested else identifier(column)
        return f"CAST({text} AS VARCHAR)"
    return identifier(column)


def identifier(name: str) -> str:
    """*name* in SQL, in quotes only where it needs them."""
    is_plain = re.fullmatch(r"[a-z_][a-z0-9_]*", name) is not None and name not in _keywords()
    return name if is_plain else quote(name)


@cache
def _keywords() -> frozenset[str]:
    """The words that DuckDB does not take for a column everywhere."""
    import duckdb

    with duckdb.connect() as connection:
        found = connection.execute("SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category <> 'unreserved'")
        return frozenset(row[0] for row in found.fetchall())


def with_nulls(column: str, markers: tuple[str, ...]) -> str:
    """The SQL *column* with NULL for each of *markers*."""
    for marker in markers:
        column = f"nullif({column}, {literal(marker)})"
    return column
