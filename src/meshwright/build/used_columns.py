"""Which columns a product reads of its inputs: asked of the binder when first needed, then remembered."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from meshwright.analysis.query import SqlError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from meshwright.analysis.binding import Binder
    from meshwright.build.outline import ParsedTransformation
    from meshwright.model.datatype import DataType

    Columns = tuple[tuple[str, DataType], ...]

# Products are built in several threads, and a binder serves one at a time.
ONE_AT_A_TIME = threading.Lock()


class UsedColumns(Mapping[str, tuple[str, ...]]):
    """The columns that *transformations* read of each input port, sorted; its keys are the ports that are read.

    A first plan needs only the keys, which cost nothing; the columns decide about reuse and are a third of binding.
    *columns* maps a transformation to its output columns, *inputs* a port to its columns. What cannot be bound reads all.
    """

    def __init__(
        self,
        transformations: Sequence[ParsedTransformation],
        *,
        inputs: Mapping[str, Columns],
        columns: Mapping[str, Columns],
        binder: Binder,
        known: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        self._transformations = transformations
        self._inputs = inputs
        self._columns = columns
        self._binder = binder
        self.known = known

    def __getitem__(self, port: str) -> tuple[str, ...]:
        return self._all()[port]

    def __contains__(self, port: object) -> bool:
        # Not by asking for the columns, as a mapping does of itself.
        return any(port == one for one in self)

    def __iter__(self) -> Iterator[str]:
        return iter(self.known or dict.fromkeys(port for one in self._transformations for port in one.inputs))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _all(self) -> Mapping[str, tuple[str, ...]]:
        if self.known is None:
            with ONE_AT_A_TIME:
                found: dict[str, set[str]] = {port: set() for port in self}
                for one in self._transformations:
                    for port, columns in self._of(one).items():
                        found[port].update(columns)
                self.known = {port: tuple(sorted(columns)) for port, columns in found.items()}
        return self.known

    def _of(self, one: ParsedTransformation) -> dict[str, set[str]]:
        if one.language != "sql" or not self._columns.get(one.name):
            return {port: {column for column, _ in self._inputs.get(port, ())} for port in one.inputs}
        for table, port in one.tables.items():
            self._binder.declare(table, self._inputs[port])
        for table, name in one.siblings.items():
            self._binder.declare(table, self._columns[name])
        try:
            used = self._binder.used_columns(one.sql)
        except SqlError:
            # It was bound before, so this is the plan's refusal, not the query's: in doubt, everything is read.
            return {port: {column for column, _ in self._inputs[port]} for port in one.inputs}
        found: dict[str, set[str]] = {port: set() for port in one.inputs}
        for table, port in one.tables.items():
            found.setdefault(port, set()).update(used.get(table, ()))
        return found
