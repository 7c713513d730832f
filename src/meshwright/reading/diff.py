"""How two states of a port differ: its columns, its rows by key, values by column; or, of a port of files, its artifacts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from meshwright.model.compatibility import contract_changes
from meshwright.model.errors import InvalidInput
from meshwright.model.names import nearest
from meshwright.reading.diff_files import files_to_compare
from meshwright.reading.diff_sql import ADDED, CHANGED, REMOVED, SAME, Pair, keyed_sql, telling_sql, unkeyed_sql
from meshwright.reading.restricted_scan import visible_fields
from meshwright.reading.seen_contract import seen_contract

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from meshwright.model.plan import Change
    from meshwright.model.publication import Field
    from meshwright.model.restriction import Restriction
    from meshwright.reading.resolve import ResolvedPort

SAMPLES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDifference:
    """A column that is `added`, `removed`, `renamed` or of another type (`retyped`); names and types before and after."""

    kind: str
    name: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueChange:
    """A row whose key stayed: its key, and each column that changed with its value before and after."""

    key: dict[str, Any]
    columns: dict[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowDifference:
    """Rows that are in one state only, or in both with other values.

    `key` names the columns that tell rows apart; () when whole rows were compared, as a multiset: then `changed` is 0.
    `columns` counts the changed rows by column, all compared columns in the port's order. The samples are the first rows
    by key (without one, by their values).
    """

    key: tuple[str, ...]
    added: int = 0
    removed: int = 0
    changed: int = 0
    unchanged: int = 0
    columns: dict[str, int] = field(default_factory=dict)
    added_samples: tuple[dict[str, Any], ...] = ()
    removed_samples: tuple[dict[str, Any], ...] = ()
    changed_samples: tuple[ValueChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PortDifference:
    """How `after` differs from `before`, as far as the reader sees them.

    `rows` is None for a port of files, whose `artifacts` map a path to added, removed or changed. `compared` and
    `skipped` are how many data files were read, and how many were not because both states have them; None for a reader
    who does not see all that is in them: that a file is another may come of a hidden row.
    """

    before: ResolvedPort
    after: ResolvedPort
    columns: tuple[ColumnDifference, ...] = ()
    contract: tuple[Change, ...] = ()
    rows: RowDifference | None = None
    artifacts: dict[str, str] = field(default_factory=dict)
    compared: int | None = 0
    skipped: int | None = 0
    notes: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs that a reader of the data would see."""
        rows = self.rows
        return not (self.columns or self.artifacts or (rows and (rows.added or rows.removed or rows.changed)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What the reader who asks may see of a port, a SELECT of just that, and SQL run over ports (one row a tuple)."""

    restriction: Callable[[ResolvedPort], Restriction]
    scan: Callable[[ResolvedPort, Restriction], str]
    fetch: Callable[[str, list[ResolvedPort]], list[tuple[Any, ...]]]


def difference(
    before: ResolvedPort, after: ResolvedPort, access: Access, *, key: Sequence[str] = (), samples: int = SAMPLES
) -> PortDifference:
    """How *after* differs from *before*: by *key* (the port's own when there is none), at most *samples* rows of a kind.

    Raises InvalidInput when one state is a table and the other files, *key* names what is no column of both, or the reader
    may not see a port of files as it is.
    """
    if before.port.kind != after.port.kind:
        raise InvalidInput(f"{after.address} was a port of {before.port.kind} and is one of {after.port.kind}")
    limits = access.restriction(before), access.restriction(after)
    promised = (seen_contract(state.port, limit) for state, limit in zip((before, after), limits, strict=True))
    changes = tuple(contract_changes(after.port.name, *promised))
    if after.port.kind == "files":
        if key:
            raise InvalidInput(f"{after.address} publishes files: there are no rows that a key could tell apart")
        if not all(limit.is_all for limit in limits):
            raise InvalidInput(f"{after.address} cannot be restricted: it has no rows and columns")
        return PortDifference(before=before, after=after, contract=changes, artifacts=_artifacts(before, after))
    return _TableDifference(before, after, access, limits, tuple(key), samples).run(changes)


def _artifacts(before: ResolvedPort, after: ResolvedPort) -> dict[str, str]:
    old = {one.path: one.sha256 for one in before.port.artifacts}
    new = {one.path: one.sha256 for one in after.port.artifacts}
    found = {}
    for path in sorted({*old, *new}):
        if old.get(path) != new.get(path):
            found[path] = ADDED if path not in old else REMOVED if path not in new else CHANGED
    return found


class _TableDifference:
    def __init__(
        self,
        before: ResolvedPort,
        after: ResolvedPort,
        access: Access,
        limits: tuple[Restriction, Restriction],
        key: tuple[str, ...],
        samples: int,
    ) -> None:
        self.before, self.after, self.access, self.limits = before, after, access, limits
        self.is_restricted = not all(limit.is_all for limit in limits)
        self.samples = samples
        every = paired(before, after)
        self.files = files_to_compare(before, after, every, self.limits)
        seen = visible_fields(before.port.schema, self.limits[0]), visible_fields(after.port.schema, self.limits[1])
        self.pairs = [(old, new) for old, new in every if old in seen[0] and new in seen[1]]
        self.columns = _column_differences(seen[0], seen[1], self.pairs)
        self.asked = bool(key)
        self.key = self._key(key or after.port.key)

    def _key(self, names: Sequence[str]) -> tuple[str, ...]:
        known = {new.name.lower(): new.name for _, new in self.pairs}
        missing = [name for name in names if name.lower() not in known]
        if missing and self.asked:
            guess = nearest(missing[0], known.values())
            meant = f"did you mean '{guess}'?" if guess else f"they share {', '.join(known.values())}"
            raise InvalidInput(f"the key names {', '.join(missing)}, which is no column of both states: {meant}")
        return () if missing else tuple(known[name.lower()] for name in names)

    def run(self, changes: tuple[Change, ...]) -> PortDifference:
        """Everything that differs; where a key turns out to come twice, whole rows are compared."""
        old, new = self._compared()
        notes: list[str] = []
        totals = self._counts(self.before, self.after)
        if not self.pairs:
            rows = RowDifference(key=(), added=totals[1], removed=totals[0])
            notes.append("the states share no column: no row can be compared")
        else:
            found = self._by_key(old, new) if self.key else None
            if self.key and found is None:
                notes.append(f"the key {', '.join(self.key)} does not tell rows apart: they are compared as a whole")
            found = found or self._as_a_whole(old, new)
            rows = replace(found, unchanged=totals[1] - found.added - found.changed)
        if not self.key and self.pairs and not self.asked:
            notes.append("the port has no key: rows are compared as a whole; --key COLUMN[,COLUMN] names one")
        return PortDifference(
            before=_of_rows(self.before, totals[0]),
            after=_of_rows(self.after, totals[1]),
            columns=self.columns,
            contract=changes,
            rows=rows,
            compared=None if self.is_restricted else len(old.files) + len(new.files),
            skipped=None if self.is_restricted else len(self.after.files) - len(new.files),
            notes=tuple(notes),
        )

    def _names(self) -> list[str]:
        return [new.name for _, new in self.pairs if new.name not in self.key]

    def _compared(self) -> tuple[ResolvedPort, ResolvedPort]:
        """Both states, of their files only those that have to be read."""
        return replace(self.before, files=self.files[0]), replace(self.after, files=self.files[1])

    def _count(self, side: ResolvedPort, limit: Restriction) -> int:
        """How many rows the reader sees of *side*."""
        if limit.row_filter is None:
            return sum(file.rows for file in side.files)
        return int(self.access.fetch(f"SELECT count(*) FROM ({self._scan(side, limit)})", [side])[0][0])

    def _counts(self, old: ResolvedPort, new: ResolvedPort) -> tuple[int, int]:
        return self._count(old, self.limits[0]), self._count(new, self.limits[1])

    def _scan(self, side: ResolvedPort, limit: Restriction) -> str:
        return self.access.scan(side, limit)

    def _sides(self, old: ResolvedPort, new: ResolvedPort) -> tuple[str, str]:
        return self._scan(old, self.limits[0]), self._scan(new, self.limits[1])

    def _by_key(self, old: ResolvedPort, new: ResolvedPort) -> RowDifference | None:
        """The rows by key; None when a key comes twice: then pairs of rows are more than rows."""
        if self.is_restricted and not self._tells_apart():
            return None
        if not old.files and not new.files:
            return RowDifference(key=self.key, columns=dict.fromkeys(self._names(), 0))
        columns = [Pair(name=two.name, before=one, after=two, is_key=two.name in self.key) for one, two in self.pairs]
        sql = keyed_sql(*self._sides(old, new), columns, samples=self.samples)
        found = {row[0]: row[1:] for row in self.access.fetch(sql, [old, new])}
        count = {kind: found[kind][0] if kind in found else 0 for kind in (ADDED, REMOVED, CHANGED, SAME)}
        matched = count[CHANGED] + count[SAME]
        if (matched + count[REMOVED], matched + count[ADDED]) != self._counts(old, new):
            return None
        compared = [column for column in columns if not column.is_key]
        by_column = found[CHANGED][2:] if CHANGED in found else [0] * len(compared)
        shown = {kind: (found[kind][1] or []) if kind in found else [] for kind in (ADDED, REMOVED, CHANGED)}
        names = [column.name for column in columns]
        return RowDifference(
            key=self.key,
            added=count[ADDED],
            removed=count[REMOVED],
            changed=count[CHANGED],
            columns={column.name: number for column, number in zip(compared, by_column, strict=True)},
            added_samples=tuple(_values(row["after"], names) for row in shown[ADDED]),
            removed_samples=tuple(_values(row["before"], names) for row in shown[REMOVED]),
            changed_samples=tuple(_value_change(row, columns) for row in shown[CHANGED]),
        )

    def _tells_apart(self) -> bool:
        """Whether the key tells apart all the rows that the reader sees of both states, those in files not read, too.

        To judge by the files that differ would say whether one with a key that comes twice is among them.
        """
        columns = [Pair(name=two.name, before=one, after=two) for one, two in self.pairs if two.name in self.key]
        sql = telling_sql(*self._sides(self.before, self.after), columns)
        return bool(self.access.fetch(sql, [self.before, self.after])[0][0])

    def _as_a_whole(self, old: ResolvedPort, new: ResolvedPort) -> RowDifference:
        if not old.files and not new.files:
            return RowDifference(key=())
        columns = [Pair(name=two.name, before=one, after=two) for one, two in self.pairs]
        sql = unkeyed_sql(*self._sides(old, new), columns, samples=self.samples)
        found = {kind: (int(count), rows or []) for kind, count, rows in self.access.fetch(sql, [old, new])}
        added, removed = found.get(ADDED, (0, [])), found.get(REMOVED, (0, []))
        names = [column.name for column in columns]
        shown = [
            [_values(row, names) for row in rows for _ in range(row["times"])][: self.samples]
            for _, rows in (added, removed)
        ]
        return RowDifference(
            key=(), added=added[0], removed=removed[0], added_samples=tuple(shown[0]), removed_samples=tuple(shown[1])
        )


def _of_rows(state: ResolvedPort, rows: int) -> ResolvedPort:
    """*state* with as many *rows* as the reader sees of it."""
    return replace(state, port=replace(state.port, rows=rows))


def paired(before: ResolvedPort, after: ResolvedPort) -> list[tuple[Field, Field]]:
    """The columns that both states have, in the order of *after*: by field id where the table goes on, else by name."""
    if after.port.continues(before.port):
        by_id = {one.id: one for one in before.port.schema}
        return [(by_id[one.id], one) for one in after.port.schema if one.id in by_id]
    by_name = {one.name.lower(): one for one in before.port.schema}
    return [(by_name[one.name.lower()], one) for one in after.port.schema if one.name.lower() in by_name]


def _column_differences(
    old: Sequence[Field], new: Sequence[Field], pairs: list[tuple[Field, Field]]
) -> tuple[ColumnDifference, ...]:
    kept = [one for one, _ in pairs]
    found = [ColumnDifference(kind=REMOVED, name=one.name, before=str(one.type)) for one in old if one not in kept]
    by_new = {two.id: one for one, two in pairs}
    for two in new:
        one = by_new.get(two.id)
        if one is None:
            found.append(ColumnDifference(kind=ADDED, name=two.name, after=str(two.type)))
            continue
        if one.name != two.name:
            found.append(ColumnDifference(kind="renamed", name=two.name, before=one.name, after=two.name))
        if one.type != two.type:
            found.append(ColumnDifference(kind="retyped", name=two.name, before=str(one.type), after=str(two.type)))
    return tuple(found)


def _values(row: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """A sample as SQL packs it, by the columns' names."""
    return {name: row[f"c{number}"] for number, name in enumerate(names)}


def _value_change(row: dict[str, Any], columns: list[Pair]) -> ValueChange:
    pairs = {
        column.name: (row["before"][f"c{number}"], row["after"][f"c{number}"], row["differs"][f"d{number}"])
        for number, column in enumerate(columns)
    }
    key = {column.name: pairs[column.name][1] for column in columns if column.is_key}
    return ValueChange(key=key, columns={name: (old, new) for name, (old, new, differs) in pairs.items() if differs})
