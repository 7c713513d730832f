"""Decisions: what one principal may see of one port for one purpose, and which policies said so.

Denied unless a policy permits; whatever errs denies. A column is clear, else masked, else absent; rows are filtered by
what is left of the row policies when the row is not known.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from meshwright.governance.actions import refusal
from meshwright.governance.entities import actors, agent_of, column_id, context_of, mistyped, places, purposes_of
from meshwright.governance.purposes import UNSPECIFIED, ancestors
from meshwright.governance.residuals import PRESENCE, Inexpressible, row_filter
from meshwright.governance.vocabulary import entity, row_types, unknown
from meshwright.model.restriction import (
    ABSENT,
    EVERYTHING,
    FALSE,
    NOTHING,
    REPLACE_WITH_NULL,
    TRUE,
    Predicate,
    Restriction,
    both,
    strictest,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from meshwright.governance.actions import Target
    from meshwright.governance.policy_set import PolicySet
    from meshwright.governance.port_facts import ColumnFacts, PortFacts
    from meshwright.model.principal import Principal

CACHED_MAX: Final = 10_000
PORTS_MAX: Final = 1_000
# A decision that asks for the time is asked again after so many seconds.
SECONDS: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided about one read. Denied: `reasons` says why; allowed: `restriction` says what is left.

    `policies` are those that decided; `masks` names, by column, the policies that keep it from being clear.
    """

    allowed: bool
    purpose: str
    restriction: Restriction = NOTHING
    reasons: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    masks: Mapping[str, tuple[str, ...]]

    @property
    def rows(self) -> str:
        """Which rows are seen: all, none or filtered."""
        rows = self.restriction.row_filter
        if not self.allowed or rows == FALSE:
            return "none"
        return "all" if rows is None else "filtered"

    @property
    def record(self) -> dict[str, Any]:
        """What was decided, as records of access have it."""
        return {
            "purpose": self.purpose,
            "allowed": self.allowed,
            "reasons": self.reasons,
            "policies": self.policies,
            "masked": tuple(sorted(self.masks)),
            "rows": self.rows,
        }


class Decider:
    """Decides by one version of the policies. Safe to use from several threads; equal questions are answered once."""

    def __init__(
        self,
        policies: PolicySet,
        *,
        purposes: Mapping[str, str],
        environment: str = "prod",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._policies = policies
        self._purposes = purposes
        self._environment = environment
        self._now = now
        self._known: dict[Any, Decision] = {}
        self._ports: dict[PortFacts, _Port] = {}

    def read(
        self, principal: Principal, port: PortFacts, purpose: str = "", *, among: tuple[str, ...] = ()
    ) -> Decision:
        """What *principal* may read of *port* for *purpose*, by default the only one that is granted.

        It may be for those *among* which its token is, and what is part of them; for any when there are none.
        """
        if principal.is_owner:
            return Decision(allowed=True, purpose=purpose or UNSPECIFIED, restriction=EVERYTHING, masks={})
        second = int(self._now().timestamp()) // SECONDS if self._policies.asks_the_time else 0
        key = (_identity(principal), port, purpose, among, second)
        found = self._known.get(key)
        if found is None:
            found = self._decide(principal, port, purpose, among)
            if len(self._known) >= CACHED_MAX:
                self._known.clear()
            self._known[key] = found
        return found

    def refusal(self, principal: Principal, action: str, target: Target) -> tuple[str, tuple[str, ...]]:
        """Why *principal* may not do *action* to *target*, "" when it may, and the policies that said so."""
        return refusal(
            self._policies,
            principal,
            action,
            target,
            environment=self._environment,
            now=self._now(),
        )

    def _decide(
        self,
        principal: Principal,
        port: PortFacts,
        purpose: str,
        among: tuple[str, ...] = (),
        agent: Principal | None = None,
    ) -> Decision:
        """What *principal* may read; *agent* is the one that acts for it."""
        if self._policies.broken:
            return _denied(purpose, f"the published policies cannot be read: {self._policies.broken}")
        if purpose and purpose != UNSPECIFIED and purpose not in self._purposes:
            return _denied(purpose, f"there is no purpose '{purpose}': `mesh policy purposes` lists them")
        if among and purpose and not self._is_among(purpose, among):
            return _denied(purpose, f"the token is for {', '.join(among)} only")
        try:
            asked = agent if agent is not None else agent_of(principal)
            question = _Question(self._policies, principal, self._port(port), self._environment, self._now(), asked)
        except ValueError as error:
            why = mistyped(principal, self._policies.attributes) or error
            return _denied(purpose, f"what is known of {principal} and {port.address} cannot be put to policies: {why}")
        if not purpose:
            granted = self._granted(question, among)
            if len(granted) != 1:
                several = f"name the purpose with --purpose: {', '.join(granted)} are granted" if granted else ""
                unnamed = question.read(among[0] if among else UNSPECIFIED)
                return _denied("", several or _reason(unnamed, principal, port), unnamed.policies)
            purpose = granted[0]
        found = self._one(question, principal, port, purpose)
        if found.allowed and principal.acts_for is not None:
            return _smaller(found, self._decide(principal.acts_for, port, purpose, agent=agent_of(principal)))
        return found

    def _port(self, facts: PortFacts) -> _Port:
        found = self._ports.get(facts)
        if found is None:
            found = _Port(self._policies, facts, self._purposes)
            if len(self._ports) >= PORTS_MAX:
                self._ports.clear()
            self._ports[facts] = found
        return found

    def _granted(self, question: _Question, among: tuple[str, ...]) -> list[str]:
        """The purposes *among* those for which the port may be read, the widest of each kind; if without one, that alone."""
        if (not among or UNSPECIFIED in among) and question.read(UNSPECIFIED).allowed:
            return [UNSPECIFIED]
        open_to = [name for name in self._purposes if not among or self._is_among(name, among)]
        allowed = [name for name in open_to if question.read(name).allowed]
        return [name for name in allowed if not set(ancestors(name, self._purposes)) & set(allowed)]

    def _is_among(self, purpose: str, among: tuple[str, ...]) -> bool:
        """Whether *purpose* is one of those named, or a part of one."""
        return bool({purpose, *ancestors(purpose, self._purposes)} & set(among))

    def _one(self, question: _Question, principal: Principal, port: PortFacts, purpose: str) -> Decision:
        entry = question.read(purpose)
        if not entry.allowed:
            return _denied(purpose, _reason(entry, principal, port), entry.policies)
        actions, masks, said = self._columns(question, port, purpose)
        try:
            rows, by_rows = question.rows(purpose)
        except Inexpressible as error:
            return _denied(purpose, f"a row policy cannot be applied to {port.address}: {error}")
        policies = tuple(sorted({*entry.policies, *said, *by_rows}))
        restriction = Restriction(row_filter=rows, actions=actions, policies=policies)
        return Decision(allowed=True, purpose=purpose, restriction=restriction, policies=policies, masks=masks)

    def _columns(
        self, question: _Question, port: PortFacts, purpose: str
    ) -> tuple[dict[int, str], dict[str, tuple[str, ...]], set[str]]:
        groups: dict[Any, list[ColumnFacts]] = {}
        for column in port.columns:
            alike = (
                column.tags,
                column.classifications,
                str(column.type) if self._policies.asks_types else "",
                column.asked if self._policies.names_columns else "",
            )
            groups.setdefault(alike, []).append(column)
        leaders = [columns[0] for columns in groups.values()]
        ids = [question.column(column) for column in leaders]
        clear = question.ask("readClear", ids, purpose) if ids else []
        hidden = [number for number, answer in enumerate(clear) if not answer.allowed]
        seen = question.ask("readMasked", [ids[number] for number in hidden], purpose) if hidden else []
        actions: dict[int, str] = {}
        masks: dict[str, tuple[str, ...]] = {}
        said = {policy for answer in clear for policy in answer.policies}
        for number, answer in zip(hidden, seen, strict=True):
            action = self._mask(clear[number]) if answer.allowed else ABSENT
            said |= set(answer.policies)
            for column in list(groups.values())[number]:
                actions[column.id] = action
                masks[column.name] = clear[number].policies
        return actions, masks, said

    def _mask(self, answer: Answer) -> str:
        """What the masks of all policies that forbid to see clear leave: one that names none leaves nothing to see."""
        by_id = self._policies.by_id
        return strictest([by_id[one].annotations.get("mask") or REPLACE_WITH_NULL for one in answer.policies])


@dataclass(frozen=True, slots=True)
class Answer:
    """Cedar's answer to one question: an error is a denial. `policies` are those that decided."""

    allowed: bool
    policies: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


class _Port:
    """One port, with the entities that every question about it needs, whoever asks: parsed once."""

    def __init__(self, policies: PolicySet, facts: PortFacts, purposes: Mapping[str, str]) -> None:
        import cedarpy

        self.facts = facts
        known = cedarpy.Entities.from_json_str(json.dumps([*places(facts), *purposes_of(purposes)]), policies.schema)
        self.entities = known.with_added_json_str(json.dumps([_row(facts, policies.row_attributes)]))


class _Question:
    """One principal and port, with the entities that every question about them needs."""

    def __init__(
        self,
        policies: PolicySet,
        principal: Principal,
        port: _Port,
        environment: str,
        now: datetime,
        agent: Principal | None,
    ) -> None:
        self.policies, self.facts, self.environment, self.agent = policies, port.facts, environment, agent
        self.now = now
        self.principal = {"type": principal.kind, "id": principal.id}
        self.port = {"type": "Port", "id": self.facts.address}
        self.row = {"type": "Row", "id": self.facts.address}
        self.entities = port.entities.with_added_json_str(_checked(principal, agent, self.facts.domain, policies))
        self._read: dict[str, Answer] = {}

    def column(self, column: ColumnFacts) -> dict[str, str]:
        """The entity of one column of the port."""
        return {"type": "Column", "id": column_id(self.facts, column)}

    def read(self, purpose: str) -> Answer:
        """Cedar's answer to reading the port for *purpose*, which is asked once."""
        if purpose not in self._read:
            (self._read[purpose],) = self.ask("read", [self.port], purpose)
        return self._read[purpose]

    def ask(self, action: str, resources: Iterable[Mapping[str, str]], purpose: str) -> list[Answer]:
        """Cedar's answers to *action* on each of *resources*."""
        import cedarpy

        context = json.dumps(self._context(purpose))
        requests = [
            {
                "principal": self.principal,
                "action": {"type": "Action", "id": action},
                "resource": resource,
                "context": context,
            }
            for resource in resources
        ]
        try:
            answers = cedarpy.is_authorized_batch(
                requests, self.policies.slice(self.facts.domain, action), self.entities
            )
        except ValueError as error:
            return [Answer(allowed=False, errors=(str(error),))] * len(requests)
        return [
            Answer(
                allowed=one.allowed and not one.diagnostics.errors,
                policies=tuple(one.diagnostics.reasons),
                errors=tuple(one.diagnostics.errors),
            )
            for one in answers
        ]

    def rows(self, purpose: str) -> tuple[Predicate | None, tuple[str, ...]]:
        """The filter on rows, None for all of them, and the policies that it comes from. Raises Inexpressible."""
        import cedarpy

        request = {
            "principal": _spelled(self.principal),
            "action": 'Action::"readRow"',
            "resource": _spelled(self.row),
            "context": self._context(purpose),
        }
        policies = self.policies.slice(self.facts.domain, "readRow")
        found = cedarpy.is_authorized_partial(request, policies, self.entities)
        if found.diagnostics.errors:
            raise Inexpressible("; ".join(found.diagnostics.errors))
        if found.decision is cedarpy.Decision.Allow:
            return None, tuple(found.diagnostics.reasons)
        if found.decision is cedarpy.Decision.Deny or not found.residuals:
            return FALSE, tuple(found.diagnostics.reasons)
        named = self.facts.asked_of_rows(self.policies.row_attributes)
        kinds = row_types({name: column.type for name, column in named.items()})
        columns = {name: (named[name].id, kind) for name, kind in kinds.items()}
        try:
            rows = row_filter(found.residuals, columns)
        except Inexpressible as error:
            others = sorted(f"{name} is {named[name].type}" for name in named.keys() - kinds.keys())
            why = f"{', '.join(others)}: only text, whole numbers and booleans can be asked for" if others else error
            raise Inexpressible(str(why)) from None
        return None if rows == TRUE else rows, tuple(found.diagnostics.nontrivial_residuals)

    def _context(self, purpose: str) -> dict[str, Any]:
        return context_of(purpose, self.now, self.environment, self.agent)


def _checked(principal: Principal, agent: Principal | None, here: str, policies: PolicySet) -> str:
    """The principal's entities, and its agent's, as JSON. Raises ValueError for what policies were not checked with: they would not hold it."""
    import cedarpy

    text = json.dumps(actors(principal, agent, here, policies.attributes))
    cedarpy.Entities.from_json_str(text, policies.schema)
    return text


def _row(facts: PortFacts, asked: Collection[str]) -> dict[str, Any]:
    """A row of which nothing is known; a column that the port never had is not there.

    One that no policy can ask for is: what depends on it cannot be applied, and is not taken for settled.
    """
    known = facts.asked_of_rows(asked)
    attributes: dict[str, Any] = {}
    for name in asked:
        attributes[f"{PRESENCE}{name}"] = unknown(f"{PRESENCE}{name}") if name in known else False
        if name in known:
            attributes[name] = unknown(name)
    return entity("Row", facts.address, (("Port", facts.address),), attributes)


def _spelled(uid: Mapping[str, str]) -> str:
    """An entity's name in Cedar's own spelling, which partial evaluation wants. Raises Inexpressible."""
    name = uid["id"]
    if not name.isprintable():
        raise Inexpressible("a name with characters that cannot be printed")
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'{uid["type"]}::"{escaped}"'


def _identity(principal: Principal) -> Any:  # noqa: ANN401 - a hashable key
    # As text, too: to Python true and 1 are equal.
    attributes = tuple(sorted((key, repr(value)) for key, value in principal.attributes.items()))
    acts_for = _identity(principal.acts_for) if principal.acts_for is not None else None
    return (principal.kind, principal.id, principal.groups, principal.domains, attributes, principal.is_owner, acts_for)


def _denied(purpose: str, reason: str, policies: tuple[str, ...] = ()) -> Decision:
    return Decision(allowed=False, purpose=purpose, reasons=(reason,), policies=policies, masks={})


def _reason(answer: Answer, principal: Principal, port: PortFacts) -> str:
    if answer.errors:
        return f"a policy could not be evaluated: {'; '.join(answer.errors)}"
    if answer.policies:
        return f"{', '.join(answer.policies)} forbids {principal} to read {port.address}"
    return f"no policy permits {principal} to read {port.address}; its owner is {port.owner or port.domain}"


def _smaller(one: Decision, two: Decision) -> Decision:
    """What both allow: an agent sees no more than the person for whom it acts."""
    if not two.allowed:
        return replace(two, reasons=tuple(f"for whom it acts: {reason}" for reason in two.reasons))
    restriction = both(one.restriction, two.restriction)
    return replace(one, restriction=restriction, policies=restriction.policies, masks={**one.masks, **two.masks})
