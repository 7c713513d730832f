"""Rewrites: which products' rows are past their retention, which files are many and small, and what became of both."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from meshwright.build.rewriting import Expiry, Rewriting, expired_rows, small_files
from meshwright.engines.interruption import interruptible
from meshwright.model.errors import Conflict, MeshwrightError
from meshwright.quality.retention import retention

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from meshwright.build.rewriting import Piece, Port
    from meshwright.build.workshop import Workshop
    from meshwright.model.publication import Publication, PublishedPort
    from meshwright.operating.scope import Scope
    from meshwright.storage import Registry

# How often builds may be first before it is left to the next run.
TRIES: Final = 3
RETENTION: Final = "retention"
COMPACTION: Final = "compaction"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewritten:
    """What became, or would become, of a product's files: its publication, or the problem why there is none.

    `what` is retention or compaction; `files` with `rows` go, `made` take their place.
    """

    product: str
    what: str
    files: int = 0
    rows: int = 0
    made: int = 0
    publication: int | None = None
    problem: str = ""
    exit_code: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is to be done to one product that *head* serves."""

    what: str
    head: Publication
    pieces: dict[Port, list[Piece]]
    expiries: dict[Port, Expiry]

    def told(self) -> Rewritten:
        """What would be done."""
        every = [piece for found in self.pieces.values() for piece in found]
        return Rewritten(
            product=self.head.product,
            what=self.what,
            files=sum(len(piece.files) for piece in every),
            rows=sum(file.rows for piece in every for file in piece.files),
            made=sum(not piece.is_empty for piece in every),
        )

    def done(self, workshop: Workshop) -> Rewritten:
        """Do it. Raises Conflict when the head has moved, and what rewriting raises."""
        rewriting = Rewriting(workshop, self.head)
        expires = self.what == RETENTION
        publication = rewriting.expire(self.pieces, self.expiries) if expires else rewriting.compact(self.pieces)
        return replace(self.told(), publication=publication.sequence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrites:
    """The rewrites that are due in one environment; `workshop` makes what they take."""

    registry: Registry
    environment: str
    workshop: Callable[[], Workshop]
    scope: Scope
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def run(self, *, dry_run: bool = False) -> list[Rewritten]:
        """Keep retention, then make small files few, product by product; *dry_run*: say what would be done."""
        found = []
        with ExitStack() as stack:
            opened: list[Workshop] = []
            for product, head in sorted(self.registry.heads(self.environment).items()):
                if not self.scope.holds(product):
                    continue
                for work in self._due(head):
                    if dry_run:
                        found.append(work.told())
                        continue
                    if not opened:
                        opened.append(self.workshop())
                        stack.callback(opened[0].discard)
                    found.append(self._do(work, opened[0]))
        return found

    def _due(self, head: Publication) -> Iterator[Work]:
        """What is to be done to the product of *head*, one after the other."""
        for what in (RETENTION, COMPACTION):
            work = self._work(what, head)
            if work is not None:
                yield work
                head = self.registry.head(self.environment, head.product) or head

    def _do(self, work: Work, workshop: Workshop) -> Rewritten:
        told = work.told()
        try:
            for _ in range(TRIES):
                # What is read from here on stays: the workshop's run is running. And a build may have been first.
                again = self._work(work.what, self.registry.head(self.environment, work.head.product))
                if again is None:
                    break
                with suppress(Conflict):
                    return interruptible(partial(again.done, workshop), workshop.stop)
        except MeshwrightError as error:
            return replace(told, problem=str(error), exit_code=error.exit_code)
        return replace(told, problem="builds were first; the next run takes it up again")

    def _work(self, what: str, head: Publication | None) -> Work | None:
        """What is to be done to what *head* serves; None when there is nothing, or another environment writes its tables."""
        if head is None or head.environment != self.environment:
            return None
        pieces, expiries = {}, {}
        for port in head.ports:
            if port.kind != "tables" or not port.table or (port.written_in or head.environment) != self.environment:
                continue
            expiry = self._expiry(port) if what == RETENTION else None
            if what == RETENTION and expiry is not None:
                found = expired_rows(self.registry.files(port.table, port.snapshot), port.schema, expiry)
                expiries[port.name, port.major] = expiry
            elif what == COMPACTION and port.files > 1:
                found = small_files(self.registry.files(port.table, port.snapshot))
            else:
                continue
            if found:
                pieces[port.name, port.major] = found
        return Work(what=what, head=head, pieces=pieces, expiries=expiries) if pieces else None

    def _expiry(self, port: PublishedPort) -> Expiry | None:
        """What of a port is past its retention: what a full port holds is decided by its transformation alone."""
        if port.materialization == "full" or not port.contract.tables:
            return None
        check = retention(port.contract, now=self.now(), event_time=port.event_time)
        return None if check is None else Expiry(column=check.column, until=check.since, promise=check.promise)
