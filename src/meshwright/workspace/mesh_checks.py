"""What only the whole mesh can tell: ids that are not unique, people nobody knows, inputs found by their contract."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meshwright.formats.yaml_text import pointer
from meshwright.model.findings import Finding
from meshwright.model.names import nearest
from meshwright.workspace.ports import address, parsed_address

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from meshwright.model.mesh import Domain
    from meshwright.model.names import PortAddress
    from meshwright.model.product import InputPort, Product
    from meshwright.workspace.product_folder import Record

People = "Mapping[str, tuple[str, ...]]"


def duplicate_ids(records: Iterable[Record]) -> Iterator[Finding]:
    """A finding for every product or contract whose id another one, in another place, has already."""
    first: dict[tuple[str, str], tuple[str, str]] = {}
    for record in records:
        for identity in record.identities:
            owner, path = first.setdefault((identity.kind, identity.id), (identity.owner, identity.path))
            if owner != identity.owner:
                yield Finding(
                    code="duplicate-id",
                    message=f"The {identity.kind} in {path} has the same id",
                    path=identity.path,
                    value=identity.id,
                    hint="give each its own id, such as a UUID",
                    pointer="/id",
                )


def unknown_people(
    domains: Iterable[Domain], records: Mapping[str, Record], people: Mapping[str, tuple[str, ...]]
) -> Iterator[Finding]:
    """Findings for teams, members and approvers that no people file knows."""
    users = {user for members in people.values() for user in members}
    for domain in domains:
        if domain.team and domain.team not in people:
            yield _unknown("The owning team is no group", domain.team, people, domain.path, "/team/name")
        for index, user in enumerate(domain.members):
            if user not in users:
                yield _unknown(
                    "The team member is in no group",
                    user,
                    users,
                    domain.path,
                    pointer("team", "members", index, "username"),
                )
        for index, approver in enumerate(domain.approvers):
            if approver not in users and approver not in people:
                known = users | set(people)
                yield _unknown(
                    "The approver is no known user or group", approver, known, domain.path, pointer("approvers", index)
                )
    for folder, record in records.items():
        for user, place in record.people:
            if user not in users:
                yield _unknown("The team member is in no group", user, users, f"{folder}/product.yaml", place)


def _unknown(message: str, value: str, known: Iterable[str], path: str, place: str) -> Finding:
    close = nearest(value, known)
    hint = f"did you mean '{close}'?" if close else "add them to a file in people/"
    return Finding(code="unknown-owner", message=message, path=path, value=value, hint=hint, pointer=place)


def is_open(port: InputPort) -> bool:
    """Whether only the rest of the mesh can tell where an input port reads."""
    return port.address is None and port.source is None


def resolved_inputs(products: dict[str, Product], known: Iterable[Finding]) -> Iterator[Finding]:
    """Complete, in *products*, the input ports that name their source by contract; findings for those left over.

    Input ports of which one of the *known* findings speaks already get no second one.
    """
    waiting = [product for product in products.values() if any(map(is_open, product.input_ports))]
    if not waiting:
        return
    ports = _ports_by_contract(products.values())
    explained = {(finding.path, "/".join(finding.pointer.split("/")[:3])) for finding in known if finding.pointer}
    for product in waiting:
        inputs = tuple(_resolved(port, ports) if is_open(port) else port for port in product.input_ports)
        products[product.id] = replace(product, input_ports=inputs)
        for port in inputs:
            if is_open(port) and (product.path, port.pointer) not in explained:
                yield _unresolved(port, product, ports)


def _ports_by_contract(products: Iterable[Product]) -> dict[str, PortAddress]:
    found: dict[str, PortAddress] = {}
    for product in products:
        for port in product.output_ports:
            contract_id = port.contract.id if port.contract is not None else port.contract_id
            if contract_id:
                found.setdefault(contract_id, address(product, port))
    return found


def _resolved(port: InputPort, ports: Mapping[str, PortAddress]) -> InputPort:
    found = ports.get(port.contract_id) or parsed_address(port.name)
    return replace(port, address=found) if found else port


def _unresolved(port: InputPort, product: Product, ports: Mapping[str, PortAddress]) -> Finding:
    if port.contract_id:
        close = nearest(port.contract_id, ports)
        hint = f"did you mean '{close}'?" if close else "add the custom property mesh.port with the port's address"
        message = f"No output port has the contract that the input port '{port.name}' asks for"
    else:
        hint = "add the custom property mesh.port (a product's port) or mesh.path (files)"
        message = f"Nothing says what the input port '{port.name}' reads"
    return Finding(
        code="input-without-source",
        message=message,
        path=product.path,
        value=port.contract_id,
        hint=hint,
        pointer=port.pointer,
    )
