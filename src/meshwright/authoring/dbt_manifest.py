"""`target/manifest.json`: the project as dbt itself parsed it, used as long as no file of the project is newer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from meshwright.authoring.dbt_project import DbtProject


def fresh_manifest(folder: Path) -> Path | None:
    """The manifest."""
    return None


def read_manifest(folder: Path, manifest: Path) -> DbtProject:
    """The project."""
    raise NotImplementedError
