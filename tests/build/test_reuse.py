"""What a plan reuses, what it builds, and why."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mesh_folder import MeshFolder


@pytest.fixture
def shop(mesh: MeshFolder) -> MeshFolder:
    """orders → totals (reads amount) and names (reads customer)."""
    mesh.write("data/orders.csv", "id,customer,amount\n1,ann,10\n2,bob,20\n")
    mesh.product("sales.orders", "select id, customer, amount * 1 as amount from 'data/orders.csv'\n")
    mesh.product("finance.totals", "select sum(amount) as total from sales.orders\n")
    mesh.product("support.names", "select customer from sales.orders\n")
    mesh.build()
    return mesh


def test_nothing_changed_reuses_everything(shop: MeshFolder) -> None:
    assert set(shop.actions().values()) == {"reuse"}
    assert {one["outcome"] for one in shop.build().values()} == {"reused"}


def test_comments_layout_and_keyword_case_are_free(shop: MeshFolder) -> None:
    shop.write(
        "domains/sales/orders/transform/orders.sql",
        "-- orders\nSELECT id,\n  customer,\n  amount*1 AS amount\nFROM 'data/orders.csv'",
    )
    assert set(shop.actions().values()) == {"reuse"}


def test_only_readers_of_a_changed_column_are_built(shop: MeshFolder) -> None:
    shop.edit("domains/sales/orders/transform/orders.sql", "amount * 1", "amount * 2")
    plan = shop.plan()
    assert {name: one["action"] for name, one in plan.items()} == {
        "sales.orders": "build",
        "finance.totals": "build",
        "support.names": "reuse",
    }
    assert plan["sales.orders"]["reasons"] == ["domains/sales/orders/transform/orders.sql changed: amount"]
    assert plan["finance.totals"]["reasons"] == ["column amount of input sales.orders may change"]
    assert shop.build()["finance.totals"]["outcome"] == "published"
    assert shop.rows("finance.totals") == [{"total": "60"}]


def test_a_build_that_changes_no_content_is_reused_downstream(shop: MeshFolder) -> None:
    shop.edit("domains/sales/orders/transform/orders.sql", "amount * 1", "amount + 0")
    assert shop.actions()["finance.totals"] == "build"
    ended = shop.build()
    assert ended["sales.orders"]["outcome"] == "published"
    assert ended["finance.totals"]["outcome"] == "reused"


def test_a_changed_source_file_is_named_and_never_missed(shop: MeshFolder) -> None:
    shop.write("data/orders.csv", "id,customer,amount\n1,ann,11\n2,bob,20\n")
    plan = shop.plan()
    assert plan["sales.orders"]["reasons"] == ["input data/orders.csv: changed data/orders.csv"]
    ended = shop.build()
    assert (ended["finance.totals"]["outcome"], ended["support.names"]["outcome"]) == ("published", "reused")
    assert shop.rows("finance.totals") == [{"total": "31"}]


def test_new_rows_reach_a_reader_that_only_counts(mesh: MeshFolder) -> None:
    mesh.write("data/a.csv", "x\n1\n")
    mesh.product("a.a", "select x from 'data/a.csv'")
    mesh.product("b.counted", "select count(*) as n from a.a")
    mesh.build()
    mesh.write("data/a.csv", "x\n1\n1\n")
    mesh.build()
    assert mesh.rows("b.counted") == [{"n": 2}]


def test_a_new_row_filter_changes_every_column(shop: MeshFolder) -> None:
    shop.write(
        "domains/sales/orders/transform/orders.sql",
        "select id, customer, amount * 1 as amount from 'data/orders.csv' where id > 1",
    )
    assert set(shop.actions().values()) == {"build"}
    shop.build()
    assert shop.rows("support.names") == [{"customer": "bob"}]


def test_a_setting_is_a_reason(shop: MeshFolder) -> None:
    shop.write(
        "domains/sales/orders/product.yaml",
        """
        apiVersion: v1.1.0
        kind: DataProduct
        id: sales.orders
        outputPorts:
        - name: orders
          customProperties:
          - {property: mesh.key, value: [id]}
        """,
    )
    assert shop.plan()["sales.orders"]["reasons"] == ["setting key of port orders changed: [] → ['id']"]


def test_functions_of_the_clock_are_never_reused(mesh: MeshFolder) -> None:
    mesh.product("a.clock", "select current_date as today")
    mesh.build()
    plan = mesh.plan()["a.clock"]
    assert plan["action"] == "build"
    assert "whose result changes by itself" in plan["reasons"][0]


def test_a_full_build_is_asked_for(shop: MeshFolder) -> None:
    assert set(shop.actions("--full").values()) == {"build"}
    assert {one["outcome"] for one in shop.build("--full").values()} == {"published"}


def test_words_of_a_contract_are_published_without_running_anything(mesh: MeshFolder) -> None:
    mesh.product("a.a", "select 1 as x", contract="- {name: x, physicalType: INTEGER}\n")
    mesh.build()
    mesh.contract("a.a", "- {name: x, physicalType: INTEGER, description: a number}\n")
    assert mesh.plan()["a.a"]["action"] == "build"
    assert mesh.build()["a.a"]["message"] == "its data is the same"
    assert mesh.mesh("show", "a.a", "--json").data["ports"][0]["columns"][0]["description"] == "a number"
    assert mesh.actions() == {"a.a": "reuse"}


def test_rolling_upstream_back_rebuilds_downstream(shop: MeshFolder) -> None:
    shop.write("data/orders.csv", "id,customer,amount\n1,ann,99\n")
    shop.build()
    assert shop.rows("finance.totals") == [{"total": "99"}]
    assert shop.mesh("rollback", "sales.orders").code == 0
    plan = shop.plan("--select", "finance.totals")
    assert plan["finance.totals"]["reasons"] == ["column amount of input sales.orders changed in publication 1"]
    shop.build("--select", "finance.totals")
    assert shop.rows("finance.totals") == [{"total": "30"}]


def test_writing_the_implied_contract_down_changes_nothing(shop: MeshFolder) -> None:
    assert shop.mesh("new", "contract", "sales.orders").code == 0
    assert set(shop.actions().values()) == {"reuse"}
    assert shop.mesh("validate").code == 0


def test_an_option_of_a_file_input_is_a_reason(mesh: MeshFolder) -> None:
    descriptor = """
    inputPorts:
    - name: landing
      customProperties:
      - {property: mesh.path, value: data/a.csv}
      - {property: mesh.format, value: csv}
      - {property: mesh.options, value: {nulls: [""], columns: {id: INTEGER, v: VARCHAR}}}
    """
    mesh.write("data/a.csv", "id,v\n1,NA\n")
    mesh.product("a.a", "select id, v from landing", descriptor=descriptor)
    mesh.build()
    mesh.product("a.a", "select id, v from landing", descriptor=descriptor.replace('""', "NA"))
    assert mesh.plan()["a.a"]["reasons"] == [
        "input landing is read in another way: its format, options or columns changed"
    ]
    mesh.build()
    assert mesh.rows("a.a") == [{"id": 1, "v": None}]
    assert mesh.actions() == {"a.a": "reuse"}


def test_a_pin_that_is_edited_is_a_reason(mesh: MeshFolder) -> None:
    mesh.write("data/a.csv", "id,v\n9,a\n10,b\n")
    mesh.product("a.a", "select cast(max(id) as varchar) as last from 'data/a.csv'")
    mesh.build()
    assert mesh.rows("a.a") == [{"last": "10"}]
    mesh.edit("domains/a/a/inputs.lock.yaml", "id: BIGINT", "id: VARCHAR")
    mesh.build()
    assert mesh.rows("a.a") == [{"last": "9"}]


def test_columns_in_another_order_reach_a_query_that_goes_by_place(mesh: MeshFolder) -> None:
    mesh.product("s.a", "select 1 as x, 2 as y")
    mesh.product("s.b", "select 10 as x, 20 as y union all select * from s.a")
    mesh.build()
    mesh.product("s.a", "select 2 as y, 1 as x")
    assert mesh.plan()["s.b"]["reasons"] == ["input s.a has other columns, or in another order"]
    mesh.build()
    assert mesh.rows("s.b") == [{"x": 10, "y": 20}, {"x": 2, "y": 1}]
    assert set(mesh.actions().values()) == {"reuse"}


def test_a_column_that_is_gone_may_let_a_name_mean_another(mesh: MeshFolder) -> None:
    mesh.product("s.a", "select unnest([1, 2, 3]) as k")
    mesh.product("s.b", "select 2 as id, 5 as k")
    mesh.product("s.c", "select k from s.a where exists (select 1 from s.b where k = id)")
    mesh.build()
    assert mesh.rows("s.c") == []
    mesh.product("s.b", "select 2 as id")
    mesh.build()
    assert mesh.rows("s.c") == [{"k": 2}]


def test_a_port_that_becomes_a_step_is_served_no_more(mesh: MeshFolder) -> None:
    mesh.product("a.a", "select 1 as x", descriptor="outputPorts:\n- {name: a}\n- {name: b}\n")
    mesh.write("domains/a/a/transform/b.sql", "select 2 as y")
    mesh.build()
    mesh.product("a.a", "select 1 as x", descriptor="outputPorts:\n- {name: a}\n")
    assert mesh.plan()["a.a"]["reasons"] == ["port b@0 is declared no more"]
    mesh.build()
    assert "no output port b" in mesh.mesh("read", "a.a.b").err


def test_quarantine_asked_for_on_a_column_is_a_reason(mesh: MeshFolder) -> None:
    rule = """\
    - name: x
      physicalType: INTEGER
      quality:
      - {type: library, metric: nullValues, mustBe: 0, severity: warning}
    """
    asked = "  customProperties: [{property: mesh.onFailure, value: quarantine}, {property: mesh.quarantineMax, value: 90%}]"
    mesh.product("a.a", "select 1 as x union all select null", contract=rule)
    mesh.build()
    mesh.contract("a.a", textwrap.dedent(rule) + asked + "\n")
    mesh.build()
    assert mesh.rows("a.a") == [{"x": 1}]
    assert mesh.actions() == {"a.a": "reuse"}


def test_another_declared_option_looks_at_the_file_anew(mesh: MeshFolder) -> None:
    mesh.write("data/a.csv", "x;y\n1;2\n")
    port = """
    inputPorts:
    - name: a
      customProperties:
      - {{property: mesh.path, value: data/a.csv}}
      - {{property: mesh.options, value: {{delimiter: "{delimiter}"}}}}
    """
    mesh.product("s.s", "select * from a", descriptor=port.format(delimiter=","))
    mesh.build()
    assert list(mesh.rows("s.s")[0]) == ["x;y"]
    mesh.product("s.s", "select * from a", descriptor=port.format(delimiter=";"))
    mesh.build()
    assert mesh.rows("s.s") == [{"x": 1, "y": 2}]
