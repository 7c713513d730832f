"""Decisions: nothing without a permit, a forbid beats every permit, and whatever errs denies."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from meshwright.governance.actions import Target
from meshwright.governance.decisions import Decider, Decision
from meshwright.governance.drafts import seen_columns
from meshwright.governance.policy_set import PolicySet
from meshwright.governance.policy_text import PolicyFile
from meshwright.governance.port_facts import ColumnFacts, PortFacts
from meshwright.governance.purposes import DPV
from meshwright.model.datatype import DataType
from meshwright.model.principal import AGENT, Attribute, Principal
from meshwright.model.restriction import strictest

TEXT = DataType.parse("VARCHAR")
PORT = PortFacts(
    product="sales.orders",
    port="orders",
    major=1,
    status="active",
    owner="sales_team",
    columns=(
        ColumnFacts(1, "id", DataType.parse("BIGINT")),
        ColumnFacts(2, "email", TEXT, ("personal",)),
        ColumnFacts(3, "notes", TEXT, ("personal",), ("confidential", "restricted")),
        ColumnFacts(4, "region", TEXT),
    ),
)
ADA = Principal(id="ada", groups=("analysts",))
ATTRIBUTES = {"region": "String", "clearance": "Long", "level": "Long", "teams": "Set<String>", "is_staff": "Bool"}
OPEN = """
permit (principal, action in [Action::"read", Action::"readClear", Action::"readMasked", Action::"readRow"], resource);
"""
NOW = datetime(2026, 11, 20, tzinfo=UTC)


def decide(text: str, principal: Principal = ADA, purpose: str = "", domain: str = "", now: datetime = NOW) -> Decision:
    files = [PolicyFile(path="p.cedar", text=text, domain=domain)]
    return Decider(PolicySet(files, attributes=ATTRIBUTES), purposes=DPV, now=lambda: now).read(
        principal, PORT, purpose
    )


def test_nothing_is_read_without_a_permit_and_the_reason_says_so() -> None:
    found = decide("")
    assert not found.allowed
    assert "no policy permits person:ada to read sales.orders.orders" in found.reasons[0]
    assert found.rows == "none"
    assert set(seen_columns(found, PORT).values()) == {"absent"}


def test_a_forbid_beats_every_permit_and_is_named() -> None:
    found = decide(OPEN + '@id("closed") forbid (principal, action == Action::"read", resource);')
    assert not found.allowed
    assert found.policies == ("p.cedar#closed",)
    assert "p.cedar#closed forbids" in found.reasons[0]


def test_a_column_is_clear_else_masked_else_absent() -> None:
    text = (
        OPEN
        + '@id("m") @mask("show-last-4") forbid (principal, action == Action::"readClear", resource is Column) '
        + 'when { resource.tags.contains("personal") };'
        + 'forbid (principal, action == Action::"readMasked", resource is Column) when { resource.classifications.contains("confidential") };'
    )
    found = decide(text)
    assert seen_columns(found, PORT) == {"id": "clear", "email": "show-last-4", "notes": "absent", "region": "clear"}
    assert found.masks["email"] == ("p.cedar#m",)


def test_of_several_masks_the_strictest_counts() -> None:
    text = OPEN + "".join(
        f'@mask("{mask}") forbid (principal, action == Action::"readClear", resource is Column) '
        'when { resource.tags.contains("personal") };'
        for mask in ("show-last-4", "mask-to-fixed-value", "pseudonym")
    )
    assert seen_columns(decide(text), PORT)["email"] == "mask-to-fixed-value"


def test_a_column_that_is_not_clear_and_has_no_mask_is_null() -> None:
    text = OPEN + 'forbid (principal, action == Action::"readClear", resource == Column::"sales.orders.orders.email");'
    assert seen_columns(decide(text), PORT)["email"] == "replace-with-null"


@pytest.mark.parametrize(
    "forbid",
    [
        "forbid (principal, action, resource) when { principal.clearance < 3 };",
        'forbid (principal, action == Action::"read", resource) when { resource.missing == "x" };',
        'forbid (principal, action == Action::"read", resource) when { 9223372036854775807 + 1 > 0 };',
        'forbid (principal, action == Action::"read", resource) when { Person::"nobody".clearance > 1 };',
        'forbid (principal, action == Action::"readClear", resource) when { resource.missing == "x" };',
        'forbid (principal, action == Action::"readRow", resource) when { resource.missing == "x" };',
        'forbid (principal, action == Action::"readRow", resource) when { principal.clearance < 3 };',
    ],
)
def test_a_forbid_that_errs_never_lets_through_what_it_might_forbid(forbid: str) -> None:
    found = decide(OPEN + forbid)
    nothing_clear = "clear" not in seen_columns(found, PORT).values()
    assert not found.allowed or nothing_clear or found.rows == "none"


@pytest.mark.parametrize(
    "text", ["permit (", "permit (principal, action, resource)", "\0", "permit (?principal, action, resource);"]
)
def test_policies_that_cannot_be_read_deny_everything(text: str) -> None:
    found = decide(text)
    assert not found.allowed
    assert found.reasons


def test_a_broken_file_denies_also_what_a_sound_one_permits() -> None:
    files = [PolicyFile(path="a.cedar", text=OPEN), PolicyFile(path="b.cedar", text="forbid (")]
    assert not Decider(PolicySet(files, attributes=ATTRIBUTES), purposes=DPV).read(ADA, PORT).allowed


def test_a_purpose_allows_those_below_it_and_no_other() -> None:
    text = (
        OPEN
        + 'forbid (principal, action == Action::"read", resource) unless { context.purpose in Purpose::"Marketing" };'
    )
    assert decide(text, purpose="Advertising").allowed
    assert decide(text, purpose="Marketing").allowed
    assert not decide(text, purpose="ResearchAndDevelopment").allowed
    assert not decide(text, purpose="Snooping").allowed


def test_the_only_purpose_granted_is_taken_and_of_several_none() -> None:
    one = (
        OPEN
        + 'forbid (principal, action == Action::"read", resource) unless { context.purpose in Purpose::"Marketing" };'
    )
    assert decide(one).purpose == "Marketing"
    two = OPEN + (
        'forbid (principal, action == Action::"read", resource) '
        'unless { context.purpose in [Purpose::"Marketing", Purpose::"EnforceSecurity"] };'
    )
    found = decide(two)
    assert not found.allowed
    assert "EnforceSecurity, Marketing" in found.reasons[0]


def test_an_embargo_ends_by_itself() -> None:
    text = (
        OPEN + 'forbid (principal, action == Action::"read", resource) when { context.now < datetime("2026-12-01") };'
    )
    assert not decide(text).allowed
    assert decide(text, now=datetime(2026, 12, 1, tzinfo=UTC)).allowed


def test_an_agent_sees_what_both_it_and_the_person_may_see() -> None:
    text = (
        'permit (principal == Agent::"helper", action, resource);'
        'permit (principal == Person::"ada", action in [Action::"read", Action::"readRow", Action::"readMasked"], resource);'
        'permit (principal == Person::"ada", action == Action::"readClear", resource == Column::"sales.orders.orders.id");'
        'forbid (principal == Agent::"helper", action == Action::"readRow", resource is Row) '
        'when { resource has region && resource.region == "US" };'
    )
    agent = Principal(id="helper", kind=AGENT, acts_for=ADA)
    found = decide(text, agent)
    assert seen_columns(found, PORT) == {
        "id": "clear", "email": "replace-with-null", "notes": "replace-with-null", "region": "replace-with-null",
    }  # fmt: skip
    assert found.rows == "filtered"
    stranger = Principal(id="helper", kind=AGENT, acts_for=Principal(id="bob"))
    assert not decide(text, stranger).allowed


@pytest.mark.parametrize("name", ['a"b', "a\\", "a\nb", 'x"; permit (principal, action, resource); //', "é", "a b"])
def test_a_name_cannot_change_what_is_asked(name: str) -> None:
    text = 'permit (principal == Person::"ada", action, resource);'
    assert not decide(text, Principal(id=name)).allowed


def test_a_principal_never_gains_by_a_group_called_like_another_kind_of_thing() -> None:
    text = 'permit (principal in Domain::"sales", action, resource);'
    assert not decide(text, Principal(id="ada", groups=("sales",))).allowed
    assert decide(text, Principal(id="ada", domains=("sales",))).allowed


def test_the_owner_of_a_mesh_on_this_machine_is_denied_nothing() -> None:
    found = decide("forbid (principal, action, resource);", Principal(id="root", is_owner=True))
    assert found.allowed
    assert found.restriction.is_all


def test_equal_questions_are_answered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    decider = Decider(PolicySet([PolicyFile(path="p.cedar", text=OPEN)], attributes=ATTRIBUTES), purposes=DPV)
    first = decider.read(ADA, PORT)
    asked: list[Any] = []
    monkeypatch.setattr(decider, "_decide", lambda *arguments: asked.append(arguments))
    assert decider.read(ADA, PORT) is first
    assert asked == []


@pytest.mark.parametrize(
    "condition",
    [
        'resource.name == "region"',
        'resource["name"] like "reg*"',
        'resource == Column::"sales.orders.orders.region"',
        '[Column::"sales.orders.orders.region"].contains(resource)',
        'resource in Column::"sales.orders.orders.region"',
        'resource has name && !(resource.name == "id" || resource.name == "email" || resource.name == "notes")',
    ],
)
def test_columns_that_are_alike_are_told_apart_where_a_policy_does(condition: str) -> None:
    text = OPEN + f'forbid (principal, action == Action::"readClear", resource is Column) when {{ {condition} }};'
    seen = seen_columns(decide(text), PORT)
    assert seen == {"id": "clear", "email": "clear", "notes": "clear", "region": "replace-with-null"}


def test_columns_of_another_type_are_told_apart_where_a_policy_does() -> None:
    text = OPEN + (
        'forbid (principal, action == Action::"readClear", resource is Column) when { resource.type == "BIGINT" };'
    )
    seen = seen_columns(decide(text), PORT)
    assert (seen["id"], seen["region"]) == ("replace-with-null", "clear")


@pytest.mark.parametrize(
    ("masks", "counts"),
    [
        (["generalise:100", "generalise:1000"], "generalise:1000"),
        (["generalise:20", "generalise:3"], "generalise:60"),
        (["generalise:month", "generalise:year"], "generalise:year"),
        (["generalise:week", "generalise:quarter", "generalise:day"], "replace-with-null"),
        (["generalise:week", "generalise:day"], "generalise:week"),
        (["generalise:month", "generalise:quarter", "generalise:day"], "generalise:quarter"),
        (["truncate-to-month", "generalise:day"], "truncate-to-month"),
        (["truncate-to-month", "generalise:year"], "generalise:year"),
        (["truncate-to-year", "generalise:month"], "truncate-to-year"),
        (["truncate-to-year", "generalise:decade"], "generalise:decade"),
        (["generalise:100", "truncate-to-year"], "replace-with-null"),
        (["generalise:100", "generalise:year"], "replace-with-null"),
        (["generalise:100", "show-last-4"], "replace-with-null"),
        (["generalise:1", "pseudonym"], "replace-with-null"),
        (["generalise:day", "replace-with-null"], "replace-with-null"),
        (["truncate-to-month", "sha-256-global"], "replace-with-null"),
        (["sha-256-global", "pseudonym"], "pseudonym"),
        (["show-first-4", "show-last-4"], "mask-alphanum"),
        (["generalise:nothing", "show-last-4"], "absent"),
        (["generalise:1000", "generalise: 1"], "absent"),
        (["generalise:1000", "generalise:+1"], "absent"),
        (["generalise:1000", "generalise:1_0"], "absent"),
        (["generalise:1000", "generalise:0"], "absent"),
        (["generalise:999999999999999999", "generalise:999999999999999998"], "replace-with-null"),
        (["generalise:100", "replace-with-null"], "replace-with-null"),
        (["generalise:100", "unknown"], "absent"),
        ([], "replace-with-null"),
    ],
)
def test_of_two_ranges_the_wider_counts(masks: list[str], counts: str) -> None:
    assert strictest(masks) == counts
    assert strictest(masks[::-1]) == counts


def test_what_cannot_be_put_to_policies_is_denied() -> None:
    found = decide(OPEN, Principal(id="ada", attributes={"level": 2**80}))
    assert not found.allowed
    assert "cannot be put to policies" in found.reasons[0]


FROM_THE_US = OPEN + 'forbid (principal, action, resource) when { principal has region && principal.region == "US" };'


@pytest.mark.parametrize("region", [("US",), 5, True, ()])
def test_who_has_an_attribute_of_another_type_is_denied(region: Attribute) -> None:
    """To Cedar, "US" is not in it: what forbids would not hold."""
    assert not decide(FROM_THE_US, Principal(id="ada", attributes={"region": "US"})).allowed
    found = decide(FROM_THE_US, Principal(id="ada", attributes={"region": region}))
    assert not found.allowed
    assert "its region is" in found.reasons[0]
    assert "policies were checked with String" in found.reasons[0]


def test_an_attribute_that_policies_were_not_checked_with_is_not_put_to_them() -> None:
    assert decide(OPEN, Principal(id="ada", attributes={"shoe": 43})).allowed


def test_changes_are_not_decided_about_who_has_an_attribute_of_another_type() -> None:
    policies = PolicySet(
        [PolicyFile(path="p.cedar", text="permit (principal, action, resource);")], attributes=ATTRIBUTES
    )
    decider = Decider(policies, purposes=DPV)
    target = Target(domain="sales", product="sales.orders")
    assert decider.refusal(Principal(id="ada", attributes={"region": "EU"}), "publish", target) == (
        "",
        ("p.cedar#line 1",),
    )
    why, _ = decider.refusal(Principal(id="ada", attributes={"region": 5}), "publish", target)
    assert "its region is Long" in why


@pytest.mark.parametrize(
    "condition",
    [
        "principal has external && principal.external",
        "(if principal has team then principal else principal) has external",
    ],
)
def test_who_has_what_policies_ask_for_and_were_not_checked_with_is_denied(condition: str) -> None:
    """Else what forbids would not hold of an attribute that somebody got since."""
    text = OPEN + f"forbid (principal, action, resource) when {{ {condition} }};"
    assert decide(text).allowed
    found = decide(text, Principal(id="ada", attributes={"external": True}))
    assert not found.allowed
    assert "its external is Bool, and policies were checked with none" in found.reasons[0]
