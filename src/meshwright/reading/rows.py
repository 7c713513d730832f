"""Rows: the result of a read, fetched in whatever form it is wanted."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from meshwright.engines.interruption import interruptible
from meshwright.reading.arrow_batches import cleaned, cleaned_batches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from meshwright.model.errors import MeshwrightError
    from meshwright.reading.resolve import ResolvedPort

T = TypeVar("T")


def _nothing() -> None:
    pass


@dataclass(slots=True)
class Taken:
    """What a stream has given so far: it may end early, and what was given by then was taken."""

    rows: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The result of a read, not yet fetched: a bound DuckDB relation, and the publications it is served from.

    Every use runs it again. `sql` is the relation's query, for `cursor`, over `tables` (Arrow, by name) if there are any;
    `explain` turns DuckDB's error into ours. `check` raises Denied once the policies leave the reader something else; `used`
    hears of rows, bytes and seconds.
    """

    relation: Any
    connection: Any
    sql: str
    served: tuple[ResolvedPort, ...]
    explain: Callable[[Exception], MeshwrightError]
    tables: dict[str, Any] = field(default_factory=dict)
    cursors: list[Any] = field(default_factory=list, compare=False)
    check: Callable[[], None] = _nothing
    used: Callable[[int, int, float], None] | None = None

    def fetch(self, work: Callable[[], T], size: Callable[[T], tuple[int, int]]) -> T:
        """What *work* makes of the rows; *size* says how many rows and bytes that is. Ctrl-C stops it; raises as `told`."""
        with self._recorded() as taken:
            with self.told():
                made = interruptible(work, self._interrupt)
            self.check()
            if self.used is not None:
                taken.rows, taken.bytes = size(made)
        return made

    def stream(self, work: Callable[[Taken], T]) -> T:
        """What *work* makes of the rows while it gives them away, which it counts as it goes. Otherwise as `fetch`."""
        with self._recorded() as taken:
            with self.told():
                made = interruptible(lambda: work(taken), self._interrupt)
            self.check()
        return made

    @contextmanager
    def _recorded(self) -> Iterator[Taken]:
        """What is taken meanwhile, of which `used` hears however it ends."""
        started, taken = time.monotonic(), Taken()
        try:
            yield taken
        finally:
            if self.used is not None:
                self.used(taken.rows, taken.bytes, time.monotonic() - started)

    def _interrupt(self) -> None:
        for one in (self.connection, *self.cursors):
            one.interrupt()

    @contextmanager
    def told(self) -> Iterator[None]:
        """What fails while rows are fetched, such as a cast of one of them: InvalidInput; a file that is lost: Unavailable."""
        import duckdb
        import pyarrow as pa

        try:
            yield
        except (duckdb.Error, pa.ArrowException) as error:
            raise self.explain(error) from error
        except OSError as error:
            # What fails in a later batch comes through Arrow as an OSError without a number; a disk's have one.
            if error.errno is not None:
                raise
            raise self.explain(error) from error

    def cursor(self) -> Any:  # noqa: ANN401 - duckdb is imported lazily
        """A DuckDB cursor on the rows, to fetch a few at a time."""
        cursor = self.connection.cursor()
        self.cursors.append(cursor)
        for name, table in self.tables.items():
            cursor.register(name, table)
        return cursor.execute(self.sql)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The rows as an Arrow C stream (the PyCapsule interface), a batch at a time."""
        with self.told():
            if self.used is None:
                return self.relation.__arrow_c_stream__(requested_schema)
            import pyarrow as pa

            stream = self.batches()
            watched = pa.RecordBatchReader.from_batches(stream.schema, self._watched(stream))
            return watched.__arrow_c_stream__(requested_schema)

    def batches(self) -> Any:  # noqa: ANN401 - pyarrow is imported lazily
        """A pyarrow RecordBatchReader over the rows, which neither checks nor counts them; a restricted reader's hold nothing under NULL."""
        import pyarrow as pa

        stream = pa.RecordBatchReader.from_stream(self.relation)
        if self.used is None:
            return stream
        return pa.RecordBatchReader.from_batches(stream.schema, cleaned_batches(stream))

    def _watched(self, stream: Any) -> Iterator[Any]:  # noqa: ANN401 - pyarrow is imported lazily
        with self._recorded() as taken:
            for batch in stream:
                self.check()
                taken.rows, taken.bytes = taken.rows + batch.num_rows, taken.bytes + batch.nbytes
                yield batch

    def to_arrow(self) -> Any:  # noqa: ANN401 - pyarrow is imported lazily
        """The rows as one pyarrow Table, made by all threads; a stream is made by one."""
        return self.fetch(self._table, lambda table: (table.num_rows, table.nbytes))

    def _table(self) -> Any:  # noqa: ANN401 - pyarrow is imported lazily
        table = self.relation.to_arrow_table()
        return table if self.used is None else cleaned(table)
