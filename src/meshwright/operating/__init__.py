"""Operating: what keeps a mesh going: schedules and due runs, notices, maintenance, other schedulers' files.

Decides when something is done and clears up after it; how a product is built is `build`'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from meshwright.build.effective import EffectiveMesh
    from meshwright.build.events import Event, ProductEnded
    from meshwright.build.planning import Planned, PlanRequest
    from meshwright.model.publication import Publication
    from meshwright.storage import Registry, Runs
    from meshwright.workspace.loading import Workspace


class RunningMesh(Protocol):
    """What a runner needs of a mesh; a node is one."""

    @property
    def workspace(self) -> Workspace:
        """The mesh's files, as they were when they were first asked for."""
        ...

    @property
    def registry(self) -> Registry:
        """What is published."""
        ...

    @property
    def runs(self) -> Runs:
        """What was due, and who builds it."""
        ...

    def effective(self, environment: str, *, published: Mapping[str, Publication] | None = None) -> EffectiveMesh:
        """The mesh's products, understood beside what is known to be *published*."""
        ...

    def plan(self, request: PlanRequest) -> Planned:
        """What a build would do."""
        ...

    def build(self, planned: Planned, emit: Callable[[Event], None]) -> list[ProductEnded]:
        """What became of each product."""
        ...
