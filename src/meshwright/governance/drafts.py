"""Policies that are written and do not bind yet: checked against the mesh they are for, and tried on cases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from meshwright.governance.conditions import asked_attributes, may_be_principal
from meshwright.governance.decisions import Decider
from meshwright.governance.policy_set import PolicySet
from meshwright.governance.policy_text import PolicyFile, check, parse
from meshwright.governance.vocabulary import CLAIM_TYPES, attribute_type, row_types, schema
from meshwright.model.restriction import ABSENT, CLEAR

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from meshwright.governance.decisions import Decision
    from meshwright.governance.port_facts import PortFacts
    from meshwright.model.datatype import DataType
    from meshwright.model.findings import Finding
    from meshwright.model.issuer import Issuer
    from meshwright.model.mesh import People


def files_of(texts: Mapping[str, Mapping[str, str]]) -> list[PolicyFile]:
    """Policy files from their texts by scope and path."""
    return [
        PolicyFile(path=path, text=text, domain=scope)
        for scope, files in texts.items()
        for path, text in sorted(files.items())
    ]


def mesh_schema(columns: Iterable[tuple[str, DataType]], people: People, issuers: Iterable[Issuer] = ()) -> str:
    """The Cedar schema of a mesh with these *columns*, of whatever port, *people*, and the people of *issuers*.

    A column that has two types in two ports can be spoken of in neither: one policy would mean two things.
    """
    types: dict[str, DataType] = {}
    twice: set[str] = set()
    for name, kind in columns:
        if types.setdefault(name, kind).name != kind.name:
            twice.add(name)
    return schema(
        row_types({name: kind for name, kind in types.items() if name not in twice}), attribute_types(people, issuers)
    )


def attribute_types(people: People, issuers: Iterable[Issuer] = ()) -> dict[str, str]:
    """The Cedar type of each attribute that *people*, and those of *issuers*, may have: text, where they differ."""
    found: dict[str, str] = {}
    said = [(name, attribute_type(value)) for known in people.attributes.values() for name, value in known.items()]
    said += [(name, CLAIM_TYPES[claim.type]) for one in issuers for name, claim in one.attributes.items()]
    for name, spelled in said:
        found[name] = spelled if found.get(name, spelled) == spelled else "String"
    return found


def asked_of(files: Iterable[PolicyFile], known: Mapping[str, str]) -> dict[str, str]:
    """Those of the attributes *known* (Cedar's type by name) that policies in *files* ask of a principal."""
    policies = (policy for file in files for policy in parse(file)[0])
    asked = {name for policy in policies for name in asked_attributes(policy.body, may_be_principal)}
    return {name: known[name] for name in sorted(asked & known.keys())}


def check_files(files: Iterable[PolicyFile], cedar: str) -> list[Finding]:
    """Everything that is wrong with *files*, by the Cedar schema *cedar* and the rules of a mesh."""
    findings: list[Finding] = []
    for file in files:
        policies, wrong = parse(file)
        findings += [*wrong, *check(policies, cedar)]
    return findings


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case of a policy test: who reads what for which purpose, and what is expected of the decision."""

    name: str
    principal: str
    port: str
    purpose: str = ""
    allowed: bool = True
    columns: Mapping[str, str] | None = None
    rows: str = ""
    policies: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    path: str = ""
    line: int = 0


def decider(
    files: Iterable[PolicyFile],
    *,
    purposes: Mapping[str, str],
    attributes: Mapping[str, str],
    environment: str = "prod",
) -> Decider:
    """Decides in *environment* as if *files* were published."""
    drafted = list(files)
    policies = PolicySet(drafted, attributes=asked_of(drafted, attributes), version="draft")
    return Decider(policies, purposes=purposes, environment=environment)


def differences(case: Case, decision: Decision, port: PortFacts) -> list[str]:
    """How *decision* is not what *case* expects; none when it is."""
    if decision.allowed != case.allowed:
        return [
            f"was {'allowed' if decision.allowed else 'denied'}: {'; '.join(decision.reasons or decision.policies)}"
        ]
    found = []
    seen = seen_columns(decision, port)
    for name, expected in (case.columns or {}).items():
        if seen.get(name, "no such column") != expected:
            found.append(f"column {name} is {seen.get(name, 'not there')}, expected {expected}")
    if case.rows and decision.rows != case.rows:
        found.append(f"{decision.rows} rows are seen, expected {case.rows}")
    said = {policy.partition("#")[2] for policy in decision.policies} | set(decision.policies)
    found += [f"policy {name} had no say" for name in case.policies if name not in said]
    because = "; ".join(decision.reasons or decision.policies)
    found += [f"no reason says '{text}': {because}" for text in case.reasons if text not in because]
    return found


def seen_columns(decision: Decision, port: PortFacts) -> dict[str, str]:
    """How each column is seen: clear, absent or the name of its mask."""
    if not decision.allowed or decision.restriction.others_absent:
        return {column.name: ABSENT for column in port.columns}
    return {column.name: decision.restriction.actions.get(column.id, CLEAR) for column in port.columns}


def read_cases(document: Any, path: str, lines: list[int]) -> list[Case]:  # noqa: ANN401 - a document that its schema accepts
    """The cases in a document of policy cases."""
    return [
        Case(
            name=case["name"],
            principal=case["as"],
            port=case["port"],
            purpose=case.get("purpose", ""),
            allowed=case["expect"].get("allowed", True),
            columns=case["expect"].get("columns"),
            rows=case["expect"].get("rows", ""),
            policies=tuple(case["expect"].get("policies", ())),
            reasons=tuple(case["expect"].get("reasons", ())),
            path=path,
            line=line,
        )
        for case, line in zip(document, lines, strict=True)
    ]
