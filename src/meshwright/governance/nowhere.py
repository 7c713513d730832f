"""Warnings of what policies speak of and is nowhere: to Cedar it is a plain no, so that a misspelt name makes a policy say nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meshwright.governance.conditions import (
    asked_attributes,
    entities_named,
    is_resource,
    may_be_principal,
    names_compared,
)
from meshwright.governance.policy_text import ROW_ACTION, speaks_of
from meshwright.governance.vocabulary import ROW_TYPES
from meshwright.model.findings import Finding, Severity
from meshwright.model.names import nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from meshwright.governance.policy_text import Policy
    from meshwright.model.datatype import DataType

# A port's id: domain, product and its own name.
PARTS: Final = 3
SCHEMA_HINT: Final = "`mesh policy schema` prints what policies can speak of"


def unasked(
    policies: Iterable[Policy], columns: Iterable[tuple[str, DataType]], attributes: Collection[str]
) -> Iterator[Finding]:
    """Warnings: what *policies* ask for with `has` and never get, which Cedar takes for a plain no.

    *columns* are those of all ports, *attributes* those that somebody has.
    """
    kinds: dict[str, set[str]] = {}
    for name, kind in columns:
        kinds.setdefault(name.lower(), set()).add(str(kind) if kind.name not in ROW_TYPES else kind.name)
    for policy in policies:
        for name in sorted(set(asked_attributes(policy.body, is_resource)) if speaks_of(policy, ROW_ACTION) else ()):
            found = kinds.get(name.lower(), set())
            if not found:
                yield _never(policy, name, f"No port has a column {name}", nearest(name, kinds))
            elif len(found) > 1 or not found <= ROW_TYPES.keys():
                what = f"Column {name} is {' or '.join(sorted(found))}: no row policy can ask for it where it is not one of "
                yield _never(policy, name, what + "text, whole numbers up to 64 bits and booleans", None)
        for name in sorted(set(asked_attributes(policy.body, may_be_principal)) - set(attributes)):
            yield _never(policy, name, f"Nobody has an attribute {name}", nearest(name, attributes))


def _never(policy: Policy, name: str, message: str, guess: str | None) -> Finding:
    return Finding(
        code="policy-unasked",
        message=message,
        path=policy.path,
        line=policy.line,
        value=name,
        hint=f"did you mean {guess}?" if guess else SCHEMA_HINT,
        severity=Severity.WARNING,
    )


def _port(column: str) -> str:
    """The port of a column, both by their ids in policies."""
    return ".".join(column.split(".", PARTS)[:PARTS])


def unknown_entities(policies: Iterable[Policy], known: Mapping[str, Collection[str]]) -> Iterator[Finding]:
    """Warnings: what *policies* name that there is not, of the Cedar types of which *known* has all ids.

    Names of columns mean the same in any case.
    """
    columns = {one.lower() for one in known["Column"]}
    # Of a port that was never built and promises nothing no column is known.
    blank = set(known["Port"]) - {_port(one) for one in columns}
    names = {name.rpartition(".")[2] for kind in ("Product", "Port") for name in known[kind]}
    names |= {column.removeprefix(f"{_port(column)}.") for column in columns}
    for policy in policies:
        for kind, name in entities_named(policy.body):
            asked = name.lower() if kind == "Column" else name
            if kind == "Column" and _port(asked) in blank:
                continue
            if kind in known and asked not in (columns if kind == "Column" else known[kind]):
                guess = nearest(name, known[kind])
                yield _never(policy, f'{kind}::"{name}"', f"There is no {kind.lower()} {name}", guess)
        if not blank and not speaks_of(policy, ROW_ACTION):
            for name in sorted({name.lower() for name in names_compared(policy.body)} - names):
                yield _never(policy, name, f"No column, port or product is called {name}", nearest(name, names))
