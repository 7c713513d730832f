"""The gate: decides about one principal's reads, and keeps what was decided and what was taken."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meshwright.governance.authority import SECONDS, Authority
from meshwright.model.access_record import AccessRecord
from meshwright.model.errors import Denied
from meshwright.model.usage_record import UsageRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from meshwright.governance.decisions import Decision
    from meshwright.governance.port_facts import PortFacts
    from meshwright.model.principal import Principal
    from meshwright.model.restriction import Restriction
    from meshwright.operating.sign_in import Caller
    from meshwright.reading.resolve import ResolvedPort
    from meshwright.storage import Access


@dataclass(kw_only=True)
class Gate:
    """Decides about one caller's reads, and keeps each decision before anything is read: what cannot be kept is denied.

    `facts` says what policies know of a port in an environment; `door` is the way in, as records name it.
    """

    facts: Callable[[ResolvedPort, str], PortFacts]
    authority: Authority
    caller: Caller
    purpose: str
    environment: str
    access: Access
    now: Callable[[], datetime]
    door: str
    decided: dict[tuple[str, str, int], tuple[float, Restriction]] = field(default_factory=dict)
    purposes: dict[str, str] = field(default_factory=dict)

    @property
    def principal(self) -> Principal:
        """Who reads."""
        return self.caller.principal

    @property
    def reader(self) -> str:
        """Who reads, as records name it."""
        return str(self.principal)

    def restrict(self, resolved: ResolvedPort) -> Restriction:
        """What the principal may see of a port. Raises Denied, and Unavailable when the decision cannot be kept."""
        published = resolved.publication
        key = (str(resolved.address), published.environment, published.sequence)
        at, restriction = self.decided.get(key, (0.0, None))
        # One read asks several times; whoever stays is held to what binds by then.
        if restriction is None or time.monotonic() - at > SECONDS:
            restriction = self._decide(resolved, restriction)
            self.decided[key] = time.monotonic(), restriction
        return restriction

    def used(
        self, columns: Sequence[tuple[ResolvedPort, Sequence[str]]], *, rows: int, size: int, seconds: float
    ) -> None:
        """Keep what a read took. Raises Unavailable when that cannot be kept."""
        self.access.use(
            UsageRecord(
                at=self.now().isoformat(),
                **self.principal.record,
                port=f"{resolved.publication.product}.{resolved.port.name}",
                publication=resolved.publication.sequence,
                environment=self.environment,
                purpose=self.purposes.get(str(resolved.address), ""),
                door=self.door,
                columns=tuple(names),
                rows=rows,
                bytes=size,
                seconds=round(seconds, 6),
            )
            for resolved, names in columns
        )

    def _decide(self, resolved: ResolvedPort, before: Restriction | None) -> Restriction:
        facts = self.facts(resolved, self.environment)
        decision = self.caller.decision(self.authority, facts, self.purpose)
        if before is None or not decision.allowed or decision.restriction != before:
            self._keep(resolved, facts, decision)
        self.purposes[str(resolved.address)] = decision.purpose
        if not decision.allowed:
            raise Denied(
                f"{self.principal} may not read {facts.address}: {'; '.join(decision.reasons)}. "
                f"`mesh policy explain {facts.address} --as {self.principal.spelled}` says more"
            )
        return decision.restriction

    def _keep(self, resolved: ResolvedPort, facts: PortFacts, decision: Decision) -> None:
        self.access.record(
            AccessRecord(
                at=self.now().isoformat(),
                **self.principal.record,
                port=facts.address,
                publication=resolved.publication.sequence,
                environment=self.environment,
                door=self.door,
                **decision.record,
            )
        )
