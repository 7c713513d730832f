"""Principals: who acts on a mesh."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

# Kinds of principals, as policies call them.
PERSON: Final = "Person"
SERVICE: Final = "Service"
AGENT: Final = "Agent"
PRODUCT: Final = "DataProduct"
KINDS: Final = (PERSON, SERVICE, AGENT, PRODUCT)

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
