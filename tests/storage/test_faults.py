"""What happens when the disk is full, read-only or gone: a clear error, and what was published stays as it was."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from meshwright.model.datatype import BIGINT
from meshwright.model.errors import Unavailable
from meshwright.model.publication import Field
from meshwright.storage.iceberg import IcebergTables
from meshwright.storage.local_files import LocalWarehouse
from meshwright.storage.sql_registry import SqlRegistry
from small_disk import mounted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from small_disk import Disk
    from storage.conftest import Publications

SCHEMA = (Field(id=1, name="a", type=BIGINT),)
FULL = r"the disk is full; free some space there and run again"
READ_ONLY = r"the file system is read-only; mount it writable"
# A process may write files of this size at most; with the signal ignored, as Python does, writing more fails with EFBIG.
LIMITED = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))\n"


@pytest.fixture
def registry_url() -> str:
    """These tests are about the file that SQLite keeps."""
    return "sqlite:///.mesh/registry.db"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with mounted(tmp_path / "disk", "1m") as disk:
        yield disk


@pytest.fixture
def on_disk(disk: Disk) -> Iterator[SqlRegistry]:
    registry = SqlRegistry(f"sqlite:///{disk.folder}/registry.db", disk.folder)
    yield registry
    registry.close()


def test_a_full_disk_in_staging_leaves_nothing_adopted(disk: Disk) -> None:
    warehouse = LocalWarehouse(disk.folder / "warehouse")
    staging = warehouse.staging("run-1")
    (staging / "file").write_bytes(b"x" * 1000)
    disk.use_up_names()
    with pytest.raises(Unavailable, match=rf"cannot make the staging folder .*run-2: {FULL}"):
        warehouse.staging("run-2")
    with pytest.raises(Unavailable, match=rf"cannot write .*/d/data/file: {FULL}"):
        warehouse.adopt(staging / "file", "d/data/file")
    assert (staging / "file").stat().st_size == 1000
    disk.free()
    warehouse.adopt(staging / "file", "d/data/file")
    assert warehouse.locate("d/data/file").stat().st_size == 1000


def test_a_full_disk_in_a_commit_keeps_the_parent_readable_and_frees_what_it_began(disk: Disk) -> None:
    warehouse = LocalWarehouse(disk.folder / "warehouse")
    tables = IcebergTables(warehouse)
    table = tables.create(product="a.b", port="b", columns=SCHEMA)
    first = tables.commit(table=table, parent=None, schema=SCHEMA, added=[])
    disk.fill()
    with pytest.raises(Unavailable, match=rf"cannot write the table .*: {FULL}"):
        tables.commit(table=table, parent=first, schema=SCHEMA, added=[])
    assert all(path.stat().st_size for path in warehouse.locate(f"{table}/metadata").iterdir())
    disk.free()
    assert tables.commit(table=table, parent=first, schema=SCHEMA, added=[]).parent == first.id


def test_a_full_disk_in_the_registry_leaves_the_head_and_passes(
    disk: Disk, on_disk: SqlRegistry, publications: Publications
) -> None:
    on_disk.publish(publications.publication(1), snapshots=[], head=None)
    disk.fill()
    with pytest.raises(Unavailable, match=r"cannot write the registry .*registry\.db: the disk .*full; .* run again"):
        on_disk.publish(publications.publication(2, reason="x" * 20_000), snapshots=[], head=1)
    assert on_disk.head_sequences("prod") == {"sales.orders": 1}
    disk.free()
    on_disk.publish(publications.publication(2), snapshots=[], head=1)
    assert on_disk.head_sequences("prod") == {"sales.orders": 2}


def test_a_read_only_disk_is_named_and_what_is_published_stays(
    disk: Disk, on_disk: SqlRegistry, publications: Publications
) -> None:
    warehouse = LocalWarehouse(disk.folder / "warehouse")
    tables = IcebergTables(warehouse)
    table = tables.create(product="a.b", port="b", columns=SCHEMA)
    first = tables.commit(table=table, parent=None, schema=SCHEMA, added=[])
    staged = warehouse.staging("run-1") / "file"
    staged.write_text("x")
    on_disk.publish(publications.publication(1), snapshots=[], head=None)
    on_disk.close()
    disk.make_read_only()
    with pytest.raises(Unavailable, match=READ_ONLY):
        warehouse.staging("run-2")
    with pytest.raises(Unavailable, match=READ_ONLY):
        warehouse.adopt(staged, "d/file")
    with pytest.raises(Unavailable, match=READ_ONLY):
        tables.commit(table=table, parent=first, schema=SCHEMA, added=[])
    with pytest.raises(Unavailable, match=r"cannot write the registry .*: it (is read-only|cannot be opened); "):
        on_disk.publish(publications.publication(2), snapshots=[], head=1)


def test_a_folder_where_the_registry_should_be_is_named(tmp_path: Path, publications: Publications) -> None:
    (tmp_path / "r.db").mkdir()
    registry = SqlRegistry("sqlite:///r.db", tmp_path)
    with pytest.raises(Unavailable, match=r"cannot read the registry .*r\.db: it cannot be opened; check"):
        registry.heads("prod")
    with pytest.raises(Unavailable, match=r"cannot write the registry .*r\.db: it cannot be opened; check"):
        registry.publish(publications.publication(), snapshots=[], head=None)


def test_a_file_where_the_registrys_folder_should_be_is_named(tmp_path: Path, publications: Publications) -> None:
    (tmp_path / ".mesh").write_text("")
    registry = SqlRegistry("sqlite:///.mesh/r.db", tmp_path)
    with pytest.raises(Unavailable, match=r"cannot make the folder of the registry .*; move .* away"):
        registry.publish(publications.publication(), snapshots=[], head=None)


def test_a_file_size_limit_in_a_commit_is_reported_and_leaves_no_part(tmp_path: Path) -> None:
    code = (
        LIMITED.format(size=700)
        + f"""
from pathlib import Path
from meshwright.model.datatype import BIGINT
from meshwright.model.errors import Unavailable
from meshwright.model.publication import Field
from meshwright.storage.iceberg import IcebergTables
from meshwright.storage.local_files import LocalWarehouse
schema = (Field(id=1, name="a", type=BIGINT),)
try:
    IcebergTables(LocalWarehouse(Path({str(tmp_path)!r}))).commit(table="a/b/t", parent=None, schema=schema, added=[])
except Unavailable as error:
    print(error)
"""
    )
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert "cannot write the table" in output
    assert "the file may not grow any further; free some space or raise the file size limit" in output
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size >= 700] == []


def test_a_file_size_limit_in_the_registry_is_reported_and_leaves_the_head(
    registry: SqlRegistry, publications: Publications, tmp_path: Path
) -> None:
    registry.publish(publications.publication(1), snapshots=[], head=None)
    registry.close()
    size = (tmp_path / ".mesh/registry.db").stat().st_size
    code = (
        LIMITED.format(size=size)
        + f"""
from pathlib import Path
from meshwright.model.errors import Unavailable
from meshwright.model.publication import Attempt
from meshwright.storage.sql_registry import SqlRegistry
registry = SqlRegistry("sqlite:///.mesh/registry.db", Path({str(tmp_path)!r}))
attempt = Attempt(product="a.b", environment="prod", run="r", started_at="", ended_at="", outcome="x" * {size})
try:
    registry.record_attempt(attempt)
except Unavailable as error:
    print(error)
"""
    )
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert "cannot write the registry" in output
    assert "run again" in output
    assert registry.head_sequences("prod") == {"sales.orders": 1}
    assert registry.attempts("prod") == []


def test_a_warehouse_that_vanished_is_named_and_the_registry_stays(
    tmp_path: Path, registry: SqlRegistry, publications: Publications
) -> None:
    warehouse = LocalWarehouse(tmp_path / "warehouse", may_create=registry.is_empty)
    warehouse.staging("run-1")
    registry.publish(publications.publication(1), snapshots=[], head=None)
    shutil.rmtree(tmp_path / "warehouse")
    with pytest.raises(Unavailable, match=r"the warehouse .* is missing, and what is published lies there"):
        warehouse.staging("run-2")
    assert registry.head_sequences("prod") == {"sales.orders": 1}
