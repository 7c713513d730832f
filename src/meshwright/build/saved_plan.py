"""Saved plans: what `mesh plan --out` wrote, applied only while nothing that it rests on has changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshwright.model.errors import InvalidInput
from meshwright.model.plan import Plan  # noqa: TC001 - the decoder reads the annotation
from meshwright.model.release import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from meshwright.build.planning import PlanRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPlan:
    """A plan with the request that made it."""

    meshwright: str
    environment: str
    select: tuple[str, ...]
    full: bool
    allow_remove: bool
    plan: Plan


def save(plan: Plan, request: PlanRequest, path: Path) -> None:
    """Write *plan* to *path* as JSON."""
    import msgspec

    saved = SavedPlan(
        meshwright=__version__,
        environment=request.environment,
        select=tuple(request.select),
        full=request.full,
        allow_remove=request.allow_remove,
        plan=plan,
    )
    path.write_bytes(msgspec.json.format(msgspec.json.encode(saved), indent=2) + b"\n")


def load(path: Path) -> SavedPlan:
    """The plan saved in *path*. Raises InvalidInput when it is none, or another version's."""
    import msgspec

    try:
        saved = msgspec.json.decode(path.read_bytes(), type=SavedPlan)
    except (OSError, msgspec.MsgspecError) as error:
        raise InvalidInput(f"{path} is no saved plan: {error}. Write one with `mesh plan --out {path}`") from None
    if saved.meshwright != __version__:
        raise InvalidInput(f"{path} was saved by Meshwright {saved.meshwright}, this is {__version__}: plan again")
    return saved
