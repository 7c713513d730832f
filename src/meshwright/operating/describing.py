"""Describing: a published product as data, as far as one who does not own the mesh may be told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meshwright.model.errors import NotFound
from meshwright.model.names import nearest
from meshwright.model.restriction import CLEAR
from meshwright.reading.catalogue import described_ports
from meshwright.reading.restricted_scan import visible_fields

if TYPE_CHECKING:
    from meshwright.model.publication import Publication, PublishedPort
    from meshwright.operating.known_names import KnownNames

# What a port is, and nothing that was counted over rows of which some may be hidden.
TOLD = ("address", "version", "status", "kind", "materialization", "owner", "description")


def described_product(names: KnownNames, product: str, environment: str) -> dict[str, Any]:
    """What *product* serves in *environment* to the one who is told *names*, and which products it reads that those are.

    A port that may be read has its visible columns, each `seen` clear or through a mask, and whether all rows are seen; of
    another it is said why not.
    Raises NotFound where there is nothing that may be discovered.
    """
    head = names.registry.head(environment, product)
    ports = [
        {name: described[name] for name in TOLD} | _columns(names, head, port, described["columns"])
        for described, port in zip(described_ports(head), head.ports, strict=True)
        if names.may_discover(head, port)
    ] if head is not None else []  # fmt: skip
    if head is None or not ports:
        guess = nearest(product, names.products(environment))
        raise NotFound(
            f"there is no product {product}" + (f": did you mean {guess}?" if guess else ": see `mesh list`")
        )
    known = set(names.products(environment))
    return {
        "product": head.product,
        "environment": environment,
        "sequence": head.sequence,
        "version": head.version,
        "published_at": head.published_at,
        "title": str(head.descriptor.get("title") or ""),
        "description": str(head.descriptor.get("description") or ""),
        "owner": str(head.descriptor.get("owner") or ""),
        "ports": ports,
        "reads": sorted({read.product for read in head.inputs if read.product in known}),
    }


def _columns(
    names: KnownNames, head: Publication, port: PublishedPort, described: list[dict[str, Any]]
) -> dict[str, Any]:
    decision = names.decide(head, port)
    if not decision.allowed:
        return {"columns": [], "rows_seen": decision.rows, "refused": list(decision.reasons)}
    actions = decision.restriction.actions
    seen = {field.name: actions.get(field.id, CLEAR) for field in visible_fields(port.schema, decision.restriction)}
    columns = [
        {"name": one["name"], "type": one["type"], "seen": seen[one["name"]], "description": one["description"]}
        for one in described
        if one["name"] in seen
    ]
    return {"columns": columns, "rows_seen": decision.rows, "refused": []}
