"""Reaches a mesh in this process, through its registry and warehouse."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from meshwright.model.names import PortAddress
from meshwright.reading.catalogue import discovered_ports, published_ports
from meshwright.reading.masks import Keys
from meshwright.reading.restricted_scan import EventTimeRange

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshwright.model.publication import Publication, PublishedPort
    from meshwright.reading.reader import Reader
    from meshwright.reading.rows import Rows


class LocalTransport:
    """A `Transport` over a reader."""

    def __init__(self, reader: Reader) -> None:
        self._opened = reader

    @property
    def _reader(self) -> Reader:
        """The reader of one read: hashes that no two reads share are made with a salt of its own."""
        return replace(self._opened, keys=Keys(pseudonym=self._opened.keys.pseudonym))

    def read(
        self,
        address: str,
        *,
        columns: Sequence[str] = (),
        where: str = "",
        as_of: str = "",
        limit: int | None = None,
        since: str = "",
        until: str = "",
    ) -> Rows:
        """A port's rows."""
        event_time = EventTimeRange(first=since, until=until)
        return self._reader.read(address, columns=columns, where=where, as_of=as_of, event_time=event_time, limit=limit)

    def query(self, sql: str, *, as_of: str = "", since: str = "", until: str = "") -> Rows:
        """A query's rows."""
        return self._reader.query(sql, as_of=as_of, event_time=EventTimeRange(first=since, until=until))

    def changes(self, address: str, *, since: str, until: str = "") -> Rows:
        """What changed in a port."""
        return self._reader.changes(address, since=since, until=until)

    def ports(self) -> list[dict[str, Any]]:
        """Every published port, as far as the reader may be told of it."""
        reader = self._opened
        if reader.guard is None:
            return published_ports(reader.registry, reader.environment)
        told = set(reader.told(reader.environment)) if reader.told is not None else set()

        def may(head: Publication, port: PublishedPort) -> bool:
            return PortAddress.of(head.product, port.name, port.major) in told

        return discovered_ports(reader.registry, reader.environment, may)
