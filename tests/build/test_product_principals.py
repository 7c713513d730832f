"""Data products are principals: what they read of other products is what policies leave them."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from meshwright.cli.main import run

if TYPE_CHECKING:
    from mesh_folder import MeshFolder

CONTRACT = """
- {name: id, physicalType: BIGINT, required: true, primaryKey: true}
- {name: email, physicalType: VARCHAR, tags: [personal]}
- {name: region, physicalType: VARCHAR}
"""
ROWS = "(1, 'ada@x.org', 'EU'), (2, 'bob@x.org', 'US'), (3, 'cy@x.org', 'EU')"
ONLY_EUROPE = """
@id("europe")
forbid (principal, action == Action::"readRow", resource is Row in Domain::"sales")
unless { principal in Domain::"sales" || (resource has region && resource.region == "EU") };
"""
NOBODY = """
@id("nobody")
forbid (principal, action == Action::"read", resource in Domain::"sales") unless { principal in Domain::"sales" };
"""
NO_ADDRESS = """
@id("no-address")
forbid (principal, action == Action::"readMasked", resource is Column in Domain::"sales")
when { resource.name == "email" } unless { principal in Domain::"sales" };
"""
FOR_ADVERTISING = """
@id("advertising")
forbid (principal, action == Action::"read", resource in Domain::"sales")
unless { principal in Domain::"sales" || context.purpose in Purpose::"Marketing" };
"""


@pytest.fixture
def shop(mesh: MeshFolder) -> MeshFolder:
    """A port of sales, one of sales that reads it, and one of marketing; starter policies bind."""
    mesh.product("sales.orders", f"select * from (values {ROWS}) t(id, email, region)")
    mesh.contract("sales.orders", CONTRACT)
    mesh.product("sales.own", "select id, email from sales.orders")
    mesh.write("domains/marketing/domain.yaml", "team: {name: marketing_team}\n")
    mesh.product("marketing.reach", "select id, email, region from sales.orders")
    mesh.build()
    assert run(["init", str(mesh.root / "other")]) == 0
    mesh.write("policies/starter.cedar", (mesh.root / "other/policies/starter.cedar").read_text())
    assert mesh.mesh("policy", "publish").code == 0
    return mesh


def change_key(mesh: MeshFolder, key_hex: str) -> None:
    """Let the registry hold another key for pseudonyms."""
    with sqlite3.connect(mesh.root / ".mesh/registry.db") as database:
        assert database.execute("UPDATE mesh_keys SET key_hex = ?", [key_hex]).rowcount == 1
    database.close()


def bind(mesh: MeshFolder, cedar: str) -> None:
    mesh.write("domains/sales/policies/own.cedar", cedar)
    done = mesh.mesh("policy", "publish", "--domain", "sales")
    assert done.code == 0, done.err


def plans(mesh: MeshFolder) -> dict[str, Any]:
    return {one["id"]: one for one in mesh.mesh("plan", "--json").data["products"]}


def test_without_published_policies_products_read_everything(mesh: MeshFolder) -> None:
    mesh.product("sales.orders", "select 1 as id")
    mesh.product("marketing.reach", "select id from sales.orders")
    mesh.build()
    assert mesh.rows("marketing.reach") == [{"id": 1}]


def test_what_policies_mask_is_masked_in_what_is_derived(shop: MeshFolder) -> None:
    planned = plans(shop)
    assert planned["sales.own"]["action"] == "reuse"
    assert planned["marketing.reach"]["action"] == "build"
    assert planned["marketing.reach"]["reasons"] == ["policies changed what it may read of input sales.orders"]
    shop.build()
    assert [row["email"] for row in shop.rows("sales.own")] == ["ada@x.org", "bob@x.org", "cy@x.org"]
    derived = shop.rows("marketing.reach")
    assert [row["id"] for row in derived] == [1, 2, 3]
    assert not any("@" in row["email"] for row in derived)
    assert plans(shop)["marketing.reach"]["action"] == "reuse"


def test_rows_that_policies_hide_are_not_there(shop: MeshFolder) -> None:
    bind(shop, ONLY_EUROPE)
    shop.build()
    assert [row["id"] for row in shop.rows("marketing.reach")] == [1, 3]
    assert [row["id"] for row in shop.rows("sales.own")] == [1, 2, 3]


def test_a_product_that_may_not_read_its_input_is_blocked_and_what_it_serves_stays(shop: MeshFolder) -> None:
    bind(shop, NOBODY)
    planned = plans(shop)["marketing.reach"]
    assert planned["action"] == "blocked"
    assert "policies do not let product:marketing.reach read sales.orders.orders" in planned["reasons"][0]
    assert shop.mesh("build").code == 1
    assert len(shop.rows("marketing.reach")) == 3


def test_a_product_that_uses_a_column_which_is_absent_for_it_is_blocked(shop: MeshFolder) -> None:
    bind(shop, NO_ADDRESS)
    planned = plans(shop)["marketing.reach"]
    assert planned["action"] == "blocked"
    assert "policies leave product:marketing.reach no column email of sales.orders" in planned["reasons"][0]
    shop.write("domains/marketing/reach/transform/reach.sql", "select id, region from sales.orders")
    shop.build()
    assert shop.rows("marketing.reach")[0] == {"id": 1, "region": "EU"}


def used(mesh: MeshFolder) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = mesh.mesh("audit", "usage", "--json").data
    return found


def test_what_builds_read_is_recorded_as_their_products(shop: MeshFolder) -> None:
    assert used(shop) == []
    shop.build()
    (record,) = used(shop)
    assert (record["principal"], record["port"], record["door"]) == (
        "dataproduct:marketing.reach",
        "sales.orders.orders",
        "build",
    )
    assert (record["publication"], record["columns"], record["rows"]) == (1, ["email", "id", "region"], 3)
    assert record["asked_by"].startswith("local:")
    assert record["purpose"] == "unspecified"
    assert record["bytes"] > 0
    assert record["seconds"] > 0
    # What is reused reads nothing.
    shop.build()
    assert len(used(shop)) == 1


def test_a_build_that_fails_has_read_all_the_same(shop: MeshFolder) -> None:
    shop.write("domains/marketing/reach/transform/reach.sql", "select email::bigint as id from sales.orders")
    failed = shop.mesh("build")
    assert "1 error" in failed.out, failed.out
    (record,) = used(shop)
    assert (record["principal"], record["columns"]) == ("dataproduct:marketing.reach", ["email"])


def test_python_gets_what_policies_leave(shop: MeshFolder) -> None:
    bind(shop, NO_ADDRESS)
    shop.product("marketing.python", "")
    (shop.root / "domains/marketing/python/transform/python.sql").unlink()
    shop.write(
        "domains/marketing/python/product.yaml",
        "apiVersion: v1.1.0\nkind: DataProduct\nid: marketing.python\nversion: 1.0.0\nstatus: draft\n"
        "inputPorts:\n- name: orders\n  version: 1.0.0\n  customProperties: [{property: mesh.port, value: sales.orders}]\n"
        "outputPorts:\n- {name: python, version: 1.0.0, contractId: marketing.python.python}\n",
    )
    shop.write(
        "domains/marketing/python/transform/python.py",
        "import pyarrow as pa\n\ndef python(inputs):\n    return pa.table({'names': [','.join(inputs.orders.columns)]})\n",
    )
    built = shop.mesh("build", "--select", "marketing.python", "--json")
    assert built.code == 0, built.out + built.err
    assert shop.rows("marketing.python") == [{"names": "id,region"}]


def test_a_product_says_what_it_reads_for(shop: MeshFolder) -> None:
    bind(shop, FOR_ADVERTISING)
    path = shop.root / "domains/marketing/reach/product.yaml"
    head = path.read_text()
    path.write_text(head + "customProperties: [{property: mesh.purpose, value: AccountManagement}]\n")
    assert plans(shop)["marketing.reach"]["action"] == "blocked"
    path.write_text(head + "customProperties: [{property: mesh.purpose, value: Advertising}]\n")
    shop.build()
    assert len(shop.rows("marketing.reach")) == 3


def test_rows_that_were_kept_under_other_policies_begin_anew(shop: MeshFolder) -> None:
    shop.product(
        "marketing.kept",
        "select id, region from sales.orders__changes",
        descriptor=(
            "outputPorts:\n- name: kept\n  version: 1.0.0\n  contractId: marketing.kept.kept\n"
            "  customProperties: [{property: mesh.materialization, value: append}]\n"
        ),
    )
    shop.build()
    assert len(shop.rows("marketing.kept")) == 3
    bind(shop, ONLY_EUROPE)
    refused = shop.mesh("build", "--select", "marketing.kept")
    assert refused.code == 1
    assert "`mesh build --full --select marketing.kept` begins anew" in refused.out + refused.err
    assert len(shop.rows("marketing.kept")) == 3
    assert shop.mesh("build", "--full", "--select", "marketing.kept").code == 0
    assert [row["id"] for row in shop.rows("marketing.kept")] == [1, 3]
    shop.write(
        "domains/sales/orders/transform/orders.sql",
        f"select * from (values {ROWS}, (4, 'd', 'US'), (5, 'e', 'EU')) t(id, email, region)",
    )
    shop.build()
    assert sorted(row["id"] for row in shop.rows("marketing.kept")) == [1, 3, 5]


def test_what_was_decided_about_a_build_is_in_the_audit_log(shop: MeshFolder) -> None:
    shop.build()
    log = [one for one in shop.mesh("audit", "log", "--json").data if one["principal"] == "dataproduct:marketing.reach"]
    assert [(one["port"], one["allowed"], one["masked"], one["door"]) for one in log] == [
        ("sales.orders.orders", True, ["email"], "build")
    ]
    assert json.dumps(log).count("ada@x.org") == 0


def test_what_was_made_under_looser_policies_does_not_come_back(
    shop: MeshFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write("people/all.yaml", "groups: {marketing_team: [mark], sales_team: []}\n")
    shop.build()
    token = shop.mesh("token", "create", "--for", "mark", "--json").data["token"]
    monkeypatch.setenv("MESH_TOKEN", token)
    refused = shop.mesh("rollback", "marketing.reach")
    assert refused.code == 1
    assert "was made of something else than policies leave it" in refused.err
    monkeypatch.delenv("MESH_TOKEN")
    assert not any("@" in row["email"] for row in shop.rows("marketing.reach"))
    # Its owner sees everything anyway.
    assert shop.mesh("rollback", "marketing.reach").code == 0


def test_policies_of_the_environment_below_decide_what_is_promoted(shop: MeshFolder) -> None:
    shop.build()
    bind(
        shop,
        ONLY_EUROPE.replace('resource.region == "EU")', 'resource.region == "EU") || context.environment != "prod"'),
    )
    shop.build()
    shop.mesh("env", "create", "trial")
    shop.write("domains/marketing/reach/transform/reach.sql", "select id, email, region, 1 as more from sales.orders")
    shop.build("--env", "trial")
    assert len(shop.rows("marketing.reach", "--env", "trial")) == 3
    refused = shop.mesh("env", "promote", "trial")
    assert refused.code == 1
    assert "`mesh build --env prod --select marketing.reach`" in refused.err
    assert len(shop.rows("marketing.reach")) == 2


def test_a_plan_of_what_changed_goes_on_beside_a_product_that_is_denied(shop: MeshFolder) -> None:
    bind(shop, NOBODY)
    shop.write("domains/sales/own/transform/own.sql", "select id from sales.orders")
    planned = {one["id"]: one["action"] for one in shop.mesh("plan", "--select", "changed", "--json").data["products"]}
    assert planned == {"sales.own": "build", "marketing.reach": "blocked"}


def test_another_key_for_pseudonyms_builds_anew(shop: MeshFolder) -> None:
    shop.build()
    before = shop.rows("marketing.reach")
    change_key(shop, "ab" * 32)
    assert plans(shop)["marketing.reach"]["action"] == "build"
    shop.build()
    assert shop.rows("marketing.reach") != before


def test_a_mask_that_differs_for_every_read_leaves_products_nothing(shop: MeshFolder) -> None:
    bind(
        shop,
        '@id("local") @mask("sha-256-query-local") forbid (principal, action == Action::"readClear", '
        'resource is Column in Domain::"sales") when { resource.name == "region" } unless { principal in Domain::"sales" };',
    )
    shop.build()
    assert [row["region"] for row in shop.rows("marketing.reach")] == [None, None, None]


def test_a_preview_reads_as_each_product_that_it_computes(shop: MeshFolder) -> None:
    shop.write("domains/sales/own/transform/own.sql", "select id, email, 2 as more from sales.orders")
    for join in ("sales.orders o join sales.own w using (id)", "sales.own w join sales.orders o using (id)"):
        shop.product("marketing.both", f"select id, o.email as theirs, w.email as own from {join}")
        row = shop.mesh("preview", "marketing.both", "--json").data["rows"][0]
        assert ("@" in row["theirs"], "@" in row["own"]) == (False, True)


def test_new_rows_of_a_port_without_visible_columns_can_be_counted(shop: MeshFolder) -> None:
    bind(
        shop,
        '@id("none") forbid (principal, action in [Action::"readClear", Action::"readMasked"], '
        'resource is Column in Domain::"sales") unless { principal in Domain::"sales" };',
    )
    shop.product(
        "marketing.counted",
        "select count(*) as n from sales.orders__changes",
        descriptor=(
            "outputPorts:\n- name: counted\n  version: 1.0.0\n  contractId: marketing.counted.counted\n"
            "  customProperties: [{property: mesh.materialization, value: append}]\n"
        ),
    )
    shop.mesh("build", "--select", "marketing.counted")
    shop.write(
        "domains/sales/orders/transform/orders.sql",
        f"select * from (values {ROWS}, (4, 'd', 'US')) t(id, email, region)",
    )
    shop.mesh("build", "--select", "sales.orders")
    assert shop.mesh("build", "--select", "marketing.counted").code == 0
    assert [row["n"] for row in shop.rows("marketing.counted")] in ([3, 0], [3, 1])


def test_a_build_that_has_published_is_done_though_copies_cannot_be_made(shop: MeshFolder) -> None:
    shop.write("people/all.yaml", "groups: {marketing_team: [mark], sales_team: []}\n")
    assert len(shop.rows("sales.orders", "--as", "mark")) == 3
    change_key(shop, "5e")
    shop.write("domains/sales/orders/transform/orders.sql", "select 9 as id, 'z' as email, 'EU' as region")
    assert shop.mesh("build", "--select", "sales.orders").code == 0


@pytest.mark.parametrize(
    "path", [".mesh/warehouse/**/*.parquet", "domains/../.mesh/registry.db", "*/warehouse/**/*.parquet", "**/*.parquet"]
)
def test_the_meshs_own_state_is_no_source(shop: MeshFolder, path: str) -> None:
    shop.product("marketing.grab", f"select * from '{path}'")
    assert shop.mesh("build", "--select", "marketing.grab").code != 0
    assert shop.mesh("read", "marketing.grab").code == 2
