"""What `mesh policy explain` and cases of policies say to whom asks for little, and rules of what they may not read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.test_rights import shop
from cli.test_tokens import bearer

if TYPE_CHECKING:
    from mesh_folder import MeshFolder

__all__ = ["shop"]

RULE = """
- name: id
  physicalType: INTEGER
  {rule}
"""
QUERY = 'quality: [{{type: sql, query: "select count(*) from {port}", mustBe: 1}}]'
RELATIONSHIP = "relationships: [{{to: {port}.id}}]"
NOT_BOB = """
@id("not-bob")
forbid (principal == Person::"bob", action == Action::"read", resource in Domain::"sales");
"""


def test_a_bearer_asks_about_themselves(shop: MeshFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    hana, bob = bearer(shop, "hana", monkeypatch), bearer(shop, "bob", monkeypatch)
    explain = ("policy", "explain", "hr.salaries")
    assert hana.mesh(*explain).out == hana.mesh(*explain, "--as", "hana").out
    assert hana.mesh(*explain).out.startswith("allowed")
    assert bob.mesh(*explain).out.startswith("denied")
    helper = bearer(shop, "agent:helper/hana", monkeypatch)
    assert helper.mesh(*explain).out == helper.mesh(*explain, "--as", "agent:helper/hana").out


def test_the_owner_says_who_would_read(shop: MeshFolder) -> None:
    answer = shop.mesh("policy", "explain", "hr.salaries")
    assert (answer.code, answer.out) == (2, "")
    assert "say who would read: --as NAME" in answer.err


def test_an_unknown_key_of_a_case_is_answered_with_those_there_are(shop: MeshFolder) -> None:
    shop.write("policies/tests/all.yaml", "- {name: x, as: bob, port: sales.orders, expect: {denied: true}}\n")
    told = shop.mesh("policy", "test")
    assert told.code == 2
    assert "the keys here are allowed, columns, policies, " in told.out + told.err
    assert "customProperties" not in told.out + told.err


@pytest.mark.parametrize("rule", [QUERY, RELATIONSHIP], ids=["query", "relationship"])
def test_rules_that_may_not_be_run_say_so(shop: MeshFolder, monkeypatch: pytest.MonkeyPatch, rule: str) -> None:
    shop.contract("marketing.mail", RULE.format(rule=rule.format(port="hr.salaries.salaries")))
    made = shop.mesh("build", "--select", "marketing.mail")
    assert made.code == 1
    assert "not run: policies do not let product:marketing.mail read hr.salaries" in made.out
    shop.contract("marketing.mail", RULE.format(rule=rule.format(port="sales.orders.orders")), status="draft")
    shop.build("--select", "marketing.mail")
    shop.write("policies/bob.cedar", NOT_BOB)
    assert shop.mesh("policy", "publish").code == 0
    tried = bearer(shop, "bob", monkeypatch).mesh("test", "marketing.mail")
    assert tried.code == 1
    assert "not run: policies do not let bob read sales.orders" in tried.out
