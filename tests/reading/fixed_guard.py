"""A guard that always leaves the same, for reads whose policies are somebody else's business."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshwright.model.restriction import Restriction
    from meshwright.reading.resolve import ResolvedPort


class Fixed:
    """A guard that always leaves the same."""

    def __init__(self, restriction: Restriction) -> None:
        self.restriction = restriction
        self.reader = "somebody"

    def restrict(self, resolved: ResolvedPort) -> Restriction:
        del resolved
        return self.restriction

    def used(
        self, columns: Sequence[tuple[ResolvedPort, Sequence[str]]], *, rows: int, size: int, seconds: float
    ) -> None: ...
