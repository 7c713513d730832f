"""Guarded reads: who says what a reader may see, asks again while it is read, and hears what was taken."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, TypeAlias

from meshwright.analysis.binding import Binder
from meshwright.analysis.query import SqlError
from meshwright.model.datatype import DataType
from meshwright.model.errors import Denied
from meshwright.reading.restricted_scan import NOTHING, visible_fields

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshwright.model.restriction import Restriction
    from meshwright.reading.resolve import ResolvedPort
    from meshwright.reading.rows import Rows

# Ports that a read serves from, each with what the reader may see of it; and with the columns that are used.
Limits: TypeAlias = "Sequence[tuple[ResolvedPort, Restriction]]"
Used: TypeAlias = "Sequence[tuple[ResolvedPort, tuple[str, ...]]]"


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


def guarded(rows: Rows, guard: Guard, limits: Limits, columns: Used) -> Rows:
    """*rows*, which end when policies leave something else than *limits*, and tell what they took of which *columns*."""

    def used(count: int, size: int, seconds: float) -> None:
        guard.used(columns, rows=count, size=size, seconds=seconds)

    return replace(rows, check=lambda: check(guard, limits), used=used)


def check(guard: Guard, limits: Limits) -> None:
    """Raise Denied when the policies leave something else than *limits* by now."""
    for port, limit in limits:
        if guard.restrict(port) != limit:
            raise Denied(f"what you may see of {port.address} changed while it was read: read it again")


def used_columns(sql: str, limits: Limits) -> Used:
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
