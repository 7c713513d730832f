"""Meshwright: a data mesh you can run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshwright.model.release import __version__

if TYPE_CHECKING:
    import os

    from meshwright.sdk.client import Mesh

__all__ = ["__version__", "connect"]


def connect(
    path: str | os.PathLike[str] = ".", *, environment: str = "prod", acting: str | None = None, purpose: str = ""
) -> Mesh:
    """A connection to the mesh that the folder *path* is in: as the bearer of MESH_TOKEN, else as the mesh's owner.

    *acting* reads as somebody else would, for whom the right to administer is needed; *purpose* says what for. Raises
    NotFound when *path* is in no mesh, Denied for a token that is not good, InvalidInput for an empty name.
    """
    from pathlib import Path

    from meshwright.node import open_node
    from meshwright.sdk.client import Mesh
    from meshwright.sdk.local_transport import LocalTransport

    reader = open_node(Path(path)).reader(environment, acting=acting, purpose=purpose, door="sdk")
    return Mesh(LocalTransport(reader))
