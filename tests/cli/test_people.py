"""Whom people/ does not let anybody know, policies cannot be asked about: everybody but the owner is denied."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mesh_folder import MeshFolder

CONTRACTORS = """
@id("no-contractors")
forbid (principal in Group::"contractors", action == Action::"read", resource is Port);
@id("read-by-all")
permit (principal, action in [Action::"discover", Action::"read", Action::"readClear", Action::"readRow"], resource);
@id("built-by-all")
permit (principal, action in [Action::"publish", Action::"promote", Action::"rollback", Action::"administer"], resource);
"""
PEOPLE = "groups: {sales_team: [ada], marketing_team: [bob, eve]}\n"


@pytest.fixture
def shop(mesh: MeshFolder) -> MeshFolder:
    """A port that contractors may not read; bob is one. People stand in two files."""
    mesh.write("people/teams.yaml", PEOPLE)
    mesh.write("people/others.yaml", "groups: {contractors: [bob]}\n")
    mesh.product("sales.orders", "select 1 as id")
    mesh.contract("sales.orders", "- {name: id, physicalType: INTEGER}\n")
    mesh.write("domains/marketing/domain.yaml", "team: {name: marketing_team}\n")
    mesh.build()
    mesh.write("policies/all.cedar", CONTRACTORS)
    assert mesh.mesh("policy", "publish").code == 0
    return mesh


def denied(shop: MeshFolder, who: str, code: int = 1) -> str:
    """Why *who* may not read."""
    answer = shop.mesh("read", "sales.orders", "--as", who)
    assert answer.code == code, answer.out + answer.err
    return answer.err


def validated(shop: MeshFolder) -> list[str]:
    """What `mesh validate` finds."""
    answer = shop.mesh("validate")
    return [line for line in (answer.out + answer.err).splitlines() if line.startswith("people")]


@pytest.mark.parametrize(
    ("path", "text", "place"),
    [
        ("people/others.yaml", "groups: {contractors: [bob}\n", "people/others.yaml:1"),
        ("people/others.yaml", "group: {contractors: [bob]}\n", "people/others.yaml:1"),
        ("people/others.yaml", "", "people/others.yaml"),
        ("people/others.yml", "groups: {contractors: [bob]}\n", "people/others.yml"),
        ("people/others.YAML", "groups: {contractors: [bob]}\n", "people/others.YAML"),
        ("people/others.json", '{"groups": {"contractors": ["bob"]}}', "people/others.json"),
        ("people/eu/others.yaml", "groups: {contractors: [bob]}\n", "people/eu"),
    ],
)
def test_nobody_is_known_while_a_people_file_is_not_read(shop: MeshFolder, path: str, text: str, place: str) -> None:
    assert "#no-contractors forb" in denied(shop, "bob")
    assert shop.rows("sales.orders", "--as", "ada") == [{"id": 1}]
    (shop.root / "people/others.yaml").unlink()
    shop.write(path, text)
    for who in ("bob", "ada", "service:etl", "agent:helper/ada", "product:sales.orders"):
        said = denied(shop, who)
        assert "people/ cannot be read" in said
        assert "mesh validate" in said
        assert f"({place})" in said
    assert shop.rows("sales.orders") == [{"id": 1}]
    assert any(line.startswith(place) for line in validated(shop))


def test_a_link_out_of_the_mesh_instead_of_people_leaves_nobody_known(shop: MeshFolder) -> None:
    (shop.root / "people").rename(shop.root.parent / "people")
    (shop.root / "people").symlink_to(shop.root.parent / "people")
    assert "people/ cannot be read" in denied(shop, "ada")


def test_people_that_are_a_file_leave_nobody_known(shop: MeshFolder) -> None:
    (shop.root / "people").rename(shop.root.parent / "people")
    (shop.root / "people").write_text("groups: {}\n", encoding="utf-8")
    assert "people/ cannot be read" in denied(shop, "ada")


def test_bearers_of_tokens_are_denied_and_told_nothing_of_the_files(
    shop: MeshFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = shop.mesh("token", "create", "--for", "ada", "--json").data["token"]
    shop.write("people/others.yaml", "groups: {contractors: [bob}\n")
    refused = shop.mesh("token", "create", "--for", "ada")
    assert refused.code == 1
    assert "people/ cannot be read" in refused.err
    monkeypatch.setenv("MESH_TOKEN", token)
    for command in (["read", "sales.orders"], ["build"], ["list"], ["policy", "publish"]):
        answer = shop.mesh(*command)
        assert answer.code == 1, answer.out + answer.err
        assert "people/ cannot be read" in answer.err
        assert "others" not in answer.err
        assert "contractors" not in answer.err


def test_notes_and_what_editors_leave_lie_beside_people(shop: MeshFolder) -> None:
    for name in ("README.md", ".others.yaml.swp", "others.yaml~", "others.yaml.bak", "#others.yaml#"):
        shop.write(f"people/{name}", "nothing: [")
    assert validated(shop) == []
    assert shop.rows("sales.orders", "--as", "ada") == [{"id": 1}]


@pytest.mark.parametrize("who", ["bob", "service:etl", "agent:helper", "product:sales.orders"])
def test_a_name_means_the_same_in_people_as_everywhere(shop: MeshFolder, who: str) -> None:
    shop.write("people/others.yaml", f"groups: {{contractors: ['{who}']}}\n")
    assert "#no-contractors forb" in denied(shop, who)


def test_a_person_may_be_listed_as_one(shop: MeshFolder) -> None:
    shop.write(
        "people/others.yaml", "groups: {contractors: ['person:bob']}\nattributes: {'person:zed': {region: EU}}\n"
    )
    assert validated(shop) == []
    assert "#no-contractors forb" in denied(shop, "bob")
    assert shop.rows("sales.orders", "--as", "zed") == [{"id": 1}]
    shop.write("domains/marketing/domain.yaml", "team: {name: marketing_team, members: [{username: 'person:eve'}]}\n")
    assert shop.mesh("validate").code == 0


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("servce:etl", "did you mean service:etl?"),
        ("Person:bob", "did you mean person:bob?"),
        ("agent:helper/bob", "write agent:helper"),
        ("bob smith", "write a username"),
        ("group:all", "write a username"),
        ("product:marketing", "product:DOMAIN.PRODUCT"),
        ("service:", "service:NAME"),
        (" bob", "write a username"),
    ],
)
def test_what_names_nobody_is_an_error_and_leaves_nobody_known(shop: MeshFolder, name: str, hint: str) -> None:
    for text, line in (
        (f"groups:\n  contractors:\n  - eve\n  - '{name}'\n", 4),
        (f"attributes:\n  eve: {{region: EU}}\n  '{name}': {{region: US}}\n", 3),
    ):
        shop.write("people/others.yaml", text)
        (found,) = validated(shop)
        assert found.startswith(f"people/others.yaml:{line}:")
        assert f"error[unknown-principal]: This names nobody ({name})" in found
        assert hint in found
        assert f"(people/others.yaml:{line})" in denied(shop, "ada")


def test_names_of_foreign_tokens_may_have_colons(shop: MeshFolder) -> None:
    shop.write("people/others.yaml", "groups: {contractors: ['auth0:12', 'service:system:etl']}\n")
    assert len(validated(shop)) == 2
    shop.write(
        "mesh.yaml",
        "name: test\nidentity: {issuers: {company: {url: 'https://id.example', audiences: [mesh], own: true}}}\n",
    )
    assert validated(shop) == []
    shop.write("people/others.yaml", "groups: {contractors: ['servce:etl']}\n")
    assert "did you mean service:etl?" in validated(shop)[0]


def test_names_that_differ_in_case_are_warned_of(shop: MeshFolder) -> None:
    shop.write("people/teams.yaml", PEOPLE.replace("bob", "Bob"))
    found = validated(shop)
    assert [line.partition(": ")[2].partition(" …")[0] for line in found] == [
        "warning[unlikely-principal]: This is somebody else than 'bob' (Bob)"
    ]
    assert shop.rows("sales.orders", "--as", "ada") == [{"id": 1}]


def test_products_that_are_not_there_are_warned_of(shop: MeshFolder) -> None:
    shop.write("people/others.yaml", "groups: {contractors: ['product:sales.ordres', 'product:elsewhere.reach']}\n")
    (found,) = validated(shop)
    assert "warning[unlikely-principal]: There is no such product (product:sales.ordres)" in found
    assert "did you mean 'product:sales.orders'?" in found


@pytest.mark.parametrize("value", ["US", "'1'", "true", "[EU, US]"])
def test_one_attribute_with_two_values_is_an_error_and_leaves_nobody_known(shop: MeshFolder, value: str) -> None:
    first = {"US": "EU", "'1'": "1", "true": "1", "[EU, US]": "[EU]"}[value]
    shop.write("people/others.yaml", f"attributes:\n  bob:\n    region: {first}\n")
    shop.write("people/teams.yaml", PEOPLE + f"attributes:\n  person:bob:\n    region: {value}\n")
    (found,) = validated(shop)
    assert found.startswith("people/teams.yaml:4:")
    assert "error[contradicting-attribute]: bob has another region in people/others.yaml" in found
    assert "people/ cannot be read" in denied(shop, "ada")


def test_the_same_value_may_be_said_twice(shop: MeshFolder) -> None:
    shop.write("people/others.yaml", "attributes: {bob: {regions: [EU, US], clearance: 3}}\n")
    shop.write("people/teams.yaml", PEOPLE + "attributes: {'person:bob': {regions: [US, EU], clearance: 3}}\n")
    assert validated(shop) == []


def test_groups_of_a_product_bind_what_it_builds_from(shop: MeshFolder) -> None:
    shop.product("marketing.reach", "select id from sales.orders")
    assert shop.build("--select", "marketing.reach")["marketing.reach"]["outcome"] == "published"
    shop.write("people/others.yaml", "groups: {contractors: ['product:marketing.reach']}\n")
    plan = shop.plan("--select", "marketing.reach")["marketing.reach"]
    assert plan["action"] == "blocked"
    assert "#no-contractors forb" in str(plan["reasons"])
