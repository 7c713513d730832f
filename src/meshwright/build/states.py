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
    """One product: its head (None: nothing is served), what its tests said, freshness now, the last failed try since.

    `failing_since` is when the first build after the head failed, "" when none did.
    """

    product: str
    head: Publication | None
    state: str
    warnings: int = 0
    late: tuple[RuleResult, ...] = ()
    attempt: Attempt | None = None
    failing_since: str = ""


def product_states(
    registry: Registry, environment: str, products: Iterable[str], published: Mapping[str, Publication], now: datetime
) -> list[ProductState]:
    """The state of every product of the checkout and of the registry, by id.

    `state` is served, late (a freshness promise is broken now), failing (the last build since the head failed) or
    never published.
    """
    attempts: dict[str, list[Attempt]] = {}
    for attempt in registry.attempts(environment):
        attempts.setdefault(attempt.product, []).append(attempt)
    return [_state(name, published.get(name), attempts.get(name, []), now) for name in sorted({*products, *published})]


def _state(name: str, head: Publication | None, attempts: list[Attempt], now: datetime) -> ProductState:
    """The state of a product with these *attempts*, newest first."""
    since = [one for one in attempts if head is None or one.ended_at > head.made_at]
    attempt, failing_since = (since[0], since[-1].ended_at) if since else (None, "")
    if head is None:
        state = "failing" if attempt else "never published"
        return ProductState(product=name, head=None, state=state, attempt=attempt, failing_since=failing_since)
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
    return ProductState(
        product=name,
        head=head,
        state="failing" if attempt else "late" if late else "served",
        warnings=sum(rule.outcome is Outcome.FAILED for rules in head.tests.values() for rule in rules),
        late=late,
        attempt=attempt,
        failing_since=failing_since,
    )
