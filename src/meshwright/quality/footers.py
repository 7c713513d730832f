"""What Parquet's footers prove: counts, NULLs and bounds, without reading a row.

DuckDB answers bare count, min and max of one file from its footer; over several files, or beside any expression on
rows, it reads the rows. So each file is asked by itself. Where a file has no statistics DuckDB reads it instead: the
answer is never less true, only slower.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from meshwright.model.datatype import quote
from meshwright.quality import rows
from meshwright.quality.checks import AgeCheck, Bound, Check, RowCheck
from meshwright.quality.values import BOUNDED, FLOATS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import duckdb

    from meshwright.model.datatype import DataType

# Asking a file costs a quarter of a millisecond; above this many, one statement over all rows is cheaper.
FILES_MAX: Final = 500


@dataclass(slots=True)
class Facts:
    """What is known of a set of files: rows, NULLs by column, and whether a bound is broken.

    `lowest` and `highest` hold, by column, a pair: the value as text, and whether it is before the moment asked for.
    """

    rows: int
    nulls: dict[str, int] = field(default_factory=dict)
    broken: dict[Bound, bool] = field(default_factory=dict)
    ages: dict[tuple[str, bool, str], tuple[str | None, bool]] = field(default_factory=dict)


def can_count(kind: DataType) -> bool:
    """Whether footers tell how many values of this type are NULL: not of nested ones."""
    return not kind.is_nested


def can_bound(kind: DataType) -> bool:
    """Whether footers tell the lowest and the highest value exactly: not of floats, where NaN is left out."""
    return kind.name in BOUNDED and kind.name not in FLOATS


def read_facts(
    connection: duckdb.DuckDBPyConnection,
    files: Sequence[str],
    kinds: Mapping[str, DataType],
    checks: Iterable[Check],
) -> Facts | None:
    """What footers of *files* say to *checks*, of columns of the types *kinds*; None when there are too many files."""
    if not files:
        return Facts(0)
    if len(files) > FILES_MAX:
        return None
    counted, bounds, ages = _asked(kinds, checks)
    ranged = sorted({b.column for b in bounds} | {age.column for age in ages})
    inner = ["count(*) AS n"]
    inner += [f"count({quote(name)}) AS c{index}" for index, name in enumerate(counted)]
    for index, name in enumerate(ranged):
        inner += [f"min({quote(name)}) AS l{index}", f"max({quote(name)}) AS h{index}"]
    places = {name: index for index, name in enumerate(ranged)}
    outer = ["CAST(sum(n) AS BIGINT)"]
    outer += [f"CAST(sum(n) - sum(c{index}) AS BIGINT)" for index in range(len(counted))]
    for bound in bounds:
        edge = _edge(bound.of_lowest, places[bound.column])
        outer.append(f"coalesce({edge} {bound.operator} {bound.literal}, false)")
    for age in ages:
        edge = _edge(not age.newest, places[age.column])
        outer += [f"CAST({edge} AS VARCHAR)", f"coalesce({edge} < {age_literal(age, kinds)}, false)"]
    parts = " UNION ALL ".join(f"SELECT {', '.join(inner)} FROM {rows.read([file])}" for file in files)
    found = connection.execute(f"SELECT {', '.join(outer)} FROM ({parts})").fetchone()
    return None if found is None else _facts(found, counted, bounds, ages)


def _edge(lowest: bool, index: int) -> str:  # noqa: FBT001 - which of two edges
    return f"min(l{index})" if lowest else f"max(h{index})"


def _asked(kinds: Mapping[str, DataType], checks: Iterable[Check]) -> tuple[list[str], list[Bound], list[AgeCheck]]:
    counted: dict[str, None] = {}
    bounds: dict[Bound, None] = {}
    ages: list[AgeCheck] = []
    for check in checks:
        if isinstance(check, RowCheck):
            counted |= dict.fromkeys(name for name in check.not_null if can_count(kinds[name]))
            bounds |= dict.fromkeys(bound for bound in check.bounds if can_bound(kinds[bound.column]))
        elif isinstance(check, AgeCheck):
            ages.append(check)
    return list(counted), list(bounds), ages


def _facts(found: tuple[Any, ...], counted: list[str], bounds: list[Bound], ages: list[AgeCheck]) -> Facts:
    at = 1 + len(counted)
    facts = Facts(found[0], dict(zip(counted, found[1:at], strict=True)))
    facts.broken = dict(zip(bounds, found[at : at + len(bounds)], strict=True))
    at += len(bounds)
    for index, age in enumerate(ages):
        facts.ages[age_key(age)] = (found[at + 2 * index], found[at + 2 * index + 1])
    return facts


def age_key(age: AgeCheck) -> tuple[str, bool, str]:
    """What tells one question of age from another."""
    return age.column, age.newest, age.since.isoformat()


def age_literal(age: AgeCheck, kinds: Mapping[str, DataType]) -> str:
    """The moment since which an age is kept, as a literal of the column's type; a date counts as its whole day."""
    kind = kinds[age.column].name
    if kind == "DATE":
        return f"DATE '{age.since.date()}'"
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"TIMESTAMPTZ '{age.since}'"
    return f"TIMESTAMP '{age.since.replace(tzinfo=None)}'"


def settle(check: RowCheck, facts: Facts) -> int | None:
    """How many rows break *check*, if footers tell: 0 when they prove it, or the NULLs of the one column asked."""
    if facts.rows == 0:
        return 0
    if not check.not_null and not check.bounds:
        return None
    nulls = [facts.nulls.get(name) for name in check.not_null]
    if len(nulls) == 1 and not check.bounds and nulls[0] is not None:
        return nulls[0]
    kept = all(count == 0 for count in nulls) and all(facts.broken.get(bound) is False for bound in check.bounds)
    return 0 if kept else None
