"""What the resilience tests share: where a mesh's registry and warehouse are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mesh_stores import in_postgresql, in_s3

if TYPE_CHECKING:
    from mesh_folder import MeshFolder


@pytest.fixture(params=["beside the mesh", "PostgreSQL"])
def stores(request: pytest.FixtureRequest, mesh: MeshFolder) -> str:
    """Lines of mesh.yaml for a registry of each kind; "PostgreSQL and S3", too, where a test asks for it."""
    secrets, lines = mesh.root.parent / "secrets", ""
    if "PostgreSQL" in request.param:
        lines += in_postgresql(request.getfixturevalue("postgres"), secrets)
    if "S3" in request.param:
        lines += in_s3(request.getfixturevalue("bucket"), secrets)
    return lines
