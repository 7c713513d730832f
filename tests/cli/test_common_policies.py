"""`mesh new policy` writes what can be published and means what was asked, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mesh_folder import MeshFolder

READ_BY_ALL = """
@id("read-by-all")
permit (principal, action in [Action::"read", Action::"readClear", Action::"readRow"], resource);
"""


@pytest.fixture
def shop(mesh: MeshFolder) -> MeshFolder:
    """A port of sales, where ada is; bob is not, and of region EU."""
    mesh.write("people/all.yaml", "groups: {sales_team: [ada], others: [bob]}\nattributes: {bob: {region: EU}}\n")
    mesh.product("sales.orders", "select * from (values (1, 'EU'), (2, 'US')) t(id, region)")
    mesh.contract("sales.orders", "- {name: id, physicalType: INTEGER}\n- {name: region, physicalType: VARCHAR}\n")
    mesh.build()
    mesh.write("policies/all.cedar", READ_BY_ALL)
    return mesh


def written(shop: MeshFolder) -> list[str]:
    """Every policy file of a domain."""
    return [path.read_text(encoding="utf-8") for path in sorted((shop.root / "domains").glob("*/policies/*"))]


@pytest.mark.parametrize(
    ("until", "text"),
    [
        ("2030-12-01", "2030-12-01"),
        ("20301201", "2030-12-01"),
        ("2030-12-01T10:00", "2030-12-01T10:00:00Z"),
        ("2030-12-01 10:00:30Z", "2030-12-01T10:00:30Z"),
        ("2030-12-01T01:00:00+02:00", "2030-11-30T23:00:00Z"),
        ("2030-12-01T10:00:00.25-0130", "2030-12-01T11:30:00Z"),
    ],
)
def test_an_embargo_ends_when_it_is_said_to(shop: MeshFolder, until: str, text: str) -> None:
    assert shop.mesh("new", "policy", "embargo", "sales", "--until", until).code == 0
    (policy,) = written(shop)
    assert f'datetime("{text}")' in policy
    assert shop.mesh("policy", "check").out == "valid\n"
    assert shop.mesh("policy", "publish", "--all").code == 0
    assert shop.mesh("read", "sales.orders", "--as", "bob").code == 1
    assert len(shop.rows("sales.orders", "--as", "ada")) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("embargo", "sales", "--until", "2026-13-45"), "--until '2026-13-45' is no day: write it as 2030-12-31"),
        (("embargo", "sales", "--until", "01.12.2026"), "is no day"),
        (("embargo", "sales", "--until", "tomorrow"), "is no day"),
        (("embargo", "sales", "--until", "9999-12-31T23:00-05:00"), "is no day"),
        (("embargo", "sales"), "say --until"),
        (("open", "nope"), "there is no domain nope in these files"),
        (("open", "sale"), "did you mean sales?"),
        (("open", "sales.ordres"), "there is no product sales.ordres in these files: did you mean sales.orders?"),
        (("open", "sales.orders.order"), "did you mean sales.orders.orders?"),
        (("open", "sales..x"), "is no domain, product or port"),
        (("open", "sales."), "is no domain, product or port"),
        (("open", "../sales"), "is no domain, product or port"),
        (("open", "sales.orders.orders.x"), "is no domain, product or port"),
        (("purpose", "sales", "--purpose", "Marketting"), "there is no purpose 'Marketting': did you mean Marketing?"),
        (("purpose", "sales", "--purpose", "x"), "`mesh policy purposes` lists them"),
    ],
)
def test_what_could_not_be_meant_is_not_written(shop: MeshFolder, arguments: tuple[str, ...], said: str) -> None:
    answer = shop.mesh("new", "policy", *arguments)
    assert answer.code == 2, answer.out + answer.err
    assert said in answer.err
    assert written(shop) == []
    assert [path.name for path in (shop.root / "domains").iterdir()] == ["sales"]
    assert not (shop.root / "domains/sales/policies").exists()


def test_purposes_of_the_mesh_may_be_named(shop: MeshFolder) -> None:
    shop.write("mesh.yaml", "name: test\npurposes: {LoyaltyProgramme: Marketing}\n")
    assert shop.mesh("new", "policy", "purpose", "sales", "--purpose", "LoyaltyProgramme").code == 0


@pytest.mark.parametrize("target", ["sales", "sales.orders", "sales.orders.orders"])
def test_rows_of_the_own_domain_are_seen_by_it(shop: MeshFolder, target: str) -> None:
    assert shop.mesh("new", "policy", "rows", target, "--column", "region", "--attribute", "region").code == 0
    assert shop.mesh("policy", "check").out == "valid\n"
    assert shop.mesh("policy", "publish", "--all").code == 0
    assert [row["id"] for row in shop.rows("sales.orders", "--as", "ada")] == [1, 2]
    assert [row["id"] for row in shop.rows("sales.orders", "--as", "bob")] == [1]


def test_names_that_are_near_are_not_told_to_the_bearer_of_a_token(
    shop: MeshFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = shop.mesh("token", "create", "--for", "bob", "--json").data["token"]
    monkeypatch.setenv("MESH_TOKEN", token)
    answer = shop.mesh("new", "policy", "open", "sales.order")
    assert answer.code == 2
    assert "sales.orders" not in answer.err
