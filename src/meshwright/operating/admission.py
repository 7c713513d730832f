"""Admission: decides what a data product may read of other products' ports, as the principal that it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meshwright.governance.drafts import rows_of
from meshwright.model.access_record import AccessRecord
from meshwright.model.errors import Denied
from meshwright.model.principal import PRODUCT, Principal

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from meshwright.governance.authority import Authority
    from meshwright.governance.decisions import Decision
    from meshwright.governance.port_facts import PortFacts
    from meshwright.model.product import Product
    from meshwright.model.restriction import Restriction
    from meshwright.reading.masks import Keys
    from meshwright.reading.resolve import ResolvedPort
    from meshwright.storage import Access

DOOR = "build"


@dataclass(kw_only=True)
class Admission:
    """Decides by the policies that bind in one *environment*; `asked_by` is who builds, as records name it."""

    facts: Callable[[ResolvedPort, str], PortFacts]
    authority: Authority
    access: Access
    environment: str
    asked_by: str
    open_keys: Callable[[], Keys]
    now: Callable[[], datetime]
    decided: dict[tuple[str, str, int], Decision] = field(default_factory=dict)
    kept: set[tuple[str, str, int]] = field(default_factory=set)

    @property
    def keys(self) -> Keys:
        """What masks hash with."""
        return self.open_keys()

    def restrict(self, product: Product, resolved: ResolvedPort, *, is_kept: bool) -> Restriction:
        """What *product* may see of a port; the decision goes into the audit log when it *is_kept*. Raises Denied."""
        key = (product.id, str(resolved.address), resolved.publication.sequence)
        facts = self.facts(resolved, self.environment)
        decision = self.decided.get(key)
        if decision is None:
            decision = self.authority.decide(Principal(id=product.id, kind=PRODUCT), facts, product.purpose)
            self.decided[key] = decision
        if is_kept and key not in self.kept:
            self.kept.add(key)
            self._keep(product, resolved, decision)
        if not decision.allowed:
            raise Denied(
                f"policies do not let product:{product.id} read {facts.address}: {'; '.join(decision.reasons)}. "
                f"`mesh policy explain {facts.address} --as product:{product.id}` says more"
            )
        return decision.restriction

    def _keep(self, product: Product, resolved: ResolvedPort, decision: Decision) -> None:
        principal = Principal(id=product.id, kind=PRODUCT, impersonated_by=self.asked_by)
        self.access.record(
            AccessRecord(
                at=self.now().isoformat(),
                **principal.record,
                port=f"{resolved.publication.product}.{resolved.port.name}",
                publication=resolved.publication.sequence,
                environment=self.environment,
                purpose=decision.purpose,
                door=DOOR,
                allowed=decision.allowed,
                reasons=decision.reasons,
                policies=decision.policies,
                masked=tuple(sorted(decision.masks)),
                rows=rows_of(decision),
            )
        )
