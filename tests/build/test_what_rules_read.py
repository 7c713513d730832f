"""What a contract's rules read of other products at a build is decided on record and leaves a usage record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from meshwright.cli.main import run

if TYPE_CHECKING:
    from mesh_folder import MeshFolder

COLUMNS = "- {name: id, physicalType: INTEGER}\n- {name: region, physicalType: VARCHAR}\n"
QUERY = """
- name: id
  physicalType: INTEGER
  quality: [{type: sql, query: "select count(*) from sales.regions where region = 'X'", mustBe: 0}]
"""
RELATIONSHIP = """
- name: id
  physicalType: INTEGER
  relationships: [{to: sales.regions.regions.id}]
"""


@pytest.fixture
def shop(mesh: MeshFolder) -> MeshFolder:
    """Two ports of sales, and a product of marketing; starter policies bind."""
    for name in ("orders", "regions"):
        mesh.product(f"sales.{name}", "select 1 as id, 'EU' as region")
        mesh.contract(f"sales.{name}", COLUMNS)
    mesh.product("marketing.reach", "select id from sales.orders")
    mesh.contract("marketing.reach", "- {name: id, physicalType: INTEGER}\n")
    assert run(["init", str(mesh.root / "other")]) == 0
    mesh.write("policies/starter.cedar", (mesh.root / "other/policies/starter.cedar").read_text())
    assert mesh.mesh("policy", "publish").code == 0
    mesh.build()
    return mesh


def new(mesh: MeshFolder, what: str, before: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = mesh.mesh("audit", what, "--json").data
    return [one for one in found if one not in before]


@pytest.mark.parametrize("rule", [QUERY, RELATIONSHIP], ids=["query", "relationship"])
def test_what_rules_read_is_on_record(shop: MeshFolder, rule: str) -> None:
    logged, used = new(shop, "log", []), new(shop, "usage", [])
    shop.contract("marketing.reach", rule)
    shop.build("--select", "marketing.reach", "--full")
    decided = {one["port"]: one for one in new(shop, "log", logged)}
    taken = new(shop, "usage", used)
    assert decided.keys() == {"sales.orders.orders", "sales.regions.regions"}
    assert sorted(one["port"] for one in taken) == ["sales.orders.orders", "sales.regions.regions"]
    for one in [*decided.values(), *taken]:
        assert (one["principal"], one["door"]) == ("dataproduct:marketing.reach", "build")
    (regions,) = (one for one in taken if one["port"] == "sales.regions.regions")
    assert (regions["rows"], regions["columns"], regions["bytes"] > 0) == (1, ["id", "region"], True)


def test_a_build_whose_rules_fail_leaves_records_too(shop: MeshFolder) -> None:
    used = new(shop, "usage", [])
    shop.contract("marketing.reach", QUERY.replace("'X'", "'EU'"))
    shop.build("--select", "marketing.reach", code=1)
    assert {one["port"] for one in new(shop, "usage", used)} == {"sales.orders.orders", "sales.regions.regions"}


def test_what_transformations_and_rules_read_is_one_record(shop: MeshFolder) -> None:
    used = new(shop, "usage", [])
    shop.contract("marketing.reach", QUERY.replace("sales.regions", "sales.orders"))
    shop.build("--select", "marketing.reach")
    (one,) = new(shop, "usage", used)
    assert (one["port"], sorted(one["columns"])) == ("sales.orders.orders", ["id", "region"])
