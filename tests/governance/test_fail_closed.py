"""What policies cannot be asked about, and what they leave unsaid, never shows more."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import pytest

from meshwright.governance.actions import Target
from meshwright.governance.decisions import Decider, Decision
from meshwright.governance.drafts import seen_columns, unasked
from meshwright.governance.policy_set import PolicySet
from meshwright.governance.policy_text import PolicyFile
from meshwright.governance.port_facts import ColumnFacts, PortFacts
from meshwright.governance.purposes import DPV
from meshwright.model.datatype import DataType
from meshwright.model.findings import Severity
from meshwright.model.principal import AGENT, PERSON, SERVICE, Principal

OPEN: Final = """
permit (principal, action in [Action::"discover", Action::"read", Action::"readClear", Action::"readMasked", Action::"readRow"], resource);
"""
HIGH: Final = 'forbid (principal, action == Action::"readRow", resource is Row) when { resource has amount && resource.amount > 15 };'
ADA: Final = Principal(id="ada")
NOW: Final = datetime(2026, 11, 20, tzinfo=UTC)


def port(*columns: tuple[str, str], tags: tuple[str, ...] = ()) -> PortFacts:
    return PortFacts(
        product="sales.orders",
        port="orders",
        major=1,
        status="active",
        columns=tuple(
            ColumnFacts(number, name, DataType.parse(kind), tags) for number, (name, kind) in enumerate(columns, 1)
        ),
    )


def decider(text: str, *domain_texts: str, environment: str = "prod") -> Decider:
    files = [PolicyFile(path="p.cedar", text=text)]
    files += [PolicyFile(path="d.cedar", text=one, domain="sales") for one in domain_texts]
    policies = PolicySet(files, attributes={})
    return Decider(policies, purposes=DPV, now=lambda: NOW, environment=environment)


def decide(facts: PortFacts, text: str, *domain_texts: str, principal: Principal = ADA) -> Decision:
    return decider(text, *domain_texts).read(principal, facts)


@pytest.mark.parametrize("kind", ["DECIMAL(18,2)", "DOUBLE", "HUGEINT", "UBIGINT", "DATE", "STRUCT(a INTEGER)"])
def test_a_row_policy_about_a_column_that_it_cannot_ask_for_denies(kind: str) -> None:
    found = decide(port(("id", "BIGINT"), ("amount", kind)), OPEN + HIGH)
    assert not found.allowed
    assert (
        f"amount is {DataType.parse(kind)}: only text, whole numbers and booleans can be asked for" in found.reasons[0]
    )


def test_whom_such_a_policy_does_not_concern_it_does_not_keep_out() -> None:
    text = OPEN + HIGH.replace("when { ", 'when { principal != Person::"ada" && ')
    facts = port(("id", "BIGINT"), ("amount", "DOUBLE"))
    assert decide(facts, text).rows == "all"
    assert not decide(facts, text, principal=Principal(id="bob")).allowed


@pytest.mark.parametrize("name", ["Amount", "AMOUNT", "amount"])
def test_a_row_policy_means_a_column_in_any_case(name: str) -> None:
    found = decide(port(("id", "BIGINT"), (name, "BIGINT")), OPEN + HIGH)
    assert (found.allowed, found.rows) == (True, "filtered")


def test_a_row_policy_says_nothing_of_a_port_without_its_column() -> None:
    assert decide(port(("id", "BIGINT")), OPEN + HIGH).rows == "all"


def test_a_mask_of_a_domain_does_not_weaken_a_prohibition_of_the_mesh() -> None:
    hidden = (
        OPEN
        + 'forbid (principal, action == Action::"readClear", resource is Column) when { resource.name == "email" };'
    )
    weaker = '@mask("show-last-4") forbid (principal, action == Action::"readClear", resource in Domain::"sales");'
    facts = port(("id", "VARCHAR"), ("email", "VARCHAR"))
    assert seen_columns(decide(facts, hidden, weaker), facts) == {"id": "show-last-4", "email": "replace-with-null"}


def test_a_mask_by_type_is_of_that_type_alone() -> None:
    text = OPEN + (
        '@mask("replace-with-null") forbid (principal, action == Action::"readClear", resource is Column) '
        'when { resource.type == "DECIMAL(18,4)" };'
    )
    facts = port(("price", "DECIMAL(10,2)"), ("wage", "DECIMAL(18,4)"), ("cost", "DECIMAL(10,2)"))
    assert seen_columns(decide(facts, text), facts) == {
        "price": "clear",
        "wage": "replace-with-null",
        "cost": "clear",
    }


@pytest.mark.parametrize("action", ["read", "readClear", "readRow"])
@pytest.mark.parametrize(
    ("principal", "is_agent"),
    [
        (Principal(id="helper", kind=AGENT, acts_for=ADA), True),
        (Principal(id="helper", kind=AGENT), True),
        (ADA, False),
        (Principal(id="etl", kind=SERVICE), False),
    ],
)
def test_a_policy_about_agents_binds_them_whoever_they_act_for(
    action: str, principal: Principal, *, is_agent: bool
) -> None:
    facts = port(("id", "BIGINT"))
    # It speaks of the person, too, for whom the agent acts: only the context tells.
    text = OPEN + f'forbid (principal is Person, action == Action::"{action}", resource) when {{ context has agent }};'
    found = decide(facts, text, principal=principal)
    is_hidden = not found.allowed or found.rows == "none" or "clear" not in seen_columns(found, facts).values()
    assert is_hidden == (is_agent and principal.acts_for is not None)
    everywhere = OPEN + f'forbid (principal, action == Action::"{action}", resource) when {{ context has agent }};'
    found = decide(facts, everywhere, principal=principal)
    is_hidden = not found.allowed or found.rows == "none" or "clear" not in seen_columns(found, facts).values()
    assert is_hidden == is_agent


def test_a_policy_names_an_agent() -> None:
    text = OPEN + 'forbid (principal, action, resource) when { context has agent && context.agent == Agent::"helper" };'
    helper, other = (Principal(id=name, kind=AGENT, acts_for=ADA) for name in ("helper", "other"))
    facts = port(("id", "BIGINT"))
    assert not decide(facts, text, principal=helper).allowed
    assert decide(facts, text, principal=other).allowed
    product = Target(domain="sales", product="sales.orders")
    assert decider(text).refusal(helper, "discover", product)[0]
    assert not decider(text).refusal(other, "discover", product)[0]


def test_a_person_and_its_agent_are_told_apart_in_what_is_kept_of_decisions() -> None:
    text = OPEN + 'forbid (principal, action == Action::"read", resource) when { context has agent };'
    one, facts = decider(text), port(("id", "BIGINT"))
    agent = Principal(id="helper", kind=AGENT, acts_for=replace(ADA, kind=PERSON))
    assert [one.read(who, facts).allowed for who in (ADA, agent, ADA)] == [True, False, True]


def test_what_policies_ask_for_and_is_nowhere_is_warned_of() -> None:
    text = (
        '@id("a") forbid (principal, action == Action::"readRow", resource is Row) when { resource has amuont };\n'
        '@id("b") forbid (principal, action == Action::"readRow", resource is Row) when { resource has price && resource.price > 1 };\n'
        '@id("c") permit (principal, action, resource) when { principal has clearence };\n'
        '@id("d") forbid (principal, action == Action::"readRow", resource is Row) when { resource has AMOUNT };\n'
        '@id("e") forbid (principal, action == Action::"readRow", resource is Row) when { resource has code };\n'
        '@id("f") permit (principal, action == Action::"read", resource) when { resource has version && principal has clearance };\n'
    )
    columns = [(name, DataType.parse(kind)) for name, kind in (
        ("amount", "BIGINT"), ("price", "DECIMAL(18,2)"), ("code", "VARCHAR"), ("code", "BIGINT"),
    )]  # fmt: skip
    found = list(unasked([PolicyFile(path="p.cedar", text=text)], columns, ["clearance"]))
    assert [(one.line, one.value, one.hint) for one in found if one.line in {1, 3}] == [
        (1, "amuont", "did you mean amount?"),
        (3, "clearence", "did you mean clearance?"),
    ]
    assert [(one.line, one.message.partition(":")[0]) for one in found if one.line not in {1, 3}] == [
        (2, "Column price is DECIMAL(18,2)"),
        (5, "Column code is BIGINT or VARCHAR"),
    ]
    assert {one.severity for one in found} == {Severity.WARNING}
