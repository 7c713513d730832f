"""The reader: reads ports, SQL and changes for one principal in one environment."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from meshwright.analysis.query import rewrite
from meshwright.model.datatype import quote
from meshwright.model.errors import InvalidInput
from meshwright.model.names import PortAddress
from meshwright.model.restriction import EVERYTHING, Restriction, both
from meshwright.reading.artifacts import copy_artifact
from meshwright.reading.changes import changes_sql, differing_files
from meshwright.reading.diff import SAMPLES, Access, difference
from meshwright.reading.export import size_of
from meshwright.reading.guarding import check, every_column, guarded, seen_tables, used_columns
from meshwright.reading.masks import Keys, tells_apart
from meshwright.reading.query_text import accepted, condition, named
from meshwright.reading.resolve import ResolvedPort, compared, resolve
from meshwright.reading.restricted_scan import NOTHING, EventTimeRange, column_list, visible_fields
from meshwright.reading.rows import Rows
from meshwright.reading.session import open_session
from meshwright.reading.views import Opened, Views

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from meshwright.model.publication import Field
    from meshwright.reading.diff import PortDifference
    from meshwright.reading.governed_copies import GovernedCopies
    from meshwright.reading.guarding import Guard, Limits, Used
    from meshwright.reading.resolve import Told
    from meshwright.reading.sql_gate import SqlGate
    from meshwright.storage import Registry, Warehouse


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
        started, resolved = time.monotonic(), self.resolve(address, as_of)
        restriction = self.restriction(resolved)
        visible = visible_fields(resolved.port.schema, restriction)
        wanted = column_list(visible, tuple(columns), of=str(resolved.address))
        filtered = f" WHERE {condition(where)}" if where else ""
        head = f" LIMIT {int(limit)}" if limit is not None else ""
        limits = [(resolved, restriction)]
        sql = f"SELECT {wanted} FROM {quote(str(resolved.address))}{filtered}{head}"
        if where and self.gate is not None and self.guard is not None:
            return self._gated(self.gate, self.guard, sql, limits, event_time, started)
        opened = Opened(self.warehouse)
        scan = self._views.scan(resolved, restriction, opened, event_time)
        rows = self._run(f"SELECT {wanted} FROM ({scan}){filtered}{head}", limits, {}, opened=opened.files)
        asked = {name.lower() for name in columns}
        names = tuple(one.name for one in visible if not asked or one.name.lower() in asked)
        return self._told(rows, limits, [(resolved, names)] if not where else self._used(sql, limits), started)

    def query(self, sql: str, *, as_of: str = "", event_time: EventTimeRange | None = None) -> Rows:
        """The result of one SQL query over published ports, named `domain.product[.port]`, `"domain.product@1"`.

        *as_of* and *event_time* apply to every port that it reads.

        Raises InvalidInput with the line and column of what is refused or wrong.
        """
        started, query = time.monotonic(), accepted(sql)
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
            return self._gated(self.gate, self.guard, text, limits, event_time, started)
        opened = Opened(self.warehouse)
        views = {str(port.address): self._views.scan(port, limit, opened, event_time) for port, limit in limits}
        rows = self._run(text, limits, views, opened=opened.files)
        return self._told(rows, limits, self._used(text, limits), started)

    def changes(self, address: str, *, since: str, until: str = "", limit: int | None = None) -> Rows:
        """Rows that were inserted, updated or deleted after publication *since* up to *until* (the head).

        A first column `_change_type` says which: insert, update_before, update_after, delete.
        """
        started, old, new = time.monotonic(), self.resolve(address, since), self.resolve(address, until)
        if new.port.kind != "tables":
            raise InvalidInput(
                f"{address} publishes files, not rows: `mesh show {new.address.product_id}` has checksums"
            )
        if not new.port.continues(old.port):
            raise InvalidInput(f"{address} has been created anew since publication {since}: read it as a whole")
        opened, limits = Opened(self.warehouse), [(old, self.restriction(old)), (new, self.restriction(new))]
        # What was hidden when a row was published stays hidden in what became of it.
        restriction = both(limits[0][1], limits[1][1])
        removed, added = (
            self._views.scan(replace(new, files=files), restriction, opened)
            for files in differing_files(old.files, new.files)
        )
        names = [field.name for field in visible_fields(new.port.schema, restriction)] or [NOTHING]
        sql = changes_sql(removed, added, names, key=_telling(new.port.key, new.port.schema, restriction))
        head = f" LIMIT {int(limit)}" if limit is not None else ""
        rows = self._run(f"SELECT * FROM ({sql}){head}", limits, {}, opened=opened.files, seen=restriction)
        return self._told(rows, limits, every_column(limits), started)

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
        opened = Opened(self.warehouse)
        states = {_state(port): port for port in (old, new)}
        limits = {state: self.restriction(port) for state, port in states.items()}
        started, taken = time.monotonic(), [0, 0]

        def restriction(port: ResolvedPort) -> Restriction:
            return limits[_state(port)]

        def fetch(sql: str, served: list[ResolvedPort]) -> list[tuple[Any, ...]]:
            found = self._fetch(sql, [(port, restriction(port)) for port in served], opened.files)
            if self.guard is not None:
                taken[:] = taken[0] + len(found), taken[1] + size_of(found)
            return found

        def scan(port: ResolvedPort, limit: Restriction) -> str:
            return self._views.scan(port, limit, opened)

        access = Access(restriction=restriction, scan=scan, fetch=fetch)
        try:
            return difference(old, new, access, key=key, samples=samples)
        finally:
            if self.guard is not None:
                # Also when nothing was fetched: what the states promise and hold was compared.
                columns = every_column([(port, limits[state]) for state, port in states.items()])
                self.guard.used(columns, rows=taken[0], size=taken[1], seconds=time.monotonic() - started)

    def _fetch(self, sql: str, limits: Limits, opened: Iterable[str]) -> list[tuple[Any, ...]]:
        rows = self._run(sql, limits, {}, opened=opened)
        try:
            found: list[tuple[Any, ...]] = rows.fetch(rows.relation.fetchall, lambda _: (0, 0))
        finally:
            rows.connection.close()
        if self.guard is not None:
            check(self.guard, limits)
        return found

    def copy_artifacts(self, address: str, folder: Path, *, as_of: str = "") -> list[Path]:
        """Copy the artifacts of a port of kind files below *folder*, each checked against its checksum; the files made.

        Raises InvalidInput when the port serves a table, Unavailable when an artifact is damaged or cannot be written, Denied
        when policies change meanwhile; what was copied until then stays.
        """
        resolved = self.resolve(address, as_of)
        if resolved.port.kind != "files":
            raise InvalidInput(f"{address} serves a table, not files: leave out --to, or write it with --out FILE")
        restriction = self.restriction(resolved)
        if not restriction.is_all:
            raise InvalidInput(f"{address} cannot be restricted: it has no rows and columns")
        started, taken, copied = time.monotonic(), 0, []
        try:
            for one in resolved.port.artifacts:
                if self.guard is not None:
                    check(self.guard, [(resolved, restriction)])
                copied.append(copy_artifact(one, self.warehouse.locate(one.location), folder))
                taken += one.bytes
        finally:
            if self.guard is not None:
                self.guard.used([(resolved, ())], rows=0, size=taken, seconds=time.monotonic() - started)
        return copied

    def warm(self, address: str) -> int:
        """Make the copies of a port that those want who read it lately; for how many restrictions there are copies now."""
        if self.copies is None:
            return 0
        resolved = self.resolve(address)
        if resolved.port.kind != "tables":
            return 0
        wanted = self.copies.wanted(self.environment, resolved.publication.product, resolved.port.name)
        return sum(self._views.copied(resolved, one, has_time=True) is not None for one in wanted)

    @property
    def _views(self) -> Views:
        return Views(warehouse=self.warehouse, keys=self.keys, copies=self.copies)

    def _gated(
        self,
        gate: SqlGate,
        guard: Guard,
        sql: str,
        limits: Limits,
        event_time: EventTimeRange | None,
        started: float,
    ) -> Rows:
        """The rows of *sql*, which the reader wrote and another process binds and runs, over the ports in *limits*."""
        import duckdb

        every = columns = every_column(limits)
        served, explain = tuple(port for port, _ in limits), self._views.explain(limits)

        def checked() -> None:
            check(guard, limits)

        with gate.worker(guard.reader) as worker:
            gate.ready(worker, checked)
            try:
                with gate.preparing(worker):
                    found = gate.used_columns(worker, seen_tables(limits), sql, check=checked, explain=explain)
                    columns = [
                        (port, tuple(name for name in names if name in used))
                        for (port, names), used in zip(every, found, strict=True)
                    ]
                    views = [
                        (str(port.address), self._views.given(worker, port, limit, event_time, used))
                        for (port, limit), (_, used) in zip(limits, columns, strict=True)
                    ]
                table = gate.run(worker, views, sql, check=checked, explain=explain)
            except BaseException as error:
                # An error may say what is in the rows that it is of.
                guard.used(columns, rows=0, size=0, seconds=time.monotonic() - started)
                if isinstance(error, duckdb.Error):
                    raise explain(error) from error
                raise
        # The rows are in this process now, whether anybody fetches them or not.
        guard.used(columns, rows=table.num_rows, size=table.nbytes, seconds=time.monotonic() - started)
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
        return guarded(rows, guard, limits, columns, started=started, is_recorded=True)

    def _used(self, sql: str, limits: Limits) -> Used:
        """The columns that *sql* uses, which runs in this process; none where nobody hears of them."""
        return used_columns(sql, limits) if self.guard is not None else ()

    def _told(self, rows: Rows, limits: Limits, columns: Used, started: float) -> Rows:
        """*rows*, of which the guard, if there is one, hears what they took of which *columns*."""
        return guarded(rows, self.guard, limits, columns, started=started) if self.guard is not None else rows

    def _run(
        self,
        sql: str,
        limits: Limits,
        views: dict[str, str],
        *,
        opened: Iterable[str],
        seen: Restriction | None = None,
    ) -> Rows:
        """The rows of *sql*, which may open the files *opened* and no others; no guard hears of them yet.

        *limits* are the ports that it reads, each with the restriction that is in *sql* and *views* already, where it is
        not the same for all of them, *seen*.
        """
        import duckdb

        explain = self._views.explain([(port, seen or limit) for port, limit in limits])
        connection = open_session(opened)
        try:
            for name, scan in views.items():
                connection.execute(f"CREATE VIEW {quote(name)} AS {scan}")
            relation = connection.sql(sql)
        except duckdb.Error as error:
            connection.close()
            raise explain(error) from error
        served = tuple(port for port, _ in limits)
        return Rows(relation=relation, connection=connection, sql=sql, served=served, explain=explain)


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


def _address(text: str) -> PortAddress:
    try:
        return PortAddress.parse(text)
    except ValueError as error:
        raise InvalidInput(str(error)) from None
