"""A reader of what a product that is not there yet will read: what policies leave it, and nothing that its author may not see."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from meshwright.model.restriction import EVERYTHING, both

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshwright.build.admission import Admission
    from meshwright.model.restriction import Restriction
    from meshwright.reading.guarding import Guard
    from meshwright.reading.reader import Reader
    from meshwright.reading.resolve import ResolvedPort


def admitted_reader(reader: Reader, admission: Admission | None, product: str) -> Reader:
    """*reader*, held to what *admission* leaves *product*, too; as it is where no policies are published (None)."""
    if admission is None:
        return reader
    guard = _AuthorAndProduct(author=reader.guard, admission=admission, product=product)
    return replace(reader, guard=guard, keys=admission.keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class _AuthorAndProduct:
    """A guard that leaves what both may see: `author` is the guard of whoever writes the product, None for the owner."""

    author: Guard | None
    admission: Admission
    product: str

    @property
    def reader(self) -> str:
        return self.author.reader if self.author is not None else f"product:{self.product}"

    def restrict(self, resolved: ResolvedPort) -> Restriction:
        own = self.author.restrict(resolved) if self.author is not None else EVERYTHING
        return both(own, self.admission.restrict(self.product, resolved, is_kept=False))

    def used(
        self, columns: Sequence[tuple[ResolvedPort, Sequence[str]]], *, rows: int, size: int, seconds: float
    ) -> None:
        if self.author is not None:
            self.author.used(columns, rows=rows, size=size, seconds=seconds)
