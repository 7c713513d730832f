"""What only a registry in SQLite has to show: its file."""

from __future__ import annotations

import gc
import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from meshwright.model.errors import Unavailable
from meshwright.storage.sql_registry import SqlRegistry

if TYPE_CHECKING:
    from pathlib import Path

    from storage.conftest import Publications


@pytest.fixture
def registry_url() -> str:
    """These tests are about the file that SQLite keeps."""
    return "sqlite:///.mesh/registry.db"


def test_another_programs_database_is_left_alone(tmp_path: Path, publications: Publications) -> None:
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE customers (a)")
    connection.close()
    registry = SqlRegistry("sqlite:///other.db", tmp_path)
    with pytest.raises(Unavailable, match="is another program's database"):
        registry.publish(publications.publication(), snapshots=[], head=None)
    with pytest.raises(Unavailable, match="is another program's database"):
        registry.heads("prod")


def test_an_absolute_registry_is_found(tmp_path: Path, publications: Publications) -> None:
    registry = SqlRegistry(f"sqlite:///{tmp_path}/r.db", tmp_path / "elsewhere")
    registry.publish(publications.publication(), snapshots=[], head=None)
    registry.close()
    assert (tmp_path / "r.db").exists()


@pytest.mark.parametrize("garbage", [b"not a database" * 100, b"SQLite format 3\0" + b"\xff" * 4000])
def test_a_damaged_registry_is_reported_with_path_and_next_step(
    registry: SqlRegistry, publications: Publications, tmp_path: Path, garbage: bytes
) -> None:
    (tmp_path / ".mesh").mkdir()
    (tmp_path / ".mesh/registry.db").write_bytes(garbage)
    with pytest.raises(Unavailable, match=r"registry\.db.*backup"):
        registry.heads("prod")
    with pytest.raises(Unavailable, match=r"registry\.db.*backup"):
        registry.publish(publications.publication(), snapshots=[], head=None)
    assert (tmp_path / ".mesh/registry.db").read_bytes() == garbage


def test_a_registry_outside_the_mesh_whose_folder_is_missing_is_not_made_anew(
    tmp_path: Path, publications: Publications
) -> None:
    mesh = tmp_path / "mesh"
    mesh.mkdir()
    registry = SqlRegistry(f"sqlite:///{tmp_path}/unmounted/r.db", mesh)
    for action in (
        lambda: registry.heads("prod"),
        lambda: registry.publish(publications.publication(), snapshots=[], head=None),
    ):
        with pytest.raises(Unavailable, match=r"the folder of the registry .*unmounted.* is missing; mount or make it"):
            action()


def test_a_registry_nobody_closed_leaves_no_log_behind(tmp_path: Path, publications: Publications) -> None:
    registry = SqlRegistry("sqlite:///r.db", tmp_path)
    registry.publish(publications.publication(), snapshots=[], head=None)
    assert (tmp_path / "r.db-wal").exists()
    del registry
    gc.collect()
    assert [path.name for path in tmp_path.iterdir()] == ["r.db"]


def test_a_registry_that_was_removed_while_open_is_made_anew_not_written_into_the_void(
    registry: SqlRegistry, publications: Publications, tmp_path: Path
) -> None:
    registry.publish(publications.publication(1), snapshots=[], head=None)
    for path in (tmp_path / ".mesh").iterdir():
        path.unlink()
    assert registry.heads("prod") == {}
    registry.publish(publications.publication(1), snapshots=[], head=None)
    again = SqlRegistry("sqlite:///.mesh/registry.db", tmp_path)
    assert again.head_sequences("prod") == {"sales.orders": 1}
    again.close()


@pytest.mark.parametrize(
    ("folder", "mask", "expected"), [(0o755, 0o022, 0o600), (0o775, 0o002, 0o660), (0o777, 0o022, 0o644)]
)
def test_a_new_registry_is_its_owners_and_of_those_who_may_write_its_folder(
    tmp_path: Path, publications: Publications, folder: int, mask: int, expected: int
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    place.chmod(folder)
    before = os.umask(mask)
    try:
        registry = SqlRegistry(f"sqlite:///{place}/r.db", tmp_path)
        registry.publish(publications.publication(), snapshots=[], head=None)
        modes = {path.name: path.stat().st_mode & 0o777 for path in place.iterdir()}
        registry.close()
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("r.db", "r.db-wal", "r.db-shm"), expected)


def test_an_older_registry_is_taken_from_those_who_could_only_read_it(
    tmp_path: Path, publications: Publications
) -> None:
    path = tmp_path / "r.db"
    registry = SqlRegistry("sqlite:///r.db", tmp_path)
    registry.publish(publications.publication(), snapshots=[], head=None)
    path.chmod(0o644)
    registry.close()
    again = SqlRegistry("sqlite:///r.db", tmp_path)
    assert again.heads("prod")
    # Who wants others to read it may say so, once.
    assert path.stat().st_mode & 0o777 == 0o644
    again.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TABLE mesh_keys")
        connection.execute("UPDATE alembic_version SET version_num = '0008'")
    upgraded = SqlRegistry("sqlite:///r.db", tmp_path)
    assert upgraded.heads("prod")
    upgraded.close()
    assert path.stat().st_mode & 0o777 == 0o600
