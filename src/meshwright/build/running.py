"""Running a plan: independent products in parallel, downstream after upstream, and a clean stop."""

from __future__ import annotations

import logging
import shutil
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from meshwright.build.causes import cause, trace
from meshwright.build.events import BuildEnded, BuildStarted, ProductEnded
from meshwright.build.product_build import ProductBuild, TestsFailed
from meshwright.engines.interruption import interrupt_until
from meshwright.model.errors import MeshwrightError, Unavailable
from meshwright.model.plan import Action

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshwright.build.planning import Planned
    from meshwright.build.workshop import Workshop
    from meshwright.model.plan import ProductPlan

LOG = logging.getLogger(__name__)

# Outcomes after which a product's consumers can go on.
GOOD = frozenset({"published", "reused"})


class PlanRun:
    """Applies one plan."""

    def __init__(self, workshop: Workshop, planned: Planned) -> None:
        self.workshop = workshop
        self.planned = planned
        self.plans = {one.id: one for one in planned.plan.products}
        self.places = {name: place for place, name in enumerate(self.plans)}
        self.ended: dict[str, ProductEnded] = {}
        self.started = time.monotonic()

    def run(self) -> list[ProductEnded]:
        """What became of each product, in plan order. Ctrl-C stops it: what was published stays, the rest is untouched."""
        workshop = self.workshop
        try:
            workshop.emit(BuildStarted(run=workshop.run, environment=workshop.environment, products=len(self.plans)))
            if any(one.action is Action.BUILD for one in self.plans.values()):
                workshop.engine.start()
            self._schedule()
        except KeyboardInterrupt:
            shutil.rmtree(workshop.staging, ignore_errors=True)
            raise
        finally:
            outcomes = Counter(one.outcome for one in self.ended.values())
            seconds = time.monotonic() - self.started
            workshop.emit(BuildEnded(run=workshop.run, outcomes=dict(outcomes), seconds=seconds))
        if all(one.outcome in GOOD | {"blocked", "removed", "kept"} for one in self.ended.values()):
            shutil.rmtree(workshop.staging, ignore_errors=True)
        return [self.ended[name] for name in self.plans if name in self.ended]

    def _schedule(self) -> None:
        waiting = {name: self._upstream(name) | self._referenced(name) for name in self.plans}
        running: dict[Future[ProductEnded], str] = {}
        with ThreadPoolExecutor(max_workers=self._workers(), thread_name_prefix="build") as pool:
            try:
                while waiting or running:
                    for name in [name for name, ups in waiting.items() if ups <= self.ended.keys()]:
                        waiting.pop(name)
                        future = self._start(pool, name)
                        if future is not None:
                            running[future] = name
                    if running:
                        done, _ = wait(running, return_when=FIRST_COMPLETED)
                        for future in done:
                            running.pop(future)
                            self._end(future.result())
            except BaseException:
                self.workshop.stopped.set()
                pool.shutdown(wait=False, cancel_futures=True)
                interrupt_until(lambda: all(future.done() for future in running), self.workshop.stop)
                raise

    def _workers(self) -> int:
        return max(1, min(self.workshop.workers, len(self.plans)))

    def _upstream(self, name: str) -> set[str]:
        bound = self.planned.mesh.products.get(name)
        if bound is None:
            return set()
        reads = self.planned.mesh.reads
        found = {reads[name, port.name].product for port in bound.product.input_ports if (name, port.name) in reads}
        return found & self.plans.keys()

    def _referenced(self, name: str) -> set[str]:
        """The products before this one in the plan that its relationships point to: its tests look into them."""
        bound = self.planned.mesh.products.get(name)
        references = bound.product.references if bound is not None else ()
        return {other for other in references if self.places.get(other, len(self.places)) < self.places[name]}

    def _start(self, pool: ThreadPoolExecutor, name: str) -> Future[ProductEnded] | None:
        plan = self.plans[name]
        lost = sorted(up for up in self._upstream(name) if self.ended[up].outcome not in GOOD | {"blocked"})
        if lost and plan.action is Action.BUILD:
            self._end(
                ProductEnded(
                    product=name, outcome="skipped", message=f"it reads {', '.join(lost)}, which failed", exit_code=1
                )
            )
        elif plan.action is Action.BUILD:
            return pool.submit(self._build, plan)
        else:
            self._end(self._without_build(plan))
        return None

    def _without_build(self, plan: ProductPlan) -> ProductEnded:
        reasons = "; ".join(plan.reasons)
        if plan.action is Action.BLOCKED:
            return ProductEnded(product=plan.id, outcome="blocked", message=reasons, exit_code=self._blocked_by(plan))
        if plan.action is Action.REMOVE:
            return self._remove(plan, reasons)
        head = self.planned.published[plan.id]
        return ProductEnded(product=plan.id, outcome="reused", message=reasons, publication=head)

    @staticmethod
    def _blocked_by(plan: ProductPlan) -> int:
        """3 when only a source that does not answer stands in the way: trying again may help; else 1."""
        return 3 if plan.reasons and all("[source-unavailable]" in reason for reason in plan.reasons) else 1

    def _remove(self, plan: ProductPlan, reasons: str) -> ProductEnded:
        if not self.planned.plan.allow_remove or plan.head is None:
            return ProductEnded(product=plan.id, outcome="kept", message=reasons)
        try:
            self.workshop.registry.move_head(self.workshop.environment, plan.id, to=None, head=plan.head)
        except MeshwrightError as error:
            return ProductEnded(product=plan.id, outcome="error", message=str(error), exit_code=error.exit_code)
        return ProductEnded(product=plan.id, outcome="removed", message=reasons)

    def _build(self, plan: ProductPlan) -> ProductEnded:
        bound = self.planned.mesh.products[plan.id]
        verdict = self.planned.verdicts[plan.id]
        build = ProductBuild(self.workshop.within(bound.product.domain), self.planned, bound, verdict)
        started_at, started = self.workshop.now().isoformat(), time.monotonic()
        try:
            return build.run()
        except MeshwrightError as error:
            if self.workshop.stopped.is_set():
                # It did not fail: it was stopped.
                raise KeyboardInterrupt from error
            return self._failed(build, error, started_at, started)
        except Exception as error:  # noqa: BLE001 - the outermost loop: one product's defect must not take the others down
            # What it says may tell of rows: the event has it, for those who may know.
            LOG.error("building %s: %s", plan.id, trace(error))  # noqa: TRY400 - the same without the message
            message = f"{type(error).__name__}: {error}. This is a defect of Meshwright; `mesh -v build` shows where"
            return self._failed(build, Unavailable(message), started_at, started)

    def _failed(self, build: ProductBuild, error: MeshwrightError, started_at: str, started: float) -> ProductEnded:
        tests = error.tests if isinstance(error, TestsFailed) else {}
        attempt = build.attempt(error, started_at)
        paths = [one.path for one in build.bound.transformations]
        try:
            self.workshop.registry.record_attempt(attempt)
        except MeshwrightError as second:
            LOG.warning("the failed build of %s could not be recorded: %s", build.product, second)
        return ProductEnded(
            product=build.product,
            outcome="failed" if tests else "error",
            message=str(error),
            tests=tests,
            seconds=time.monotonic() - started,
            exit_code=error.exit_code,
            details={"staged": attempt.staged},
            cause="" if tests else cause(error, paths),
        )

    def _end(self, ended: ProductEnded) -> None:
        self.ended[ended.product] = ended
        self.workshop.emit(ended)


def exit_code(ended: Sequence[ProductEnded]) -> int:
    """0 when every product is as planned; else the worst: 3 outside failure, 2 invalid, 1 the mesh said no."""
    return max((one.exit_code for one in ended), default=0)
