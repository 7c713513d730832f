"""Rollback: serve an earlier publication again, at once; nothing is rebuilt and nothing is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshwright.build.admission import require_admitted
from meshwright.model.errors import NotFound

if TYPE_CHECKING:
    from meshwright.build.admission import Admission
    from meshwright.model.publication import Publication
    from meshwright.storage import Registry


def roll_back(
    registry: Registry, environment: str, product: str, *, to: int | None = None, admission: Admission | None = None
) -> tuple[Publication | None, Publication]:
    """The publication that was served (None: none) and the one served now: number *to*, else what the head was built upon.

    With an *admission*, one that was made of more than policies leave now does not come back. Raises NotFound when there is
    nothing to go back to, Refused, Denied, Conflict when the head moves meanwhile.
    """
    head = registry.head(environment, product)
    target = to if to is not None or head is None else _before(registry, environment, head).parent
    if target is None and head is None:
        raise NotFound(
            f"{product} serves nothing in {environment}: name a publication with --to, if it ever served one"
        )
    if target is None:
        raise NotFound(
            f"publication {head.sequence if head else ''} is the first of {product}: there is none before it"
        )
    publication = registry.publication(environment, product, target)
    served = head.sequence if head is not None else None
    if target != served:
        require_admitted(admission, registry, environment, publication)
        registry.move_head(environment, product, to=target, head=served)
    return head, publication


def _before(registry: Registry, environment: str, head: Publication) -> Publication:
    """The publication that made the rows which *head* serves: those that only have them in other files are passed over."""
    while head.compacted and head.parent is not None:
        head = registry.publication(environment, head.product, head.parent)
    return head
