"""Uniqueness and referential integrity: a cheap proof where the data allows one, else hashing. Both count the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from meshwright.model.datatype import DataType, literal, quote
from meshwright.quality import rows
from meshwright.quality.values import BOUNDED, INTEGERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

    from meshwright.quality import Dataset
    from meshwright.quality.checks import ReferenceCheck, UniqueCheck

# Below this many rows hashing is as cheap as asking how to avoid it.
ROWS_MIN: Final = 50_000
# A bitmap over this many integers takes 32 MB.
SPAN_MAX: Final = 2**28
# DuckDB's integers that fit a bitmap's bounds.
SMALL: Final = INTEGERS - {"HUGEINT", "UHUGEINT", "UBIGINT"}


@dataclass(frozen=True, slots=True)
class Counted:
    """How many rows break a rule, and what proved it."""

    failing: int
    proof: str


def count_duplicates(connection: duckdb.DuckDBPyConnection, check: UniqueCheck, data: Dataset, total: int) -> Counted:
    """The rows beyond the first of each key."""
    if total <= 1:
        return Counted(0, "footer")
    if total >= ROWS_MIN and not data.scan and len(check.columns) == len(check.keys):
        if _looks_sorted(connection, check.columns[0], data) and _ascends(connection, check, data):
            return Counted(0, "sorted run")
        counted = _bitmap_duplicates(connection, check, data)
        if counted is not None:
            return counted
    return Counted(_number(connection, _hash_duplicates(check.keys, data)), "hash")


def count_orphans(connection: duckdb.DuckDBPyConnection, check: ReferenceCheck, data: Dataset, total: int) -> Counted:
    """The new rows that point to nothing."""
    if total == 0:
        return Counted(0, "footer")
    if total >= ROWS_MIN and not data.scan and not check.target.scan and len(check.columns) == 1:
        proven = _bitmap_refers(connection, check, data)
        if proven:
            return Counted(0, "bitmap")
    return Counted(_number(connection, f"SELECT count(*) FROM {orphans(check, rows.new(data))}"), "hash")


def orphans(check: ReferenceCheck, source: str) -> str:
    """The rows of *source* (SQL) that point to nothing, in any order, each with its place in row order."""
    keys = ", ".join(f"{key} AS __key{index}" for index, key in enumerate(check.keys))
    given = " AND ".join(f"__key{index} IS NOT NULL" for index in range(len(check.keys)))
    equal = " AND ".join(f"target.{quote(name)} = origin.__key{index}" for index, name in enumerate(check.target_keys))
    numbered = f"SELECT *, {keys}, row_number() OVER () AS {rows.ROW} FROM {source}"
    target = f"SELECT {', '.join(quote(name) for name in check.target_keys)} FROM {rows.everything(check.target)}"
    return (
        f"(SELECT origin.* FROM (SELECT * FROM ({numbered}) WHERE {given}) AS origin"
        f" ANTI JOIN ({target}) AS target ON {equal})"
    )


def _looks_sorted(connection: duckdb.DuckDBPyConnection, column: str, data: Dataset) -> bool:
    """Whether row groups follow each other upwards: they must if rows do, and it costs nothing to ask."""
    held = data.column(column)
    if held is None or held[1].is_nested:
        return False
    kind = held[1] if held[1].name in BOUNDED else DataType("VARCHAR")
    files = f"[{', '.join(literal(file) for file in data.files)}]"
    low, high = (f"TRY_CAST(coalesce(stats_{edge}_value, stats_{edge}) AS {kind})" for edge in ("min", "max"))
    query = (
        f"SELECT coalesce(bool_and(low >= previous), true) FROM (SELECT {low} AS low, lag({high}) OVER"
        f" (ORDER BY list_position({files}, file_name), row_group_id) AS previous"
        f" FROM parquet_metadata({files}) WHERE path_in_schema = {literal(held[0])})"
    )
    found = connection.execute(query).fetchone()
    return found is not None and bool(found[0])


def _ascends(connection: duckdb.DuckDBPyConnection, check: UniqueCheck, data: Dataset) -> bool:
    """Whether every row's key is above the key before it: then no two are equal, in whatever order rows were read."""
    names = range(len(check.keys))
    keys = ", ".join(f"{key} AS k{index}" for index, key in enumerate(check.keys))
    given = " AND ".join(f"{key} IS NOT NULL" for key in check.keys)
    before = ", ".join(f"k{index}, lag(k{index}) OVER () AS p{index}" for index in names)
    above = [
        " AND ".join([*(f"k{equal} = p{equal}" for equal in range(index)), f"k{index} > p{index}"]) for index in names
    ]
    ascending = " OR ".join(f"({step})" for step in above)
    ordered = f"SELECT {before} FROM (SELECT {keys} FROM {rows.everything(data)} WHERE {given})"
    return _number(connection, f"SELECT count(*) FILTER (WHERE NOT ({ascending})) FROM ({ordered})") == 0


def _hash_duplicates(keys: Sequence[str], data: Dataset) -> str:
    given = " AND ".join(f"{key} IS NOT NULL" for key in keys)
    groups = f"SELECT count(*) AS n FROM {rows.everything(data)} WHERE {given} GROUP BY {', '.join(keys)} HAVING count(*) > 1"
    return f"SELECT CAST(coalesce(sum(n - 1), 0) AS BIGINT) FROM ({groups})"


def _bitmap_duplicates(connection: duckdb.DuckDBPyConnection, check: UniqueCheck, data: Dataset) -> Counted | None:
    if len(check.columns) != 1:
        return None
    span = _span(connection, check.columns[0], data, data.files)
    if span is None:
        return None
    column = quote(check.columns[0])
    bits = f"bit_count(bitstring_agg({column}, {span[0]}, {span[1]}))"
    query = f"SELECT count({column}) - {bits} FROM {rows.everything(data)}"
    return Counted(_number(connection, query), "bitmap")


def _bitmap_refers(connection: duckdb.DuckDBPyConnection, check: ReferenceCheck, data: Dataset) -> bool:
    """Whether every integer that points is among those pointed to; False also where a bitmap will not do."""
    name = check.target_keys[0]
    files = data.files if data.new_files is None else data.new_files
    own = _span(connection, check.columns[0], data, files)
    target = _span(connection, name, check.target, check.target.files)
    if own is None or target is None or own[0] < target[0] or own[1] > target[1]:
        return False
    low, high = target
    pointing = f"SELECT bitstring_agg({quote(check.columns[0])}, {low}, {high}) AS a FROM {rows.new(data)}"
    pointed = f"SELECT bitstring_agg({quote(name)}, {low}, {high}) AS b FROM {rows.everything(check.target)}"
    return _number(connection, f"SELECT bit_count(a & ~b) FROM ({pointing}), ({pointed})") == 0


def _span(
    connection: duckdb.DuckDBPyConnection, column: str, data: Dataset, files: Sequence[str]
) -> tuple[int, int] | None:
    """The lowest and highest integer of a column, if a bitmap may lie between them."""
    held = data.column(column)
    if held is None or held[1].name not in SMALL or not files:
        return None
    edges = f"min({quote(column)}) AS low, max({quote(column)}) AS high"
    parts = " UNION ALL ".join(f"SELECT {edges} FROM {rows.read([file])}" for file in files)
    found = connection.execute(f"SELECT min(low), max(high) FROM ({parts})").fetchone()
    if found is None or found[0] is None or found[1] - found[0] > SPAN_MAX:
        return None
    return found


def _number(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    found = connection.execute(query).fetchone()
    return int(found[0] or 0) if found is not None else 0
