"""States: what each product of an environment serves, how fresh it is, and what became of the last tries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshwright.model.results import Outcome
from meshwright.quality.freshness import freshness

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from meshwright.model.publication import Attempt, Publication
    from meshwright.model.results import RuleResult
    from meshwright.storage import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductState:
    """One product: its head (None: nothing is served), what its tests said, freshness now, the last failed try since."""

    product: str
    head: Publication | None
    state: str
    warnings: int = 0
    late: tuple[RuleResult, ...] = ()
    attempt: Attempt | None = None


def product_states(
    registry: Registry, environment: str, products: Iterable[str], published: Mapping[str, Publication], now: datetime
) -> list[ProductState]:
    """The state of every product of the checkout and of the registry, by id.

    `state` is served, late (a freshness promise is broken now), failing (the last build since the head failed) or
    never published.
    """
    attempts: dict[str, Attempt] = {}
    for attempt in registry.attempts(environment):
        attempts.setdefault(attempt.product, attempt)
    return [_state(name, published.get(name), attempts.get(name), now) for name in sorted({*products, *published})]


def _state(name: str, head: Publication | None, attempt: Attempt | None, now: datetime) -> ProductState:
    if head is None:
        return ProductState(product=name, head=None, state="failing" if attempt else "never published", attempt=attempt)
    since = attempt if attempt is not None and attempt.ended_at > head.published_at else None
    late = tuple(
        result
        for port in head.ports
        if port.kind == "tables"
        for result in freshness(
            port.contract,
            port.contract.table,
            newest={port.event_time: port.event_time_highest},
            now=now,
            event_time=port.event_time,
        )
        if result.outcome is Outcome.FAILED
    )
    warnings = sum(rule.outcome is Outcome.FAILED for rules in head.tests.values() for rule in rules)
    state = "failing" if since else "late" if late else "served"
    return ProductState(product=name, head=head, state=state, warnings=warnings, late=late, attempt=since)
