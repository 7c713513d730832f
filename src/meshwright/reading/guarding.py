"""Guarded reads: who says what a reader may see, asks again while it is read, and hears what was taken."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, TypeAlias

from meshwright.analysis.binding import Binder
from meshwright.analysis.query import SqlError
from meshwright.model.errors import Denied
from meshwright.reading.empty_tables import positions
from meshwright.reading.restricted_scan import NOTHING, visible_fields

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshwright.model.restriction import Restriction
    from meshwright.reading.empty_tables import Tables
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


def guarded(
    rows: Rows, guard: Guard, limits: Limits, columns: Used, *, started: float, is_recorded: bool = False
) -> Rows:
    """*rows*, which end when policies leave something else than *limits*, and tell what they took of which *columns*.

    What it took to get so far since *started*, as copies do, is part of what their first use took; where that *is_recorded*
    already, further uses are.
    """
    spent = [time.monotonic() - started]

    def used(count: int, size: int, seconds: float) -> None:
        before = spent.pop() if spent else None
        if not (is_recorded and before is not None):
            guard.used(columns, rows=count, size=size, seconds=seconds + (before or 0))

    return replace(rows, check=lambda: check(guard, limits), used=used)


def check(guard: Guard, limits: Limits) -> None:
    """Raise Denied when the policies leave something else than *limits* by now."""
    for port, limit in limits:
        if guard.restrict(port) != limit:
            raise Denied(f"what you may see of {port.address} changed while it was read: read it again")


def every_column(limits: Limits) -> Used:
    """The visible columns of each port."""
    return [(port, tuple(one.name for one in visible_fields(port.port.schema, limit))) for port, limit in limits]


def used_columns(sql: str, limits: Limits) -> Used:
    """The visible columns of each port that *sql* uses; all of them where it is wrong.

    This evaluates what is constant in *sql*: what a reader wrote goes through `SqlGate.used_columns` where there is a gate.
    """
    every = every_column(limits)
    with Binder() as binder:
        try:
            found = positions(binder, sql, seen_tables(limits))
        except SqlError:
            return every
    return [
        (port, tuple(names[at] for at in used if at < len(names)))
        for (port, names), used in zip(every, found, strict=True)
    ]


def seen_tables(limits: Limits) -> Tables:
    """Each port as a query names it, with the names and types of the columns that it may know of."""
    return [
        (
            str(port.address),
            [(one.name, str(one.type)) for one in visible_fields(port.port.schema, limit)] or [(NOTHING, "INTEGER")],
        )
        for port, limit in limits
    ]
