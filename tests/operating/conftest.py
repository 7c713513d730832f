"""What the tests of operating share: a mesh whose products have schedules, and a runner with a clock that jumps."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from meshwright.node import Node
from meshwright.operating.due_build import RunSettings
from meshwright.operating.runner import Report, Runner
from operating.clocks import JumpingClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mesh_folder import MeshFolder
    from meshwright.build.events import Event
    from meshwright.model.plan import Plan
    from meshwright.model.schedule import Run
    from meshwright.operating.events import RunEvent


def schedule(value: str) -> str:
    """The descriptor's part that gives a product the schedule *value*."""
    return f"customProperties:\n- {{property: mesh.schedule, value: {value}}}\n"


class Operated:
    """A mesh with a clock, run in this process; `told` is what the runner said, `built` the plans it built."""

    def __init__(self, mesh: MeshFolder) -> None:
        self.mesh = mesh
        self.clock = JumpingClock()
        self.told: list[RunEvent] = []
        self.built: list[list[str]] = []

    def product(self, name: str, sql: str, when: str = "", **more: Any) -> None:
        self.mesh.product(name, sql, descriptor=schedule(when) if when else "", **more)

    def runner(self, **settings: Any) -> Runner:
        return Runner(
            lambda: Node(self.mesh.root, now=self.clock.now),
            RunSettings(**settings),
            "test",
            tell=self.told.append,
            show=self._show,
            clock=self.clock.clock,
        )

    def once(self, **settings: Any) -> dict[str, str]:
        """Run what is due; the outcome of each product that was run."""
        return outcomes(self.runner(**settings).once())

    def last(self, product: str) -> Run:
        node = Node(self.mesh.root)
        try:
            return node.runs.last("prod")[product]
        finally:
            node.runs.close()

    @contextmanager
    def _show(self, plan: Plan) -> Iterator[Callable[[Event], None]]:
        self.built.append([one.id for one in plan.products])
        yield lambda _: None


def outcomes(report: Report) -> dict[str, str]:
    return {name: one.outcome for name, one in report.ended.items()}


@pytest.fixture
def operated(mesh: MeshFolder) -> Operated:
    return Operated(mesh)
