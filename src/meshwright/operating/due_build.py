"""One pass over what is due: lease it, look again, build it upstream first, record what became of each product."""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from meshwright.build.events import ProductEnded
from meshwright.build.planning import PlanRequest
from meshwright.model.errors import MeshwrightError, Unavailable
from meshwright.model.graph import reachable
from meshwright.model.schedule import BLOCKED, GOOD, Run, back_off
from meshwright.operating.events import DueFound
from meshwright.operating.outlook import again
from meshwright.operating.product_leases import ProductLeases

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from contextlib import AbstractContextManager
    from datetime import datetime

    from meshwright.build.events import Event
    from meshwright.model.plan import Plan
    from meshwright.model.schedule import Due
    from meshwright.operating import RunningMesh
    from meshwright.operating.events import RunEvent
    from meshwright.operating.outlook import Outlook

    Show = Callable[[Plan], AbstractContextManager[Callable[[Event], None]]]


LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """How due products are run.

    A failure from outside is tried again up to `retries` times, first after `delay_seconds`, then after twice as long each
    time. A runner that is silent for `lease_seconds` loses what it was building to others. While it stays it looks at least
    every `poll_seconds`. `is_stopped` says whether somebody asked it to stop, which a library may have swallowed: nothing is
    begun then, and KeyboardInterrupt goes on. `told` gives the ids of products that may be suggested; None: all.
    """

    environment: str = "prod"
    select: tuple[str, ...] = ()
    retries: int = 3
    delay_seconds: float = 10.0
    lease_seconds: float = 60.0
    poll_seconds: float = 5.0
    is_stopped: Callable[[], bool] = field(default=lambda: False, compare=False)
    told: Callable[[], Collection[str]] | None = field(default=None, compare=False)


@dataclass(slots=True, kw_only=True)
class Pass:
    """What one pass did: what became of each product that it ran, and who is building those that it left alone."""

    ended: dict[str, ProductEnded] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    elsewhere: dict[str, str] = field(default_factory=dict)


class DueBuild:
    """Builds what is due in *outlook*, as the runner called *runner*."""

    def __init__(
        self,
        mesh: RunningMesh,
        settings: RunSettings,
        runner: str,
        *,
        tell: Callable[[RunEvent], None],
        show: Show,
        now: Callable[[], datetime],
    ) -> None:
        self._mesh = mesh
        self._settings = settings
        self._runner = runner
        self._tell = tell
        self._show = show
        self._now = now

    def run(self, outlook: Outlook, due: Mapping[str, Due]) -> Pass:
        """Build the products that are *due* and nobody else is building. Raises what planning and the registry raise."""
        settings, done = self._settings, Pass()
        with ProductLeases(
            self._mesh.runs, settings.environment, self._runner, seconds=settings.lease_seconds, now=self._now
        ) as leases:
            self._take(leases, outlook, due, done)
            # Another runner may have built a product between the look at it and the lease on it.
            outlook = again(outlook, self._mesh, self._now())
            still = outlook.due_now() | outlook.retries()
            ours = {name: one for name, one in due.items() if name not in done.elsewhere}
            done_meanwhile = [name for name, one in ours.items() if one.cause != "asked" and name not in still]
            leases.give_back(done_meanwhile)
            ours = {name: one for name, one in ours.items() if name not in done_meanwhile}
            if ours:
                self._tell(DueFound(due=ours))
                self._build(_Recording(self._mesh, settings, leases, outlook, ours, done, self._now))
        return done

    def _take(self, leases: ProductLeases, outlook: Outlook, due: Collection[str], done: Pass) -> None:
        """Lease what is *due*; what reads a product that another runner is building waits for it."""
        runs, environment = self._mesh.runs, outlook.environment
        before = runs.leased(environment, now=self._now())
        wanted = [name for name in due if name not in before and not _rests_on(name, before, outlook)]
        taken = leases.take(wanted)
        if len(taken) < len(due):
            others = {**before, **runs.leased(environment, now=self._now())}
            lost = {name: others.get(name, "") for name in due if name not in taken}
            above = [name for name in taken if _rests_on(name, lost, outlook)]
            leases.give_back(above)
            done.elsewhere |= lost | {name: next(iter(_rests_on(name, lost, outlook).values())) for name in above}
            done.elsewhere |= {name: who for name in lost for who in _rests_on(name, before, outlook).values()}

    def _build(self, recording: _Recording) -> None:
        request = PlanRequest(environment=self._settings.environment, select=sorted(recording.due))
        try:
            planned = self._mesh.plan(request)
        except Unavailable as error:
            recording.fail_all(error)
            return
        with self._show(planned.plan) as emit:

            def emit_and_record(event: Event) -> None:
                if isinstance(event, ProductEnded):
                    recording.record(event)
                emit(event)

            self._mesh.build(planned, emit_and_record)


def _rests_on(name: str, others: Mapping[str, str], outlook: Outlook) -> dict[str, str]:
    """Those of *others* (runners by product) that *name* reads, directly or through more products."""
    if not others:
        return {}
    return {up: others[up] for up in sorted(reachable({name}, outlook.upstream) & others.keys() - {name})}


class _Recording:
    """Records the runs of one build as its products end."""

    def __init__(
        self,
        mesh: RunningMesh,
        settings: RunSettings,
        leases: ProductLeases,
        outlook: Outlook,
        due: Mapping[str, Due],
        done: Pass,
        now: Callable[[], datetime],
    ) -> None:
        self.due = due
        self._mesh = mesh
        self._settings = settings
        self._leases = leases
        self._outlook = outlook
        self._done = done
        self._now = now
        self._started_at = now().isoformat()
        # What the products of this build read of each other is what it publishes on the way.
        self._served = {name: head.sequence for name, head in outlook.published.items()}

    def record(self, ended: ProductEnded) -> None:
        """Keep what became of a product, and let others have it again."""
        if ended.publication is not None:
            self._served[ended.product] = ended.publication.sequence
        if ended.product not in self.due:
            return
        run = self._run(ended)
        self._done.ended[ended.product] = ended
        self._done.runs[ended.product] = run
        try:
            self._mesh.runs.record(run)
        except MeshwrightError as error:
            # What was published is published; the product stays due, and the others go on.
            LOG.warning("the run of %s could not be recorded: %s", ended.product, error)
            return
        self._leases.ended(ended.product)

    def fail_all(self, error: MeshwrightError) -> None:
        """Not even a plan could be made."""
        for name in self.due:
            self.record(ProductEnded(product=name, outcome="error", message=str(error), exit_code=error.exit_code))

    def _run(self, ended: ProductEnded) -> Run:
        name, is_good = ended.product, ended.outcome in GOOD
        before, upstream = self._outlook.runs.get(name), self._outlook.upstream.get(name, ())
        now = self._now()
        tries, retry_at = self._retry(ended, before, now)
        bad = {up for up in upstream if up in self._done.ended and self._done.ended[up].outcome not in GOOD}
        return Run(
            product=name,
            environment=self._outlook.environment,
            cause=self.due[name].cause,
            started_at=self._started_at,
            ended_at=now.isoformat(),
            outcome=ended.outcome,
            message=ended.message,
            inputs={up: self._served[up] for up in sorted(upstream) if up in self._served},
            blocked_by=tuple(sorted(bad)) if ended.outcome in BLOCKED else (),
            fingerprint=self._outlook.fingerprints.get(name, ""),
            publication=ended.publication.sequence if ended.publication is not None else None,
            tries=tries,
            retry_at=retry_at,
            good_at=self._started_at if is_good else before.good_at if before is not None else "",
            failing_since="" if is_good else (before.failing_since if before is not None else "") or now.isoformat(),
            runner=self._leases.runner,
        )

    def _retry(self, ended: ProductEnded, before: Run | None, now: datetime) -> tuple[int, str]:
        """How often in a row the outside has failed, and when to try again ("": not again before something is new)."""
        if ended.exit_code != Unavailable.exit_code:
            return 0, ""
        was_retry = before is not None and self.due[ended.product].cause == "retry"
        tries = (before.tries if was_retry and before is not None else 0) + 1
        if tries > self._settings.retries:
            return tries, ""
        # Jitter: many products that one database failed do not all come back to it at once.
        wait = back_off(tries, self._settings.delay_seconds, random.random())  # noqa: S311 - nothing secret
        return tries, (now + timedelta(seconds=wait)).isoformat()
