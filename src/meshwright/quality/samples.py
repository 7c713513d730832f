"""Rows that break a rule, as objects that are safe to show and to keep as JSON."""

from __future__ import annotations

import math
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from meshwright.model.datatype import quote
from meshwright.quality import rows
from meshwright.quality.checks import (
    AgeCheck,
    Check,
    CountCheck,
    ReferenceCheck,
    RowCheck,
    Settled,
    SqlCheck,
    UniqueCheck,
)
from meshwright.quality.proofs import orphans

if TYPE_CHECKING:
    import duckdb

    from meshwright.model.datatype import DataType
    from meshwright.quality import Dataset

TEXT_LENGTH_MAX: Final = 500
ITEMS_MAX: Final = 50
COLUMNS_MAX: Final = 100


def sample(
    connection: duckdb.DuckDBPyConnection, check: Check, data: Dataset, count: int
) -> tuple[dict[str, Any], ...]:
    """Up to *count* rows that break *check*, in row order; none for a rule that is not about rows."""
    query = _query(check, data)
    if query is None or count <= 0:
        return ()
    names = [name for name, _ in _shown(check, data)]
    found = connection.execute(f"{query} LIMIT {count}").fetchall()
    return tuple({name: jsonable(value) for name, value in zip(names, row, strict=True)} for row in found)


def _query(check: Check, data: Dataset) -> str | None:
    columns = ", ".join(shown(name, kind) for name, kind in _shown(check, data))
    if isinstance(check, RowCheck):
        return f"SELECT {columns} FROM {rows.new(data)} WHERE {_condition(check, data)}"
    if isinstance(check, ReferenceCheck):
        return f"SELECT {columns} FROM {orphans(check, rows.new(data))} ORDER BY {rows.ROW}"
    if isinstance(check, UniqueCheck):
        return f"SELECT {columns} FROM {rows.numbered(data)} WHERE {rows.ROW} IN ({surplus(check, data)}) ORDER BY {rows.ROW}"
    return None


def _shown(check: Check, data: Dataset) -> list[tuple[str, DataType]]:
    """The columns of a sample: of a very wide table those that the rule is about, and the first ones."""
    about = set() if isinstance(check, (CountCheck, SqlCheck, AgeCheck, Settled)) else set(check.columns)
    first = {name for name, _ in data.columns[:COLUMNS_MAX]}
    return [(name, kind) for name, kind in data.columns if name in about or name in first]


def _condition(check: RowCheck, data: Dataset) -> str:
    """The check's predicate for a WHERE.

    DuckDB 2.0 skips row groups by their bounds, from which writers leave NaN out, even for `isnan(x)`: a predicate on
    floats is wrapped so that it is not compared with bounds.
    """
    kinds = [str(kind) for name, kind in data.columns if name in check.columns]
    floats = any("FLOAT" in kind or "DOUBLE" in kind for kind in kinds)
    return f"coalesce({check.broken}, false)" if floats else check.broken


def surplus(check: UniqueCheck, data: Dataset) -> str:
    """The places in row order of all rows of a repeated key but the first."""
    keys = ", ".join(f"{key} AS __key{index}" for index, key in enumerate(check.keys))
    names = ", ".join(f"__key{index}" for index in range(len(check.keys)))
    given = " AND ".join(f"__key{index} IS NOT NULL" for index in range(len(check.keys)))
    numbered = f"SELECT {keys}, row_number() OVER () AS {rows.ROW} FROM {rows.everything(data)}"
    # Only rows of repeated keys are put in order; to sort all of them would keep all of them.
    repeated = f"SELECT {names} FROM ({numbered}) WHERE {given} GROUP BY {names} HAVING count(*) > 1"
    return (
        f"SELECT {rows.ROW} FROM ({numbered}) SEMI JOIN ({repeated}) USING ({names})"
        f" QUALIFY row_number() OVER (PARTITION BY {names} ORDER BY {rows.ROW}) > 1"
    )


def shown(name: str, kind: DataType) -> str:
    """A column as it is fetched: moments with a zone as ISO text in UTC, as Python would need a package for them."""
    if kind.name == "TIMESTAMP WITH TIME ZONE":
        return f"replace(CAST(timezone('UTC', {quote(name)}) AS VARCHAR), ' ', 'T') || '+00:00' AS {quote(name)}"
    if kind.is_nested and "WITH TIME ZONE" in str(kind):
        return f"CAST({quote(name)} AS VARCHAR) AS {quote(name)}"
    return quote(name)


def jsonable(value: Any) -> Any:  # noqa: ANN401, PLR0911 - one line per type
    """*value* as JSON can hold it: dates in ISO 8601, decimals and NaN as text, bytes in hex; long text is cut."""
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case str():
            return value if len(value) <= TEXT_LENGTH_MAX else value[:TEXT_LENGTH_MAX] + "…"
        case Decimal():
            return str(value)
        case bytes() | bytearray():
            return jsonable(bytes(value).hex())
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return str(value)
        case dict():
            return {str(key): jsonable(inner) for key, inner in list(value.items())[:ITEMS_MAX]}
        case list() | tuple():
            return [jsonable(inner) for inner in value[:ITEMS_MAX]]
        case _:
            return jsonable(str(value))
