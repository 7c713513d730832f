"""The reader: reads ports, SQL and changes for one principal in one environment."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from meshwright.analysis.binding import Binder
from meshwright.analysis.query import SqlError, rewrite
from meshwright.model.datatype import DataType, quote
from meshwright.model.errors import Denied, InvalidInput, Unavailable
from meshwright.model.names import PortAddress
from meshwright.model.restriction import EVERYTHING, Restriction, both
from meshwright.reading.changes import changes_sql, differing_files
from meshwright.reading.diff import SAMPLES, Access, difference
from meshwright.reading.export import size_of
from meshwright.reading.lost_files import require_files
from meshwright.reading.masks import Keys, tells_apart
from meshwright.reading.query_text import accepted, condition, first_line, named
from meshwright.reading.resolve import ResolvedPort, compared, resolve
from meshwright.reading.restricted_scan import (
    NOTHING,
    EventTimeRange,
    column_list,
    in_order,
    order_of,
    require_clear,
    restricted_scan,
    visible_fields,
)
from meshwright.reading.rows import Rows
from meshwright.reading.session import extracted, open_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from meshwright.model.errors import MeshwrightError
    from meshwright.model.publication import Field
    from meshwright.reading.diff import PortDifference
    from meshwright.reading.governed_copies import GovernedCopies
    from meshwright.reading.resolve import Told
    from meshwright.reading.sql_gate import SqlGate, Worker
    from meshwright.storage import Registry, Warehouse

T = TypeVar("T")
# Ports that a read serves from, each with what the reader may see of it.
Limits: TypeAlias = "Sequence[tuple[ResolvedPort, Restriction]]"


# DuckDB's errors that are no fault of the query.
OUTSIDE = ("IO Error", "Out of Memory Error", "INTERNAL Error", "FATAL Error", "INTERRUPT Error")


class Guard(Protocol):
    """Says what one principal may see, and hears what it took."""

    @property
    def reader(self) -> str:
        """Who reads."""
        ...

    def restrict(self, resolved: ResolvedPort) -> Restriction:
        """What the principal may see of a port, by the policies that bind now. Raises Denied, Unavailable."""
        ...

    def used(
        self, columns: Sequence[tuple[ResolvedPort, Sequence[str]]], *, rows: int, size: int, seconds: float
    ) -> None:
        """Keep what a read took of each port: the *columns* that it used, and *rows*, bytes and *seconds* altogether."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Reads what is published in one environment, at one moment, restricted for one principal.

    `guard` says what policies leave of a port, and every way to read asks it; without one, as for the mesh's owner, that is
    everything. `told` gives the ports that may be suggested for one that is misspelt. `keys` are what masks hash with.
    `copies` serve restricted ports where they can; SQL that the reader wrote goes through the `gate`.
    """

    registry: Registry
    warehouse: Warehouse
    environment: str = "prod"
    guard: Guard | None = None
    told: Told = None
    keys: Keys = field(default_factory=Keys)
    copies: GovernedCopies | None = None
    gate: SqlGate | None = None

    def restriction(self, resolved: ResolvedPort) -> Restriction:
        """What the reader may see of a port. Raises Denied."""
        return self.guard.restrict(resolved) if self.guard is not None else EVERYTHING

    def resolve(self, address: str, as_of: str = "") -> ResolvedPort:
        """The port written as *address*. Raises InvalidInput, NotFound."""
        return resolve(self.registry, _address(address), environment=self.environment, as_of=as_of, told=self.told)

    def read(
        self,
        address: str,
        *,
        columns: Sequence[str] = (),
        where: str = "",
        as_of: str = "",
        event_time: EventTimeRange | None = None,
        limit: int | None = None,
    ) -> Rows:
        """Rows of one port: some *columns*, those *where* a SQL condition holds, at most *limit*.

        Raises InvalidInput for an unknown column or a condition that is not one, NotFound for an unknown port.
        """
        resolved = self.resolve(address, as_of)
        restriction = self.restriction(resolved)
        visible = visible_fields(resolved.port.schema, restriction)
        wanted = column_list(visible, tuple(columns), of=str(resolved.address))
        filtered = f" WHERE {condition(where)}" if where else ""
        head = f" LIMIT {int(limit)}" if limit is not None else ""
        limits = [(resolved, restriction)]
        if where and self.gate is not None and self.guard is not None:
            sql = f"SELECT {wanted} FROM {quote(str(resolved.address))}{filtered}{head}"
            return self._gated(self.gate, self.guard, sql, limits, event_time)
        opened = _Opened(self.warehouse)
        scan = self._scan(resolved, restriction, opened, event_time)
        return self._run(f"SELECT {wanted} FROM ({scan}){filtered}{head}", limits, {}, opened=opened.files)

    def query(self, sql: str, *, as_of: str = "", event_time: EventTimeRange | None = None) -> Rows:
        """The result of one SQL query over published ports, named `domain.product[.port]`, `"domain.product@1"`.

        *as_of* and *event_time* apply to every port that it reads.

        Raises InvalidInput with the line and column of what is refused or wrong.
        """
        query = accepted(sql)
        resolved: dict[tuple[str, ...], ResolvedPort] = {}
        for reference in query.references:
            if reference.path not in resolved:
                resolved[reference.path] = self.resolve(named(reference), as_of)
        names = {path: str(port.address) for path, port in resolved.items()}
        # One port may be named in several ways.
        limits = [
            (port, self.restriction(port)) for port in {str(one.address): one for one in resolved.values()}.values()
        ]
        text = rewrite(query, names)
        if self.gate is not None and self.guard is not None:
            return self._gated(self.gate, self.guard, text, limits, event_time)
        opened = _Opened(self.warehouse)
        views = {str(port.address): self._scan(port, limit, opened, event_time) for port, limit in limits}
        return self._run(text, limits, views, opened=opened.files)

    def changes(self, address: str, *, since: str, until: str = "", limit: int | None = None) -> Rows:
        """Rows that were inserted, updated or deleted after publication *since* up to *until* (the head).

        A first column `_change_type` says which: insert, update_before, update_after, delete.
        """
        old, new = self.resolve(address, since), self.resolve(address, until)
        if new.port.kind != "tables":
            raise InvalidInput(
                f"{address} publishes files, not rows: `mesh show {new.address.product_id}` has checksums"
            )
        if not new.port.continues(old.port):
            raise InvalidInput(f"{address} has been created anew since publication {since}: read it as a whole")
        opened, limits = _Opened(self.warehouse), [(old, self.restriction(old)), (new, self.restriction(new))]
        # What was hidden when a row was published stays hidden in what became of it.
        restriction = both(limits[0][1], limits[1][1])
        removed, added = (
            self._scan(replace(new, files=files), restriction, opened)
            for files in differing_files(old.files, new.files)
        )
        names = [field.name for field in visible_fields(new.port.schema, restriction)] or [NOTHING]
        sql = changes_sql(removed, added, names, key=_telling(new.port.key, new.port.schema, restriction))
        head = f" LIMIT {int(limit)}" if limit is not None else ""
        return self._run(f"SELECT * FROM ({sql}){head}", limits, {}, opened=opened.files)

    def diff(
        self, address: str, *, before: str = "", after: str = "", key: Sequence[str] = (), samples: int = SAMPLES
    ) -> PortDifference:
        """How a port *after* differs from what it was *before*: each an environment, a publication's number or a time.

        After is what is served now; before what was served before that, or, of what was built in an environment, what
        the one below serves. *samples* bounds the rows that are shown of each kind. Raises InvalidInput, NotFound.
        """
        old, new = compared(
            self.registry, _address(address), environment=self.environment, before=before, after=after, told=self.told
        )
        opened = _Opened(self.warehouse)
        limits = {_state(port): self.restriction(port) for port in (old, new)}

        def restriction(port: ResolvedPort) -> Restriction:
            return limits[_state(port)]

        def fetch(sql: str, served: list[ResolvedPort]) -> list[tuple[Any, ...]]:
            return self._fetch(sql, [(port, restriction(port)) for port in served], opened.files)

        def scan(port: ResolvedPort, limit: Restriction) -> str:
            return self._scan(port, limit, opened)

        access = Access(restriction=restriction, scan=scan, fetch=fetch)
        return difference(old, new, access, key=key, samples=samples)

    def _fetch(self, sql: str, limits: Limits, opened: Iterable[str]) -> list[tuple[Any, ...]]:
        rows = self._run(sql, limits, {}, opened=opened)
        try:
            found: list[tuple[Any, ...]] = rows.fetch(
                rows.relation.fetchall, lambda tuples: (len(tuples), size_of(tuples))
            )
            return found
        finally:
            rows.connection.close()

    def copy_artifacts(self, address: str, folder: Path, *, as_of: str = "") -> list[Path]:
        """Copy the artifacts of a port of kind files below *folder*, each checked against its checksum; the files made.

        Raises InvalidInput when the port serves a table, Unavailable when an artifact is damaged or cannot be written.
        """
        resolved = self.resolve(address, as_of)
        if resolved.port.kind != "files":
            raise InvalidInput(f"{address} serves a table, not files: leave out --to, or write it with --out FILE")
        if not self.restriction(resolved).is_all:
            raise InvalidInput(f"{address} cannot be restricted: it has no rows and columns")
        return [
            _copy(self.warehouse.locate(one.location), folder / one.path, one.sha256) for one in resolved.port.artifacts
        ]

    def warm(self, address: str) -> int:
        """Make the copies of a port that those want who read it lately; for how many restrictions there are copies now."""
        if self.copies is None:
            return 0
        resolved = self.resolve(address)
        if resolved.port.kind != "tables":
            return 0
        wanted = self.copies.wanted(self.environment, resolved.publication.product, resolved.port.name)
        return sum(self._copied(resolved, one, has_time=True) is not None for one in wanted)

    def _scan(
        self,
        resolved: ResolvedPort,
        restriction: Restriction,
        opened: _Opened,
        event_time: EventTimeRange | None = None,
    ) -> str:
        """What the reader may see of a port, from copies where there are some; *opened* hears which files that reads."""
        if event_time is not None and event_time.is_bounded:
            require_clear(resolved, restriction)
        copied = None if restriction.is_all else self._copied(resolved, restriction)
        if copied is not None:
            return _of_copies(copied, order_of(resolved, restriction), opened.remember, event_time)
        return self._restricted(resolved, restriction, opened, event_time)

    def _restricted(
        self,
        resolved: ResolvedPort,
        restriction: Restriction,
        locate: Callable[[str], str],
        event_time: EventTimeRange | None = None,
        *,
        is_ordered: bool = True,
    ) -> str:
        """What the reader may see of a port, restricted as it is read."""
        self._bring(resolved)
        return restricted_scan(
            resolved,
            locate=locate,
            restriction=restriction,
            keys=self.keys,
            event_time=event_time,
            is_ordered=is_ordered,
        )

    def _copied(
        self, resolved: ResolvedPort, restriction: Restriction, *, has_time: bool = False
    ) -> ResolvedPort | None:
        if self.copies is None or resolved.port.kind != "tables":
            return None

        def scan(part: ResolvedPort) -> str:
            return self._restricted(part, restriction, _Opened(self.warehouse))

        return self.copies.serve(resolved, restriction, self.keys, scan, has_time=has_time)

    def _gated(
        self,
        gate: SqlGate,
        guard: Guard,
        sql: str,
        limits: Limits,
        event_time: EventTimeRange | None,
    ) -> Rows:
        """The rows of *sql*, which the reader wrote and another process runs, over the ports in *limits*."""
        import duckdb

        columns = _used_columns(sql, limits)
        served, explain = tuple(port for port, _ in limits), self._explain(limits)
        with gate.worker(guard.reader) as worker:
            try:
                with gate.preparing(worker):
                    views = [
                        (str(port.address), self._given(worker, port, limit, event_time, used))
                        for (port, limit), (_, used) in zip(limits, columns, strict=True)
                    ]
            except duckdb.Error as error:
                raise explain(error) from error
            table = gate.run(worker, views, sql, check=lambda: _check(guard, limits), explain=explain)
        connection = duckdb.connect()
        connection.execute("SET GLOBAL TimeZone = 'UTC'")
        connection.register("result", table)
        text = "SELECT * FROM result"
        rows = Rows(
            relation=connection.sql(text),
            connection=connection,
            sql=text,
            served=served,
            explain=explain,
            tables={"result": table},
        )
        return _guarded(rows, guard, limits, columns)

    def _given(
        self,
        worker: Worker,
        resolved: ResolvedPort,
        restriction: Restriction,
        event_time: EventTimeRange | None,
        used: Sequence[str],
    ) -> str:
        """What the reader may see of a port, as a SELECT over files that *worker* is given: only what is *used* counts."""
        if event_time is not None and event_time.is_bounded:
            require_clear(resolved, restriction)
        opened = _Opened(self.warehouse)
        if restriction.is_all:
            return self._restricted(resolved, restriction, lambda path: worker.link(opened(path)), event_time)
        copied = self._copied(resolved, restriction)
        if copied is not None:
            return _of_copies(copied, order_of(resolved, restriction), worker.link, event_time)
        scan = self._restricted(resolved, restriction, opened, event_time, is_ordered=False)
        visible = visible_fields(resolved.port.schema, restriction)
        name, path = worker.table()
        order = order_of(resolved, restriction, used)
        return extracted(scan, visible, used, path, name, seconds=worker.seconds_left, order=order)

    def _bring(self, resolved: ResolvedPort) -> None:
        """Bring every file of a port near at once. Raises Unavailable, naming a file that is lost."""
        try:
            self.warehouse.fetch(file.path for file in resolved.files)
        except Unavailable as error:
            self._require(resolved, str(error))
            raise

    def _require(self, resolved: ResolvedPort, error: str) -> None:
        port, product = str(resolved.address), resolved.address.product_id
        require_files(resolved.files, port=port, product=product, warehouse=self.warehouse, error=error)

    def _run(self, sql: str, limits: Limits, views: dict[str, str], *, opened: Iterable[str]) -> Rows:
        """The rows of *sql*, which may open the files *opened* and no others.

        *limits* are the ports that it reads, each with the restriction that is in *sql* and *views* already.
        """
        import duckdb

        explain = self._explain(limits)
        connection = open_session(opened)
        try:
            for name, scan in views.items():
                connection.execute(f"CREATE VIEW {quote(name)} AS {scan}")
            relation = connection.sql(sql)
        except duckdb.Error as error:
            connection.close()
            raise explain(error) from error
        served = tuple(port for port, _ in limits)
        rows = Rows(relation=relation, connection=connection, sql=sql, served=served, explain=explain)
        if self.guard is None:
            return rows
        return _guarded(rows, self.guard, limits, _used_columns(sql if views else "", limits))

    def _explain(self, limits: Limits) -> Callable[[Exception], MeshwrightError]:
        """What turns DuckDB's error about a read of the ports in *limits* into ours."""

        def explain(error: Exception) -> MeshwrightError:
            for port, _ in limits:
                self._require(port, str(error))
            kind = Unavailable if str(error).startswith(OUTSIDE) else InvalidInput
            return kind(f"the query cannot be run: {first_line(error)}")

        return explain


Used: TypeAlias = "Sequence[tuple[ResolvedPort, tuple[str, ...]]]"


def _guarded(rows: Rows, guard: Guard, limits: Limits, columns: Used) -> Rows:
    """*rows*, which end when policies leave something else than *limits*, and tell what they took of which *columns*."""

    def used(count: int, size: int, seconds: float) -> None:
        guard.used(columns, rows=count, size=size, seconds=seconds)

    return replace(rows, check=lambda: _check(guard, limits), used=used)


def _check(guard: Guard, limits: Limits) -> None:
    """Raise Denied when the policies leave something else than *limits* by now."""
    for port, limit in limits:
        if guard.restrict(port) != limit:
            raise Denied(f"what you may see of {port.address} changed while it was read: read it again")


def _used_columns(sql: str, limits: Limits) -> Used:
    """The visible columns of each port that *sql* uses; all of them where it names no ports, or is wrong."""
    seen = [(port, visible_fields(port.port.schema, limit)) for port, limit in limits]
    every = [(port, tuple(one.name for one in fields)) for port, fields in seen]
    if not sql:
        return every
    with Binder() as binder:
        for port, fields in seen:
            columns = [(one.name, one.type) for one in fields] or [(NOTHING, DataType("INTEGER"))]
            binder.declare(str(port.address), columns)
        try:
            found = binder.used_columns(sql)
        except SqlError:
            return every
    return [(port, tuple(name for name in names if name in found.get(str(port.address), ()))) for port, names in every]


def _of_copies(
    copied: ResolvedPort, order: str, locate: Callable[[str], str], event_time: EventTimeRange | None
) -> str:
    """The rows of copies, each of which is in *order* already."""
    scan = restricted_scan(copied, locate=locate, event_time=event_time)
    return in_order(scan, order if len(copied.files) > 1 else "")


def _telling(key: tuple[str, ...], schema: tuple[Field, ...], restriction: Restriction) -> tuple[str, ...]:
    """*key*, when what the reader sees of it still tells rows apart; else none."""
    fields = {one.name: one for one in schema}
    hidden = restriction.others_absent or any(
        fields[name].id in restriction.actions
        and not tells_apart(fields[name].type, restriction.actions[fields[name].id])
        for name in key
    )
    return () if hidden else key


def _state(port: ResolvedPort) -> tuple[str, int]:
    """Which of a product's publications *port* is of, whatever it was copied to."""
    return port.publication.environment, port.publication.sequence


class _Opened:
    """Finds files for the engine, and remembers which: a query opens no others."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self.files: dict[str, None] = {}

    def __call__(self, path: str) -> str:
        return self.remember(str(self._warehouse.locate(path)))

    def remember(self, path: str) -> str:
        """*path*, which is absolute already."""
        self.files[path] = None
        return path


def _copy(source: Path, target: Path, sha256: str) -> Path:
    try:
        content = source.read_bytes()
        if hashlib.sha256(content).hexdigest() != sha256:
            raise Unavailable(
                f"{source} is damaged: its checksum is not the published one. Rebuild the product with --full"
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    except OSError as error:
        raise Unavailable(f"{target} cannot be written: {error.strerror or error}") from error
    return target


def _address(text: str) -> PortAddress:
    try:
        return PortAddress.parse(text)
    except ValueError as error:
        raise InvalidInput(str(error)) from None
