"""Sources that others keep writing, and clocks that go backwards."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from meshwright.build.planning import PlanRequest
from meshwright.node import Node

if TYPE_CHECKING:
    from mesh_folder import MeshFolder

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
ROWS = 20_000


def build_at(mesh: MeshFolder, moment: datetime) -> None:
    node = Node(mesh.root, now=lambda: moment)
    (ended,) = node.build(node.plan(PlanRequest(environment="prod")), lambda _: None)
    assert ended.outcome == "published", ended
    node.registry.close()


def test_publications_keep_their_order_when_the_clock_goes_backwards(mesh: MeshFolder) -> None:
    mesh.product("a.b", "select 0 as x")
    for number, hours in enumerate([0, -5, -10, 3], 1):
        mesh.write("domains/a/b/transform/b.sql", f"select {number} as x")
        build_at(mesh, NOON + timedelta(hours=hours))
        assert mesh.rows("a.b") == [{"x": number}]
    node = Node(mesh.root)
    assert [one.sequence for one in node.registry.publications("prod", "a.b")] == [4, 3, 2, 1]
    times = [at for at, _ in node.registry.move_history("prod", "a.b")]
    assert times == sorted(times)
    assert mesh.rows("a.b", "--as-of", (NOON + timedelta(hours=1)).isoformat()) == [{"x": 3}]
    assert mesh.rows("a.b", "--as-of", (NOON + timedelta(hours=4)).isoformat()) == [{"x": 4}]
    assert mesh.rows("a.b", "--as-of", "2") == [{"x": 2}]
    assert mesh.mesh("rollback", "a.b").code == 0
    assert mesh.rows("a.b") == [{"x": 3}]
    node.registry.close()


@pytest.mark.slow
def test_a_file_that_is_written_all_the_time_is_published_whole_or_not(mesh: MeshFolder) -> None:
    """Each version of the file holds one number only; rows of two versions in a publication would show."""
    path = mesh.write("data/a.csv", "x\n" + "0\n" * ROWS)
    mesh.product("a.b", "select x from 'data/a.csv'")
    mesh.build()
    ended = threading.Event()

    def write() -> None:
        version = 0
        while not ended.is_set():
            version += 1
            with path.open("w") as file:
                file.write("x\n")
                for _ in range(ROWS // 100):
                    file.write(f"{version}\n" * 100)
                    file.flush()
            ended.wait(0.05)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(12):
            answer = mesh.mesh("build")
            assert answer.code == 0 or "changed while being read" in answer.out or "empty" in answer.out, answer
            query = "select count(*) as n, count(distinct x) as versions from a.b"
            assert mesh.mesh("query", query, "--json").data == [{"n": ROWS, "versions": 1}]
    finally:
        ended.set()
        writer.join()
    mesh.build()
    assert mesh.mesh("query", "select count(*) as n from a.b", "--json").data == [{"n": ROWS}]
