"""Cedar's entities of a mesh: who acts, on what, and for what purpose."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from meshwright.governance.purposes import UNSPECIFIED
from meshwright.governance.vocabulary import CONTRADICTION, attribute_type, entity
from meshwright.model.principal import AGENT, PRODUCT, Principal

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from meshwright.governance.port_facts import ColumnFacts, PortFacts

MESH: Final = "mesh"


def above(domain: str, tags: tuple[str, ...]) -> list[dict[str, Any]]:
    """The mesh, and the *domain* with its *tags*."""
    return [
        entity("Mesh", MESH),
        entity("Domain", domain, (("Mesh", MESH),), {"name": domain, "tags": in_any_case(tags)}),
    ]


def in_any_case(words: tuple[str, ...]) -> tuple[str, ...]:
    """*words* as they are and in small letters: a column that is Confidential is confidential, too."""
    return tuple(dict.fromkeys((*words, *(word.lower() for word in words))))


def actor(principal: Principal, here: str, known: Collection[str]) -> list[dict[str, Any]]:
    """The principal with its groups, those of its attributes that are *known* to policies, and its domains, but for *here*, which is among the places."""
    parents = [("Group", name) for name in principal.groups]
    domains = (*principal.domains, *((principal.id.partition(".")[0],) if principal.kind == PRODUCT else ()))
    parents += [("Domain", name) for name in domains]
    groups = [entity("Group", name) for name in dict.fromkeys(principal.groups)]
    # Whose tags nobody can ask for: only a resource has a domain.
    groups += [
        entity("Domain", name, (), {"name": name, "tags": ()}) for name in dict.fromkeys(domains) if name != here
    ]
    attributes = {name: value for name, value in principal.attributes.items() if name in known}
    return [*groups, entity(principal.kind, principal.id, tuple(dict.fromkeys(parents)), attributes)]


def actors(principal: Principal, agent: Principal | None, here: str, known: Collection[str]) -> list[dict[str, Any]]:
    """The *principal* that is asked about and the *agent* that acts for it, each as `actor` has it."""
    every = [*actor(principal, here, known), *(actor(agent, here, known) if agent is not None else ())]
    return list({(one["uid"]["type"], one["uid"]["id"]): one for one in every}.values())


def agent_of(principal: Principal) -> Principal | None:
    """The agent that acts as *principal* or is it, if any: what `context.agent` is, of the person for whom it acts, too."""
    return principal if principal.kind == AGENT else None


def context_of(purpose: str, now: datetime, environment: str, agent: Principal | None) -> dict[str, Any]:
    """The context of a question, as Cedar's JSON has it."""
    known: dict[str, Any] = {"agent": {"__entity": {"type": AGENT, "id": agent.id}}} if agent is not None else {}
    return {
        "purpose": {"__entity": {"type": "Purpose", "id": purpose}},
        "now": {"__extn": {"fn": "datetime", "arg": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}},
        "environment": environment,
        **known,
    }


def mistyped(principal: Principal, known: Mapping[str, str]) -> str:
    """Which attributes *principal* has of another type than policies take them for (*known*, by Cedar type); "" none."""
    return "; ".join(
        f"its {name} is {attribute_type(value)}, and policies were checked with "
        + ("none, or with two types: `mesh policy publish --all`" if known[name] == CONTRADICTION else known[name])
        for name, value in sorted(principal.attributes.items())
        if name in known and attribute_type(value) != known[name]
    )


def places(port: PortFacts) -> list[dict[str, Any]]:
    """The port and its columns, and what they lie in."""
    domain = {"__entity": {"type": "Domain", "id": port.domain}}
    product = {
        "name": port.product.partition(".")[2],
        "domain": domain,
        "tags": in_any_case(port.product_tags),
        "status": port.status,
        "owner": port.owner,
    }
    served = {
        "name": port.port,
        "domain": domain,
        "tags": in_any_case(port.tags),
        "status": port.status,
        "version": port.major,
    }
    columns = [
        entity(
            "Column",
            column_id(port, column),
            (("Port", port.address),),
            {
                "name": column.asked.lower(),
                "domain": domain,
                "tags": in_any_case(column.tags),
                "classifications": in_any_case(column.classifications),
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


def column_id(port: PortFacts, column: ColumnFacts) -> str:
    """Cedar's name of a column: in small letters, for names of columns mean the same in any case, as in SQL."""
    return f"{port.address}.{column.asked}".lower()


def purposes_of(purposes: Mapping[str, str]) -> list[dict[str, Any]]:
    """Every purpose within its wider one."""
    known = [entity("Purpose", name, (("Purpose", wider),) if wider else ()) for name, wider in purposes.items()]
    return [*known, entity("Purpose", UNSPECIFIED)]
