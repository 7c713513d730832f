"""Which data files a table's snapshot holds, kept as differences with a whole list now and then.

A whole list is written after one difference for sixteen of its files, and at least 50: so what a commit writes stays the
same, amortised (sixteen paths), and what a read walks is a fraction of the list it returns, after ten thousand commits
as after ten.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from meshwright.model.errors import Conflict, NotFound, Unavailable
from meshwright.model.publication import DataFile, Snapshot
from meshwright.storage.documents import decode, decoding_many, encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Protocol

    from meshwright.model.publication import Field
    from meshwright.storage.database import Row, Transaction

    class Rows(Protocol):
        """What answers a SELECT: a database or a transaction."""

        def rows(self, statement: str, **parameters: object) -> Sequence[Row]:
            """The rows that a SELECT yields."""
            ...


DISTANCE_MIN: Final = 50
FILES_PER_DIFFERENCE: Final = 16
# Records of data files that a process keeps decoded; one takes about a kilobyte.
DECODED_MAX: Final = 20_000
CHUNK: Final = 400
# By table and path. A record never changes and names are never used twice, so a process that stays reads each once.
_DECODED: Final[dict[tuple[str, str], DataFile]] = {}

PARENT = "SELECT distance FROM snapshots WHERE table_id = :table AND snapshot_id = :snapshot"
SNAPSHOT = "SELECT document, added FROM snapshots WHERE table_id = :table AND snapshot_id = :snapshot"
HISTORY = """
    WITH RECURSIVE walk (parent_id, distance, added, removed, checkpoint) AS (
        SELECT parent_id, distance, added, removed, checkpoint
        FROM snapshots WHERE table_id = :table AND snapshot_id = :snapshot
        UNION ALL
        SELECT s.parent_id, s.distance, s.added, s.removed, s.checkpoint
        FROM walk JOIN snapshots s ON s.table_id = :table AND s.snapshot_id = walk.parent_id
        WHERE walk.checkpoint IS NULL
    )
    SELECT distance, added, removed, checkpoint FROM walk ORDER BY distance
"""
INSERT_SNAPSHOT = """
    INSERT INTO snapshots (table_id, snapshot_id, parent_id, distance, document, added, removed, checkpoint)
    VALUES (:table, :snapshot, :parent, :distance, :document, :added, :removed, :checkpoint)
"""
INSERT_FILE = "INSERT INTO data_files (table_id, path, document) VALUES (:table, :path, :document)"


def record_snapshot(transaction: Transaction, snapshot: Snapshot) -> None:
    """Keep *snapshot* and the difference to its parent.

    Raises Conflict when it is kept already, or its parent is not, or a file it adds belongs to the table already.
    """
    table = snapshot.table
    if transaction.rows(PARENT, table=table, snapshot=snapshot.id):
        raise Conflict(f"snapshot {snapshot.id} of table {table} is published already; build again")
    added = [file.path for file in snapshot.added]
    for path in added:
        if transaction.rows(
            "SELECT 1 FROM data_files WHERE table_id = :table AND path = :path", table=table, path=path
        ):
            raise Conflict(f"the file {path} belongs to table {table} already; build again")
    distance, checkpoint = _place(transaction, snapshot, added)
    transaction.execute(
        INSERT_SNAPSHOT,
        table=table,
        snapshot=snapshot.id,
        parent=snapshot.parent,
        distance=distance,
        document=encode(replace(snapshot, added=(), order=())),
        added=encode(added),
        removed=encode(snapshot.removed),
        checkpoint=checkpoint,
    )
    transaction.execute_many(
        INSERT_FILE, [{"table": table, "path": file.path, "document": encode(file)} for file in snapshot.added]
    )


def read_snapshot(database: Rows, table: str, snapshot: int) -> Snapshot:
    """One snapshot with the files it added, without walking its history. Raises NotFound."""
    rows = database.rows(SNAPSHOT, table=table, snapshot=snapshot)
    if not rows:
        raise _missing(table, snapshot)
    what = f"snapshot {snapshot} of table {table}"
    added = decode(rows[0][1], list[str], what=what)
    return replace(decode(rows[0][0], Snapshot, what=what), added=tuple(_files(database, table, added)))


def read_files(database: Rows, table: str, snapshot: int) -> list[DataFile]:
    """The data files of one snapshot, oldest first. Raises NotFound."""
    return _files(database, table, read_paths(database, table, snapshot))


def read_paths(database: Rows, table: str, snapshot: int) -> list[str]:
    """The paths of the data files of one snapshot, oldest first. Raises NotFound."""
    history = database.rows(HISTORY, table=table, snapshot=snapshot)
    if not history:
        raise _missing(table, snapshot)
    what = f"the files of table {table} at snapshot {snapshot}"
    if history[0][3] is None:
        raise Unavailable(f"the registry's record of {what} is damaged; restore the registry from a backup")
    paths = dict.fromkeys(decode(history[0][3], list[str], what=what))
    for _, added, removed, _ in history[1:]:
        for path in decode(removed, list[str], what=what):
            paths.pop(path, None)
        paths.update(dict.fromkeys(decode(added, list[str], what=what)))
    return list(paths)


def _place(transaction: Transaction, snapshot: Snapshot, added: list[str]) -> tuple[int, str | None]:
    """The snapshot's distance from the nearest whole list, and its own whole list where it gets one."""
    if snapshot.order:
        return 0, encode(snapshot.order)
    if snapshot.parent is None:
        return 0, encode(added)
    parent = transaction.rows(PARENT, table=snapshot.table, snapshot=snapshot.parent)
    if not parent:
        raise Conflict(f"table {snapshot.table} has no published snapshot {snapshot.parent} to stand on; build again")
    if snapshot.files == len(added):
        return 0, encode(added)  # nothing of the parent stays: the difference is the whole list
    distance = parent[0][0] + 1
    if distance < max(DISTANCE_MIN, snapshot.files // FILES_PER_DIFFERENCE):
        return distance, None
    gone = set(snapshot.removed)
    kept = [path for path in read_paths(transaction, snapshot.table, snapshot.parent) if path not in gone]
    return 0, encode([*kept, *added])


def _files(database: Rows, table: str, paths: Iterable[str]) -> list[DataFile]:
    wanted = list(paths)
    found = {path: file for path in wanted if (file := _DECODED.get((table, path))) is not None}
    unknown = [path for path in wanted if path not in found]
    for start in range(0, len(unknown), CHUNK):
        chunk = {f"p{number}": path for number, path in enumerate(unknown[start : start + CHUNK])}
        names = ", ".join(f":{name}" for name in chunk)
        rows = database.rows(
            f"SELECT path, document FROM data_files WHERE table_id = :table AND path IN ({names})", table=table, **chunk
        )
        with decoding_many():
            new = {path: _data_file(path, document) for path, document in rows}
        found |= new
        if len(_DECODED) + len(new) > DECODED_MAX:
            _DECODED.clear()
        _DECODED.update({(table, path): file for path, file in new.items()})
    lost = next((path for path in wanted if path not in found), None)
    if lost is not None:
        raise Unavailable(f"the registry's record of the file {lost} is lost; restore the registry from a backup")
    return [found[path] for path in wanted]


def _data_file(path: str, document: str) -> DataFile:
    """A data file's record; equal schemas are one object."""
    file = decode(document, DataFile, what=f"the file {path}")
    return replace(file, schema=_schema(file.schema))


@lru_cache(maxsize=DECODED_MAX)
def _schema(schema: tuple[Field, ...]) -> tuple[Field, ...]:
    return schema


def _missing(table: str, snapshot: int) -> NotFound:
    return NotFound(f"table {table} has no published snapshot {snapshot}")
