"""Continuation: which published table a port goes on with, and which transformations must begin with everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshwright.build.outline import stem
from meshwright.model.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from meshwright.build.bound import BoundProduct
    from meshwright.model.contract import Contract
    from meshwright.model.product import OutputPort, Product
    from meshwright.model.publication import Field, Publication, PublishedPort


def continued(head: Publication | None, bound: BoundProduct, port: OutputPort) -> PublishedPort | None:
    """The published port whose table *port* goes on with; None when it begins a new one.

    It is the same major version, or the 0.x that the first major version takes the place of.
    """
    if head is None:
        return None
    majors = [one.major for one in bound.product.output_ports if one.name == port.name]
    found = head.port(port.name, port.major)
    return head.port(port.name, 0) if found is None and port.major == min(majors, default=port.major) else found


def beginners(head: Publication | None, bound: BoundProduct) -> frozenset[str]:
    """The transformations that read all rows of their inputs as new: those of incremental ports that *head* lacks.

    Raises Refused when one of them reads changes that a port which goes on reads, too: they differ.
    """
    ports = bound.product.output_ports
    new = {stem(one) for one in ports if one.materialization != "full" and continued(head, bound, one) is None}
    if head is None or not new:
        return frozenset()
    begins, goes_on = _read_by(bound, new), _read_by(bound, {stem(one) for one in ports} - new)
    for name in sorted(begins & goes_on):
        if bound.transformation(name).changes:
            raise Refused(
                f"{', '.join(sorted(new))} is new and needs all rows of step {name}, which gives the others only new ones: "
                f"`mesh build --full --select {bound.product.id}` makes all ports anew"
            )
    return begins - goes_on


def _read_by(bound: BoundProduct, names: Iterable[str]) -> frozenset[str]:
    """*names* and every transformation of the product that they read, directly or not."""
    found = set(names)
    waiting = list(found)
    while waiting:
        one = next((each for each in bound.transformations if each.name == waiting[-1]), None)
        waiting.pop()
        new = set(one.siblings.values()) - found if one is not None else set()
        found |= new
        waiting.extend(new)
    return frozenset(found)


def require_readable(port: str, product: str, before: PublishedPort | None, schema: tuple[Field, ...]) -> None:
    """Raise Refused when rows that stay cannot be shown in *schema*: a column of another type reads them as NULL."""
    if before is None or not before.rows:
        return
    then = {field.name.lower(): field for field in before.schema}
    for field in schema:
        old = then.get(field.name.lower())
        if old is not None and old.id != field.id:
            raise Refused(
                f"port {port}: column {field.name} was {old.type} and is {field.type} now, and the rows published before "
                f"cannot be read so. Give the column a new name, or make all rows anew with "
                f"`mesh build --full --select {product}`"
            )


def older_majors(
    head: Publication | None, product: Product, today: date
) -> tuple[list[PublishedPort], list[PublishedPort]]:
    """Major versions that *head* serves and *product* declares no more: those that go on, and those past their end date.

    They are served as last published until the end of life that their contract names. What is below 1.0.0 promised
    nothing: a first major version takes its place.
    """
    if head is None:
        return [], []
    declared = {(port.name, port.major) for port in product.output_ports}
    names = {name for name, _ in declared}
    left = [
        port for port in head.ports if port.name in names and port.major and (port.name, port.major) not in declared
    ]
    ended = [port for port in left if has_ended(port.contract, today)]
    return [port for port in left if port not in ended], ended


def has_ended(contract: Contract, today: date) -> bool:
    """Whether the end of life, or else of support, that *contract* names has come."""
    level = contract.service_level("endOfLife") or contract.service_level("endOfSupport")
    return level is not None and str(level.value)[:10] <= today.isoformat()
