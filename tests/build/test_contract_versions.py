"""Breaking changes: who is told, what is blocked, and how two majors are served side by side."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest

from meshwright.build.continuation import has_ended
from meshwright.model.contract import ServiceLevel
from meshwright.node import open_node

if TYPE_CHECKING:
    from mesh_folder import MeshFolder

CONTRACT = """
- {name: id, physicalType: INTEGER, required: true}
- {name: label, physicalType: VARCHAR}
"""


@pytest.fixture
def shop(mesh: MeshFolder) -> MeshFolder:
    mesh.product("sales.orders", "select 1 as id, 'x' as label", contract=CONTRACT)
    mesh.product("finance.labels", "select upper(label) as shouted from sales.orders")
    mesh.product("finance.posters", "select shouted from finance.labels")
    mesh.product("support.ids", "select id from sales.orders")
    mesh.build()
    return mesh


def rename(shop: MeshFolder, *, status: str = "active", version: str = "1.0.0") -> None:
    shop.write("domains/sales/orders/transform/orders.sql", "select 1 as id, 'x' as caption")
    shop.contract("sales.orders", CONTRACT.replace("label", "caption"), status=status, version=version)


def test_a_breaking_change_is_blocked_and_names_whom_it_would_break(shop: MeshFolder) -> None:
    rename(shop)
    plan = shop.plan()
    blocked = plan["sales.orders"]
    assert blocked["action"] == "blocked"
    assert [(one["column"], one["kind"], one["breaking"]) for one in blocked["changes"]] == [
        ("label", "column removed", True),
        ("caption", "column added", False),
    ]
    assert blocked["affects"] == [
        {"id": "finance.labels", "port": "labels", "columns": ["shouted"]},
        {"id": "finance.posters", "port": "posters", "columns": ["shouted"]},
    ]
    # Consumers go on with what is published.
    assert {plan[name]["action"] for name in ("finance.labels", "finance.posters", "support.ids")} == {"reuse"}
    assert shop.build(code=1)["sales.orders"]["outcome"] == "blocked"
    assert shop.rows("sales.orders") == [{"id": 1, "label": "x"}]


def test_a_draft_reports_the_break_without_blocking(mesh: MeshFolder) -> None:
    mesh.product("sales.orders", "select 1 as id, 'x' as label")
    mesh.contract("sales.orders", CONTRACT, version="0.3.0", status="draft")
    mesh.product("support.labels", "select label from sales.orders")
    mesh.build()
    mesh.write("domains/sales/orders/transform/orders.sql", "select 1 as id, 'x' as caption")
    mesh.contract("sales.orders", CONTRACT.replace("label", "caption"), version="0.4.0", status="draft")
    plan = mesh.plan()
    assert plan["sales.orders"]["action"] == "build"
    assert [one["id"] for one in plan["sales.orders"]["affects"]] == ["support.labels"]
    assert plan["support.labels"]["action"] == "blocked"
    assert "did you mean" in plan["support.labels"]["reasons"][0]


def test_a_weaker_promise_is_a_break(shop: MeshFolder) -> None:
    shop.contract("sales.orders", CONTRACT.replace(", required: true", ""))
    plan = shop.plan()["sales.orders"]
    assert (plan["action"], plan["changes"][0]["kind"]) == ("blocked", "no longer required")


def test_a_new_column_asks_for_a_minor_version(shop: MeshFolder) -> None:
    shop.write("domains/sales/orders/transform/orders.sql", "select 1 as id, 'x' as label, 2 as extra")
    shop.contract("sales.orders", CONTRACT + "- {name: extra, physicalType: INTEGER}\n")
    plan = shop.plan()
    assert plan["sales.orders"]["action"] == "build"
    assert any("new minor version" in reason for reason in plan["sales.orders"]["reasons"])
    assert plan["support.ids"]["action"] == "reuse"


def test_two_majors_are_served_side_by_side(shop: MeshFolder) -> None:
    new = CONTRACT.replace("label", "caption")
    shop.write("domains/sales/orders/transform/orders@2.sql", "select 1 as id, 'x' as caption")
    shop.contract("sales.orders", new, version="2.0.0")
    text = (shop.root / "domains/sales/orders/contracts/orders.yaml").read_text(encoding="utf-8")
    shop.write(
        "domains/sales/orders/contracts/orders@2.yaml",
        text.replace("id: sales.orders.orders", "id: sales.orders.orders.v2"),
    )
    shop.contract("sales.orders", CONTRACT)
    shop.write(
        "domains/sales/orders/product.yaml",
        """
        apiVersion: v1.1.0
        kind: DataProduct
        id: sales.orders
        outputPorts:
        - {name: orders, version: 1.0.0, contractId: sales.orders.orders}
        - {name: orders, version: 2.0.0, contractId: sales.orders.orders.v2}
        """,
    )
    shop.edit("domains/finance/labels/transform/labels.sql", "sales.orders", '"sales.orders@1"')
    shop.edit("domains/support/ids/transform/ids.sql", "sales.orders", '"sales.orders@2"')
    shop.build()
    assert shop.rows("sales.orders@1") == [{"id": 1, "label": "x"}]
    assert shop.rows("sales.orders") == [{"id": 1, "caption": "x"}]
    assert shop.rows("finance.labels") == [{"shouted": "X"}]


def test_an_old_major_stays_served_when_only_the_new_one_is_written(shop: MeshFolder) -> None:
    shop.edit("domains/finance/labels/transform/labels.sql", "sales.orders", '"sales.orders@1"')
    shop.build()
    rename(shop, version="2.0.0")
    plan = shop.plan()["sales.orders"]
    assert plan["action"] == "build"
    assert any("sales" not in reason and "orders@1 stays served" in reason for reason in plan["reasons"])
    shop.build("--select", "sales.orders")
    assert shop.rows("sales.orders@1") == [{"id": 1, "label": "x"}]
    assert shop.rows("sales.orders@2") == [{"id": 1, "caption": "x"}]


def test_an_old_major_ends_on_its_end_date(mesh: MeshFolder) -> None:
    mesh.product("sales.orders", "select 1 as id, 'x' as label")
    mesh.contract("sales.orders", CONTRACT)
    file = mesh.root / "domains/sales/orders/contracts/orders.yaml"
    file.write_text(
        file.read_text(encoding="utf-8") + "slaProperties:\n- {property: endOfLife, value: '2020-01-01'}\n",
        encoding="utf-8",
    )
    mesh.build()
    rename(mesh, version="2.0.0")
    mesh.build()
    answer = mesh.mesh("read", "sales.orders@1")
    assert answer.code == 2
    assert "orders@2" in answer.err


def test_a_deleted_product_is_removed_only_when_allowed_and_unread(shop: MeshFolder) -> None:
    import shutil

    shutil.rmtree(shop.root / "domains/support/ids")
    plan = shop.plan()["support.ids"]
    assert (plan["action"], plan["reasons"][-1]) == ("remove", "nothing is removed without --allow-remove")
    assert shop.build()["support.ids"]["outcome"] == "kept"
    assert shop.rows("support.ids") == [{"id": 1}]
    assert shop.build("--allow-remove")["support.ids"]["outcome"] == "removed"
    assert shop.mesh("read", "support.ids").code == 2


def test_a_deleted_product_that_is_read_is_blocked(shop: MeshFolder) -> None:
    import shutil

    shutil.rmtree(shop.root / "domains/finance/labels")
    plan = shop.plan("--allow-remove")["finance.labels"]
    assert plan["action"] == "blocked"
    assert "finance.posters" in plan["reasons"][-1]


def test_domains_that_are_not_checked_out_are_left_alone_and_can_be_read(shop: MeshFolder) -> None:
    import shutil

    shutil.rmtree(shop.root / "domains/sales")
    plan = shop.plan("--allow-remove")
    assert set(plan) == {"finance.labels", "finance.posters", "support.ids"}
    assert {one["action"] for one in plan.values()} == {"reuse"}
    shop.write("domains/support/ids/transform/ids.sql", "select id + 1 as id from sales.orders")
    shop.build()
    assert shop.rows("support.ids") == [{"id": 2}]
    assert shop.mesh("validate").code == 0


def test_an_old_major_that_is_served_on_can_be_read_by_products(mesh: MeshFolder) -> None:
    mesh.product("s.a", "select 1 as x", contract="- {name: x, physicalType: INTEGER}\n")
    mesh.product("s.old", 'select x from "s.a@1"')
    mesh.build()
    folder = mesh.root / "domains/s/a"
    (folder / "contracts/a.yaml").rename(folder / "contracts/a@2.yaml")
    mesh.edit("domains/s/a/contracts/a@2.yaml", "version: 1.0.0", "version: 2.0.0")
    (folder / "transform/a.sql").rename(folder / "transform/a@2.sql")
    mesh.write("domains/s/a/transform/a@2.sql", "select 2 as x")
    assert mesh.actions() == {"s.a": "build", "s.old": "reuse"}
    mesh.build()
    mesh.product("s.old", 'select x * 10 as x from "s.a@1"')
    mesh.product("s.new", "select x from s.a")
    mesh.build()
    assert (mesh.rows("s.old"), mesh.rows("s.new")) == ([{"x": 10}], [{"x": 2}])


def test_a_break_of_one_major_reaches_those_who_read_it(mesh: MeshFolder) -> None:
    columns = "- {name: x, physicalType: INTEGER}\n- {name: y, physicalType: INTEGER}\n"
    mesh.product("s.a", "select 1 as x, 2 as y", contract=columns)
    mesh.write("domains/s/a/transform/a@2.sql", "select 1 as x, 2 as y")
    contract = (mesh.root / "domains/s/a/contracts/a.yaml").read_text(encoding="utf-8")
    mesh.write("domains/s/a/contracts/a@2.yaml", contract.replace("version: 1.0.0", "version: 2.0.0"))
    mesh.product("s.one", 'select y from "s.a@1"')
    mesh.product("s.two", 'select y from "s.a@2"')
    mesh.product("s.three", "select y from s.two")
    mesh.build()
    mesh.write("domains/s/a/transform/a@2.sql", "select 1 as x")
    mesh.edit("domains/s/a/contracts/a@2.yaml", "  - {name: y, physicalType: INTEGER}\n", "")
    plan = mesh.plan()["s.a"]
    assert plan["action"] == "blocked"
    assert [hit["id"] for hit in plan["affects"]] == ["s.three", "s.two"]


def test_products_that_go_together_do_not_hold_each_other(shop: MeshFolder) -> None:
    shop.product("gone.first", "select 1 as x")
    shop.product("gone.second", "select x from gone.first")
    shop.build()
    for name in ("first", "second"):
        shutil.rmtree(shop.root / f"domains/gone/{name}")
    actions = shop.actions("--allow-remove")
    assert (actions["gone.first"], actions["gone.second"]) == ("remove", "remove")
    shop.build("--allow-remove")
    assert shop.mesh("read", "gone.first").code == 2


def test_a_major_version_ends_on_the_day_that_its_contract_names(mesh: MeshFolder) -> None:
    mesh.product("sales.orders", "select 1 as id, 'x' as label")
    mesh.contract("sales.orders", CONTRACT)
    mesh.build()
    rename(mesh, version="2.0.0")
    mesh.build()
    assert mesh.rows("sales.orders@1") == [{"id": 1, "label": "x"}]
    head = open_node(mesh.root).registry.head("prod", "sales.orders")
    assert head is not None
    old = head.ports[-1]
    assert has_ended(old.contract, date(2030, 1, 1)) is False
    level = ServiceLevel(property="endOfLife", value="2026-01-01")
    ending = replace(old.contract, service_levels=(level,))
    assert (has_ended(ending, date(2025, 12, 31)), has_ended(ending, date(2026, 1, 1))) == (False, True)


def test_what_was_removed_can_be_served_again(shop: MeshFolder) -> None:
    shutil.rmtree(shop.root / "domains/support/ids")
    shop.build("--allow-remove")
    assert shop.mesh("rollback", "support.ids").code == 2
    assert shop.mesh("rollback", "support.ids", "--to", "1").code == 0
    assert shop.rows("support.ids") == [{"id": 1}]
