from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from meshwright.model.errors import Conflict, NotFound
from meshwright.storage import file_lists
from meshwright.storage.sqlite_database import SqliteDatabase

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from meshwright.model.publication import DataFile, Snapshot
    from meshwright.storage.sql_registry import SqlRegistry
    from storage.conftest import Publications


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SqliteDatabase]:
    opened = SqliteDatabase(tmp_path / "r.db", tmp_path)
    yield opened
    opened.close()


def test_a_snapshots_files_are_its_parents_without_the_removed_and_with_the_added(
    registry: SqlRegistry, publications: Publications
) -> None:
    files = [publications.file("t", name) for name in "abc"]
    first = publications.snapshot("t", 1, added=files[:2])
    second = publications.snapshot("t", 2, first, added=files[2:], removed=[files[0].path])
    registry.publish(publications.publication(), snapshots=[first, second], head=None)
    assert registry.files("t", 1) == files[:2]
    assert registry.files("t", 2) == files[1:]
    assert registry.snapshot("t", 2) == second


def test_an_unknown_snapshot_is_not_found(registry: SqlRegistry, publications: Publications) -> None:
    registry.publish(publications.publication(), snapshots=[publications.snapshot("t", 1)], head=None)
    assert registry.files("t", 1) == []
    for table, snapshot in (("t", 2), ("u", 1)):
        with pytest.raises(NotFound, match=f"table {table} has no published snapshot {snapshot}"):
            registry.files(table, snapshot)
        with pytest.raises(NotFound):
            registry.snapshot(table, snapshot)


def test_a_snapshot_on_an_unpublished_parent_or_with_a_known_file_is_a_conflict(
    registry: SqlRegistry, publications: Publications
) -> None:
    file = publications.file("t", "a")
    first = publications.snapshot("t", 1, added=[file])
    orphan = publications.snapshot("t", 3, publications.snapshot("t", 2))
    with pytest.raises(Conflict, match="no published snapshot 2 to stand on"):
        registry.publish(publications.publication(), snapshots=[orphan], head=None)
    registry.publish(publications.publication(), snapshots=[first], head=None)
    with pytest.raises(Conflict, match="snapshot 1 of table t is published already"):
        registry.publish(publications.publication(2), snapshots=[first], head=1)
    twice = publications.snapshot("t", 4, first, added=[file])
    with pytest.raises(Conflict, match="belongs to table t already"):
        registry.publish(publications.publication(2), snapshots=[twice], head=1)


@pytest.mark.parametrize("seed", range(10))
def test_file_lists_equal_replaying_every_difference(
    database: SqliteDatabase, publications: Publications, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    random = Random(seed)
    monkeypatch.setattr(file_lists, "DISTANCE_MIN", random.randint(1, 6))
    monkeypatch.setattr(file_lists, "CHUNK", 3)
    known: list[tuple[Snapshot | None, list[DataFile]]] = [(None, [])]
    for number in range(1, 40):
        # Mostly on the newest, sometimes on an older one, as after a rollback.
        parent, files = known[-1] if random.random() < 0.8 else random.choice(known)
        removed = [file.path for file in files if random.random() < random.choice([0, 0, 0.3, 1])]
        added = [publications.file("t", f"{number}-{i}") for i in range(random.randint(0, 3))]
        snapshot = publications.snapshot("t", number, parent, added=added, removed=removed)
        with database.writing() as transaction:
            file_lists.record_snapshot(transaction, snapshot)
        known.append((snapshot, [file for file in files if file.path not in removed] + added))
    for recorded, files in known[1:]:
        assert recorded is not None
        assert file_lists.read_files(database, "t", recorded.id) == files
        assert file_lists.read_snapshot(database, "t", recorded.id) == recorded


def history(publications: Publications, length: int) -> Iterator[tuple[Snapshot, list[DataFile]]]:
    """A table that gets one file a commit."""
    snapshot: Snapshot | None = None
    files: list[DataFile] = []
    for number in range(1, length + 1):
        files = [*files, publications.file("t", str(number))]
        snapshot = publications.snapshot("t", number, snapshot, added=files[-1:])
        yield snapshot, files


def test_reading_a_long_history_walks_a_bounded_part_of_it(
    database: SqliteDatabase, publications: Publications
) -> None:
    for snapshot, _ in history(publications, 300):
        with database.writing() as transaction:
            file_lists.record_snapshot(transaction, snapshot)
    assert len(file_lists.read_files(database, "t", 300)) == 300
    walked = len(database.rows(file_lists.HISTORY, table="t", snapshot=300))
    assert walked <= 300 // 2 + 1
    lists = database.rows("SELECT count(*) FROM snapshots WHERE checkpoint IS NOT NULL")[0][0]
    assert lists <= 6
