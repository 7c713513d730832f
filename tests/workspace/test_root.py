from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meshwright.model.errors import NotFound
from meshwright.workspace.root import find_root

if TYPE_CHECKING:
    from pathlib import Path


def test_the_root_is_the_nearest_folder_with_mesh_yaml(tmp_path: Path) -> None:
    inner = tmp_path / "mesh" / "domains" / "sales"
    inner.mkdir(parents=True)
    (tmp_path / "mesh.yaml").write_text("name: outer\n")
    (tmp_path / "mesh" / "mesh.yaml").write_text("name: inner\n")
    assert find_root(inner) == find_root(tmp_path / "mesh") == (tmp_path / "mesh").resolve()


def test_outside_a_mesh_the_next_step_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="mesh init"):
        find_root(tmp_path)
