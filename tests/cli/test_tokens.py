"""Tokens: made, kept to, revoked; and what their bearers may change."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from meshwright.cli.main import run
from meshwright.governance.access_tokens import digest, new_token
from meshwright.model.errors import Denied
from meshwright.node import Node

if TYPE_CHECKING:
    from mesh_folder import Answer, MeshFolder


@pytest.fixture
def shop(mesh: MeshFolder) -> MeshFolder:
    """Products of sales and marketing; ada sells, bob is in marketing. Starter policies bind."""
    mesh.write("people/all.yaml", "groups: {sales_team: [ada], marketing_team: [bob], council: [grace]}\n")
    mesh.write("mesh.yaml", "name: shop\nowner: council\n")
    for name, team in (("sales.orders", "sales_team"), ("marketing.mail", "marketing_team")):
        domain = name.partition(".")[0]
        mesh.product(name, "select 1 as id, 'ada@x.org' as email")
        mesh.contract(
            name, "- {name: id, physicalType: INTEGER}\n- {name: email, physicalType: VARCHAR, tags: [personal]}\n"
        )
        mesh.write(f"domains/{domain}/domain.yaml", f"team: {{name: {team}}}\n")
    mesh.build()
    assert run(["init", str(mesh.root / "other")]) == 0
    mesh.write("policies/starter.cedar", (mesh.root / "other/policies/starter.cedar").read_text())
    assert mesh.mesh("policy", "publish").code == 0
    return mesh


class Bearer:
    """Whoever has *token*."""

    def __init__(self, mesh: MeshFolder, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.token, self.patch = mesh, token, monkeypatch

    def mesh(self, *arguments: str) -> Answer:
        with self.patch.context() as patch:
            patch.setenv("MESH_TOKEN", self.token)
            return self.folder.mesh(*arguments)


def bearer(mesh: MeshFolder, who: str, monkeypatch: pytest.MonkeyPatch, *options: str) -> Bearer:
    made = mesh.mesh("token", "create", "--for", who, *options, "--json")
    assert made.code == 0, made.err
    return Bearer(mesh, made.data["token"], monkeypatch)


def test_a_token_makes_its_bearer_who_it_says(shop: MeshFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, bob = bearer(shop, "ada", monkeypatch), bearer(shop, "bob", monkeypatch)
    assert ada.mesh("read", "sales.orders", "--json").data[0]["email"] == "ada@x.org"
    assert "@" not in bob.mesh("read", "sales.orders", "--json").data[0]["email"]
    assert "@" not in ada.mesh("query", "select email from marketing.mail", "--json").out
    (newest, *_) = shop.mesh("audit", "log", "--json").data
    assert (newest["principal"], newest["asked_by"], newest["port"]) == ("person:ada", "", "marketing.mail.mail")


def test_only_the_digest_is_kept(shop: MeshFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = bearer(shop, "ada", monkeypatch, "--note", "for the nightly job")
    assert ada.mesh("read", "sales.orders").code == 0
    listed = shop.mesh("token", "list", "--json")
    assert [(one["principal"], one["note"]) for one in listed.data] == [("ada", "for the nightly job")]
    assert ada.token not in listed.out
    assert digest(ada.token) not in listed.out
    for file in (shop.root / ".mesh").rglob("*"):
        assert not file.is_file() or ada.token.encode() not in file.read_bytes()


@pytest.mark.parametrize(
    "wrong", ["mesh_", "mesh_short", "x" * 41, "mesh_" + "é" * 36, "mesh_' OR 1=1 --", "Bearer x", " "]
)
def test_what_is_no_token_is_denied_and_not_repeated(
    shop: MeshFolder, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    answer = Bearer(shop, wrong, monkeypatch).mesh("read", "sales.orders")
    assert answer.code == 1
    assert answer.out == ""
    assert "token" in answer.err
    assert len(wrong) < 6 or wrong not in answer.err


def test_a_token_with_one_wrong_letter_or_of_another_mesh_is_denied(
    shop: MeshFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = bearer(shop, "ada", monkeypatch).token
    for place in range(5, len(text)):
        wrong = text[:place] + ("a" if text[place] != "a" else "b") + text[place + 1 :]
        with pytest.raises(ValueError, match="no token of a mesh"):
            digest(wrong)
    answer = Bearer(shop, new_token(), monkeypatch).mesh("read", "sales.orders")
    assert (answer.code, "nobody handed it out here" in answer.err) == (1, True)


def test_a_revoked_token_is_good_for_nothing(shop: MeshFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = bearer(shop, "ada", monkeypatch)
    (listed,) = shop.mesh("token", "list", "--json").data
    node = Node(shop.root)
    monkeypatch.setenv("MESH_TOKEN", ada.token)
    reader = node.reader("prod")
    assert len(reader.read("sales.orders").to_arrow()) == 1
    monkeypatch.delenv("MESH_TOKEN")
    assert shop.mesh("token", "revoke", listed["id"]).code == 0
    assert "was revoked" in ada.mesh("read", "sales.orders").err
    assert shop.mesh("token", "revoke", "none").code == 2


def test_a_token_expires(shop: MeshFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = bearer(shop, "ada", monkeypatch, "--days", "2")
    monkeypatch.setenv("MESH_TOKEN", ada.token)
    assert Node(shop.root, now=lambda: datetime.now(UTC) + timedelta(days=1)).caller.principal.id == "ada"
    late = Node(shop.root, now=lambda: datetime.now(UTC) + timedelta(days=3))
    with pytest.raises(Denied, match="expired at"):
        _ = late.caller


def test_a_token_is_kept_to_its_ports_and_purposes(shop: MeshFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    few = bearer(shop, "ada", monkeypatch, "--port", "marketing.*")
    assert few.mesh("read", "marketing.mail").code == 0
    denied = few.mesh("read", "sales.orders")
    assert (denied.code, "the token is for marketing.* only" in denied.err) == (1, True)
    assert few.mesh("query", "select 1 from marketing.mail m join sales.orders o on true").code == 1
    one = bearer(shop, "ada", monkeypatch, "--port", "sales.orders")
    assert one.mesh("read", "sales.orders").code == 0
    purposed = bearer(shop, "ada", monkeypatch, "--purpose", "Marketing")
    assert purposed.mesh("read", "sales.orders", "--purpose", "Marketing").code == 0
    assert purposed.mesh("read", "sales.orders", "--purpose", "Advertising").code == 0
    refused = purposed.mesh("read", "sales.orders", "--purpose", "ResearchAndDevelopment")
    assert (refused.code, "the token is for Marketing only" in refused.err) == (1, True)
    assert "the token is for reading only" in few.mesh("rollback", "sales.orders").err
    assert few.mesh("token", "create").code == 1


def test_the_only_purpose_of_a_token_is_taken_and_of_several_the_only_one_granted(
    shop: MeshFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write(
        "policies/purposes.cedar",
        '@id("for-marketing") forbid (principal, action == Action::"read", resource)'
        ' unless { context.purpose in Purpose::"Marketing" };',
    )
    assert shop.mesh("policy", "publish").code == 0
    one = bearer(shop, "ada", monkeypatch, "--purpose", "Advertising")
    assert one.mesh("query", "select id from sales.orders", "--json").data == [{"id": 1}]
    several = bearer(shop, "ada", monkeypatch, "--purpose", "ResearchAndDevelopment", "--purpose", "Advertising")
    assert several.mesh("read", "sales.orders", "--json").data == shop.mesh("read", "sales.orders", "--json").data
    assert {
        use["purpose"] for use in shop.mesh("audit", "usage", "--json").data if use["principal"] == "person:ada"
    } == {"Advertising"}
    explained = several.mesh("policy", "explain", "sales.orders", "--as", "ada", "--json")
    assert (explained.data["allowed"], explained.data["purpose"]) == (True, "Advertising")
    both = bearer(shop, "ada", monkeypatch, "--purpose", "DirectMarketing", "--purpose", "Advertising")
    denied = both.mesh("read", "sales.orders")
    assert (denied.code, "name the purpose with --purpose: Advertising, DirectMarketing are" in denied.err) == (1, True)
    other = bearer(shop, "ada", monkeypatch, "--purpose", "ResearchAndDevelopment")
    assert "for-marketing forbids" in other.mesh("read", "sales.orders").err


@pytest.mark.parametrize("port", ["sales", "", "sales.orders@1", "a.b.c.d", "sales.Orders", "sales/orders"])
def test_a_token_for_ports_that_nothing_can_be_called_is_not_made(shop: MeshFolder, port: str) -> None:
    refused = shop.mesh("token", "create", "--for", "ada", "--port", "sales.*", "--port", port)
    assert (refused.code, f"'{port}': no port is called so; write DOMAIN.PRODUCT" in refused.err) == (2, True)
    assert shop.mesh("token", "list", "--json").data == []


def test_everything_that_changes_the_mesh_asks_first(shop: MeshFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, bob, grace = (bearer(shop, name, monkeypatch) for name in ("ada", "bob", "grace"))
    shop.write("domains/sales/orders/transform/orders.sql", "select 2 as id, 'ada@x.org' as email")
    denied = bob.mesh("build")
    assert (denied.code, "person:bob may not publish sales.orders" in denied.err) == (1, True)
    assert shop.rows("sales.orders")[0]["id"] == 1
    assert ada.mesh("build").code == 0
    assert shop.mesh("show", "sales.orders", "--json").data["sequence"] == 2
    assert bob.mesh("rollback", "sales.orders").code == 1
    assert ada.mesh("rollback", "sales.orders").code == 0
    for verb in (
        ["maintain"],
        ["policy", "explain", "sales.orders", "--as", "ada"],
        ["read", "sales.orders", "--as", "ada"],
        ["token", "create", "--for", "ada"],
    ):
        answer = bob.mesh(*verb)
        assert (answer.code, "may not administer the mesh" in answer.err) == (1, True), verb
    assert ada.mesh("policy", "publish").code == 1
    assert bob.mesh("policy", "publish", "--domain", "sales").code == 1
    assert ada.mesh("policy", "publish", "--domain", "sales").code == 0
    assert grace.mesh("policy", "publish").code == 0
    kept = [(one["action"], one["allowed"]) for one in shop.mesh("audit", "log", "--json").data]
    assert ("publish", False) in kept
    assert ("rollback", True) in kept


def test_an_agent_may_no_more_than_the_person_for_whom_it_acts(
    shop: MeshFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = bearer(shop, "agent:helper/bob", monkeypatch)
    assert "@" not in agent.mesh("read", "sales.orders", "--json").data[0]["email"]
    assert agent.mesh("policy", "publish", "--domain", "marketing").code == 1
    assert "make no tokens" in agent.mesh("token", "create").err
    (newest, *_) = shop.mesh("audit", "log", "--json").data
    assert (newest["principal"], newest["acts_for"]) == ("agent:helper", "bob")


def test_who_may_administer_acts_in_anothers_name_and_both_are_recorded(
    shop: MeshFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write(
        "policies/admins.cedar",
        '@id("admins") permit (principal in Group::"council", action == Action::"administer", resource);\n',
    )
    assert shop.mesh("policy", "publish").code == 0
    grace = bearer(shop, "grace", monkeypatch)
    assert "@" not in grace.mesh("read", "sales.orders", "--as", "bob", "--json").data[0]["email"]
    (newest, *_) = shop.mesh("audit", "log", "--json").data
    assert (newest["principal"], newest["asked_by"]) == ("person:bob", "person:grace")
    assert grace.mesh("token", "create", "--for", "bob").code == 0


def test_bearers_deal_with_their_own_tokens_only(shop: MeshFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, bob = bearer(shop, "ada", monkeypatch), bearer(shop, "bob", monkeypatch)
    own = json.loads(ada.mesh("token", "create", "--days", "1", "--json").out)
    assert Bearer(shop, own["token"], monkeypatch).mesh("read", "sales.orders").code == 0
    assert {one["principal"] for one in ada.mesh("token", "list", "--json").data} == {"ada"}
    assert bob.mesh("token", "revoke", own["id"]).code == 1
    assert ada.mesh("token", "revoke", own["id"]).code == 0


def test_a_token_that_was_made_with_another_ends_with_it(shop: MeshFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    short = bearer(shop, "ada", monkeypatch, "--days", "2")
    (first,) = shop.mesh("token", "list", "--json").data
    child = short.mesh("token", "create", "--days", "300", "--json").data
    assert child["expires_at"] == first["expires_at"]
    last = Bearer(shop, child["token"], monkeypatch).mesh("token", "create", "--json").data
    keeper = Bearer(shop, last["token"], monkeypatch)
    assert keeper.mesh("read", "sales.orders").code == 0
    assert shop.mesh("token", "revoke", first["id"]).code == 0
    assert "was revoked" in keeper.mesh("read", "sales.orders").err


def test_tokens_that_an_administrator_made_for_others_do_not_end_with_its_own(
    shop: MeshFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write(
        "policies/admins.cedar",
        'permit (principal, action == Action::"administer", resource)'
        ' when { principal in Group::"council" || principal is Agent };',
    )
    assert shop.mesh("policy", "publish").code == 0
    grace = bearer(shop, "grace", monkeypatch)
    made = grace.mesh("token", "create", "--for", "person:bob", "--json").data
    assert made["principal"] == "bob"
    (own,) = (one for one in shop.mesh("token", "list", "--json").data if one["principal"] == "grace")
    assert shop.mesh("token", "revoke", own["id"]).code == 0
    assert Bearer(shop, made["token"], monkeypatch).mesh("read", "sales.orders").code == 0
    # An agent would act as the person itself with it, and policies are published by nobody else.
    agent = bearer(shop, "agent:helper/grace", monkeypatch)
    assert "make no tokens" in agent.mesh("token", "create", "--for", "grace").err
    narrow = bearer(shop, "grace", monkeypatch, "--port", "sales.*")
    assert "make no tokens" in narrow.mesh("token", "create", "--for", "bob").err


def test_verbs_that_tell_of_data_answer_bearers_only_as_far_as_policies_go(
    shop: MeshFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.product("sales.ideas", "select 1 as id")
    shop.build("--select", "sales.ideas")
    bob = bearer(shop, "bob", monkeypatch)
    for verb in (
        ["status"],
        ["show", "sales.orders", "--effective"],
        ["plan"],
        ["export", "--all", str(shop.root / "all.zip")],
    ):
        answer = bob.mesh(*verb)
        assert (answer.code, "the owner of a mesh only" in answer.err) == (1, True), verb
    for verb in (["audit", "log"], ["audit", "usage"]):
        assert bob.mesh(*verb).code == 1
    listed = bob.mesh("list", "--json")
    assert [one["address"] for one in listed.data] == ["marketing.mail", "sales.orders"]
    assert not any({"rows", "columns", "bytes", "event_time"} & one.keys() for one in listed.data)
    assert "sales.ideas" in {one["address"] for one in bearer(shop, "ada", monkeypatch).mesh("list", "--json").data}
