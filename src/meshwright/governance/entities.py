"""Cedar's entities of a mesh: who acts, on what, and for what purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from meshwright.governance.purposes import UNSPECIFIED
from meshwright.governance.vocabulary import entity
from meshwright.model.principal import PRODUCT, Principal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshwright.governance.port_facts import PortFacts

MESH: Final = "mesh"


def above(domain: str, tags: tuple[str, ...]) -> list[dict[str, Any]]:
    """The mesh, and the *domain* with its *tags*."""
    return [entity("Mesh", MESH), entity("Domain", domain, (("Mesh", MESH),), {"name": domain, "tags": tags})]


def actor(principal: Principal, here: str) -> list[dict[str, Any]]:
    """The principal with its groups and domains, but for the domain *here*, which is among the places."""
    parents = [("Group", name) for name in principal.groups]
    domains = (*principal.domains, *((principal.id.partition(".")[0],) if principal.kind == PRODUCT else ()))
    parents += [("Domain", name) for name in domains]
    groups = [entity("Group", name) for name in dict.fromkeys(principal.groups)]
    groups += [entity("Domain", name) for name in domains if name != here]
    return [*groups, entity(principal.kind, principal.id, tuple(dict.fromkeys(parents)), principal.attributes)]


def places(port: PortFacts) -> list[dict[str, Any]]:
    """The port and its columns, and what they lie in."""
    domain = {"__entity": {"type": "Domain", "id": port.domain}}
    product = {
        "name": port.product.partition(".")[2],
        "domain": domain,
        "tags": port.product_tags,
        "status": port.status,
        "owner": port.owner,
    }
    served = {"name": port.port, "domain": domain, "tags": port.tags, "status": port.status, "version": port.major}
    columns = [
        entity(
            "Column",
            f"{port.address}.{column.asked}",
            (("Port", port.address),),
            {
                "name": column.asked,
                "domain": domain,
                "tags": column.tags,
                "classifications": column.classifications,
                "type": str(column.type),
            },
        )
        for column in port.columns
    ]
    return [
        *above(port.domain, port.domain_tags),
        entity("Product", port.product, (("Domain", port.domain),), product),
        entity("Port", port.address, (("Product", port.product),), served),
        *columns,
    ]


def purposes_of(purposes: Mapping[str, str]) -> list[dict[str, Any]]:
    """Every purpose within its wider one."""
    known = [entity("Purpose", name, (("Purpose", wider),) if wider else ()) for name, wider in purposes.items()]
    return [*known, entity("Purpose", UNSPECIFIED)]
