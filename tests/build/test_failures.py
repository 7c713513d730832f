"""A failed build leaves everything as it was, says why, and stops nobody else."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from meshwright.build.planning import PlanRequest
from meshwright.node import open_node

if TYPE_CHECKING:
    from mesh_folder import MeshFolder

CONTRACT = """
- {name: id, physicalType: INTEGER, required: true, unique: true}
- name: amount
  physicalType: INTEGER
  logicalType: integer
  logicalTypeOptions: {minimum: 0}
"""


@pytest.fixture
def shop(mesh: MeshFolder) -> MeshFolder:
    mesh.write("data/orders.csv", "id,amount\n1,10\n2,20\n")
    mesh.product("sales.orders", "select id, amount from 'data/orders.csv'", contract=CONTRACT)
    mesh.product("finance.totals", "select sum(amount) as total from sales.orders")
    mesh.product("hr.people", "select 1 as id")
    mesh.build()
    return mesh


def test_bad_rows_leave_the_head_serving_and_are_shown(shop: MeshFolder) -> None:
    shop.write("data/orders.csv", "id,amount\n1,10\n1,-5\n")
    shop.write("domains/hr/people/transform/people.sql", "select 2 as id")
    ended = shop.build(code=1)
    assert {name: one["outcome"] for name, one in ended.items()} == {
        "sales.orders": "failed",
        "finance.totals": "skipped",
        "hr.people": "published",
    }
    failed = {one["rule"]: one for one in ended["sales.orders"]["tests"]["orders@1"] if one["outcome"] == "failed"}
    assert set(failed) == {"id:unique", "amount:minimum"}
    assert failed["amount:minimum"]["sample"] == [{"id": 1, "amount": -5}]
    assert failed["amount:minimum"]["failing"] == 1
    assert [row["id"] for row in shop.rows("sales.orders")] == [1, 2]
    assert ended["finance.totals"]["message"] == "it reads sales.orders, which failed"


def test_staged_rows_of_a_failed_build_are_kept_for_the_owner(shop: MeshFolder) -> None:
    shop.write("data/orders.csv", "id,amount\n1,-5\n")
    staged = shop.root / shop.build(code=1)["sales.orders"]["staged"]
    assert list(staged.rglob("*.parquet"))
    state = {one["product"]: one for one in shop.mesh("status", "--json").data}["sales.orders"]
    assert state["state"] == "failing"
    assert "amount:minimum" in state["last_failure"]["message"]


def test_a_repaired_source_heals_everything(shop: MeshFolder) -> None:
    shop.write("data/orders.csv", "id,amount\n1,-5\n")
    shop.build(code=1)
    shop.write("data/orders.csv", "id,amount\n1,5\n")
    shop.build()
    assert shop.rows("finance.totals") == [{"total": "5"}]
    states = {one["product"]: one["state"] for one in shop.mesh("status", "--json").data}
    assert set(states.values()) == {"served"}


def test_nothing_of_a_good_build_stays_in_staging(shop: MeshFolder) -> None:
    assert list((shop.root / ".mesh/warehouse/.staging").iterdir()) == []


def test_a_warning_publishes_and_reports(mesh: MeshFolder) -> None:
    mesh.product("a.a", "select -1 as x")
    mesh.contract(
        "a.a",
        """
        - name: x
          physicalType: INTEGER
          quality:
          - {metric: invalidValues, arguments: {validValues: [1]}, mustBe: 0, severity: warning}
        """,
    )
    ended = mesh.build()["a.a"]
    assert ended["outcome"] == "published"
    assert [(one["outcome"], one["severity"]) for one in ended["tests"]["a@1"] if one["kind"] == "invalidValues"] == [
        ("failed", "warning")
    ]


def test_quarantined_rows_are_set_aside_and_the_rest_is_published(mesh: MeshFolder) -> None:
    mesh.write("data/a.csv", "x\n" + "".join(f"{number}\n" for number in range(20)))
    mesh.product("a.a", "select x from 'data/a.csv'")
    mesh.contract(
        "a.a",
        """
        - name: x
          physicalType: BIGINT
          quality:
          - metric: invalidValues
            arguments: {validValues: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]}
            mustBe: 0
            customProperties:
            - {property: mesh.onFailure, value: quarantine}
        """,
    )
    ended = mesh.build()["a.a"]
    assert ended["outcome"] == "published"
    assert len(mesh.rows("a.a")) == 19
    assert [one["quarantined"] for one in ended["tests"]["a@1"] if one["kind"] == "invalidValues"] == [1]


def test_too_many_rows_for_the_quarantine_fail(mesh: MeshFolder) -> None:
    mesh.write("data/a.csv", "x\n1\n2\n")
    mesh.product("a.a", "select x from 'data/a.csv'")
    mesh.contract(
        "a.a",
        """
        - name: x
          physicalType: BIGINT
          quality:
          - metric: invalidValues
            arguments: {validValues: [1]}
            mustBe: 0
            customProperties:
            - {property: mesh.onFailure, value: quarantine}
            - {property: mesh.quarantineMax, value: 20%}
        """,
    )
    assert mesh.build(code=1)["a.a"]["outcome"] == "failed"


def test_an_overflow_names_column_value_and_cast(mesh: MeshFolder) -> None:
    mesh.write("data/a.csv", "x\n1\n3000000000\n")
    mesh.product("a.a", "select x from 'data/a.csv'", contract="- {name: x, physicalType: INTEGER}\n")
    ended = mesh.build(code=2)["a.a"]
    assert ended["outcome"] == "error"
    assert all(part in ended["message"] for part in ("x", "3000000000", "INTEGER"))


def test_a_missing_input_of_a_published_product_leaves_it_serving(shop: MeshFolder) -> None:
    (shop.root / "data/orders.csv").unlink()
    shop.write("domains/hr/people/transform/people.sql", "select 2 as id")
    ended = shop.build(code=1)
    assert ended["sales.orders"]["outcome"] == "blocked"
    assert "data/orders.csv" in ended["sales.orders"]["message"]
    assert ended["hr.people"]["outcome"] == "published"
    assert [row["id"] for row in shop.rows("sales.orders")] == [1, 2]


def test_zero_rows_publish_an_empty_snapshot(mesh: MeshFolder) -> None:
    mesh.product("a.a", "select 1 as x where false")
    assert mesh.build()["a.a"]["outcome"] == "published"
    assert mesh.rows("a.a") == []
    assert mesh.mesh("query", "select count(*) as n from a.a", "--json").data == [{"n": 0}]


def test_relationships_across_products_are_held(mesh: MeshFolder) -> None:
    mesh.product(
        "ref.countries",
        "select 'DE' as code",
        contract="- {name: code, physicalType: VARCHAR, required: true, unique: true}\n",
    )
    mesh.product("sales.orders", "select 'FR' as country from ref.countries")
    mesh.contract(
        "sales.orders",
        "- name: country\n  physicalType: VARCHAR\n  relationships:\n  - {type: foreignKey, to: ref.countries.code}\n",
    )
    ended = mesh.build(code=1)["sales.orders"]
    assert [one["rule"] for one in ended["tests"]["orders@1"] if one["outcome"] == "failed"] == ["country:relationship"]


def test_a_product_that_cannot_be_read_is_blocked_and_goes_on_serving(shop: MeshFolder) -> None:
    shop.write("domains/sales/orders/product.yaml", "apiVersion: v1.1.0\nkind: [\n")
    plan = shop.plan()
    assert {name: one["action"] for name, one in plan.items()} == {
        "sales.orders": "blocked",
        "finance.totals": "reuse",
        "hr.people": "reuse",
    }
    assert "domains/sales/orders/product.yaml:" in plan["sales.orders"]["reasons"][0]
    assert shop.build(code=1)["sales.orders"]["outcome"] == "blocked"
    assert len(shop.rows("sales.orders")) == 2


def test_a_domain_that_cannot_be_read_blocks_its_products_only(shop: MeshFolder) -> None:
    shop.write("domains/sales/domain.yaml", "team: [\n")
    assert shop.actions() == {"sales.orders": "blocked", "finance.totals": "reuse", "hr.people": "reuse"}
    assert shop.mesh("build").code == 1


def test_what_reads_a_blocked_product_that_serves_nothing_is_blocked(mesh: MeshFolder) -> None:
    mesh.product("s.a", "select from where", contract="- {name: x, physicalType: INTEGER}\n")
    mesh.product("s.b", "select x from s.a")
    mesh.product("s.c", "select 1 as x")
    assert mesh.plan()["s.b"]["reasons"] == [
        "input s.a reads s.a, which is not built in this plan: it serves nothing yet"
    ]
    ended = mesh.build(code=1)
    assert {name: one["outcome"] for name, one in ended.items()} == {
        "s.a": "blocked",
        "s.b": "blocked",
        "s.c": "published",
    }


def test_a_column_that_is_not_served_yet_blocks_what_reads_it_alone(mesh: MeshFolder) -> None:
    mesh.product("s.a", "select 1 as x")
    mesh.product("s.b", "select x from s.a")
    mesh.build()
    mesh.product("s.a", "select 1 as x, 2 as y")
    mesh.product("s.b", "select x, y from s.a")
    assert mesh.plan("--select", "s.b")["s.b"]["reasons"] == [
        "input s.a reads s.a, which is not built in this plan: column y is not served yet"
    ]
    mesh.build("--select", "+s.b")
    assert mesh.rows("s.b") == [{"x": 1, "y": 2}]


def test_a_removal_that_comes_too_late_stops_nobody_else(shop: MeshFolder) -> None:
    shop.write("domains/hr/people/transform/people.sql", "select 2 as id")
    shop.build()
    shutil.rmtree(shop.root / "domains/hr/people")
    shop.write("domains/finance/totals/transform/totals.sql", "select max(amount) as total from sales.orders")
    node = open_node(shop.root)
    planned = node.plan(PlanRequest(allow_remove=True))
    assert shop.mesh("rollback", "hr.people").code == 0
    ended = {one.product: one for one in node.build(planned, lambda _: None)}
    assert (ended["hr.people"].outcome, ended["hr.people"].exit_code) == ("error", 1)
    assert ended["finance.totals"].outcome == "published"
    assert shop.rows("hr.people") == [{"id": 1}]


def test_what_relationships_point_to_is_built_first(mesh: MeshFolder) -> None:
    mesh.product("b.orders", "select 'DE' as country")
    mesh.contract(
        "b.orders",
        "- name: country\n  physicalType: VARCHAR\n  relationships:\n  - {type: foreignKey, to: z.countries.code}\n",
    )
    key = "- {name: code, physicalType: VARCHAR, required: true, unique: true}\n"
    mesh.product("z.countries", "select 'DE' as code", contract=key)
    assert list(mesh.plan()) == ["z.countries", "b.orders"]
    assert {one["outcome"] for one in mesh.build().values()} == {"published"}


def test_products_whose_relationships_point_at_each_other_are_built_all_the_same(mesh: MeshFolder) -> None:
    row = "- name: id\n  physicalType: INTEGER\n  relationships:\n  - {{type: foreignKey, to: {other}.id}}\n"
    mesh.product("a.one", "select 1 as id", contract=row.format(other="a.two"))
    mesh.product("a.two", "select id from a.one", contract=row.format(other="a.one"))
    assert list(mesh.plan()) == ["a.one", "a.two"]
    assert mesh.mesh("validate").code == 0


def test_a_source_that_lands_after_it_was_missed_is_found(mesh: MeshFolder) -> None:
    mesh.product(
        "a.a",
        "select x from landed",
        descriptor="""
        inputPorts:
        - name: landed
          customProperties: [{property: mesh.path, value: data/a.csv}]
        """,
    )
    assert mesh.actions() == {"a.a": "blocked"}
    mesh.write("data/a.csv", "x\n1\n")
    assert mesh.actions() == {"a.a": "build"}
