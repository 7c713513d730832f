"""What policies cannot be asked about, and what they leave unsaid, never shows more."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import pytest

from meshwright.governance.actions import Target
from meshwright.governance.decisions import Decider, Decision
from meshwright.governance.drafts import check_files, seen_columns
from meshwright.governance.nowhere import unasked, unknown_entities
from meshwright.governance.policy_set import PolicySet
from meshwright.governance.policy_text import PolicyFile, parse
from meshwright.governance.port_facts import ColumnFacts, PortFacts
from meshwright.governance.purposes import DPV
from meshwright.governance.vocabulary import schema
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
    found = list(unasked(parse(PolicyFile(path="p.cedar", text=text))[0], columns, ["clearance"]))
    assert [(one.line, one.value, one.hint) for one in found if one.line in {1, 3}] == [
        (1, "amuont", "did you mean amount?"),
        (3, "clearence", "did you mean clearance?"),
    ]
    assert [(one.line, one.message.partition(":")[0]) for one in found if one.line not in {1, 3}] == [
        (2, "Column price is DECIMAL(18,2)"),
        (5, "Column code is BIGINT or VARCHAR"),
    ]
    assert {one.severity for one in found} == {Severity.WARNING}


AGENT_OF_BOB: Final = Principal(
    id="helper", kind=AGENT, attributes={"untrusted": True}, groups=("bots",), acts_for=Principal(id="bob")
)


@pytest.mark.parametrize(
    "condition",
    [
        "context has agent && context.agent has untrusted && context.agent.untrusted",
        '{"c": context}.c has agent && {"c": context}.c.agent has untrusted',
        'Agent::"helper" has untrusted && Agent::"helper".untrusted',
    ],
)
def test_what_is_asked_of_an_agent_holds_also_of_whom_it_acts_for(condition: str) -> None:
    forbid = f'forbid (principal is Person, action == Action::"read", resource) when {{ {condition} }};'
    policies = PolicySet([PolicyFile(path="p.cedar", text=OPEN + forbid)], attributes={"untrusted": "Bool"})
    decider = Decider(policies, purposes=DPV, now=lambda: NOW)
    facts = port(("id", "BIGINT"))
    assert not decider.read(AGENT_OF_BOB, facts).allowed
    assert decider.read(replace(AGENT_OF_BOB, attributes={}), facts).allowed
    assert decider.read(Principal(id="bob"), facts).allowed


def test_the_groups_of_an_agent_are_known_where_the_person_is_asked() -> None:
    only_bots = (
        'forbid (principal, action, resource) when { context has agent } unless { context.agent in Group::"bots" };'
    )
    decided = decider(OPEN + only_bots)
    facts, target = port(("id", "BIGINT")), Target(domain="sales", product="sales.orders")
    known = replace(AGENT_OF_BOB, attributes={})
    stranger = replace(known, groups=())
    permit = decider(OPEN + 'permit (principal, action == Action::"publish", resource);' + only_bots)
    assert decided.read(known, facts).allowed
    assert not decided.read(stranger, facts).allowed
    assert permit.refusal(known, "publish", target)[0] == ""
    assert permit.refusal(stranger, "publish", target)[0] != ""


HIDES: Final = (
    '{"r": resource}.r has region && {"r": resource}.r.region == "US"',
    '(if principal has region then resource else resource) has region && resource.region == "US"',
    "resource has region && [resource].contains(resource)",
    'resource has region && resource has "has region" && !resource["has region"]',
)


@pytest.mark.parametrize("condition", HIDES)
@pytest.mark.parametrize("action", ['action == Action::"readRow"', "action"])
def test_a_row_that_is_reached_in_other_ways_is_refused_and_binds_nobody_falsely(condition: str, action: str) -> None:
    text = f"forbid (principal, {action}, resource is Row) when {{ {condition} }};"
    rows = {"region": "String", "has region": "Bool"}
    found = check_files([PolicyFile(path="p.cedar", text=text)], schema(rows, {"region": "String"}))
    assert "policy-rows" in {finding.code for finding in found}
    assert not decide(port(("id", "BIGINT"), ("region", "VARCHAR"), ("has region", "BOOLEAN")), OPEN + text).allowed


@pytest.mark.parametrize(
    "condition",
    [
        '["US"].containsAny([resource.region])',
        '["a", "EU"].contains(resource.region) == true',
        "resource.amount * 2 > 3",
        "principal has regions && principal.regions.containsAll([resource.region])",
        '(if resource.amount > 1 then "a" else "b") == "a"',
    ],
)
def test_a_condition_that_no_row_can_be_asked_is_refused_when_it_is_checked(condition: str) -> None:
    text = f'permit (principal, action == Action::"readRow", resource) when {{ resource has region && resource has amount && {condition} }};'
    known = schema({"region": "String", "amount": "Long"}, {"regions": "Set<String>"})
    found = check_files([PolicyFile(path="p.cedar", text=text)], known)
    assert [(finding.code, finding.line) for finding in found] == [("policy-rows", 1)], found


@pytest.mark.parametrize(
    "condition",
    [
        'resource.region == "EU" || !(resource.amount < 5)',
        "principal has region && resource.region == principal.region",
        "principal has regions && principal.regions.contains(resource.region)",
        '["EU", "US"].contains(resource.region) && principal in Group::"x"',
        'if principal in Group::"x" then resource.region like "E*" else resource.amount >= 3',
        '(if principal has region then resource.region else "EU") == "EU"',
        'resource in Domain::"sales" && resource is Row && context.environment == "prod"',
        "resource.flag",
        'resource.domain_name != "x" && context.purpose in Purpose::"Marketing"',
    ],
)
def test_a_condition_that_rows_can_be_asked_is_not_refused(condition: str) -> None:
    names = ("region", "amount", "flag", "domain_name")
    asked = " && ".join(f"resource has {name}" for name in names)
    text = f'forbid (principal, action == Action::"readRow", resource is Row) when {{ {asked} && ({condition}) }};'
    rows = {"region": "String", "amount": "Long", "flag": "Bool", "domain_name": "String"}
    known = schema(rows, {"region": "String", "regions": "Set<String>"})
    assert check_files([PolicyFile(path="p.cedar", text=text)], known) == []


BY_NAME: Final = (
    'resource == Column::"sales.orders.orders.region"',
    'resource in [Column::"sales.orders.orders.region"]',
    'resource.name == "region"',
    '"REGION" == resource.name',
    '["email", "region"].contains(resource.name)',
    '["region"].containsAny([resource.name])',
    'resource.name like "reg*"',
    '{"c": resource}.c.name == "Region"',
    '(if resource.name == "Region" then "Yes" else "No") == "Yes"',
)


@pytest.mark.parametrize("name", ["region", "Region", "REGION"])
@pytest.mark.parametrize("condition", BY_NAME)
def test_a_column_keeps_its_mask_under_any_spelling_of_its_name(condition: str, name: str) -> None:
    text = f'forbid (principal, action == Action::"readClear", resource is Column) when {{ {condition} }};'
    found = decide(port(("id", "BIGINT"), (name, "VARCHAR")), OPEN + text)
    assert seen_columns(found, port(("id", "BIGINT"), (name, "VARCHAR"))) == {"id": "clear", name: "replace-with-null"}


def test_text_that_rows_are_compared_with_stays_as_it_is() -> None:
    text = 'forbid (principal, action == Action::"readRow", resource is Row) when { resource has name && resource.name == "Ada" };'
    found = decide(port(("name", "VARCHAR")), OPEN + text)
    assert "Ada" in repr(found.restriction.row_filter)


@pytest.mark.parametrize("name", ["größe", "日本", 'a "b"', "a\\b", "new\nline", "it's", "☃ {x}"])
def test_a_name_with_any_letters_is_one_that_policies_can_ask(name: str) -> None:
    known = schema({name: "String"}, {name: "String"})
    asked = "".join(letter if letter.isalnum() else f"\\u{{{ord(letter):x}}}" for letter in name)
    text = f'forbid (principal, action == Action::"readRow", resource) when {{ resource has "{asked}" && resource["{asked}"] == "x" }};'
    assert check_files([PolicyFile(path="p.cedar", text=OPEN + text)], known) == []
    found = decide(port(("id", "BIGINT"), (name, "VARCHAR")), OPEN + text)
    assert (found.allowed, found.rows) == (True, "filtered")


@pytest.mark.parametrize(
    "annotation",
    ["@mask", '@mask("")', '@mask("generalise")', '@mask("generalise:abc")', '@mask("generalise:0")',
     '@mask("generalise: 1")', '@mask("pseudonym:abc")', '@Mask("pseudonym")', '@mask("rot13")'],
)  # fmt: skip
def test_a_mask_that_is_none_is_refused_and_shows_nothing(annotation: str) -> None:
    text = f'{annotation} forbid (principal, action == Action::"readClear", resource is Column);'
    found = check_files([PolicyFile(path="p.cedar", text=text)], schema({}, {}))
    assert [finding.code for finding in found] == ["policy-mask"]
    seen = seen_columns(decide(port(("id", "BIGINT")), OPEN + text), port(("id", "BIGINT")))
    assert seen["id"] in {"replace-with-null", "absent"}


@pytest.mark.parametrize(
    "text",
    [
        '@mask("pseudonym") permit (principal, action == Action::"readClear", resource is Column);',
        '@mask("pseudonym") forbid (principal, action == Action::"readMasked", resource is Column);',
        '@id("a\\nallowed") forbid (principal, action == Action::"read", resource is Port);',
    ],
)
def test_annotations_that_mean_nothing_or_forge_a_line_are_refused(text: str) -> None:
    found = check_files([PolicyFile(path="p.cedar", text=text)], schema({}, {}))
    assert len(found) == 1
    assert found[0].code in {"policy-mask", "policy-id"}


@pytest.mark.parametrize(
    "condition",
    ['{"c": context}.c.now < datetime("2026-11-21")', '(if principal has x then context else context).now < datetime("2026-11-21")'],
)  # fmt: skip
def test_a_decision_by_the_time_is_made_anew_as_time_goes_by(condition: str) -> None:
    now = [NOW]
    policies = PolicySet(
        [PolicyFile(path="p.cedar", text=OPEN.replace("resource);", f"resource) when {{ {condition} }};"))],
        attributes={},
    )
    decider = Decider(policies, purposes=DPV, now=lambda: now[0])
    assert decider.read(ADA, port(("id", "BIGINT"))).allowed
    now[0] = datetime(2026, 11, 22, tzinfo=UTC)
    assert not decider.read(ADA, port(("id", "BIGINT"))).allowed


KNOWN: Final = {
    "Domain": {"sales", "marketing"},
    "Purpose": {"Marketing"},
    "Product": {"sales.orders"},
    "Port": {"sales.orders.orders"},
    "Column": {"sales.orders.orders.Email"},
}


@pytest.mark.parametrize(
    ("text", "value", "hint"),
    [
        ('forbid (principal in Domain::"markting", action, resource);', 'Domain::"markting"', "did you mean marketing?"),
        ('forbid (principal, action, resource in Product::"sales.ordres");', 'Product::"sales.ordres"', "did you mean sales.orders?"),
        ('forbid (principal, action, resource) unless { context.purpose in Purpose::"Markting" };', 'Purpose::"Markting"', "did you mean Marketing?"),
        ('forbid (principal, action == Action::"readClear", resource == Column::"sales.orders.orders.emial");', 'Column::"sales.orders.orders.emial"', "did you mean sales.orders.orders.Email?"),
        ('forbid (principal, action == Action::"readClear", resource is Column) when { resource.name == "emial" };', "emial", "did you mean email?"),
        ('forbid (principal, action == Action::"readClear", resource is Column) when { ["emial", "EMAIL"].contains(resource.name) };', "emial", "did you mean email?"),
    ],
)  # fmt: skip
def test_what_policies_name_and_is_nowhere_is_warned_of(text: str, value: str, hint: str) -> None:
    (found,) = unknown_entities(parse(PolicyFile(path="p.cedar", text=text))[0], KNOWN)
    assert (found.code, found.value, found.hint, found.severity) == ("policy-unasked", value, hint, Severity.WARNING)


def test_what_policies_name_and_is_there_is_not_warned_of() -> None:
    text = (
        'forbid (principal == Person::"zoe", action in [Action::"readClear", Action::"readMasked"], resource in Domain::"sales")'
        ' when { resource == Column::"sales.orders.orders.EMAIL" || resource.name == "email" || resource.tags.contains("x") };'
        'forbid (principal in Group::"x", action == Action::"readRow", resource is Row in Port::"sales.orders.orders")'
        ' when { resource has name && resource.name == "Ada" };'
    )
    assert list(unknown_entities(parse(PolicyFile(path="p.cedar", text=text))[0], KNOWN)) == []


def test_a_tag_in_capitals_is_that_tag_too() -> None:
    text = 'forbid (principal, action == Action::"readClear", resource is Column) when { resource.tags.contains("personal") };'
    for tags in (("Personal",), ("PERSONAL", "x"), ("personal",)):
        facts = port(("email", "VARCHAR"), tags=tags)
        assert seen_columns(decide(facts, OPEN + text), facts) == {"email": "replace-with-null"}
    exact = port(("email", "VARCHAR"), tags=("Personal",))
    assert seen_columns(decide(exact, OPEN + text.replace("personal", "Personal")), exact) == {
        "email": "replace-with-null"
    }
