"""The SQL that compares two sets of rows: by key in one full outer join, or as multisets in one aggregation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from meshwright.model.datatype import quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshwright.model.datatype import DataType
    from meshwright.model.publication import Field

ADDED, REMOVED, CHANGED, SAME = "added", "removed", "changed", "same"
# Types whose values are the same whichever of them they are stored as.
FAMILIES: Final = (
    frozenset({"INTEGER", "BIGINT", "DECIMAL", "FLOAT", "DOUBLE"}),
    frozenset({"DATE", "TIMESTAMP"}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A column that both states have; `name` is what it is called now."""

    name: str
    before: Field
    after: Field
    is_key: bool = False


def keyed_sql(old: str, new: str, columns: Sequence[Pair], *, samples: int) -> str:
    """One row a kind (added, removed, changed, same): kind, rows, sample rows, then the changed rows of each column.

    A sample is STRUCT(before, after, differs), each with a member a column, `c0` …, `d0` …; the first by key are taken.
    Columns of the key have no count.
    """
    sides = _side(old, columns, old=True), _side(new, columns, old=False)
    key = [number for number, column in enumerate(columns) if column.is_key]
    rest = [number for number, column in enumerate(columns) if not column.is_key]
    join = " AND ".join(f"o.c{number} IS NOT DISTINCT FROM n.c{number}" for number in key)
    differs = "".join(f"o.c{number} IS DISTINCT FROM n.c{number} AS d{number}, " for number in range(len(columns)))
    changed = " OR ".join(f"d{number}" for number in rest) or "false"
    packed = ", ".join(f"{side} := {_packed(alias, len(columns))}" for side, alias in (("before", "o"), ("after", "n")))
    flags = ", ".join(f"d{number} := d{number}" for number in range(len(columns)))
    order = ", ".join(f"coalesce(o.c{number}, n.c{number})" for number in key)
    counts = "".join(f", count(*) FILTER (d{number})" for number in rest)
    return (
        f"SELECT kind, count(*), {_first('sample', 'place', samples)}{counts} FROM ("
        f"SELECT {differs}CASE WHEN o.here IS NULL THEN '{ADDED}' WHEN n.here IS NULL THEN '{REMOVED}' "
        f"WHEN {changed} THEN '{CHANGED}' ELSE '{SAME}' END AS kind, "
        f"CASE WHEN kind <> '{SAME}' THEN struct_pack({packed}, differs := struct_pack({flags})) END AS sample, "
        f"CASE WHEN kind <> '{SAME}' THEN row({order}) END AS place "
        f"FROM ({sides[0]}) AS o FULL JOIN ({sides[1]}) AS n ON {join}) GROUP BY kind"
    )


def unkeyed_sql(old: str, new: str, columns: Sequence[Pair], *, samples: int) -> str:
    """One row a kind (added, removed): kind, rows, sample rows as STRUCT(c0, …, times): how often each comes."""
    sides = _side(old, columns, old=True), _side(new, columns, old=False)
    names = ", ".join(f"c{number}" for number in range(len(columns)))
    packed = ", ".join(f"c{number} := c{number}" for number in range(len(columns)))
    sample = f"struct_pack({packed}, times := CAST(least(abs(more), {samples}) AS INTEGER))"
    return (
        f"SELECT CASE WHEN more > 0 THEN '{ADDED}' ELSE '{REMOVED}' END AS kind, sum(abs(more)), "
        f"{_first(sample, f'row({names})', samples)} FROM ("
        f"SELECT {names}, sum(weight) AS more FROM ("
        f"SELECT {names}, -1 AS weight FROM ({sides[0]}) UNION ALL SELECT {names}, 1 AS weight FROM ({sides[1]})"
        f") GROUP BY {names} HAVING more <> 0) GROUP BY kind"
    )


def telling_sql(old: str, new: str, key: Sequence[Pair]) -> str:
    """One row: whether no two rows of a state have the same values in the columns *key*."""
    values = ", ".join(f"c{number}" for number in range(len(key)))
    sides = (_side(old, key, old=True), _side(new, key, old=False))
    told = " AND ".join(f"(SELECT count(*) = count(DISTINCT row({values})) FROM ({side}))" for side in sides)
    return f"SELECT {told}"


def _side(scan: str, columns: Sequence[Pair], *, old: bool) -> str:
    """The rows of one state, columns by number; as text where the states' types cannot be compared otherwise."""
    parts = []
    for number, column in enumerate(columns):
        name = quote((column.before if old else column.after).name)
        value = name if _is_comparable(column.before.type, column.after.type) else f"CAST({name} AS VARCHAR)"
        parts.append(f"{value} AS c{number}")
    return f"SELECT {', '.join(parts)}, true AS here FROM ({scan})"


def _is_comparable(one: DataType, two: DataType) -> bool:
    """Whether DuckDB compares the types by value: equal ones, numbers with numbers, dates with timestamps."""
    return one == two or any({one.name, two.name} <= family for family in FAMILIES)


def _packed(alias: str, count: int) -> str:
    return f"struct_pack({', '.join(f'c{number} := {alias}.c{number}' for number in range(count))})"


def _first(value: str, place: str, samples: int) -> str:
    """The *value* of the first rows by *place*, as a list; of no row when no sample is asked."""
    return f"arg_min({value}, {place}, {samples})" if samples else "NULL"
