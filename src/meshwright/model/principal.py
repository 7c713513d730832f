"""Principals: who acts on a mesh."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from meshwright.model.errors import InvalidInput
from meshwright.model.names import is_name, nearest

# Kinds of principals, as policies call them.
PERSON: Final = "Person"
SERVICE: Final = "Service"
AGENT: Final = "Agent"
PRODUCT: Final = "DataProduct"
KINDS: Final = (PERSON, SERVICE, AGENT, PRODUCT)
# How the name of each begins where people write it.
PREFIXES: Final = {PERSON: "person", SERVICE: "service", AGENT: "agent", PRODUCT: "product"}
KIND_OF: Final = {prefix: kind for kind, prefix in PREFIXES.items()}
NAME: Final = re.compile(r"[\w.@+-]{1,200}")
# What tokens of identity providers may call somebody.
FOREIGN_NAME: Final = re.compile(r"[\w.@+:-]{1,200}")

Attribute: TypeAlias = str | int | bool | tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A person, service account, agent or data product, with the groups and attributes that are known of it.

    `domains` are those to whose teams it belongs.

    `is_owner` is the owner of a mesh on this machine, whom nothing is denied. `acts_for` is the person for whom an agent
    acts: the smaller right of both applies. `impersonated_by` is who asked with `--as`; both are recorded.
    """

    id: str
    kind: str = PERSON
    groups: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    attributes: dict[str, Attribute] = field(default_factory=dict)
    is_owner: bool = False
    acts_for: Principal | None = None
    impersonated_by: str = ""

    @property
    def spelled(self) -> str:
        """Its name as `--as` takes it: a username, `service:NAME`, `agent:NAME/USERNAME`, `product:ID`."""
        if self.kind == PERSON:
            return self.id
        name = f"{self.id}/{self.acts_for.id}" if self.kind == AGENT and self.acts_for is not None else self.id
        return f"{PREFIXES[self.kind]}:{name}"

    @property
    def record(self) -> dict[str, Any]:
        """Who acts, as records of access and usage have it."""
        return {
            "principal": f"{self.kind.lower()}:{self.id}",
            "asked_by": self.impersonated_by,
            "acts_for": self.acts_for.id if self.acts_for is not None else "",
        }

    def __str__(self) -> str:
        """`kind:id`, and for whom or by whom."""
        text = f"{self.kind.lower()}:{self.id}"
        if self.acts_for is not None:
            text += f" for {self.acts_for}"
        return f"{text} (as asked by {self.impersonated_by})" if self.impersonated_by else text


def listed_name(text: str, *, with_foreign: bool = False) -> str | None:
    """What *text*, a name in the mesh's files, means: `person:bob` is bob, a `service:etl` itself. None when it is nobody.

    Names of those who come *with_foreign* tokens may have colons of their own, unless what is before the first one is nearly
    a kind of principal.
    """
    prefix, colon, rest = text.partition(":")
    name = FOREIGN_NAME if with_foreign else NAME
    kind = KIND_OF.get(prefix) if colon else PERSON
    if kind is None:
        return text if with_foreign and not nearest_kind(prefix) and name.fullmatch(text) else None
    if kind == PRODUCT:
        domain, _, product = rest.partition(".")
        return text if is_name(domain) and is_name(product) else None
    bare = rest if colon else text
    if not name.fullmatch(bare):
        return None
    return bare if kind == PERSON else text


def nearest_kind(prefix: str) -> str | None:
    """The kind of principal that *prefix* most likely meant, as names begin with it; None when it is near none."""
    return nearest(prefix.lower(), KIND_OF)


def require_named(acting: str | None) -> None:
    """Raise InvalidInput when somebody's name is given and empty: a variable that is not set makes nobody the owner."""
    if acting == "":
        raise InvalidInput(
            "--as (or acting) is given and empty: say who reads, or leave it out to read as yourself "
            "(the variable that was to hold the name may not be set)"
        )
