"""What builds tell of rows, held back from those who may publish a product and not see all of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from meshwright.build.events import ProductEnded

if TYPE_CHECKING:
    from meshwright.operating.known_names import KnownNames
    from meshwright.storage import Registry

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Takes the failing rows out of what a build tells the one of whom *names* are known.

    They stay where a read of the port, as it is served in *environment*, would leave everything.
    """

    names: KnownNames
    registry: Registry
    environment: str

    def __call__(self, event: T) -> T:
        """*event* without the rows that the caller may not see."""
        if not isinstance(event, ProductEnded) or not any(
            rule.sample for rules in event.tests.values() for rule in rules
        ):
            return event
        tests = {
            port: rules if self._sees_all(event.product, port) else tuple(replace(rule, sample=()) for rule in rules)
            for port, rules in event.tests.items()
        }
        return replace(event, tests=tests)

    def _sees_all(self, product: str, label: str) -> bool:
        head = self.registry.head(self.environment, product)
        name, _, major = label.partition("@")
        served = head.port(name, int(major) if major else None) if head is not None else None
        if head is None or served is None:
            # Nobody can say yet who may read what was never published.
            return False
        decision = self.names.decide(head, served)
        return decision.allowed and decision.restriction.is_all
