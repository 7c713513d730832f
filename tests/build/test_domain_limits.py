"""What a domain has for itself: a warehouse, an engine, a quota."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from mesh_folder import MeshFolder

ROWS = "SELECT range AS id, 'some text ' || range AS name FROM range({count})"


def domain(mesh: MeshFolder, name: str, more: str) -> None:
    mesh.write(f"domains/{name}/domain.yaml", f"team: {{name: {name}_team}}\n{more}")


def test_a_domain_s_tables_lie_in_its_own_warehouse_and_are_read_as_any(mesh: MeshFolder, tmp_path: Path) -> None:
    domain(mesh, "finance", f"warehouse: {tmp_path}/vault\n")
    mesh.product("finance.accounts", ROWS.format(count=3))
    mesh.product("sales.orders", "SELECT * FROM finance.accounts")
    mesh.build()
    assert len(mesh.rows("sales.orders")) == len(mesh.rows("finance.accounts")) == 3
    shared = mesh.root / ".mesh/warehouse"
    assert list((tmp_path / "vault/finance/accounts").rglob("*.parquet"))
    assert not (shared / "finance").exists()
    assert list((shared / "sales/orders").rglob("*.parquet"))
    assert mesh.actions() == {"finance.accounts": "reuse", "sales.orders": "reuse"}
    mesh.write("domains/finance/accounts/transform/accounts.sql", ROWS.format(count=4))
    mesh.build()
    assert len(mesh.rows("finance.accounts")) == 4
    assert mesh.mesh("maintain", "--dry-run").code == 0


def test_tables_published_before_a_domain_got_its_warehouse_stay_where_they_are(
    mesh: MeshFolder, tmp_path: Path
) -> None:
    mesh.product("finance.accounts", ROWS.format(count=3))
    mesh.build()
    domain(mesh, "finance", f"warehouse: {tmp_path}/vault\n")
    mesh.product("finance.ledger", ROWS.format(count=2))
    mesh.build()
    assert len(mesh.rows("finance.accounts")) == 3
    assert len(mesh.rows("finance.ledger")) == 2
    assert (tmp_path / "vault/finance/ledger").is_dir()
    assert not (tmp_path / "vault/finance/accounts").exists()


def test_a_domain_s_warehouse_that_is_gone_is_not_taken_for_a_new_one(mesh: MeshFolder, tmp_path: Path) -> None:
    domain(mesh, "finance", f"warehouse: {tmp_path}/vault\n")
    mesh.product("finance.accounts", ROWS.format(count=3))
    mesh.build()
    shutil.rmtree(tmp_path / "vault")
    mesh.write("domains/finance/accounts/transform/accounts.sql", ROWS.format(count=4))
    answer = mesh.mesh("build")
    assert answer.code == 3
    assert f"the warehouse {tmp_path}/vault is missing" in answer.out + answer.err


def test_a_build_beyond_the_quota_of_rows_is_refused_with_the_numbers(mesh: MeshFolder) -> None:
    domain(mesh, "sales", "quota: {rows: 1000}\n")
    mesh.product("sales.orders", ROWS.format(count=600))
    mesh.build()
    mesh.product("sales.lines", ROWS.format(count=500))
    message = mesh.build(code=1)["sales.lines"]["message"]
    assert (
        "sales.lines would serve 500 rows, the other products of domain sales serve 600 rows: 1,100 rows in all"
        in message
    )
    assert "its quota is 1,000 rows (domains/sales/domain.yaml)" in message
    assert mesh.mesh("read", "sales.lines").code == 2
    mesh.product("sales.lines", ROWS.format(count=400))
    mesh.build()
    assert len(mesh.rows("sales.lines")) == 400
    # What a product serves already does not count beside what takes its place.
    mesh.product("sales.lines", ROWS.format(count=399))
    mesh.build()


def test_a_build_beyond_the_quota_of_bytes_is_refused_and_its_head_stays(mesh: MeshFolder) -> None:
    domain(mesh, "sales", "quota: {bytes: 1MB}\n")
    mesh.product("sales.orders", ROWS.format(count=10))
    mesh.build()
    mesh.product("sales.orders", "SELECT md5(range::VARCHAR) AS id FROM range(100000)")
    message = mesh.build(code=1)["sales.orders"]["message"]
    assert "MB" in message
    assert "quota is 1.0 MB" in message
    assert len(mesh.rows("sales.orders")) == 10


def test_two_products_that_only_fit_alone_do_not_both_pass(mesh: MeshFolder) -> None:
    domain(mesh, "sales", "quota: {rows: 1000}\n")
    for name in ("a", "b", "c"):
        mesh.product(f"sales.{name}", ROWS.format(count=600))
    outcomes = sorted(one["outcome"] for one in mesh.build(code=1).values())
    assert outcomes == ["error", "error", "published"]


def test_a_domain_s_engine_has_its_own_memory(mesh: MeshFolder) -> None:
    domain(mesh, "small", "engine: {memory: 64MB, threads: 1}\n")
    # What does not fit in memory and cannot be written to disk: one list of everything.
    query = "SELECT length(list(x)::VARCHAR) AS n FROM (SELECT repeat('x', 100) || range AS x FROM range(1500000))"
    mesh.product("small.sums", query)
    mesh.product("sales.sums", query)
    ended = mesh.build(code=3)
    assert ended["sales.sums"]["outcome"] == "published"
    assert "the engine's memory is used up" in ended["small.sums"]["message"]
