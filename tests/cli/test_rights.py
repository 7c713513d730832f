"""What bearers of tokens may change and are told on the way: no more than policies and the mesh's own files leave them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cli.test_tokens import Bearer, bearer
from meshwright.cli.main import run
from meshwright.governance.identity import known_principal, principal_of
from meshwright.governance.oidc import NAME
from meshwright.model.principal import AGENT, PERSON, SERVICE, Principal
from meshwright.node import Node

if TYPE_CHECKING:
    from mesh_folder import MeshFolder

PEOPLE = """
groups: {sales_team: [ada], marketing_team: [bob], hr_team: [hana], platform_team: [pat, "service:robot"]}
attributes: {"service:etl": {region: EU}, ada: {region: US}}
"""
CLOSED = """
@id("closed")
forbid (principal, action in [Action::"discover", Action::"read"], resource in Domain::"hr")
unless { principal in Domain::"hr" };
"""
PIPELINE = """
@id("pipeline")
permit (principal == Service::"etl", action in [Action::"publish", Action::"rollback"], resource in Domain::"hr");
"""
ADMINISTERS = """
@id("platform")
permit (principal in Group::"platform_team", action == Action::"administer", resource);
"""
PAY = """
- {name: id, physicalType: INTEGER}
- name: secret_pay
  physicalType: BIGINT
  quality: [{type: library, metric: invalidValues, arguments: {validValues: [1, 2]}, mustBe: 0}]
"""


@pytest.fixture
def shop(mesh: MeshFolder) -> MeshFolder:
    """Sales, marketing and hr; nobody is told of hr's salaries but hr, and a pipeline publishes them."""
    mesh.write("people/all.yaml", PEOPLE)
    mesh.write("mesh.yaml", "name: shop\nowner: platform_team\n")
    mesh.product("sales.orders", "select 1 as id, 'ada@x.org' as email")
    mesh.contract("sales.orders", "- {name: id, physicalType: INTEGER}\n- {name: email, physicalType: VARCHAR}\n")
    mesh.product("hr.salaries", "select 1 as id, 2::bigint as secret_pay")
    mesh.contract("hr.salaries", PAY)
    mesh.product("marketing.mail", "select 1 as id")
    for domain, team in (("sales", "sales_team"), ("marketing", "marketing_team"), ("hr", "hr_team")):
        mesh.write(f"domains/{domain}/domain.yaml", f"team: {{name: {team}}}\n")
    mesh.build()
    assert run(["init", str(mesh.root / "other")]) == 0
    starter = (mesh.root / "other/policies/starter.cedar").read_text()
    mesh.write("policies/starter.cedar", starter + ADMINISTERS)
    mesh.write("domains/hr/policies/hr.cedar", CLOSED + PIPELINE)
    published = mesh.mesh("policy", "publish", "--all")
    assert published.code == 0, published.err
    return mesh


def logged(mesh: MeshFolder) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = mesh.mesh("audit", "log", "--json").data
    return found


@pytest.mark.parametrize("options", [("--port", "sales.*"), ("--purpose", "Marketing")])
def test_a_token_for_reading_changes_nothing(
    shop: MeshFolder, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    pat = bearer(shop, "pat", monkeypatch, *options)
    shop.write("policies/more.cedar", '@id("x") forbid (principal == Person::"x", action, resource);')
    for arguments in (
        ("policy", "publish"),
        ("policy", "publish", "--all"),
        ("env", "create", "dev"),
        ("token", "create"),
    ):
        answer = pat.mesh(*arguments)
        assert (answer.code, "may not" in answer.err) == (1, True), answer.err
        newest = logged(shop)[0]
        assert (newest["principal"], newest["allowed"]) == ("person:pat", False)
    assert bearer(shop, "pat", monkeypatch).mesh("policy", "publish").code == 0
    newest = logged(shop)[0]
    assert (newest["action"], newest["allowed"], newest["port"]) == ("publish policies", True, "")


def test_own_tokens_are_made_and_revoked_on_record(shop: MeshFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = bearer(shop, "ada", monkeypatch)
    made = ada.mesh("token", "create", "--json").data
    assert ada.mesh("token", "revoke", made["id"]).code == 0
    newest, before, *_ = logged(shop)
    assert [one["action"] for one in (before, newest)] == ["make a token", "revoke a token"]
    assert {one["principal"] for one in (before, newest)} == {"person:ada"}


def test_an_agent_lists_revokes_and_explains_what_is_its_own(shop: MeshFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    helper = bearer(shop, "agent:helper/ada", monkeypatch)
    (own,) = helper.mesh("token", "list", "--json").data
    assert own["principal"] == "agent:helper/ada"
    assert helper.mesh("policy", "explain", "sales.orders", "--as", "agent:helper/ada").code == 0
    assert helper.mesh("policy", "explain", "sales.orders", "--as", "agent:helper/bob").code == 1
    assert helper.mesh("token", "revoke", own["id"]).code == 0
    assert helper.mesh("read", "sales.orders").code == 1


def test_a_denial_names_the_reader_as_it_is_written(shop: MeshFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    etl = bearer(shop, "service:etl", monkeypatch)
    assert "--as service:etl`" in etl.mesh("read", "hr.salaries").err
    assert "closed forbids" in etl.mesh("policy", "explain", "hr.salaries", "--as", "service:etl").out


def test_an_empty_token_makes_nobody_the_owner(shop: MeshFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments in (("read", "hr.salaries"), ("list",), ("plan",), ("build",), ("policy", "publish")):
        answer = Bearer(shop, "", monkeypatch).mesh(*arguments)
        assert (answer.code, answer.out) == (1, ""), arguments
        assert "MESH_TOKEN" in answer.err


@pytest.mark.parametrize("name", ["product:hr.salaries", "service:etl", "agent:a/b", "Person:ada", "PRODUCT:x"])
def test_no_subject_is_called_as_another_kind_of_principal(name: str) -> None:
    assert NAME.fullmatch(name) is None


@pytest.mark.parametrize("name", ["auth0:ada", "system:serviceaccount:x:y", "ada@x.org", "personal:x"])
def test_subjects_of_providers_may_hold_colons(name: str) -> None:
    assert NAME.fullmatch(name) is not None


def test_what_files_say_of_a_person_they_say_of_nobody_else(shop: MeshFolder) -> None:
    mesh = Node(shop.root).workspace.mesh
    ada = known_principal("ada", mesh)
    assert (ada.groups, ada.domains, ada.attributes) == (("sales_team",), ("sales",), {"region": "US"})
    for kind in (SERVICE, AGENT):
        for one in (known_principal(f"{kind.lower()}:ada", mesh), principal_of("ada", kind, mesh)):
            assert (one.groups, one.domains, one.attributes) == ((), (), {})
    assert known_principal("service:robot", mesh).groups == ("platform_team",)
    assert principal_of("etl", SERVICE, mesh).attributes == {"region": "EU"}
    assert principal_of("etl", PERSON, mesh).attributes == {}


@pytest.mark.parametrize(
    ("principal", "spelled"),
    [
        (Principal(id="ada"), "ada"),
        (Principal(id="etl", kind=SERVICE), "service:etl"),
        (Principal(id="helper", kind=AGENT), "agent:helper"),
        (Principal(id="helper", kind=AGENT, acts_for=Principal(id="ada")), "agent:helper/ada"),
        (Principal(id="sales.orders", kind="DataProduct"), "product:sales.orders"),
    ],
)
def test_a_principal_is_spelled_as_it_is_read(shop: MeshFolder, principal: Principal, spelled: str) -> None:
    assert principal.spelled == spelled
    assert known_principal(spelled, Node(shop.root).workspace.mesh).spelled == spelled


def test_who_may_publish_and_not_read_is_shown_no_failing_rows(
    shop: MeshFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    etl, hana = bearer(shop, "service:etl", monkeypatch), bearer(shop, "hana", monkeypatch)
    shop.write("domains/hr/salaries/transform/salaries.sql", "select 1 as id, 8888888::bigint as secret_pay")
    for options in ((), ("--json",)):
        answer = etl.mesh("build", "--select", "hr.salaries", *options)
        assert answer.code == 1
        assert "8888888" not in answer.out + answer.err
    assert "8888888" in hana.mesh("build", "--select", "hr.salaries", "--json").out


def test_an_environment_is_dropped_by_who_made_it_or_may_publish_all_of_it(
    shop: MeshFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, bob, pat = (bearer(shop, name, monkeypatch) for name in ("ada", "bob", "pat"))
    assert ada.mesh("env", "create", "adas").code == 0
    denied = bob.mesh("env", "drop", "adas", "--yes")
    assert (denied.code, denied.out) == (1, "")
    assert "somebody else made it" in denied.err
    assert logged(shop)[0]["action"] == "drop an environment"
    assert ada.mesh("env", "drop", "adas", "--yes").code == 0
    assert bob.mesh("env", "create", "bobs").code == 0
    assert pat.mesh("env", "drop", "bobs", "--yes").code == 0


def test_what_an_environment_holds_of_others_is_counted_and_not_named(
    shop: MeshFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shop.mesh("env", "create", "dev").code == 0
    shop.write("domains/hr/salaries/transform/salaries.sql", "select 2 as id, 2::bigint as secret_pay")
    shop.build("--env", "dev")
    bob = bearer(shop, "bob", monkeypatch)
    for arguments in (
        ("env", "drop", "dev", "--yes"),
        ("env", "promote", "dev"),
        ("env", "diff", "dev"),
        ("env", "refresh", "dev"),
    ):
        answer = bob.mesh(*arguments)
        assert (answer.code, answer.out) == (1, ""), arguments
        assert "hr.salaries" not in answer.err
        assert "1 more that belong to others" in answer.err


def test_columns_of_others_are_not_written_down_for_who_may_not_see_them(
    shop: MeshFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob, hana = (bearer(shop, name, monkeypatch) for name in ("bob", "hana"))
    shop.product("marketing.spy", "select * from hr.salaries")
    for file in (shop.root / "domains/marketing/spy").rglob("contracts/*"):
        file.unlink()
    denied = bob.mesh("new", "contract", "marketing.spy")
    assert denied.code != 0
    assert "secret_pay" not in denied.out + denied.err
    assert not list((shop.root / "domains/marketing/spy").rglob("contracts/*"))
    assert "secret_pay" not in bob.mesh("policy", "schema").out
    assert "secret_pay" in hana.mesh("policy", "schema").out
    stranger = bearer(shop, "service:etl", monkeypatch).mesh("policy", "schema")
    assert (stranger.code, stranger.out) == (1, "")


def test_whom_the_mesh_does_not_know_is_told_of_nobody(shop: MeshFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = bearer(shop, "ada", monkeypatch)
    shop.write(
        "people/all.yaml", PEOPLE.replace("sales_team: [ada]", "sales_team: []").replace(", ada: {region: US}", "")
    )
    for arguments in (("token", "create"), ("read", "sales.orders")):
        answer = ada.mesh(*arguments)
        assert answer.code != 0
        assert not {"bob", "hana", "pat"} & set(answer.err.replace(",", " ").split())


def test_the_log_says_what_was_decided(shop: MeshFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, bob = (bearer(shop, name, monkeypatch) for name in ("ada", "bob"))
    ada.mesh("read", "sales.orders")
    bob.mesh("maintain")
    text = shop.mesh("audit", "log").out
    assert "all rows, 0 masked" in text
    (line,) = (one for one in text.splitlines() if "person:bob" in one)
    assert "administer" in line
    assert "the mesh" in line
    assert "denied" in line


def test_explaining_drafts_is_of_the_environment_that_is_asked(shop: MeshFolder) -> None:
    assert shop.mesh("env", "create", "dev").code == 0
    shop.write(
        "policies/dev.cedar",
        '@id("no-dev") forbid (principal, action == Action::"read", resource is Port) when { context.environment == "dev" };',
    )
    explain = ("policy", "explain", "sales.orders", "--as", "ada", "--files", "--json")
    assert shop.mesh(*explain).data["allowed"] is True
    assert shop.mesh(*explain, "--env", "dev").data["allowed"] is False
