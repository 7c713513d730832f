"""Forgetting the past in the registry's database: publications, and whatever only they needed.

All of it is one transaction that is alone in writing: nobody publishes, promotes or rolls back between the decision and
its effect. A dry run does the same and undoes it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from meshwright.model.maintenance import Census, Remains
from meshwright.model.publication import Attempt, Snapshot
from meshwright.storage.database import open_database
from meshwright.storage.documents import decode, decoding_many, encode
from meshwright.storage.environments import utc
from meshwright.storage.file_lists import read_paths

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from pathlib import Path

    from meshwright.model.maintenance import Key
    from meshwright.storage.database import Transaction
    from meshwright.storage.file_lists import Rows

# As many snapshots as Iceberg's own metadata names at most: see `iceberg_metadata`.
NAMED_MAX: Final = 10

PUBLICATIONS: Final = "SELECT environment, product, sequence, document, file_lists FROM publications"
HEADS: Final = "SELECT environment, product, head FROM products WHERE inherits = 0"
MOVES: Final = "SELECT environment, product, moved_at, sequence FROM head_moves ORDER BY environment, product, number"
BASES: Final = "SELECT name, base FROM environments"
SNAPSHOTS: Final = "SELECT table_id, snapshot_id, parent_id FROM snapshots"
OF_KEY: Final = "environment = :environment AND product = :product AND sequence = :sequence"
OF_SNAPSHOT: Final = "table_id = :table AND snapshot_id = :snapshot"
SETTLE: Final = f"""
    UPDATE snapshots SET parent_id = NULL WHERE {OF_SNAPSHOT} AND NOT EXISTS (
        SELECT 1 FROM snapshots p WHERE p.table_id = snapshots.table_id AND p.snapshot_id = snapshots.parent_id
    )
"""


class _Undo(Exception):
    """Ends a dry run's transaction."""


@dataclass(frozen=True, slots=True)
class _Location:
    location: str


@dataclass(frozen=True, slots=True)
class _Port:
    table: str = ""
    snapshot: int = 0
    quarantine_table: str = ""
    quarantine_snapshot: int = 0
    artifacts: tuple[_Location, ...] = ()


@dataclass(frozen=True, slots=True)
class _Read:
    product: str = ""
    sequence: int = 0
    taken: int = 0


@dataclass(frozen=True, slots=True)
class _Record:
    """What of a publication's document tells what it needs: the rest is skipped."""

    ports: tuple[_Port, ...] = ()
    inputs: tuple[_Read, ...] = ()

    @property
    def reads(self) -> tuple[tuple[str, int], ...]:
        return tuple(
            (one.product, number)
            for one in self.inputs
            if one.product
            for number in (one.sequence, one.taken)
            if number
        )

    @property
    def snapshots(self) -> set[tuple[str, int]]:
        found = {(port.table, port.snapshot) for port in self.ports if port.table}
        return found | {
            (port.quarantine_table, port.quarantine_snapshot) for port in self.ports if port.quarantine_table
        }

    @property
    def artifacts(self) -> set[str]:
        return {one.location for port in self.ports for one in port.artifacts}


@dataclass(frozen=True, slots=True)
class _Metadata:
    metadata: str


class SqlPast:
    """The past of the registry at *url*, paths relative to *root*; opens nothing before it is used."""

    def __init__(self, url: str, root: Path) -> None:
        self._database = open_database(url, root)

    def forget(
        self, decide: Callable[[Census], Collection[Key]], *, attempts_until: str, dry_run: bool = False
    ) -> Remains:
        """Forget the publications that *decide* names, with whatever only they needed, while nobody else writes.

        Failed builds that ended before *attempts_until* (ISO 8601, UTC) are forgotten, too. A *dry_run* undoes it all.
        """
        found = Remains()
        if not self._database.rows("SELECT 1 FROM alembic_version"):
            return found
        with suppress(_Undo), self._database.writing() as transaction:
            found = _forget(transaction, decide, attempts_until)
            if dry_run:
                raise _Undo
        return found

    def unneeded(self, paths: Collection[str], *, now: datetime, dry_run: bool = False) -> dict[str, datetime]:
        """Since when each of *paths*, the files that nobody needs, was found so; others are no longer noted as such."""
        known = {path: since for path, since in self._database.rows("SELECT path, since FROM unneeded_files")}  # noqa: C416
        at = now.astimezone(UTC).isoformat(timespec="microseconds")
        new, old = [path for path in paths if path not in known], known.keys() - set(paths)
        if (new or old) and not dry_run:
            with self._database.writing() as transaction:
                transaction.execute_many("DELETE FROM unneeded_files WHERE path = :path", _named("path", [*old, *new]))
                rows = [{"path": path, "since": at} for path in new]
                transaction.execute_many("INSERT INTO unneeded_files (path, since) VALUES (:path, :since)", rows)
        return {path: datetime.fromisoformat(known.get(path, at)) for path in paths}

    def shortened(self) -> list[Snapshot]:
        """Snapshots whose metadata may still name snapshots that were forgotten; without the files they added."""
        found = _shortened(self._database)
        return [snapshot for key in sorted(found) if (snapshot := self._snapshot(*key)) is not None]

    def settle(self, snapshots: Sequence[Snapshot]) -> None:
        """Say that the metadata of *snapshots* names nothing forgotten: `shortened` leaves them out, unless there are others."""
        settled = {(one.table, one.id) for one in snapshots}
        with self._database.writing() as transaction:
            found = _shortened(transaction)
            if found and found <= settled:
                # They stand on nothing any more: each has its whole list of files.
                keys = [{"table": table, "snapshot": snapshot} for table, snapshot in sorted(found)]
                transaction.execute_many(SETTLE, keys)

    def snapshots(self, table: str) -> set[int]:
        """The ids of the snapshots of *table* that are kept."""
        rows = self._database.rows("SELECT snapshot_id FROM snapshots WHERE table_id = :table", table=table)
        return {snapshot for (snapshot,) in rows}

    def holds(self, snapshot: Snapshot) -> bool:
        """Whether *snapshot* is kept, with its metadata where it says."""
        now = self._snapshot(snapshot.table, snapshot.id)
        return now is not None and now.metadata == snapshot.metadata

    def move_metadata(self, snapshot: Snapshot, metadata: str) -> bool:
        """Whether *snapshot*, if it is still as given, has its metadata in the file *metadata* from now on."""
        key: dict[str, object] = {"table": snapshot.table, "snapshot": snapshot.id}
        with self._database.writing() as transaction:
            rows = transaction.rows(f"SELECT document FROM snapshots WHERE {OF_SNAPSHOT}", **key)
            now = decode(rows[0][0], Snapshot, what=f"snapshot {snapshot.id} of {snapshot.table}") if rows else None
            if now is None or now.metadata != snapshot.metadata:
                return False
            document = encode(replace(now, metadata=metadata))
            transaction.execute(
                f"UPDATE snapshots SET document = :document WHERE {OF_SNAPSHOT}", document=document, **key
            )
            return True

    def close(self) -> None:
        """Give back connections."""
        self._database.close()

    def _snapshot(self, table: str, snapshot: int) -> Snapshot | None:
        """A snapshot without its files; None when it has been forgotten meanwhile."""
        statement = f"SELECT document FROM snapshots WHERE {OF_SNAPSHOT}"
        rows = self._database.rows(statement, table=table, snapshot=snapshot)
        return decode(rows[0][0], Snapshot, what=f"snapshot {snapshot} of table {table}") if rows else None


def _shortened(database: Rows) -> set[tuple[str, int]]:
    """The snapshots of whose nearest forebears one is no longer there."""
    parents = {(table, one): parent for table, one, parent in database.rows(SNAPSHOTS)}
    found = set()
    for table, snapshot in parents:
        at, steps = snapshot, 0
        while steps < NAMED_MAX and (table, at) in parents and parents[table, at] is not None:
            at, steps = parents[table, at], steps + 1
        if (table, at) not in parents and steps < NAMED_MAX:
            found.add((table, snapshot))
    return found


def _forget(transaction: Transaction, decide: Callable[[Census], Collection[Key]], attempts_until: str) -> Remains:
    records: dict[Key, _Record] = {}
    lists: dict[Key, str] = {}
    with decoding_many():
        for environment, product, sequence, document, file_lists in transaction.rows(PUBLICATIONS):
            key = environment, product, sequence
            records[key] = decode(document, _Record, what=f"publication {sequence} of {product}")
            lists[key] = file_lists
    forgotten = sorted(decide(_census(transaction, records)))
    transaction.execute_many(
        f"DELETE FROM publications WHERE {OF_KEY}",
        [dict(zip(("environment", "product", "sequence"), key, strict=True)) for key in forgotten],
    )
    for key in forgotten:
        del records[key], lists[key]
    needed = {one for record in records.values() for one in record.snapshots}
    _forget_snapshots(transaction, needed)
    _forget_lists(transaction, {file_lists for file_lists in lists.values() if file_lists != "{}"})
    attempts, runs = _forget_attempts(transaction, attempts_until)
    paths = {path for (path,) in transaction.rows("SELECT path FROM data_files")}
    paths |= {path for record in records.values() for path in record.artifacts}
    for table, document in transaction.rows("SELECT table_id, document FROM snapshots"):
        paths.add(decode(document, _Metadata, what=f"the snapshots of table {table}").metadata)
    return Remains(forgotten=tuple(forgotten), attempts=attempts, paths=paths, snapshots=needed, runs=runs)


def _census(transaction: Transaction, records: dict[Key, _Record]) -> Census:
    moves: dict[tuple[str, str], list[tuple[str, int | None]]] = {}
    for environment, product, moved_at, sequence in transaction.rows(MOVES):
        moves.setdefault((environment, product), []).append((moved_at, sequence))
    return Census(
        bases={name: base or "" for name, base in transaction.rows(BASES)},
        heads={(environment, product): head for environment, product, head in transaction.rows(HEADS)},
        moves=moves,
        reads={key: record.reads for key, record in records.items()},
    )


def _forget_snapshots(transaction: Transaction, needed: set[tuple[str, int]]) -> None:
    """Keep only the *needed* snapshots, and of each table the data files that these hold."""
    rows = transaction.rows("SELECT table_id, snapshot_id, parent_id, checkpoint IS NULL FROM snapshots")
    gone = {(table, one) for table, one, *_ in rows} - needed
    if not gone:
        return
    for table, snapshot, parent, is_difference in rows:
        if is_difference and (table, snapshot) not in gone and (table, parent) in gone:
            # What it is a difference to is about to go: from now on it says the whole list.
            whole = encode(read_paths(transaction, table, snapshot))
            statement = f"UPDATE snapshots SET distance = 0, checkpoint = :whole WHERE {OF_SNAPSHOT}"
            transaction.execute(statement, table=table, snapshot=snapshot, whole=whole)
    keys = [{"table": table, "snapshot": snapshot} for table, snapshot in sorted(gone)]
    transaction.execute_many(f"DELETE FROM snapshots WHERE {OF_SNAPSHOT}", keys)
    for table in sorted({table for table, _ in gone}):
        _forget_files(transaction, table)


def _forget_files(transaction: Transaction, table: str) -> None:
    """Keep only the records of data files that a snapshot of *table* holds."""
    what = f"the files of table {table}"
    held: set[str] = set()
    for added, whole in transaction.rows(
        "SELECT added, checkpoint FROM snapshots WHERE table_id = :table", table=table
    ):
        held |= set(decode(added, list[str], what=what))
        held |= set(decode(whole, list[str], what=what)) if whole is not None else set()
    present = {path for (path,) in transaction.rows("SELECT path FROM data_files WHERE table_id = :table", table=table)}
    transaction.execute_many(
        "DELETE FROM data_files WHERE table_id = :table AND path = :path",
        [{"table": table, "path": path} for path in sorted(present - held)],
    )


def _forget_lists(transaction: Transaction, named: Iterable[str]) -> None:
    """Keep only the lists of input files that publications name (*named*, as JSON), and those that they are differences to."""
    parents = {name: parent for name, parent in transaction.rows("SELECT list_id, parent_id FROM input_files")}  # noqa: C416
    waiting = [name for one in named for name in decode(one, dict[str, str], what="the files of inputs").values()]
    needed: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += [parents[name]] if parents.get(name) else []
    gone = sorted(parents.keys() - needed)
    transaction.execute_many("DELETE FROM input_files WHERE list_id = :list", _named("list", gone))


def _forget_attempts(transaction: Transaction, until: str) -> tuple[int, set[str]]:
    """Forget failed builds that ended before *until*; how many, and the newest run of each product's that are left."""
    moment = utc(until)
    gone, newest = [], {}
    rows = transaction.rows("SELECT environment, number, product, document FROM attempts ORDER BY environment, number")
    for environment, number, product, document in rows:
        attempt = decode(document, Attempt, what="a build that published nothing")
        if attempt.ended_at and utc(attempt.ended_at) < moment:
            gone.append({"environment": environment, "number": number})
        else:
            newest[environment, product] = attempt.run
    transaction.execute_many("DELETE FROM attempts WHERE environment = :environment AND number = :number", gone)
    return len(gone), set(newest.values())


def _named(name: str, values: Iterable[str]) -> list[dict[str, object]]:
    return [{name: value} for value in values]
