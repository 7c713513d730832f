"""Files that vanish from the warehouse are missed where they are read, and a full build makes them anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mesh_folder import MeshFolder


def test_a_full_build_brings_back_files_that_were_lost_although_nothing_changed(mesh: MeshFolder) -> None:
    mesh.write("data/orders.csv", "id\n1\n2\n")
    mesh.product("sales.orders", "select id from 'data/orders.csv'")
    mesh.build()
    (lost,) = (mesh.root / ".mesh/warehouse/sales/orders").glob("*/data/*.parquet")
    lost.unlink()
    answer = mesh.mesh("read", "sales.orders")
    assert answer.code == 3
    assert f"{lost.name} is missing" in answer.err
    assert "mesh build --full --select sales.orders" in answer.err
    mesh.build("--full")
    assert mesh.rows("sales.orders") == [{"id": 1}, {"id": 2}]
