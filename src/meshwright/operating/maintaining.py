"""Maintaining a mesh: forget what is past, remove the files that nobody needs, keep retention, make small files few.

Every step can be cut off anywhere: what the registry names is there, and the next run goes on. A file goes when it has been
known for the time of grace that nobody needs it, and since before any run began that is not over.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from meshwright.model.errors import Refused, Unavailable
from meshwright.model.maintenance import COMMIT_SECONDS
from meshwright.operating.forgetting import forgettable
from meshwright.operating.leftovers import leftovers, remove

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from meshwright.model.maintenance import Key, Maintenance, Remains, StoredFile
    from meshwright.operating.rewrites import Rewrites, Rewritten
    from meshwright.operating.scope import Scope
    from meshwright.reading.governed_copies import GovernedCopies
    from meshwright.storage import Past, Registry, Tables, Warehouse

# A file's time may be told by a coarser clock than ours.
COARSE_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintained:
    """What one run of maintenance did, or, dry, would do.

    `waiting` files are unneeded, and stay for the time of grace; `staged` are the runs whose staging folders went.
    """

    forgotten: tuple[Key, ...] = ()
    attempts: int = 0
    removed: tuple[StoredFile, ...] = ()
    waiting: tuple[StoredFile, ...] = ()
    staged: tuple[str, ...] = ()
    leftovers: tuple[Path, ...] = ()
    rewritten: tuple[Rewritten, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintaining:
    """Maintains a mesh; where products are selected only these, and no files."""

    registry: Registry
    past: Past
    tables: Tables
    warehouse: Warehouse
    settings: Maintenance
    scope: Scope
    rewrites: Rewrites
    # Those on this machine.
    copies: GovernedCopies
    # The mesh's own folder for its state, and the environments that may have caches there.
    state: Path
    environments: Callable[[], Collection[str]]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def run(self, *, dry_run: bool = False) -> Maintained:
        """Do it all, or only say what would be done. Raises Refused, Unavailable."""
        # In this order: who has read a head that is not served any more by now began before that, and is seen to run.
        now = self.now()
        begun, running = time.time() - COARSE_SECONDS, self.warehouse.running()
        # Before anything is forgotten: what comes later is not looked at.
        stored = list(self.warehouse.files()) if self.scope.selected is None else []
        since = now - timedelta(seconds=self.settings.grace_seconds)
        since = min(since, *(datetime.fromtimestamp(one - 2 * COMMIT_SECONDS, UTC) for one in running.values()), now)
        until = now - timedelta(seconds=self.settings.history.seconds)
        remains = self.past.forget(
            lambda census: forgettable(census, history=self.scope.history, now=now, since=since),
            attempts_until=until.isoformat(),
            dry_run=dry_run,
        )
        if not dry_run:
            self._shorten()
        removed, waiting, staged = self._sweep(stored, remains, running, begun, dry_run=dry_run)
        if not dry_run and self.scope.selected is None:
            self._forget_copies(stored, removed, begun)
        left = self._leftovers(is_idle=not running, until=since.timestamp(), dry_run=dry_run)
        return Maintained(
            forgotten=remains.forgotten,
            attempts=remains.attempts,
            removed=tuple(removed),
            waiting=tuple(waiting),
            staged=tuple(staged),
            leftovers=tuple(left),
            rewritten=tuple(self.rewrites.run(dry_run=dry_run)),
        )

    def _leftovers(self, *, until: float, is_idle: bool, dry_run: bool) -> list[Path]:
        if self.scope.selected is not None:
            return []
        found = leftovers(self.state, self.environments(), until=until, is_idle=is_idle)
        if not dry_run:
            remove(found)
        return found

    def _sweep(
        self,
        stored: Sequence[StoredFile],
        remains: Remains,
        running: Mapping[str, float],
        begun: float,
        *,
        dry_run: bool,
    ) -> tuple[list[StoredFile], list[StoredFile], list[str]]:
        """Remove files and staging folders that nobody has needed for the time of grace: these, those that wait, the runs."""
        if self.scope.selected is not None:
            return [], [], []
        now = self.now()
        until = now - timedelta(seconds=self.settings.grace_seconds)
        if not remains.snapshots and not remains.paths:
            self._require_registry(stored)
        unneeded = self.tables.unneeded(stored, remains)
        noted = self.past.unneeded([file.path for file in unneeded], now=now, dry_run=dry_run)
        # Who began before this may have seen what is forgotten now; who begins from here on does not find it any more.
        running = {**running, **self.warehouse.running()}
        began = min(begun, *running.values()) if running else begun
        removed: list[StoredFile] = []
        waiting: list[StoredFile] = []
        for file in unneeded:
            since = noted[file.path]
            is_safe = file.changed < began and (not running or since.timestamp() < began)
            (removed if is_safe and since <= until else waiting).append(file)
        staged = sorted(
            run
            for run, changed in self.warehouse.staged().items()
            if run not in running and run not in remains.runs and changed < until.timestamp()
        )
        if not dry_run:
            tables = {table for table, _ in remains.snapshots}
            folders = {file.path.rsplit("/", 2)[0] for file in removed if "/artifacts/" not in file.path} - tables
            self.warehouse.remove([file.path for file in removed], folders=sorted(folders))
            for run in staged:
                self.warehouse.discard_staging(run)
        return removed, waiting, staged

    def _forget_copies(self, stored: Sequence[StoredFile], removed: Sequence[StoredFile], begun: float) -> None:
        """Remove the governed copies made of files that are gone; copies of files that are newer than *stored* stay."""
        gone = {file.path for file in removed}
        self.copies.forget(gone)
        self.copies.forget_others((file.path for file in stored if file.path not in gone), before=begun)

    def _require_registry(self, stored: Sequence[StoredFile]) -> None:
        """Raise Refused where a registry that knows of nothing would have a whole warehouse removed."""
        if stored and self.registry.is_empty():
            raise Refused(
                f"nothing was ever published in this registry, and the warehouse holds {len(stored)} files: "
                "correct `registry` or `warehouse` in mesh.yaml, or restore the registry; nothing was removed"
            )

    def _shorten(self) -> None:
        """Write the tables' metadata anew where Iceberg's own history names snapshots that are forgotten."""
        shortened = self.past.shortened()
        known: dict[str, set[int]] = {}
        for snapshot in shortened:
            known.setdefault(snapshot.table, set())
        for table in known:
            known[table] = set(self.past.snapshots(table))
        for snapshot in shortened:
            try:
                metadata = self.tables.without_past(snapshot, known[snapshot.table])
            except Unavailable:
                if self.past.holds(snapshot):
                    raise
                # Other maintenance has forgotten it meanwhile, or has written its metadata anew.
                continue
            if metadata is not None:
                self.past.move_metadata(snapshot, metadata)
        # A build that goes on may have read the metadata of before.
        if shortened and not self.warehouse.running():
            self.past.settle(shortened)
