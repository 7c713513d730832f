"""Meshwright: a data mesh you can run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshwright.model.release import __version__

if TYPE_CHECKING:
    import os

    from meshwright.sdk.client import Mesh

__all__ = ["__version__", "connect"]


def connect(path: str | os.PathLike[str] = ".", *, environment: str = "prod") -> Mesh:
    """A connection to the mesh that the folder *path* is in. Raises NotFound when it is in none."""
    from pathlib import Path

    from meshwright.node import open_node
    from meshwright.sdk.client import Mesh
    from meshwright.sdk.local_transport import LocalTransport

    return Mesh(LocalTransport(open_node(Path(path)).reader(environment)))
