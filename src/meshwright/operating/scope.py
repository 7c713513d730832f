"""Scope: which products are one checkout's to maintain, and how much of their past it keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from meshwright.build.selection import select

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from meshwright.model.maintenance import History
    from meshwright.model.mesh import Mesh


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The products of *mesh*, or those that were `selected` (None: all, and those that its domains had before)."""

    mesh: Mesh
    selected: frozenset[str] | None = None

    @classmethod
    def of(cls, mesh: Mesh, patterns: Sequence[str], *, told: Callable[[], Collection[str]] | None = None) -> Self:
        """The products that *patterns* mean. Raises InvalidInput for one that means nothing, which may suggest what *told* gives."""
        upstream = {name: product.upstream for name, product in mesh.products.items()}
        found = frozenset(select(patterns, mesh.products, upstream, changed=(), told=told)) if patterns else None
        return cls(mesh=mesh, selected=found)

    def holds(self, product: str) -> bool:
        """Whether *product* is to be maintained: what others keep in checkouts of their own is theirs to maintain."""
        return product.partition(".")[0] in self.mesh.domains if self.selected is None else product in self.selected

    def history(self, product: str) -> History | None:
        """How much of the past of *product* is kept; None: all of it."""
        if not self.holds(product):
            return None
        known = self.mesh.products.get(product)
        return (known.history if known is not None else None) or self.mesh.settings.maintenance.history
