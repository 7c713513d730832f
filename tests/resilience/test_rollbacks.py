"""Rollbacks upstream: a reader that takes only changes gets each row once, whenever it is built."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meshwright.build.planning import PlanRequest
from meshwright.node import Node

if TYPE_CHECKING:
    from mesh_folder import MeshFolder

LANDING = """
inputPorts:
- name: landing
  customProperties: [{property: mesh.path, value: data/landing/*.csv}]
"""
APPEND = "outputPorts:\n- {{name: {0}, customProperties: [{{property: mesh.materialization, value: append}}]}}\n"
MERGE = (
    "outputPorts:\n- {{name: {0}, customProperties: "
    "[{{property: mesh.materialization, value: merge}}, {{property: mesh.key, value: [id]}}]}}\n"
)


@pytest.fixture
def chain(mesh: MeshFolder) -> MeshFolder:
    mesh.write("data/landing/1.csv", "id,v\n1,a\n2,b\n")
    mesh.product("a.events", "select id, v from landing__changes", descriptor=LANDING + APPEND.format("events"))
    mesh.product("a.state", "select id, v from landing__changes", descriptor=LANDING + MERGE.format("state"))
    mesh.product("b.copied", "select id, v from a.events__changes", descriptor=APPEND.format("copied"))
    mesh.product("b.mirror", "select id, v from a.state__changes", descriptor=MERGE.format("mirror"))
    mesh.build()
    mesh.write("data/landing/2.csv", "id,v\n2,B\n3,c\n")
    mesh.build()
    return mesh


def ids(mesh: MeshFolder, port: str) -> list[int]:
    return sorted(row["id"] for row in mesh.rows(port))


def state(mesh: MeshFolder, port: str) -> dict[int, str]:
    return {row["id"]: row["v"] for row in mesh.rows(port)}


def test_a_reader_built_while_its_input_is_rolled_back_takes_no_row_twice(chain: MeshFolder) -> None:
    assert chain.mesh("rollback", "a.events").code == 0
    chain.build("--select", "b.copied")
    assert ids(chain, "b.copied") == [1, 2, 2, 3]
    chain.build()
    assert ids(chain, "a.events") == [1, 2, 2, 3]
    assert ids(chain, "b.copied") == [1, 2, 2, 3]
    chain.write("data/landing/3.csv", "id,v\n4,d\n")
    chain.build()
    assert ids(chain, "b.copied") == [1, 2, 2, 3, 4]


def test_a_reader_keeps_its_place_through_several_rollbacks(chain: MeshFolder) -> None:
    for number in range(3, 6):
        for _ in range(2):
            assert chain.mesh("rollback", "a.events", "--to", "1").code == 0
            chain.build("--select", "b.copied")
        chain.write(f"data/landing/{number}.csv", f"id,v\n{number + 1},x\n")
        chain.build()
        assert ids(chain, "b.copied") == [1, 2, 2, 3, *range(4, number + 2)]


def test_a_merging_reader_follows_a_rollback_of_values_and_their_return(chain: MeshFolder) -> None:
    assert chain.mesh("rollback", "a.state").code == 0
    chain.build("--select", "b.mirror")
    assert state(chain, "b.mirror") == {1: "a", 2: "b", 3: "c"}
    chain.build()
    assert state(chain, "b.mirror") == state(chain, "a.state") == {1: "a", 2: "B", 3: "c"}


def test_a_reader_rolled_back_itself_takes_again_what_it_gave_up(chain: MeshFolder) -> None:
    assert chain.mesh("rollback", "b.copied").code == 0
    assert ids(chain, "b.copied") == [1, 2]
    chain.build()
    assert ids(chain, "b.copied") == [1, 2, 2, 3]


def test_a_plan_older_than_the_head_takes_no_file_twice(mesh: MeshFolder) -> None:
    """Two builds at once: the one that planned first comes last, and a file came between."""
    mesh.write("data/landing/1.csv", "id,v\n1,a\n")
    mesh.product("a.events", "select id, v from landing__changes", descriptor=LANDING + APPEND.format("events"))
    mesh.build()
    mesh.write("data/landing/2.csv", "id,v\n2,b\n")
    node = Node(mesh.root)
    planned = node.plan(PlanRequest(environment="prod"))
    mesh.write("data/landing/3.csv", "id,v\n3,c\n")
    mesh.build()
    node.build(planned, lambda _: None)
    node.registry.close()
    mesh.build()
    assert ids(mesh, "a.events") == [1, 2, 3]
