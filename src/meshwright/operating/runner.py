"""The runner: builds what is due, once or for as long as it stays."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from meshwright.build.selection import select
from meshwright.model.errors import MeshwrightError, Unavailable
from meshwright.model.schedule import Due
from meshwright.operating.clock import Clock
from meshwright.operating.due_build import DueBuild, Pass
from meshwright.operating.events import LeftToOthers, Troubled, Waited
from meshwright.operating.outlook import again, look

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from meshwright.build.events import ProductEnded
    from meshwright.operating import RunningMesh
    from meshwright.operating.due_build import RunSettings, Show
    from meshwright.operating.events import RunEvent
    from meshwright.operating.outlook import Outlook

LOG = logging.getLogger(__name__)
# Products become late without anything happening, so a runner that stays looks up at least so often.
LOOK_SECONDS = 60.0
State = tuple[object, ...]


@dataclass(slots=True, kw_only=True)
class Report:
    """What became last of each product that was run, what was left to other runners, and what is due next.

    `scheduled` is how many products have a schedule.
    """

    ended: dict[str, ProductEnded] = field(default_factory=dict)
    elsewhere: dict[str, str] = field(default_factory=dict)
    next: dict[str, Due] = field(default_factory=dict)
    scheduled: int = 0


class Runner:
    """Runs what is due in one environment, under *name*, which no other runner bears.

    *open_mesh* reads the mesh's files anew each time; *tell* takes what there is to say, *show* a plan and gives what takes
    its build's events; *after* is called with the mesh and the outlook when a pass is over.
    """

    def __init__(
        self,
        open_mesh: Callable[[], RunningMesh],
        settings: RunSettings,
        name: str,
        *,
        tell: Callable[[RunEvent], None],
        show: Show,
        after: Callable[[RunningMesh, Outlook], None] = lambda *_: None,
        clock: Clock | None = None,
    ) -> None:
        self._open = open_mesh
        self._settings = settings
        self._name = name
        self._tell = tell
        self._show = show
        self._after = after
        self._clock = clock or Clock()
        self._told: RunEvent | None = None

    def once(self) -> Report:
        """Run what is due until nothing is, tries after failures from outside included.

        A product's schedule makes it due once, however long this takes. Raises what planning and the registry raise.
        """
        return self._until_done(self._due)

    def asked(self) -> Report:
        """Run what is selected now, whether it is due or not; what other runners are building, when they are done.

        Raises InvalidInput when nothing is meant.
        """
        return self._until_done(self._asked, waits=True)

    def _until_done(self, choose: Callable[[Outlook, Report], dict[str, Due]], *, waits: bool = False) -> Report:
        report = Report()
        while True:
            self._stop_if_asked()
            mesh = self._open()
            try:
                done, outlook = self._pass(mesh, report, choose)
            finally:
                _close(mesh)
            if done.ended:
                continue
            if done.elsewhere and waits:
                self._clock.sleep(self._settings.poll_seconds)
                continue
            retries = {name: one for name, one in outlook.retries().items() if name in report.ended}
            first = min(retries, key=lambda name: retries[name].at, default=None)
            if first is None or done.elsewhere:
                report.scheduled = sum(product.schedule is not None for product in outlook.products.values())
                report.next = {name: one for name, one in outlook.dues().items() if one.at > outlook.now}
                return report
            self._tell_once(Waited(product=first, due=retries[first]))
            self._clock.sleep(max(0.0, (retries[first].at - self._clock.now()).total_seconds()))

    def _due(self, outlook: Outlook, report: Report) -> dict[str, Due]:
        chosen = self._chosen(outlook)
        return {
            name: one
            for name, one in outlook.due_now().items()
            if name in chosen and not (name in report.ended and one.cause == "cron")
        }

    def _asked(self, outlook: Outlook, report: Report) -> dict[str, Due]:
        chosen, retries = self._chosen(outlook), outlook.retries()
        now = Due(at=outlook.now, cause="asked", reason="asked for")
        found = {
            name: retries.get(name) if name in report.ended else now for name in outlook.products if name in chosen
        }
        return {name: one for name, one in found.items() if one is not None and one.at <= outlook.now}

    def watch(self) -> None:
        """Run what is due whenever it is, until the process is told to stop. Trouble is told once, and outlived."""
        seen: State | None = None
        wake = self._clock.now()
        while True:
            try:
                seen, wake = self._look_up(seen, wake)
            except MeshwrightError as error:
                self._stop_if_asked()
                seen = None
                self._tell_once(Troubled(message=str(error), exit_code=error.exit_code))
            except Exception as error:  # the outermost loop: a defect must not end a runner that stays
                self._stop_if_asked()
                LOG.exception("running what is due")
                seen = None
                message = f"{type(error).__name__}: {error}. This is a defect of Meshwright; `mesh -v run` shows where"
                self._tell_once(Troubled(message=message, exit_code=Unavailable.exit_code))
            self._stop_if_asked()
            until = (wake - self._clock.now()).total_seconds()
            self._clock.sleep(min(until, self._settings.poll_seconds) if until > 0 else self._settings.poll_seconds)

    def _stop_if_asked(self) -> None:
        if self._settings.is_stopped():
            raise KeyboardInterrupt

    def _look_up(self, seen: State | None, wake: datetime) -> tuple[State, datetime]:
        """Run what is due if anything changed since *seen* or *wake* has come; the state that was found, and when to wake."""
        mesh = self._open()
        try:
            while True:
                self._stop_if_asked()
                state = self._state(mesh)
                if state == seen and self._clock.now() < wake:
                    return state, wake
                done, outlook = self._pass(mesh, Report(), self._due)
                if not done.ended:
                    break
                # What was built may have made others due.
                seen = None
        finally:
            _close(mesh)
        now = self._clock.now()
        if done.elsewhere:
            # Who builds it may end without a trace; when it ends well, the state changes.
            return state, now + timedelta(seconds=self._settings.lease_seconds / 4)
        later = {name: one for name, one in outlook.dues().items() if one.at > outlook.now}
        first = min(later, key=lambda name: later[name].at, default=None)
        self._tell_once(Waited(product=first, due=later[first] if first is not None else None))
        soon = now + timedelta(seconds=LOOK_SECONDS)
        return state, min(later[first].at, soon) if first is not None else soon

    def _state(self, mesh: RunningMesh) -> State:
        """What is equal as long as nothing happens: cheap, no product is looked into."""
        environment = self._settings.environment
        workspace = mesh.workspace
        return (
            tuple(sorted(workspace.fingerprints.items())),
            workspace.mesh.settings,
            workspace.findings,
            tuple(sorted(mesh.registry.head_sequences(environment).items())),
            tuple((name, run.ended_at) for name, run in sorted(mesh.runs.last(environment).items())),
        )

    def _pass(
        self,
        mesh: RunningMesh,
        report: Report,
        choose: Callable[[Outlook, Report], dict[str, Due]],
        *,
        is_first: bool = True,
    ) -> tuple[Pass, Outlook]:
        outlook = look(mesh, self._settings.environment, self._clock.now())
        if outlook.pinned and is_first:
            # Their files now hold what was sniffed of their inputs: to look at them again tells that from people's changes.
            fresh = self._open()
            try:
                return self._pass(fresh, report, choose, is_first=False)
            finally:
                _close(fresh)
        done = self._build(mesh, outlook, choose(outlook, report), report)
        outlook = again(outlook, mesh, self._clock.now())
        self._after(mesh, outlook)
        return done, outlook

    def _build(self, mesh: RunningMesh, outlook: Outlook, due: Mapping[str, Due], report: Report) -> Pass:
        if not due:
            report.elsewhere = {}
            return Pass()
        building = DueBuild(
            mesh, self._settings, self._name, tell=self._tell_once, show=self._show, now=self._clock.now
        )
        done = building.run(outlook, due)
        report.ended |= done.ended
        report.elsewhere = done.elsewhere
        if done.elsewhere:
            self._tell_once(LeftToOthers(runners=done.elsewhere))
        return done

    def _chosen(self, outlook: Outlook) -> set[str]:
        settings = self._settings
        return select(settings.select, outlook.products, outlook.upstream, changed=(), told=settings.told)

    def _tell_once(self, event: RunEvent) -> None:
        """Say it, unless it was the last thing said."""
        if event != self._told:
            self._told = event
            self._tell(event)


def _close(mesh: RunningMesh) -> None:
    mesh.registry.close()
    mesh.runs.close()
