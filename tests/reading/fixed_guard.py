"""A guard that always leaves the same, for reads whose policies are somebody else's business."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshwright.model.restriction import Restriction
    from meshwright.reading.resolve import ResolvedPort


class Taken(NamedTuple):
    """What a guard was told of one port."""

    port: str
    publication: int
    columns: tuple[str, ...]
    rows: int
    size: int
    seconds: float


class Fixed:
    """A guard that always leaves the same, and remembers what it is told."""

    def __init__(self, restriction: Restriction) -> None:
        self.restriction = restriction
        self.reader = "somebody"
        self.taken: list[Taken] = []

    def restrict(self, resolved: ResolvedPort) -> Restriction:
        del resolved
        return self.restriction

    def used(
        self, columns: Sequence[tuple[ResolvedPort, Sequence[str]]], *, rows: int, size: int, seconds: float
    ) -> None:
        self.taken += [
            Taken(str(port.address), port.publication.sequence, tuple(names), rows, size, seconds)
            for port, names in columns
        ]
