"""Data files that are gone or damaged: whatever failed while they were read, they are to blame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshwright.model.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from meshwright.model.publication import DataFile


def is_intact(path: Path, file: DataFile) -> bool:
    """Whether the data file at *path* is there with the size it was published with; its content is not read."""
    try:
        return path.stat().st_size == file.bytes
    except OSError:
        return False


def require_files(
    files: Iterable[DataFile], *, port: str, product: str, locate: Callable[[str], Path], error: str
) -> None:
    """Raise Unavailable when one of *files*, which *port* is served from, is gone, damaged, or named by *error*."""
    for file in files:
        path = locate(file.path)
        if is_intact(path, file) and str(path) not in error:
            continue
        problem, remedy = ("damaged", "repair") if path.exists() else ("missing", "mount")
        raise Unavailable(
            f"{path} is {problem}, and {port} is served from it: {remedy} or restore the warehouse, or "
            f"rebuild with `mesh build --full --select {product}`"
        )
