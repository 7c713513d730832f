"""What a table's columns hold, counted over every row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from meshwright.authoring.understanding import groups
from meshwright.model.datatype import DataType, quote
from meshwright.quality.values import FLOATS, NUMBERS, TEMPORAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from duckdb import DuckDBPyConnection

# A column with this share of different values by estimate is counted exactly.
NEARLY_UNIQUE: Final = 0.85
FEW_VALUES: Final = 24
SOME_VALUES: Final = 1000
LONG_TEXT: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    """What one column holds. `values` are all its values with their number where they are few, by number, else ().

    `lowest` and `highest` are of numbers and times; `some` are different texts of a column of text. `distinct` is exact
    where it equals the number of `present` values.
    """

    name: str
    type: DataType
    rows: int
    present: int
    distinct: int = 0
    lowest: Any = None
    highest: Any = None
    longest: int = 0
    has_nan: bool = False
    values: tuple[tuple[Any, int], ...] = ()
    some: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether every row has a value."""
        return 0 < self.rows == self.present

    @property
    def is_unique(self) -> bool:
        """Whether no two rows have the same value."""
        return self.is_complete and self.distinct == self.rows


def profile(connection: DuckDBPyConnection, table: str) -> list[ColumnProfile]:
    """The profile of each column of *table*, in order."""
    described = connection.execute(f"DESCRIBE {quote(table)}").fetchall()
    columns = [(str(row[0]), DataType.parse(row[1])) for row in described]
    row = connection.execute(f"SELECT count(*) FROM {quote(table)}").fetchone()
    rows = int(row[0]) if row else 0
    return _Profiler(connection, table, rows).run(columns)


class _Profiler:
    def __init__(self, connection: DuckDBPyConnection, table: str, rows: int) -> None:
        self.connection = connection
        self.table = table
        self.rows = rows

    def run(self, columns: Sequence[tuple[str, DataType]]) -> list[ColumnProfile]:
        kinds = dict(columns)
        found: dict[str, ColumnProfile] = {}
        for names in groups(list(kinds)):
            found |= self.measured([(name, kinds[name]) for name in names])
        self.count(found)
        self.list_few(found)
        self.take_some(found)
        return [found[name] for name, _ in columns]

    def measured(self, columns: Sequence[tuple[str, DataType]]) -> dict[str, ColumnProfile]:
        parts = [part for name, kind in columns for part in _measures(quote(name), kind)]
        row = self.connection.execute(f"SELECT {', '.join(parts)} FROM {quote(self.table)}").fetchone() or ()
        found = {}
        for index, (name, kind) in enumerate(columns):
            present, distinct, lowest, highest, longest, has_nan = row[6 * index : 6 * index + 6]
            found[name] = ColumnProfile(
                name=name,
                type=kind,
                rows=self.rows,
                present=present,
                distinct=min(distinct, present),
                lowest=lowest,
                highest=highest,
                longest=longest or 0,
                has_nan=bool(has_nan),
            )
        return found

    def count(self, found: dict[str, ColumnProfile]) -> None:
        """Count exactly what may be unique: an estimate proves nothing."""
        for name, one in found.items():
            if one.type.is_nested or not one.is_complete:
                continue
            if one.distinct >= NEARLY_UNIQUE * one.present and one.type.name not in FLOATS and one.longest <= LONG_TEXT:
                row = self.connection.execute(
                    f"SELECT count(DISTINCT {quote(name)}) FROM {quote(self.table)}"
                ).fetchone()
                found[name] = replace(one, distinct=row[0] if row else 0)
            else:
                found[name] = replace(one, distinct=min(one.distinct, one.present - 1))

    def list_few(self, found: dict[str, ColumnProfile]) -> None:
        few = [
            name for name, one in found.items() if one.type.name == "VARCHAR" and 0 < one.distinct <= FEW_VALUES * 1.5
        ]
        for names in groups(few):
            parts = ", ".join(f"histogram({quote(name)})" for name in names)
            row = self.connection.execute(f"SELECT {parts} FROM {quote(self.table)}").fetchone() or ()
            for name, counts in zip(names, row, strict=True):
                if counts and len(counts) <= FEW_VALUES:
                    ordered = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
                    found[name] = replace(found[name], values=tuple(ordered))

    def take_some(self, found: dict[str, ColumnProfile]) -> None:
        texts = [name for name, one in found.items() if one.type.name == "VARCHAR" and one.present]
        step = max(1, self.rows // SOME_VALUES)
        for names in groups(texts):
            parts = ", ".join(f"list(DISTINCT {quote(name)}) FILTER ({quote(name)} IS NOT NULL)" for name in names)
            # The number of a row has no name here: the table may have a column of any.
            some = f"(FROM {quote(self.table)} QUALIFY row_number() OVER () % {step} = 0)"
            row = self.connection.execute(f"SELECT {parts} FROM {some}").fetchone() or ()
            for name, values in zip(names, row, strict=True):
                found[name] = replace(found[name], some=tuple(sorted(values or ())))


def _measures(column: str, kind: DataType) -> list[str]:
    """Six aggregates of a column: present, distinct by estimate, lowest, highest, longest, whether one is not a number."""
    nothing = "NULL"
    bounded = kind.name in NUMBERS | TEMPORAL
    return [
        f"count({column})",
        "0" if kind.is_nested else f"approx_count_distinct({column})",
        f"min({column})" if bounded else nothing,
        f"max({column})" if bounded else nothing,
        f"max(length({column}))" if kind.name == "VARCHAR" else nothing,
        f"bool_or(NOT isfinite({column}))" if kind.name in FLOATS else nothing,
    ]
