"""From a draft to a first major version."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mesh_folder import MeshFolder


def test_a_first_major_version_takes_the_place_of_the_draft(mesh: MeshFolder) -> None:
    mesh.product("sales.orders", "select 1 as id")
    mesh.build()
    mesh.contract("sales.orders", "- {name: id, physicalType: INTEGER}")
    mesh.build()
    listed = mesh.mesh("list", "--json").data
    assert [(one["address"], one["version"]) for one in listed] == [("sales.orders", "1.0.0")]


def test_the_draft_can_still_be_read_as_it_was(mesh: MeshFolder) -> None:
    mesh.product("sales.orders", "select 1 as id")
    mesh.build()
    mesh.contract("sales.orders", "- {name: id, physicalType: INTEGER}")
    mesh.edit("domains/sales/orders/transform/orders.sql", "select 1", "select 2")
    mesh.build()
    assert mesh.rows("sales.orders") == [{"id": 2}]
    assert mesh.rows("sales.orders", "--as-of", "1") == [{"id": 1}]
