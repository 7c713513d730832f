"""A domain's quota: what its products may serve together in one environment, looked at before anything is published."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from meshwright.build.continuation import older_majors
from meshwright.model.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from meshwright.build.publishing import PortResult
    from meshwright.build.workshop import Workshop
    from meshwright.model.mesh import Domain
    from meshwright.model.product import Product
    from meshwright.model.publication import Publication

UNITS = (("TB", 2**40), ("GB", 2**30), ("MB", 2**20), ("kB", 2**10))


@contextmanager
def within_quota(
    workshop: Workshop,
    domain: Domain | None,
    product: Product,
    results: Sequence[PortResult],
    head: Publication | None,
) -> Iterator[None]:
    """Publish *results* below this: raises Refused, with the numbers, when the domain would then serve too much.

    Products of one process that are built at the same time wait for each other here, so that two which only fit alone do
    not both pass.
    """
    if domain is None or (domain.quota_bytes is None and domain.quota_rows is None):
        yield
        return
    with workshop.measuring:
        rows, size = _size(workshop, product, results, head)
        others = [
            port
            for name, one in workshop.registry.heads(workshop.environment).items()
            if name.partition(".")[0] == domain.name and name != product.id
            for port in one.ports
        ]
        _require(domain, product, "bytes", size, sum(port.bytes for port in others), domain.quota_bytes)
        _require(domain, product, "rows", rows, sum(port.rows for port in others), domain.quota_rows)
        yield


def _size(
    workshop: Workshop, product: Product, results: Sequence[PortResult], head: Publication | None
) -> tuple[int, int]:
    """Rows and bytes that *product* would serve: the new state of its ports, and majors that stay as they are."""
    kept = older_majors(head, product, workshop.now().date())[0]
    rows, size = sum(port.rows for port in kept), sum(port.bytes for port in kept)
    for one in results:
        if one.state is not None:
            rows += one.state.rows
            size += sum(file.bytes for file in one.state.files)
        elif one.staged.artifacts is not None:
            size += sum(path.stat().st_size for path in one.staged.artifacts.rglob("*") if path.is_file())
    return rows, size


def _require(domain: Domain, product: Product, what: str, own: int, others: int, allowed: int | None) -> None:
    if allowed is None or own + others <= allowed:
        return
    told = _bytes if what == "bytes" else "{:,}".format
    unit = "" if what == "bytes" else " rows"
    raise Refused(
        f"{product.id} would serve {told(own)}{unit}, the other products of domain {domain.name} serve {told(others)}{unit}: "
        f"{told(own + others)}{unit} in all, and its quota is {told(allowed)}{unit} ({domain.path}). Serve less, remove what "
        f"nobody reads, or raise the quota"
    )


def _bytes(size: int) -> str:
    for unit, factor in UNITS:
        if size >= factor:
            return f"{size / factor:,.1f} {unit}"
    return f"{size} bytes"
