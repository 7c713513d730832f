"""Rollback: serve an earlier publication again, at once; nothing is rebuilt and nothing is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshwright.model.errors import NotFound

if TYPE_CHECKING:
    from meshwright.model.publication import Publication
    from meshwright.storage import Registry


def roll_back(
    registry: Registry, environment: str, product: str, *, to: int | None = None
) -> tuple[Publication, Publication]:
    """The publication that was served and the one served now: number *to*, else the one the head was built upon.

    Raises NotFound when there is nothing to go back to, Conflict when the head moves meanwhile.
    """
    head = registry.head(environment, product)
    if head is None:
        raise NotFound(f"{product} serves nothing in {environment}: there is nothing to roll back")
    target = head.parent if to is None else to
    if target is None:
        raise NotFound(f"publication {head.sequence} is the first of {product}: there is none before it")
    publication = registry.publication(environment, product, target)
    if target != head.sequence:
        registry.move_head(environment, product, to=target, head=head.sequence)
    return head, publication
