"""Fixtures of all tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mesh_folder import MeshFolder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def mesh(tmp_path: Path) -> MeshFolder:
    """An empty mesh."""
    folder = tmp_path / "mesh"
    folder.mkdir()
    return MeshFolder(folder)
