"""The catalogue: every published port and publication, described as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meshwright.model.names import PortAddress
from meshwright.model.results import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshwright.model.publication import Publication, PublishedPort
    from meshwright.storage import Registry


def published_ports(registry: Registry, environment: str) -> list[dict[str, Any]]:
    """Every port that is served in *environment*, by address: version, status, owner, description, rows, columns."""
    found = []
    for head in registry.heads(environment).values():
        found += described_ports(head)
    return sorted(found, key=lambda port: str(port["address"]))


def discovered_ports(
    registry: Registry, environment: str, may: Callable[[Publication, PublishedPort], bool]
) -> list[dict[str, Any]]:
    """The ports that are served in *environment* and that somebody *may* discover, without what tells of their rows."""
    known = ("address", "version", "status", "kind", "owner", "description")
    found = []
    for head in registry.heads(environment).values():
        seen = [port for port in head.ports if may(head, port)]
        found += [port for port, one in zip(described_ports(head), head.ports, strict=True) if one in seen]
    return [{name: port[name] for name in known} for port in sorted(found, key=lambda port: str(port["address"]))]


def described_ports(publication: Publication) -> list[dict[str, Any]]:
    """The publication's ports as data; an address names its major version only where a newer one is served."""
    ports = publication.ports
    newest = {port.name: max(one.major for one in ports if one.name == port.name) for port in ports}
    return [described_port(publication, port, pinned=port.major != newest[port.name]) for port in ports]


def described_port(head: Publication, port: PublishedPort, *, pinned: bool = False) -> dict[str, Any]:
    """One published port as data; *pinned* writes its major version into the address."""
    domain, product = head.product.split(".", 1)
    address = PortAddress(domain, product, port.name, port.major if pinned else None)
    columns = {column.name: column for column in port.contract.tables[0].columns} if port.contract.tables else {}
    return {
        "address": str(address),
        "version": port.version,
        "status": port.contract.status,
        "kind": port.kind,
        "materialization": port.materialization,
        "owner": head.descriptor.get("owner", ""),
        "description": port.contract.description or head.descriptor.get("description", ""),
        "publication": head.sequence,
        "published_at": head.published_at,
        "rows": port.rows,
        "bytes": port.bytes,
        "files": port.files,
        "event_time": [port.event_time_lowest, port.event_time_highest] if port.event_time else None,
        "columns": [
            {
                "name": field.name,
                "type": str(field.type),
                "required": bool(
                    columns.get(field.name) and (columns[field.name].required or columns[field.name].primary_key)
                ),
                "description": columns[field.name].description if field.name in columns else "",
            }
            for field in port.schema
        ],
        "artifacts": [{"path": one.path, "bytes": one.bytes, "sha256": one.sha256} for one in port.artifacts],
    }


def described_publication(publication: Publication) -> dict[str, Any]:
    """One publication as data: what it serves, what it read, what its tests found."""
    rules = [rule for port in publication.tests.values() for rule in port]
    return {
        "product": publication.product,
        "environment": publication.environment,
        "sequence": publication.sequence,
        "version": publication.version,
        "published_at": publication.published_at,
        "parent": publication.parent,
        "reason": publication.reason,
        "principal": publication.principal,
        "run": publication.run,
        "trace_id": publication.trace_id,
        "duration_seconds": round(publication.duration_seconds, 3),
        "rows": sum(port.rows for port in publication.ports),
        "bytes": sum(port.bytes for port in publication.ports),
        "ports": described_ports(publication),
        "inputs": [
            {
                "name": read.name,
                "product": read.product,
                "port": read.port,
                "publication": read.sequence,
                "columns": sorted(filter(None, read.columns)),
                "files": read.files,
            }
            for read in publication.inputs
        ],
        "tests": {outcome.value: sum(rule.outcome is outcome for rule in rules) for outcome in Outcome},
    }
