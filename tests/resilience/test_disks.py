"""Disks that are full, read-only, gone or damaged: a clear error and exit 3, the head serves on, and the product heals."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest

from small_disk import mounted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mesh_folder import MeshFolder
    from small_disk import Disk

LANDING = """
inputPorts:
- name: landing
  customProperties: [{property: mesh.path, value: data/landing/*.csv}]
outputPorts:
- name: events
  customProperties: [{property: mesh.materialization, value: append}]
"""
WAREHOUSE = "warehouse: ../disk/warehouse\n"
REGISTRY = "registry: sqlite:///../disk/registry.db\n"
PAGES = {"json": "*.metadata.json", "manifest list": "snap-*.avro", "manifest": "*-m0.avro"}
DAMAGES = {"empty": b"", "garbage": b"\0garbage" * 100, "gone": None}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with mounted(tmp_path / "disk", "2m") as disk:
        yield disk


@pytest.fixture
def events(mesh: MeshFolder) -> MeshFolder:
    """An append product with one batch to come; not built yet."""
    mesh.write("data/landing/1.csv", "id\n1\n2\n")
    mesh.product("ingest.events", "select id from landing__changes", descriptor=LANDING)
    return mesh


def with_a_batch_to_come(mesh: MeshFolder, settings: str = "") -> MeshFolder:
    mesh.write("mesh.yaml", f"name: test\n{settings}")
    mesh.build()
    mesh.write("data/landing/2.csv", "id\n3\n")
    return mesh


def ids(mesh: MeshFolder) -> list[int]:
    return sorted(row["id"] for row in mesh.rows("ingest.events"))


def fails(mesh: MeshFolder, *command: str) -> str:
    """What is said when a command fails on something outside."""
    answer = mesh.mesh(*command)
    said = answer.out + answer.err
    assert answer.code == 3, said
    assert "defect" not in said
    assert "Traceback" not in said
    return said


@pytest.mark.slow
@pytest.mark.parametrize("settings", [WAREHOUSE, REGISTRY, WAREHOUSE + REGISTRY], ids=["warehouse", "registry", "both"])
def test_wherever_a_build_runs_out_of_disk_it_says_so_and_publishes_nothing(
    events: MeshFolder, disk: Disk, settings: str
) -> None:
    """From no page that is free to as many as a build takes: staging, commit and registry fail one after the other."""
    with_a_batch_to_come(events, settings)
    said = set()
    for pages in range(60):
        disk.fill(but=pages)
        answer = events.mesh("build")
        if answer.code == 0:
            break
        assert answer.code == 3, answer
        assert "the disk is full; free some space" in answer.out + answer.err or "error or is full" in answer.err, (
            answer
        )
        said.add(re.sub(r".*cannot (\w+ \w+ \w+).*", r"\1", (answer.out + answer.err).splitlines()[0]))
        disk.free()
        assert ids(events) == [1, 2]
    else:
        pytest.fail("no build succeeded although there was room")
    disk.free()
    assert ids(events) == [1, 2, 3]
    assert len(said) > 1, f"all failed at one place: {said}"


@pytest.mark.slow
def test_a_disk_that_large_rows_fill_while_they_are_staged_heals_when_they_are_small(
    mesh: MeshFolder, disk: Disk
) -> None:
    mesh.write("mesh.yaml", f"name: test\n{WAREHOUSE}")
    mesh.product("a.large", "select range as n from range(10)")
    mesh.build()
    mesh.write("domains/a/large/transform/large.sql", "select range as n, hash(range) as h from range(1000000)")
    said = fails(mesh, "build")
    assert re.search(
        r"a\.large  large: cannot write .*/disk/warehouse/.*: the disk is full; free some space there", said
    )
    assert len(mesh.rows("a.large")) == 10
    mesh.write("domains/a/large/transform/large.sql", "select range as n, hash(range) as h from range(20)")
    shutil.rmtree(disk.folder / "warehouse/.staging")
    mesh.build()
    assert len(mesh.rows("a.large")) == 20


def test_a_read_only_registry_refuses_the_build_and_serves_when_it_may_be_written(
    events: MeshFolder, disk: Disk
) -> None:
    with_a_batch_to_come(events, REGISTRY)
    disk.make_read_only()
    for command in (["build"], ["rollback", "ingest.events"]):
        assert re.search(
            r"registry .*/disk/registry\.db: it (is read-only|cannot be opened); ", fails(events, *command)
        )
    disk.make_writable()
    assert ids(events) == [1, 2]
    events.build()
    assert ids(events) == [1, 2, 3]


def test_a_read_only_warehouse_serves_and_refuses_the_build(events: MeshFolder, disk: Disk) -> None:
    with_a_batch_to_come(events, WAREHOUSE)
    disk.make_read_only()
    assert "the file system is read-only; mount it writable" in fails(events, "build")
    assert ids(events) == [1, 2]
    disk.make_writable()
    events.build()
    assert ids(events) == [1, 2, 3]


def test_a_warehouse_that_is_missing_is_not_made_anew(events: MeshFolder) -> None:
    with_a_batch_to_come(events)
    warehouse = events.root / ".mesh/warehouse"
    warehouse.rename(events.root / "away")
    assert "the warehouse" in (said := fails(events, "build"))
    assert "is missing, and what is published lies there; mount or restore it" in said
    assert "mount or restore the warehouse" in fails(events, "read", "ingest.events")
    assert not warehouse.exists()
    (events.root / "away").rename(warehouse)
    events.build()
    assert ids(events) == [1, 2, 3]


def damage(mesh: MeshFolder, pattern: str, content: bytes | None) -> dict[Path, bytes]:
    """Overwrite or remove the files of the table that match *pattern*; what they held."""
    found = {path: path.read_bytes() for path in (mesh.root / ".mesh/warehouse/ingest").rglob(pattern)}
    assert found
    for path in found:
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)
    return found


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("what", ["json", "manifest list"])
def test_damaged_metadata_stops_a_build_upon_it_but_no_reader_and_heals(
    events: MeshFolder, what: str, how: str
) -> None:
    with_a_batch_to_come(events)
    kept = damage(events, PAGES[what], DAMAGES[how])
    said = fails(events, "build")
    assert "the table's m" in said
    assert str(next(iter(kept))) in said
    assert ("it does not exist" if how == "gone" else "damaged") in said
    assert ids(events) == [1, 2]
    for path, content in kept.items():
        path.write_bytes(content)
    events.build()
    assert ids(events) == [1, 2, 3]


@pytest.mark.parametrize("what", PAGES)
def test_a_full_build_leaves_damaged_metadata_behind(events: MeshFolder, what: str) -> None:
    with_a_batch_to_come(events)
    damage(events, PAGES[what], b"\0garbage")
    events.build("--full")
    assert ids(events) == [1, 2, 3]
    assert ids_in_iceberg(events) == [1, 2, 3]
    events.write("data/landing/3.csv", "id\n4\n")
    events.build()
    assert ids_in_iceberg(events) == ids(events) == [1, 2, 3, 4]
    assert sorted(row["id"] for row in events.rows("ingest.events", "--as-of", "1")) == [1, 2]


def ids_in_iceberg(mesh: MeshFolder) -> list[int]:
    from pyiceberg.table import StaticTable

    from meshwright.node import Node

    node = Node(mesh.root)
    head = node.registry.head("prod", "ingest.events")
    assert head is not None
    snapshot = node.registry.snapshot(head.ports[0].table, head.ports[0].snapshot)
    table = StaticTable.from_metadata(str(node.warehouse.locate(snapshot.metadata)))
    node.registry.close()
    return sorted(table.scan().to_arrow()["id"].to_pylist())


@pytest.mark.parametrize("how", ["empty", "half", "garbage", "gone"])
def test_a_damaged_data_file_is_named_where_it_is_read_and_a_full_build_heals(events: MeshFolder, how: str) -> None:
    with_a_batch_to_come(events)
    (path,) = (events.root / ".mesh/warehouse/ingest").rglob("*.parquet")
    content = path.read_bytes()
    damage(
        events, "*.parquet", {"empty": b"", "half": content[:100], "garbage": b"x" * len(content), "gone": None}[how]
    )
    for command in (["read", "ingest.events"], ["query", "select count(id) from ingest.events"]):
        said = fails(events, *command)
        assert f"{path} is {'missing' if how == 'gone' else 'damaged'}, and ingest.events is served from it" in said
        assert "mesh build --full --select ingest.events" in said
    events.build("--full", "--select", "ingest.events")
    assert ids(events) == [1, 2, 3]


def test_a_build_that_reads_a_damaged_data_file_says_so_and_the_head_stays(events: MeshFolder) -> None:
    events.product("core.copy", "select id from ingest.events")
    with_a_batch_to_come(events)
    damage(events, "*.parquet", b"x" * 50)
    events.write("domains/core/copy/transform/copy.sql", "select id, id + 1 as next from ingest.events")
    said = fails(events, "build", "--select", "core.copy")
    assert "damaged" in said
    assert "mesh build --full --select ingest.events" in said
    assert [row["id"] for row in events.rows("core.copy")] == [1, 2]


@pytest.mark.parametrize("how", ["garbage", "header", "half", "text"])
def test_a_damaged_registry_is_named_and_heals_when_it_is_restored(events: MeshFolder, how: str) -> None:
    with_a_batch_to_come(events)
    path = events.root / ".mesh/registry.db"
    content = path.read_bytes()
    damaged = {
        "garbage": content[:100] + b"\xff" * (len(content) - 100),
        "header": b"\0" * 100 + content[100:],
        "half": content[: len(content) // 2],
        "text": b"not a database, but words\n" * 100,
    }
    path.write_bytes(damaged[how])
    for command in (["build"], ["read", "ingest.events"], ["list"], ["rollback", "ingest.events"]):
        said = fails(events, *command)
        assert re.search(r"the registry .*registry\.db: (it is not a registry|the file is damaged).*restore it", said)
    path.write_bytes(content)
    assert ids(events) == [1, 2]
    events.build()
    assert ids(events) == [1, 2, 3]
