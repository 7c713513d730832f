"""What builds tell of rows, held back from those who may publish a product and not see all of it and of what it reads."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from meshwright.build.events import OutputPrinted, ProductEnded
from meshwright.model.results import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from meshwright.build.events import Event
    from meshwright.model.publication import Publication
    from meshwright.model.results import RuleResult
    from meshwright.operating.known_names import KnownNames
    from meshwright.reading.resolve import ResolvedPort
    from meshwright.storage import Registry

# What the engine's errors begin with; what follows may be a value.
ENGINE_ERROR: Final = re.compile(r"[A-Z][A-Za-z]*(?: [A-Z][A-Za-z]*)* Error(?=: )")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBack:
    """Takes out of what a build tells the one of whom *names* are known whatever may say what is in rows.

    It stays where a read of every port of the product, as *environment* serves it, and of everything that its transformations
    and rules *read*, would leave everything.
    """

    names: KnownNames
    registry: Registry
    environment: str
    read: Callable[[str], Iterable[ResolvedPort]]
    _prints: dict[str, bool] = field(default_factory=dict)

    def emit(self, event: Event, emit: Callable[[Event], None]) -> None:
        """*emit* what may be told of *event*: where printed lines are held back, once that they are."""
        if isinstance(event, OutputPrinted):
            if event.product not in self._prints:
                self._prints[event.product] = sees_all = self._sees_all(event.product, ())
                if not sees_all:
                    emit(replace(event, line=f"what it prints is {_why(event.product)}"))
            if self._prints[event.product]:
                emit(event)
        else:
            emit(self.ended(event) if isinstance(event, ProductEnded) else event)

    def ended(self, event: ProductEnded) -> ProductEnded:
        """*event* without what the caller may not see."""
        if not (event.tests or event.cause or event.publication) or self._sees_all(event.product, event.tests):
            return event
        return replace(
            event,
            message=f"{event.cause}; what it says is {_why(event.product)}" if event.cause else event.message,
            tests={
                port: tuple(_without_values(rule, event.product) for rule in rules)
                for port, rules in event.tests.items()
            },
            publication=_without_times(event.publication),
        )

    def _sees_all(self, product: str, tested: Iterable[str]) -> bool:
        """Whether nothing is hidden of *product*, whose ports *tested* are served already, nor of what it read."""
        head = self.registry.head(self.environment, product)
        if head is None:
            # Nobody can say yet who may read what was never published.
            return False
        for label in tested:
            name, _, major = label.partition("@")
            if head.port(name, int(major) if major else None) is None:
                return False
        seen = [(head, port) for port in head.ports]
        seen += [(one.publication, one.port) for one in self.read(product)]
        decisions = (self.names.decide(publication, port) for publication, port in seen)
        return all(decision.allowed and decision.restriction.is_all for decision in decisions)


def _why(product: str) -> str:
    return f"held back, for it may tell of rows: those are told who see all of {product} and of what it reads"


def _without_values(rule: RuleResult, product: str) -> RuleResult:
    """*rule* as it is told of its definition, and of how many rows broke it."""
    if rule.outcome is Outcome.NOT_RUN or rule.kind == "schema":
        return rule
    kind = ENGINE_ERROR.match(rule.message) if rule.outcome is Outcome.ERROR else None
    why = f"{kind.group()}; what it says is {_why(product)}" if kind else f"what it found is {_why(product)}"
    return replace(
        rule,
        message="" if rule.outcome is Outcome.PASSED else why,
        value="",
        sample=(),
        # What a query yields is a number of rows only if its author wants it to be.
        failing=0 if rule.kind == "sql" else rule.failing,
    )


def _without_times(publication: Publication | None) -> Publication | None:
    """*publication* without the first and the last event time of its rows."""
    if publication is None:
        return None
    ports = tuple(replace(port, event_time_lowest=None, event_time_highest=None) for port in publication.ports)
    return replace(publication, ports=ports)
