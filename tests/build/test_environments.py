"""Environments: a change is tried beside prod, costs what differs, is promoted without a build or dropped without a trace."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from pyiceberg.table import StaticTable

from meshwright.build.events import ProductStarted
from meshwright.build.planning import PlanRequest
from meshwright.model.errors import NotFound
from meshwright.node import open_node

if TYPE_CHECKING:
    from pathlib import Path

    from mesh_folder import MeshFolder
    from meshwright.node import Node

LANDED = "select * from '{}/*.csv'"
APPENDING = """
    inputPorts:
    - name: landed
      customProperties:
      - {property: mesh.path, value: landing/*.csv}
    outputPorts:
    - name: events
      version: 1.0.0
      customProperties:
      - {property: mesh.materialization, value: append}
"""


@pytest.fixture
def shop(mesh: MeshFolder) -> MeshFolder:
    """orders → revenue, and customers that nobody reads; all built in prod."""
    mesh.product("sales.orders", "select * from (values (1, 10.0), (2, 20.0)) t(id, amount)")
    mesh.product("sales.customers", "select 'ada' as name")
    mesh.product("finance.revenue", "select cast(sum(amount) as double) as total from sales.orders")
    mesh.build()
    return mesh


def node(mesh: MeshFolder) -> Node:
    return open_node(mesh.root)


def data_files(mesh: MeshFolder) -> set[Path]:
    return set((mesh.root / ".mesh/warehouse").rglob("*.parquet"))


def edit_orders(mesh: MeshFolder) -> None:
    mesh.write(
        "domains/sales/orders/transform/orders.sql",
        "select * from (values (1, 10.0, 'x'), (2, 25.0, 'y')) t(id, amount, channel)",
    )


def test_a_new_environment_serves_what_prod_does_and_stores_nothing(shop: MeshFolder) -> None:
    before = data_files(shop)
    assert shop.mesh("env", "create", "trial").code == 0
    assert shop.rows("finance.revenue", "--env", "trial") == [{"total": 30.0}]
    assert set(shop.actions("--env", "trial").values()) == {"reuse"}
    assert data_files(shop) == before


def test_only_what_changed_is_built_in_it_and_prod_does_not_see_the_new_column(shop: MeshFolder) -> None:
    shop.mesh("env", "create", "trial")
    edit_orders(shop)
    outcomes = {name: one["outcome"] for name, one in shop.build("--env", "trial").items()}
    assert outcomes["sales.customers"] == "reused"
    assert outcomes["sales.orders"] == outcomes["finance.revenue"] == "published"
    assert shop.rows("finance.revenue", "--env", "trial") == [{"total": 35.0}]
    assert shop.rows("finance.revenue") == [{"total": 30.0}]
    assert set(shop.rows("sales.orders")[0]) == {"id", "amount"}
    prod, trial = (node(shop).registry.head(name, "sales.orders").ports[0] for name in ("prod", "trial"))  # type: ignore[union-attr]
    assert prod.table != trial.table
    metadata = node(shop).registry.snapshot(prod.table, prod.snapshot).metadata
    columns = StaticTable.from_metadata(str(shop.root / ".mesh/warehouse" / metadata)).schema().column_names
    assert columns == ["id", "amount"]


def test_what_prod_publishes_later_is_seen_by_an_environment_that_did_not_change_it(shop: MeshFolder) -> None:
    shop.mesh("env", "create", "trial")
    shop.write("domains/sales/customers/transform/customers.sql", "select 'grace' as name")
    shop.build("--env", "prod", "--select", "sales.customers")
    assert shop.rows("sales.customers", "--env", "trial") == [{"name": "grace"}]


def test_promoting_rebuilds_nothing_and_all_products_change_at_once(shop: MeshFolder) -> None:
    shop.mesh("env", "create", "trial")
    edit_orders(shop)
    shop.build("--env", "trial")
    before = data_files(shop)
    done = shop.mesh("env", "promote", "trial", "--json")
    assert done.code == 0, done.err
    assert {one["id"] for one in done.data["promoted"]} == {"sales.orders", "finance.revenue"}
    assert shop.rows("finance.revenue") == [{"total": 35.0}]
    assert data_files(shop) == before
    assert set(shop.actions("--env", "prod").values()) == {"reuse"}
    assert set(shop.actions("--env", "trial").values()) == {"reuse"}
    assert node(shop).registry.own_heads("trial") == {}
    head = node(shop).registry.head("prod", "sales.orders")
    assert head is not None
    assert (head.sequence, head.parent, head.promoted_from, head.environment) == (2, 1, "trial", "prod")


def test_a_promoted_product_is_rolled_back_and_read_as_of_before(shop: MeshFolder) -> None:
    shop.mesh("env", "create", "trial")
    edit_orders(shop)
    shop.build("--env", "trial")
    moment = datetime.now(UTC).isoformat()
    shop.mesh("env", "promote", "trial")
    assert shop.rows("finance.revenue", "--as-of", moment) == [{"total": 30.0}]
    assert shop.mesh("rollback", "finance.revenue").code == 0
    assert shop.rows("finance.revenue") == [{"total": 30.0}]


def test_what_is_not_built_or_would_be_removed_is_not_promoted_and_all_of_it_is_named(shop: MeshFolder) -> None:
    shop.mesh("env", "create", "trial")
    edit_orders(shop)
    shutil.rmtree(shop.root / "domains/sales/customers")
    shop.build("--env", "trial", "--allow-remove")
    shop.edit("domains/sales/orders/transform/orders.sql", "25.0", "26.0")
    done = shop.mesh("env", "promote", "trial")
    assert done.code == 1
    for words in (
        "sales.orders is not ready",
        "orders.sql",
        "mesh build --env trial",
        "sales.customers",
        "--allow-remove",
    ):
        assert words in done.err, words
    assert shop.rows("finance.revenue") == [{"total": 30.0}]
    shop.build("--env", "trial")
    assert shop.mesh("env", "promote", "trial", "--allow-remove").code == 0
    assert shop.rows("finance.revenue") == [{"total": 36.0}]
    assert shop.mesh("read", "sales.customers").code == 2


def test_an_append_in_an_environment_takes_over_the_rows_and_files_of_prod_and_goes_on(mesh: MeshFolder) -> None:
    mesh.write("landing/1.csv", "id\n1\n")
    mesh.product("ops.events", "select * from landed__changes", descriptor=APPENDING)
    mesh.product("ops.counted", "select count(*) as n from ops.events")
    mesh.build()
    mesh.mesh("env", "create", "trial")
    mesh.write("landing/2.csv", "id\n2\n")
    mesh.build("--env", "trial")
    assert sorted(row["id"] for row in mesh.rows("ops.events", "--env", "trial")) == [1, 2]
    assert [row["id"] for row in mesh.rows("ops.events")] == [1]
    prod, trial = (
        {file.path for file in registry.files(port.table, port.snapshot)}
        for name in ("prod", "trial")
        for registry in [node(mesh).registry]
        for port in [registry.head(name, "ops.events").ports[0]]  # type: ignore[union-attr]
    )
    assert prod < trial
    assert mesh.mesh("env", "promote", "trial").code == 0
    mesh.write("landing/3.csv", "id\n3\n")
    mesh.build("--env", "prod")
    assert sorted(row["id"] for row in mesh.rows("ops.events")) == [1, 2, 3]
    assert mesh.rows("ops.counted") == [{"n": 3}]


def test_a_reader_of_changes_goes_on_across_branching_and_promotion_without_a_row_twice(mesh: MeshFolder) -> None:
    mesh.write("landing/1.csv", "id\n1\n")
    mesh.product("ops.events", "select * from landed__changes", descriptor=APPENDING)
    descriptor = APPENDING.replace("events", "copied").replace(
        "- {property: mesh.path, value: landing/*.csv}", "- {property: mesh.port, value: ops.events}"
    )
    mesh.product("ops.copied", "select * from landed__changes", descriptor=descriptor)
    mesh.build()
    mesh.mesh("env", "create", "trial")
    for number in (2, 3):
        mesh.write(f"landing/{number}.csv", f"id\n{number}\n")
        mesh.build("--env", "trial")
    assert sorted(row["id"] for row in mesh.rows("ops.copied", "--env", "trial")) == [1, 2, 3]
    assert mesh.mesh("env", "promote", "trial").code == 0
    mesh.write("landing/4.csv", "id\n4\n")
    mesh.build("--env", "prod")
    assert sorted(row["id"] for row in mesh.rows("ops.copied")) == [1, 2, 3, 4]


def test_rows_that_prod_took_in_meanwhile_are_never_lost_by_promoting(mesh: MeshFolder) -> None:
    mesh.write("landing/1.csv", "id\n1\n")
    mesh.product("ops.events", "select * from landed__changes", descriptor=APPENDING)
    mesh.build()
    mesh.mesh("env", "create", "trial")
    mesh.write("landing/2.csv", "id\n2\n")
    mesh.build("--env", "trial")
    mesh.write("landing/3.csv", "id\n3\n")
    mesh.build("--env", "prod")
    mesh.build("--env", "trial")
    done = mesh.mesh("env", "promote", "trial")
    assert done.code == 1
    assert "mesh env refresh trial" in done.err
    assert mesh.mesh("env", "refresh", "trial", "--json").data["refreshed"] == ["ops.events"]
    mesh.build("--env", "trial")
    assert mesh.mesh("env", "promote", "trial").code == 0
    assert sorted(row["id"] for row in mesh.rows("ops.events")) == [1, 2, 3]


def test_dropping_says_what_goes_and_leaves_everybody_else_alone(shop: MeshFolder) -> None:
    shop.mesh("env", "create", "trial")
    edit_orders(shop)
    shop.build("--env", "trial")
    answer = shop.mesh("env", "drop", "trial", "--json")
    assert answer.code == 0, answer.err
    assert (answer.data["publications"], answer.data["files"]) == (2, 2)
    assert shop.rows("finance.revenue") == [{"total": 30.0}]
    assert shop.mesh("read", "finance.revenue", "--env", "trial").code == 2
    assert [one["name"] for one in shop.mesh("env", "list", "--json").data] == ["prod"]


def test_what_is_still_built_when_its_environment_is_dropped_is_published_nowhere(shop: MeshFolder) -> None:
    shop.mesh("env", "create", "trial")
    edit_orders(shop)
    shop.product("sales.extra", "select 1 as one")
    building = node(shop)
    planned = building.plan(PlanRequest(environment="trial"))
    started: list[str] = []

    def drop_it(event: object) -> None:
        if isinstance(event, ProductStarted):
            started.append(event.product)
            if started[0] == event.product:
                node(shop).registry.drop_environment("trial")

    outcomes = {one.product: one for one in building.build(planned, drop_it)}
    assert {outcomes[name].outcome for name in ("sales.orders", "sales.extra")} == {"error"}
    assert "trial was dropped" in outcomes["sales.orders"].message
    assert node(shop).registry.own_heads("trial") == {}
    assert shop.mesh("env", "create", "trial").code == 0
    assert shop.rows("finance.revenue", "--env", "trial") == [{"total": 30.0}]
    # Nor is anything begun in one that went between the plan and the build.
    again = building.plan(PlanRequest(environment="trial"))
    shop.mesh("env", "drop", "trial", "--yes")
    with pytest.raises(NotFound):
        building.build(again, lambda _: None)


def test_an_environment_on_which_another_stands_is_not_dropped(shop: MeshFolder) -> None:
    shop.mesh("env", "create", "trial")
    shop.mesh("env", "create", "sub", "--from", "trial")
    done = shop.mesh("env", "drop", "trial", "--yes")
    assert done.code == 1
    assert "sub stands on trial" in done.err
    assert shop.rows("finance.revenue", "--env", "sub") == [{"total": 30.0}]


def test_environments_stack_and_promote_downwards_one_at_a_time(shop: MeshFolder) -> None:
    shop.mesh("env", "create", "trial")
    shop.mesh("env", "create", "sub", "--from", "trial")
    edit_orders(shop)
    shop.build("--env", "sub")
    assert shop.mesh("env", "promote", "sub").code == 0
    totals = [shop.rows("finance.revenue", "--env", name)[0]["total"] for name in ("prod", "trial", "sub")]
    assert totals == [30.0, 35.0, 35.0]
    assert shop.mesh("env", "promote", "trial").code == 0
    assert shop.rows("finance.revenue") == [{"total": 35.0}]


def test_an_unknown_environment_is_an_error_with_a_near_miss_and_builds_nothing(shop: MeshFolder) -> None:
    shop.mesh("env", "create", "trial")
    done = shop.mesh("build", "--env", "trail")
    assert done.code == 2
    assert "did you mean trial?" in done.err
    assert shop.mesh("read", "sales.orders", "--env", "trail").code == 2


def test_a_name_is_created_once_and_prod_never(shop: MeshFolder) -> None:
    assert shop.mesh("env", "create", "trial").code == 0
    assert shop.mesh("env", "create", "trial").code == 1
    assert shop.mesh("env", "create", "prod").code == 1
    assert shop.mesh("env", "create", "Bad Name").code == 2
    assert shop.mesh("env", "create", "other", "--from", "nowhere").code == 2


def test_the_branchs_environment_is_the_default_where_there_is_one(shop: MeshFolder) -> None:
    subprocess.run(["git", "init", "-q", "-b", "feature/new-column", str(shop.root)], check=True)
    edit_orders(shop)
    assert shop.mesh("plan", "--json").data["env"] == "prod"
    assert shop.mesh("env", "create").code == 0
    assert shop.mesh("plan", "--json").data["env"] == "feature_new_column"
    shop.build()
    assert shop.rows("finance.revenue") == [{"total": 35.0}]
    assert shop.rows("finance.revenue", "--env", "prod") == [{"total": 30.0}]
    assert shop.mesh("env", "promote").code == 0
    assert shop.rows("finance.revenue", "--env", "prod") == [{"total": 35.0}]


def test_the_difference_names_products_versions_rows_and_columns(shop: MeshFolder) -> None:
    shop.mesh("env", "create", "trial")
    edit_orders(shop)
    shop.build("--env", "trial")
    shop.product("sales.extra", "select 1 as one")
    shop.build("--env", "trial")
    found = {one["id"]: one for one in shop.mesh("env", "diff", "trial", "--json").data["products"]}
    assert set(found) == {"sales.orders", "finance.revenue", "sales.extra"}
    (port,) = found["sales.orders"]["ports"]
    assert [(change["column"], change["breaking"]) for change in port["changes"]] == [("channel", False)]
    assert found["sales.extra"]["from"] is None
    text = shop.mesh("env", "diff", "trial").out
    assert "new  sales.extra" in text
    assert "other values in" in text


def test_rolling_back_in_an_environment_to_what_prod_served_touches_the_environment_only(shop: MeshFolder) -> None:
    shop.mesh("env", "create", "trial")
    edit_orders(shop)
    shop.build("--env", "trial")
    assert shop.mesh("rollback", "finance.revenue", "--to", "1", "--env", "trial").code == 0
    assert shop.rows("finance.revenue", "--env", "trial") == [{"total": 30.0}]
    shop.build("--env", "trial")
    assert shop.rows("finance.revenue", "--env", "trial") == [{"total": 35.0}]
    assert shop.rows("finance.revenue") == [{"total": 30.0}]
