"""Explaining: what somebody may read of a port and why, told to the one who asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshwright.governance.drafts import seen_columns
from meshwright.model.errors import InvalidInput
from meshwright.model.restriction import ABSENT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshwright.governance.decisions import Decision
    from meshwright.governance.port_facts import PortFacts
    from meshwright.operating.council import Council
    from meshwright.operating.known_names import KnownNames
    from meshwright.operating.rights import Rights


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """May *acting* read *port* for a *purpose*, by what binds or *from_files*; *column* asks why it is seen as it is."""

    port: str
    acting: str
    purpose: str = ""
    column: str = ""
    environment: str = "prod"
    from_files: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A decision, and the columns that the one who asked is told of: how each is seen, and which policies mask it.

    `owner` is whom to ask for more, "" when no policy would change it.
    """

    port: str
    decision: Decision
    columns: Mapping[str, str]
    masked_by: Mapping[str, tuple[str, ...]]
    owner: str


def explain(question: Question, council: Council, rights: Rights, names: KnownNames | None) -> Explained:
    """The answer to *question* for the one who has *rights* and is told of *names* (None: of all).

    About oneself one is told the decision that one's token gets; of a port that it denies no column. Others may be asked
    about by those who may act in their names. Raises Denied, InvalidInput, NotFound.
    """
    caller, own = rights.caller, rights.caller.holds(question.acting)
    if not own:
        rights.administer()
    decision, facts = council.decide(
        question.port,
        acting=caller.principal if own else question.acting,
        purpose=question.purpose,
        environment=question.environment,
        among=caller.scope.purposes if own else (),
        from_files=question.from_files,
        told=names.ports if names is not None else None,
    )
    held = caller.within(decision, facts.address) if own else decision
    if own and not held.allowed:
        return _explained(held, facts, {}, is_final=held is not decision)
    seen = seen_columns(held, facts)
    if question.column and question.column not in seen:
        known = [name for name, how in seen.items() if not own or how != ABSENT]
        raise InvalidInput(f"{question.port} has no column '{question.column}': it has {', '.join(known)}")
    return _explained(held, facts, seen)


def _explained(
    decision: Decision, facts: PortFacts, columns: Mapping[str, str], *, is_final: bool = False
) -> Explained:
    return Explained(
        port=facts.address,
        decision=decision,
        columns=columns,
        masked_by={name: policies for name, policies in decision.masks.items() if name in columns},
        owner="" if is_final else facts.owner or facts.domain,
    )
