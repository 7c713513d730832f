"""A mesh that was valid is not read again, and any change is noticed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from meshwright.node import open_node
from meshwright.workspace import cache as workspace_cache
from meshwright.workspace.loading import unchanged

if TYPE_CHECKING:
    from mesh_folder import MeshFolder


@pytest.fixture
def settled(mesh: MeshFolder) -> MeshFolder:
    """A valid mesh whose files are old enough to be told by their signatures, validated before."""
    mesh.write("data/orders.csv", "id,amount\n1,2\n")
    mesh.product("sales.orders", "select * from 'data/orders.csv'")
    mesh.product("finance.revenue", "select sum(amount) as total from sales.orders")
    assert mesh.mesh("validate").code == 0
    time.sleep(workspace_cache.RACY_NANOSECONDS / 1e9 + 0.1)
    for _ in range(2):
        assert mesh.mesh("validate").code == 0
    return mesh


def remembered(mesh: MeshFolder) -> bool:
    """Whether the files are known to be as they were."""
    return unchanged(mesh.root, cache=open_node(mesh.root).cache) != ""


@pytest.mark.slow
def test_only_a_mesh_in_which_nothing_changed_is_taken_for_valid_unread(settled: MeshFolder) -> None:
    assert remembered(settled)
    assert "2 products in 2 domains: valid" in settled.mesh("validate").out
    sql = settled.root / "domains/sales/orders/transform/orders.sql"
    text = sql.read_text()
    sql.write_text("selec * from 'data/orders.csv'")
    assert settled.mesh("validate").code == 2
    sql.write_text(text)
    assert settled.mesh("validate").code == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda root: (root / "data/orders.csv").unlink(), id="a source that is gone"),
        pytest.param(lambda root: (root / "mesh.yaml").write_text("nam: x\n"), id="a wrong key in mesh.yaml"),
        pytest.param(lambda root: (root / "domains/finance/domain.yaml").unlink(), id="a domain without its file"),
        pytest.param(
            lambda root: (root / "domains/sales/orders").rename(root / "domains/sales/bought"),
            id="a product under another name",
        ),
    ],
)
def test_what_is_no_longer_valid_is_noticed(settled: MeshFolder, change: object) -> None:
    assert remembered(settled)
    change(settled.root)  # type: ignore[operator]
    assert settled.mesh("validate").code == 2


@pytest.mark.slow
def test_a_new_product_is_noticed(settled: MeshFolder) -> None:
    settled.product("sales.broken", "select nothing from nowhere")
    assert settled.mesh("validate").code == 2


@pytest.mark.slow
def test_a_mesh_with_warnings_says_them_every_time(mesh: MeshFolder) -> None:
    mesh.product("sales.orders", "select 1 as id", contract="- {name: id, physicalType: INTEGER}\n")
    mesh.edit("domains/sales/orders/contracts/orders.yaml", "apiVersion: v3.2.0", "apiVersion: v3.0.2")
    mesh.edit("domains/sales/orders/contracts/orders.yaml", "schema:", "context: {}\nschema:")
    answers = [mesh.mesh("validate", "--json").data["findings"] for _ in range(2)]
    assert answers[0] == answers[1] != []
