"""Domains in repositories of their own, on one registry: each builds, removes and promotes its own and knows the others'."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from mesh_folder import MeshFolder
from mesh_stores import in_postgresql, in_s3

if TYPE_CHECKING:
    from pathlib import Path

CONTRACT = """
- {name: id, logicalType: integer, physicalType: INTEGER, required: true, primaryKey: true}
- {name: customer, logicalType: string, physicalType: VARCHAR}
- {name: amount, logicalType: number, physicalType: DOUBLE}
"""
WITHOUT_AMOUNT = "".join(line + "\n" for line in CONTRACT.splitlines() if "amount" not in line)
ORDERS = "select * from (values (1, 'ada', 10.0), (2, 'bob', 20.0)) t(id, customer, amount)"
ORDERS_PATH = "domains/sales/orders/transform/orders.sql"
REVENUE_PATH = "domains/finance/revenue/transform/revenue.sql"


@dataclass(frozen=True)
class Repositories:
    """The sales team's checkout with `orders`; the finance team's with `revenue`, which reads it, and `board` on top."""

    sales: MeshFolder
    finance: MeshFolder


@pytest.fixture(params=["files", pytest.param("servers", marks=pytest.mark.slow)])
def teams(request: pytest.FixtureRequest, tmp_path: Path) -> Repositories:
    """Both built. Where they share files the one names them by absolute paths, the other relative to itself."""
    shared = tmp_path / "shared"
    shared.mkdir()
    absolute = f"registry: sqlite:///{shared}/registry.db\nwarehouse: {shared}/warehouse\n"
    relative = "registry: sqlite:///../../shared/registry.db\nwarehouse: ../../shared/warehouse\n"
    if request.param == "servers":
        postgres, bucket = request.getfixturevalue("postgres"), request.getfixturevalue("bucket")
        absolute = relative = in_postgresql(postgres, shared) + in_s3(bucket, shared)
    sales, finance = _checkout(tmp_path / "sales-team"), _checkout(tmp_path / "teams/finance")
    sales.write("mesh.yaml", f"name: shop\n{absolute}")
    finance.write("mesh.yaml", f"name: shop\n{relative}")
    sales.product("sales.orders", ORDERS, contract=CONTRACT)
    sales.build("--env", "prod")
    finance.product("finance.revenue", "select sum(amount) as total from sales.orders")
    finance.product("finance.board", "select total as best from finance.revenue")
    finance.build("--env", "prod")
    return Repositories(sales, finance)


def _checkout(root: Path) -> MeshFolder:
    root.mkdir(parents=True)
    return MeshFolder(root)


def total(mesh: MeshFolder, env: str = "prod") -> float:
    ((value, *_),) = (tuple(row.values()) for row in mesh.rows("finance.revenue", "--env", env))
    return float(value)


def test_neither_plans_builds_or_removes_what_is_the_others(teams: Repositories) -> None:
    for mesh, own in ((teams.sales, {"sales.orders"}), (teams.finance, {"finance.revenue", "finance.board"})):
        assert mesh.actions("--env", "prod") == dict.fromkeys(own, "reuse")
        assert set(mesh.build("--env", "prod", "--full", "--allow-remove")) == own
    # Not even when a domain leaves a checkout as a whole: it may have moved to another one.
    shutil.rmtree(teams.finance.root / "domains/finance")
    teams.finance.product("hr.people", "select 1 as one")
    assert set(teams.finance.build("--env", "prod", "--allow-remove")) == {"hr.people"}
    assert total(teams.sales) == 30.0


def test_both_are_read_from_either_wherever_the_command_is_run(
    teams: Repositories, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert teams.finance.rows("sales.orders", "--env", "prod") == teams.sales.rows("sales.orders", "--env", "prod")
    monkeypatch.chdir(os.sep)
    assert total(teams.sales) == total(teams.finance) == 30.0


def test_a_change_is_picked_up_by_the_others_next_build(teams: Repositories) -> None:
    teams.sales.write(ORDERS_PATH, ORDERS.replace("20.0", "25.0"))
    assert set(teams.sales.build("--env", "prod")) == {"sales.orders"}
    assert total(teams.finance) == 30.0
    assert set(teams.finance.actions("--env", "prod").values()) == {"build"}
    teams.finance.build("--env", "prod")
    assert total(teams.sales) == 35.0
    # Other columns than those that are read change nothing for it.
    teams.sales.write(ORDERS_PATH, ORDERS.replace("20.0", "25.0").replace("bob", "eve"))
    teams.sales.build("--env", "prod")
    assert set(teams.finance.actions("--env", "prod").values()) == {"reuse"}


def test_a_break_is_found_before_it_happens_and_names_readers_columns_and_owners_elsewhere(teams: Repositories) -> None:
    teams.sales.contract("sales.orders", WITHOUT_AMOUNT)
    teams.sales.write(ORDERS_PATH, f"select id, customer from ({ORDERS})")
    plan = teams.sales.plan("--env", "prod")["sales.orders"]
    assert plan["action"] == "blocked"
    affects = {one["id"]: one for one in plan["affects"]}
    assert affects["finance.revenue"] == {"id": "finance.revenue", "port": "revenue", "columns": ["total"]}
    consumers = {one["id"]: (one["reads"], one["owner"]) for one in plan["consumers"]}
    assert consumers["finance.revenue"] == (["amount"], "finance_team")
    assert consumers["finance.board"] == ([], "finance_team")
    comment = teams.sales.mesh("plan", "--env", "prod", "--format", "markdown")
    assert comment.code == 1
    assert "**Tell** `finance_team` (`finance.board`, `finance.revenue`)." in comment.out
    assert "| `finance.revenue` | `finance_team` | `amount` | `total` |" in comment.out
    assert teams.sales.build("--env", "prod", code=1)["sales.orders"]["outcome"] == "blocked"
    assert set(teams.finance.actions("--env", "prod").values()) == {"reuse"}


def test_a_column_that_nobody_elsewhere_reads_breaks_nobody(teams: Repositories) -> None:
    teams.sales.contract("sales.orders", "".join(one + "\n" for one in CONTRACT.splitlines() if "customer" not in one))
    teams.sales.write(ORDERS_PATH, f"select id, amount from ({ORDERS})")
    assert teams.sales.plan("--env", "prod")["sales.orders"]["affects"] == []


def test_a_product_that_another_repository_reads_cannot_be_removed(teams: Repositories) -> None:
    shutil.rmtree(teams.sales.root / "domains/sales/orders")
    teams.sales.product("sales.other", "select 1 as one")
    plan = teams.sales.plan("--env", "prod", "--allow-remove")["sales.orders"]
    assert plan["action"] == "blocked"
    assert any("still read by finance.board, finance.revenue" in reason for reason in plan["reasons"])


def test_a_reader_learns_with_its_own_line_what_a_draft_elsewhere_dropped(teams: Repositories) -> None:
    (teams.sales.root / "domains/sales/orders/contracts/orders.yaml").unlink()
    teams.sales.product("sales.drafted", ORDERS)
    teams.sales.build("--env", "prod")
    teams.finance.product("finance.drafts", "select amount\nfrom sales.drafted")
    teams.finance.build("--env", "prod")
    teams.sales.write("domains/sales/drafted/transform/drafted.sql", f"select id from ({ORDERS})")
    planned = teams.sales.plan("--env", "prod")["sales.drafted"]
    assert planned["action"] == "build"
    assert [(one["id"], one["reads"]) for one in planned["consumers"]] == [("finance.drafts", ["amount"])]
    teams.sales.build("--env", "prod")
    plan = teams.finance.plan("--env", "prod")["finance.drafts"]
    assert plan["action"] == "blocked"
    assert "domains/finance/drafts/transform/drafts.sql:1" in plan["reasons"][0]
    assert "amount" in plan["reasons"][0]


def test_an_older_major_version_goes_on_serving_readers_elsewhere(teams: Repositories) -> None:
    folder = teams.sales.root / "domains/sales/orders/contracts"
    teams.sales.contract("sales.orders", WITHOUT_AMOUNT, version="2.0.0")
    (folder / "orders.yaml").rename(folder / "orders@2.yaml")
    teams.sales.contract("sales.orders", CONTRACT)
    teams.sales.write("domains/sales/orders/transform/orders@2.sql", f"select id, customer from ({ORDERS})")
    teams.sales.build("--env", "prod")
    teams.finance.write(REVENUE_PATH, 'select sum(amount) as total from "sales.orders@1"')
    teams.finance.build("--env", "prod")
    assert total(teams.finance) == 30.0


def test_what_one_tries_in_an_environment_the_other_does_not_see(teams: Repositories) -> None:
    assert teams.sales.mesh("env", "create", "trial").code == 0
    teams.sales.write(ORDERS_PATH, ORDERS.replace("20.0", "25.0"))
    assert set(teams.sales.build("--env", "trial", "--allow-remove")) == {"sales.orders"}
    assert set(teams.finance.actions("--env", "prod").values()) == {"reuse"}
    assert total(teams.finance) == 30.0
    # Nor is a reader that is only tried there somebody whom a change in prod would break.
    teams.finance.mesh("env", "create", "other")
    teams.finance.write(
        "domains/finance/revenue/transform/revenue.sql", "select count(customer) as total from sales.orders"
    )
    teams.finance.build("--env", "other")
    teams.sales.contract("sales.orders", "".join(one + "\n" for one in CONTRACT.splitlines() if "customer" not in one))
    teams.sales.write(ORDERS_PATH, f"select id, amount from ({ORDERS})")
    assert teams.sales.plan("--env", "prod")["sales.orders"]["affects"] == []
    assert {one["id"] for one in teams.sales.plan("--env", "other")["sales.orders"]["affects"]} >= {"finance.revenue"}


def test_an_environment_that_both_build_in_is_promoted_and_dropped_by_each_for_itself(teams: Repositories) -> None:
    sales, finance = teams.sales, teams.finance
    sales.mesh("env", "create", "trial")
    sales.write(ORDERS_PATH, ORDERS.replace("20.0", "25.0"))
    sales.build("--env", "trial")
    finance.write(REVENUE_PATH, "select sum(amount) as total, count(*) as n from sales.orders")
    finance.build("--env", "trial")
    review = sales.mesh("plan", "--env", "trial", "--format", "markdown").out
    assert "1 product changes in `prod`" in review
    assert "`trial` also holds `finance.board`, `finance.revenue`, of other repositories" in review

    early = finance.mesh("env", "promote", "trial")
    assert early.code == 1
    assert "finance.revenue has read sales.orders as it was built in trial from another checkout" in early.err
    dropped = sales.mesh("env", "drop", "trial", "--yes")
    assert dropped.code == 1
    assert "finance.board, finance.revenue, of domains that are not in this checkout" in dropped.err

    done = sales.mesh("env", "promote", "trial", "--json").data
    assert ([one["id"] for one in done["promoted"]], done["left"]) == (
        ["sales.orders"],
        ["finance.board", "finance.revenue"],
    )
    assert total(finance) == 30.0
    assert set(finance.actions("--env", "trial").values()) == {"reuse"}
    assert finance.mesh("env", "promote", "trial").code == 0
    assert total(sales) == 35.0
    assert set(finance.actions("--env", "prod").values()) == {"reuse"}
    assert sales.mesh("env", "drop", "trial", "--yes").code == 0


def test_refreshing_leaves_what_another_repository_built_there(teams: Repositories) -> None:
    sales, finance = teams.sales, teams.finance
    sales.mesh("env", "create", "trial")
    sales.write(ORDERS_PATH, ORDERS.replace("20.0", "25.0"))
    sales.build("--env", "trial")
    finance.build("--env", "trial")
    sales.write(ORDERS_PATH, ORDERS.replace("20.0", "21.0"))
    sales.build("--env", "prod")
    assert sales.mesh("env", "refresh", "trial", "--json").data["refreshed"] == ["sales.orders"]
    assert total(finance, "trial") == 35.0
    assert set(finance.actions("--env", "trial").values()) == {"build"}
    finance.build("--env", "trial")
    assert total(finance, "trial") == 31.0


def test_products_that_would_read_each_other_across_repositories_are_a_circle(teams: Repositories) -> None:
    teams.sales.write(ORDERS_PATH, "select 1 as id, 'x' as customer, total as amount from finance.board as b(total)")
    found = teams.sales.mesh("validate")
    assert found.code == 2
    assert "finance.board → finance.revenue → sales.orders → finance.board" in found.out + found.err
