"""Where a mesh begins: the folder that holds mesh.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meshwright.model.errors import NotFound

if TYPE_CHECKING:
    from pathlib import Path

MESH_FILE: Final = "mesh.yaml"


def find_root(start: Path) -> Path:
    """The nearest folder at or above *start* that holds mesh.yaml. Raises NotFound when there is none."""
    here = start.resolve()
    for folder in (here, *here.parents):
        if (folder / MESH_FILE).is_file():
            return folder
    message = (
        f"{here} is not in a mesh: there is no {MESH_FILE} here or above. Run 'mesh init', or name the mesh with -C DIR"
    )
    raise NotFound(message)
