"""What commands leave behind in the mesh's own state folder: spilled rows of dead runs, caches of environments that are gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshwright.model.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

ANALYSIS = "analysis-"


def leftovers(state: Path, environments: Collection[str], *, until: float, is_idle: bool) -> list[Path]:
    """Files below *state* that no command uses any more, last changed before *until* (seconds since 1970).

    While a run goes on (not *is_idle*) nobody can tell whose spilled rows are whose: they stay.
    """
    spilled = [path for path in (state / "spill").rglob("*") if path.is_file()] if is_idle else []
    cached = [
        path
        for path in (state / "cache").glob(f"{ANALYSIS}*.msgpack")
        if path.stem.removeprefix(ANALYSIS) not in {*environments, "files"}
    ]
    return sorted(path for path in (*spilled, *cached) if _changed(path) < until)


def remove(paths: Iterable[Path]) -> None:
    """Remove what `leftovers` found. Raises Unavailable."""
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(f"cannot remove {path}: {error.strerror or error}") from error


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return float("inf")
