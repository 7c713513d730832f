"""Sampling what a preview reads by key, so that rows that belong together are kept or left out together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from meshwright.analysis.equalities import Equalities
from meshwright.analysis.query import SqlError, parse
from meshwright.model.casting import DIGITS
from meshwright.model.datatype import quote
from meshwright.model.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from meshwright.build.relations import Key, Leaf, Relations, Surveyed

# A leaf's name and one of its columns.
Place = tuple[str, str]
PARTS: Final = 1_000_000
# With fewer values than this left of a key, a sample would be a matter of luck.
KEYS_MIN: Final = 10
# A product of products is traced no deeper.
DEPTH_MAX: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """How much is read: a `fraction` of the rows, or about so many `rows` of the longest table."""

    fraction: float = 0.0
    rows: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """The sample written as `0.1`, `10%` or `5000`. Raises InvalidInput."""
        number = text.strip()
        try:
            if number.endswith("%") or "." in number:
                fraction = float(number.removesuffix("%")) / (100 if number.endswith("%") else 1)
                if 0 < fraction <= 1:
                    return cls(fraction=fraction)
            elif int(number.replace("_", "")) > 0:
                return cls(rows=int(number.replace("_", "")))
        except ValueError:
            pass
        raise InvalidInput(f"'{text}' is no sample: write a fraction (0.1 or 10%) or a number of rows (5000)")


class Sampling:
    """Chooses the key of one preview's sample.

    Tables that the queries join on equal columns (through CTEs, steps and computed products, where the column is passed on
    as it is) share a key, and so do those that a contract's relationship connects. Of the keys that no table has twice and
    of which enough values stay, that of the most rows is taken; else the longest table alone is sampled, by its own key.
    Every other table is read whole, so that no join loses a match for want of sampling.
    """

    def __init__(self, relations: Relations, surveyed: Mapping[Key, Surveyed]) -> None:
        self.relations = relations
        self.surveyed = surveyed
        self.traces = {key: _equalities(one) for key, one in surveyed.items()}
        self.leaves = relations.leaves
        self.rows = {name: self._rows(leaf) for name, leaf in self.leaves.items()}

    def apply(self, sample: Sample) -> str:
        """Let the relations read a sample of their leaves; how, in words."""
        longest = max(self.rows.values(), default=0)
        fraction = sample.fraction or min(1.0, sample.rows / max(1, longest))
        if fraction >= 1 or not longest:
            return "everything: there are no more rows"
        chosen = self._chosen(fraction)
        for name, columns in chosen.items():
            leaf = self.leaves[name]
            self.relations.sampled[name] = _sampled(leaf, columns, fraction)
        said = ", ".join(
            f"{self.leaves[name].says} by {', '.join(columns) or 'whole rows'}" for name, columns in chosen.items()
        )
        return f"{fraction:.2%} of {said}"

    def _chosen(self, fraction: float) -> dict[str, tuple[str, ...]]:
        """The leaves that are sampled, each with the columns that tell which rows stay."""
        longest = max(self.rows, key=lambda name: self.rows[name])
        shared = sorted(self._shared(), key=lambda group: -sum(self.rows[name] for name, _ in group))
        for group in shared:
            name, column = max(group, key=lambda place: self.rows[place[0]])
            covers = sum(self.rows[name] for name, _ in group)
            if covers >= self.rows[longest] and self._values(name, column) * fraction >= KEYS_MIN:
                return {name: (column,) for name, column in group}
        return {longest: self.leaves[longest].key}

    def _shared(self) -> list[list[Place]]:
        """Groups of columns that are held equal, of two tables at least and of none twice."""
        groups: dict[Place, set[Place]] = {}
        for one, two in self._pairs():
            if one[0] == two[0] or not self._comparable(one, two):
                continue
            merged = groups.get(one, {one}) | groups.get(two, {two})
            groups |= dict.fromkeys(merged, merged)
        found = {frozenset(group) for group in groups.values()}
        return [sorted(group) for group in found if len({name for name, _ in group}) == len(group)]

    def _pairs(self) -> Iterable[tuple[Place, Place]]:
        for key, traced in self.traces.items():
            for one, two in traced.pairs() if traced is not None else ():
                for left in self._places(key, *one, 0):
                    for right in self._places(key, *two, 0):
                        yield left, right

    def _places(self, key: Key, table: str, column: str, depth: int) -> set[Place]:
        """The leaves' columns that a column of a table that *key* reads comes from unchanged."""
        target = self.surveyed[key].tables.get(table) or self.surveyed[key].tables.get(f"{table}__changes")
        if target is None or depth > DEPTH_MAX:
            return set()
        if isinstance(target, str):
            return {(target, column)}
        traced = self.traces[target]
        origins = traced.origins(column) if traced is not None else ()
        return {place for origin in origins for place in self._places(target, *origin, depth + 1)}

    def _comparable(self, one: Place, two: Place) -> bool:
        """Whether equal values of two columns are equal as text, by which they are told."""
        kinds = [{name.lower(): kind for name, kind in self.leaves[leaf].table.columns} for leaf, _ in (one, two)]
        first, second = kinds[0].get(one[1].lower()), kinds[1].get(two[1].lower())
        if first is None or second is None:
            return False
        return first == second or {first.name, second.name} <= DIGITS.keys()

    def _rows(self, leaf: Leaf) -> int:
        return self._number(f"SELECT count(*) FROM ({leaf.table.scan})") if leaf.rows is None else leaf.rows

    def _values(self, name: str, column: str) -> int:
        """About how many values a column has."""
        return self._number(f"SELECT approx_count_distinct({quote(column)}) FROM ({self.leaves[name].table.scan})")

    def _number(self, query: str) -> int:
        cursor = self.relations.workshop.engine.cursor()
        try:
            found = cursor.execute(query).fetchone()
        finally:
            cursor.close()
        return int(found[0]) if found else 0


def _equalities(one: Surveyed) -> Equalities | None:
    """What a SQL transformation holds equal; None for Python."""
    if not one.sql:
        return None
    try:
        return Equalities(parse(one.sql), one.columns)
    except SqlError:
        return None


def _sampled(leaf: Leaf, columns: tuple[str, ...], fraction: float) -> str:
    """The scan of the rows of *leaf* whose key falls into the sample; rows without one are told by all they hold."""
    whole = f"CAST(row({', '.join(quote(name) for name, _ in leaf.table.columns)}) AS VARCHAR)"
    parts = [f"CAST({quote(name)} AS VARCHAR)" for name in columns]
    key = f"coalesce({parts[0]}, {whole})" if len(parts) == 1 else f"CAST(row({', '.join(parts)}) AS VARCHAR)"
    told = key if parts else whole
    return f"SELECT * FROM ({leaf.table.scan}) WHERE system.main.hash({told}) % {PARTS} < {int(fraction * PARTS)}"
