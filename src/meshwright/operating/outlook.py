"""The outlook: which scheduled products are due now or when, by what is published and what became of their last runs."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from meshwright.formats import cron
from meshwright.model.errors import InvalidMesh, NotFound
from meshwright.model.findings import Severity
from meshwright.model.schedule import Due, Served, Situation, due, late_from, retry

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from meshwright.model.product import Product
    from meshwright.model.publication import Publication
    from meshwright.model.schedule import Run
    from meshwright.operating import RunningMesh
    from meshwright.storage import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """Everything that decides what is due in one environment at one time.

    `products` are in build order; `upstream` are the ids of what each reads; `fingerprints` change when a product's files
    do; `published` and `runs` are by product id; `pinned` are products whose files looking at them has just completed.
    """

    environment: str
    now: datetime
    registry: Registry
    products: Mapping[str, Product]
    upstream: Mapping[str, Sequence[str]]
    fingerprints: Mapping[str, str]
    published: Mapping[str, Publication]
    runs: Mapping[str, Run]
    pinned: Collection[str] = ()

    def dues(self) -> dict[str, Due]:
        """From when on each scheduled product is due, in build order; without those that only something new makes due."""
        found = ((name, self.situation(name)) for name in self.products)
        dues = ((name, due(one)) for name, one in found if one is not None)
        return {name: one for name, one in dues if one is not None}

    def due_now(self) -> dict[str, Due]:
        """The products that are due, in build order, and why."""
        return {name: one for name, one in self.dues().items() if one.at <= self.now}

    def retries(self) -> dict[str, Due]:
        """When each product that the outside failed is tried again, in build order, scheduled or not."""
        found = {name: retry(self.runs[name]) for name in self.products if name in self.runs}
        return {name: one for name, one in found.items() if one is not None}

    def late_from(self, name: str) -> datetime | None:
        """From when on *name* is late; None when nothing is awaited of it."""
        one = self.situation(name)
        return late_from(one) if one is not None else None

    def situation(self, name: str) -> Situation | None:
        """What decides whether *name* is due; None when it has no schedule."""
        product = self.products.get(name)
        schedule = product.schedule if product is not None else None
        if schedule is None:
            return None
        head, run = self.published.get(name), self.runs.get(name)
        read = {one.product: one.sequence for one in head.inputs if one.product} if head is not None else {}
        known = {up: {read.get(up), run.inputs.get(up) if run is not None else None} for up in self.upstream[name]}
        others = {up: self.runs[up] for up in self.upstream[name] if up in self.runs}
        return Situation(
            schedule=schedule,
            now=self.now,
            following=partial(cron.following, schedule.cron, schedule.timezone),
            built_at=began(head) if head is not None else None,
            run=run,
            read=read,
            served={
                up: self._served(self.published[up], known[up]) for up in self.upstream[name] if up in self.published
            },
            recovered={up: datetime.fromisoformat(one.ended_at) for up, one in others.items() if one.is_good},
            fingerprint=self.fingerprints.get(name, ""),
        )

    def _served(self, head: Publication, known: Collection[int | None]) -> Served:
        at = datetime.fromisoformat(head.published_at)
        made = self._made(head, known)
        if made.sequence in known:
            return Served(sequence=made.sequence, at=at, first_unread=at)
        # Only of what was not read yet the history matters.
        moves = self.registry.move_history(self.environment, head.product)
        newest = datetime.fromisoformat(moves[-1][0]) if moves else at
        first = newest
        for moved_at, sequence in reversed(moves):
            if sequence in known:
                break
            first = datetime.fromisoformat(moved_at)
        return Served(sequence=head.sequence, at=newest, first_unread=first)

    def _made(self, head: Publication, known: Collection[int | None]) -> Publication:
        """*head*, or the one before it that is *known* or made the rows: compacting files makes nothing new."""
        with suppress(NotFound):
            while head.compacted and head.sequence not in known and head.parent is not None:
                head = self.registry.publication(self.environment, head.product, head.parent)
        return head


def began(head: Publication) -> datetime:
    """When the build of *head* began: what changed later it may not have seen."""
    return datetime.fromisoformat(head.made_at) - timedelta(seconds=head.duration_seconds)


def look(mesh: RunningMesh, environment: str, now: datetime) -> Outlook:
    """The outlook of *mesh* at *now*, its products understood as their files are.

    Raises InvalidMesh when files outside any product cannot be understood: nothing is known of the mesh then.
    """
    general = [
        finding
        for finding in mesh.workspace.findings
        if finding.severity is Severity.ERROR and not finding.path.startswith("domains/")
    ]
    if general:
        raise InvalidMesh(general)
    published = mesh.registry.heads(environment)
    effective = mesh.effective(environment, published=published)
    upstream: dict[str, set[str]] = {name: set() for name in effective.products}
    for (reader, _), read in effective.reads.items():
        upstream[reader].add(read.product)
    return Outlook(
        environment=environment,
        now=now,
        registry=mesh.registry,
        products={name: bound.product for name, bound in effective.products.items()},
        upstream={name: sorted(found) for name, found in upstream.items()},
        fingerprints=mesh.workspace.fingerprints,
        published=published,
        runs=mesh.runs.last(environment),
        pinned=tuple(effective.pinned),
    )


def again(outlook: Outlook, mesh: RunningMesh, now: datetime) -> Outlook:
    """The same products with what is published and recorded at *now*."""
    environment = outlook.environment
    return replace(outlook, now=now, published=mesh.registry.heads(environment), runs=mesh.runs.last(environment))
