"""Data files that are gone or damaged: whatever failed while they were read, they are to blame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshwright.model.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshwright.model.publication import DataFile
    from meshwright.storage import Warehouse


def are_intact(files: Iterable[DataFile], warehouse: Warehouse) -> bool:
    """Whether every one of *files* is there with the size it was published with; no content is read."""
    return not warehouse.lost((file.path, file.bytes) for file in files)


def require_files(files: Iterable[DataFile], *, port: str, product: str, warehouse: Warehouse, error: str) -> None:
    """Raise Unavailable when one of *files*, which *port* is served from, is gone, damaged, or named by *error*."""
    files = list(files)
    lost = warehouse.lost((file.path, file.bytes) for file in files)
    for file in files:
        problem = lost.get(file.path) or ("damaged" if _is_named(warehouse, file, error) else "")
        if not problem:
            continue
        remedy = "repair" if problem == "damaged" else "mount"
        raise Unavailable(
            f"{warehouse.name(file.path)} is {problem}, and {port} is served from it: {remedy} or restore the warehouse, or "
            f"rebuild with `mesh build --full --select {product}`"
        )


def _is_named(warehouse: Warehouse, file: DataFile, error: str) -> bool:
    """Whether the engine's *error* speaks of the *file*: what it says of others need not be looked at."""
    return file.path.rsplit("/", 1)[-1] in error and str(warehouse.locate(file.path)) in error
