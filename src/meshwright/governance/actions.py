"""Actions that change a mesh: publish, promote, roll back, administer. Denied unless a policy permits; whatever errs denies."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from meshwright.governance.entities import MESH, above, actors, agent_of, context_of, in_any_case, mistyped, places
from meshwright.governance.purposes import UNSPECIFIED
from meshwright.governance.vocabulary import entity

if TYPE_CHECKING:
    from datetime import datetime

    from meshwright.governance.policy_set import PolicySet
    from meshwright.governance.port_facts import PortFacts
    from meshwright.model.principal import Principal

DISCOVER: Final = "discover"
PUBLISH: Final = "publish"
PROMOTE: Final = "promote"
ROLLBACK: Final = "rollback"
ADMINISTER: Final = "administer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is acted on: a port, a product (`domain.name`) when there is none, a domain, or the mesh when all are ""."""

    domain: str = ""
    product: str = ""
    domain_tags: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    status: str = ""
    owner: str = ""
    port: PortFacts | None = None

    def __str__(self) -> str:
        """Its id, as people know it."""
        if self.port is not None:
            return self.port.address
        return self.product or self.domain or "the mesh"

    @property
    def uid(self) -> dict[str, str]:
        """Cedar's name of it."""
        if self.port is not None:
            return {"type": "Port", "id": self.port.address}
        if self.product:
            return {"type": "Product", "id": self.product}
        return {"type": "Domain", "id": self.domain} if self.domain else {"type": "Mesh", "id": MESH}


def refusal(
    policies: PolicySet,
    principal: Principal,
    action: str,
    target: Target,
    *,
    environment: str,
    now: datetime,
) -> tuple[str, tuple[str, ...]]:
    """Why *principal* may not do *action* to *target*, "" when it may, and the policies that said so.

    For an agent that acts for a person, both must be allowed to. An action has no purpose.
    """
    import cedarpy

    if policies.broken:
        return f"the published policies cannot be read: {policies.broken}", ()
    agent = agent_of(principal)
    context = context_of(UNSPECIFIED, now, environment, agent)
    chosen, every = policies.slice(target.domain, action), [*_places(target), entity("Purpose", UNSPECIFIED)]
    decided: tuple[str, ...] = ()
    who: Principal | None = principal
    while who is not None:
        request: dict[str, Any] = {
            "principal": {"type": who.kind, "id": who.id},
            "action": {"type": "Action", "id": action},
            "resource": target.uid,
            "context": context,
        }
        try:
            known = [*actors(who, agent, target.domain, policies.attributes), *every]
            entities = cedarpy.Entities.from_json_str(json.dumps(known), policies.schema)
            answer = cedarpy.is_authorized_batch([request], chosen, entities)[0]
        except ValueError as error:
            return f"{who} cannot be put to policies: {mistyped(who, policies.attributes) or error}", decided
        said, errors = tuple(answer.diagnostics.reasons), tuple(answer.diagnostics.errors)
        decided = (*decided, *said)
        if errors:
            return f"a policy could not be evaluated: {'; '.join(errors)}", decided
        if not answer.allowed:
            forbidden = f"{', '.join(said)} forbids it" if said else f"no policy permits {who} to {action} {target}"
            return forbidden, decided
        who = who.acts_for
    return "", decided


def _places(target: Target) -> list[dict[str, Any]]:
    if target.port is not None:
        return places(replace(target.port, columns=()))
    if not target.domain:
        return [entity("Mesh", MESH)]
    found = above(target.domain, target.domain_tags)
    if target.product:
        attributes = {
            "name": target.product.partition(".")[2],
            "domain": {"__entity": {"type": "Domain", "id": target.domain}},
            "tags": in_any_case(target.tags),
            "status": target.status,
            "owner": target.owner,
        }
        found.append(entity("Product", target.product, (("Domain", target.domain),), attributes))
    return found
