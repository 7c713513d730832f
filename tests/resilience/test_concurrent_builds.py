"""Several builds of one mesh at once: each publication is one build's or another's, none is lost, no row comes twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from meshwright.node import Node

if TYPE_CHECKING:
    from mesh_folder import MeshFolder

SCRIPT = Path(__file__).with_name("building_process.py")
ENVIRONMENT = os.environ | {
    "PYTHONFAULTHANDLER": "1",
    "PYTHONPATH": os.pathsep.join([str(SCRIPT.parents[1]), os.environ.get("PYTHONPATH", "")]),
}
PRODUCTS = ["ingest.events", "ingest.state", "core.copied", "core.totals"]
LANDING = """
inputPorts:
- name: landing
  customProperties: [{property: mesh.path, value: data/landing/*.csv}]
outputPorts:
"""
APPEND = "- {{name: {0}, customProperties: [{{property: mesh.materialization, value: append}}]}}\n"
MERGE = (
    "- {name: state, customProperties: "
    "[{property: mesh.materialization, value: merge}, {property: mesh.key, value: [k]}]}\n"
)


def land(mesh: MeshFolder, number: int) -> None:
    """A new file, at once: two rows with ids of their own, and keys that other files have too."""
    whole = mesh.write(f"data/arriving/{number}.csv", f"id,k\n{number * 10},{number % 3}\n{number * 10 + 1},{9}\n")
    (mesh.root / "data/landing").mkdir(exist_ok=True)
    whole.rename(mesh.root / f"data/landing/{number:03}.csv")


@pytest.fixture
def chain(mesh: MeshFolder, stores: str) -> MeshFolder:
    mesh.write("mesh.yaml", f"name: chain\nengine: {{threads: 2, memory: 500MB}}\n{stores}")
    land(mesh, 1)
    mesh.product(
        "ingest.events",
        "select id from landing__changes",
        descriptor=LANDING + APPEND.format("events") + APPEND.format("audit"),
    )
    mesh.write("domains/ingest/events/transform/audit.sql", "select id, k from landing__changes")
    mesh.product("ingest.state", "select k, max(id) as id from landing__changes group by k", descriptor=LANDING + MERGE)
    mesh.product(
        "core.copied", "select id from ingest.events__changes", descriptor="outputPorts:\n" + APPEND.format("copied")
    )
    mesh.product("core.totals", "select count(*) as n, sum(id) as s from ingest.events")
    return mesh


OFTEN = 30


@dataclass(frozen=True)
class Running:
    """A process that builds; what it prints goes to a file, since nobody reads before it ends."""

    process: subprocess.Popen[str]
    output: Path

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None


def start(mesh: MeshFolder, times: int, seed: int, rollbacks: float) -> Running:
    output = mesh.root.parent / f"output-{seed}"
    arguments = [str(mesh.root), str(times), str(seed), str(rollbacks), "ingest.events", "ingest.state", "core.copied"]
    command = [sys.executable, str(SCRIPT), *arguments]
    with output.open("w") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    return Running(process, output)


def told(processes: list[Running]) -> list[dict[str, Any]]:
    """What every command answered; none may complain of locks, or of a defect."""
    found = []
    for one in processes:
        _, errors = one.process.communicate(timeout=300)
        assert (one.process.returncode, errors) == (0, "")
        found += [json.loads(line) for line in one.output.read_text().splitlines()]
    for answer in found:
        everything = (answer["out"] + answer["err"]).lower()
        assert "locked" not in everything, answer
        assert "defect" not in everything, answer
        assert "traceback" not in everything, answer
        if answer["command"][0] == "build":
            assert answer["code"] == 0, answer
        else:
            # There may be nothing to go back to, or another may have moved the head first.
            refused = {1: "someone else was first", 2: "there is none before it"}
            assert answer["code"] == 0 or refused[answer["code"]] in answer["err"], answer
    return found


def published(found: list[dict[str, Any]]) -> dict[str, list[int]]:
    """The sequences that builds said they had published, by product."""
    sequences: dict[str, list[int]] = {product: [] for product in PRODUCTS}
    for one in found:
        for line in one["out"].splitlines() if one["command"][0] == "build" else ():
            event = json.loads(line)
            if event["event"] == "product_ended" and event["outcome"] == "published":
                sequences[event["product"]].append(event["publication"]["sequence"])
    return sequences


def rows(node: Node, sql: str) -> list[Any]:
    found: list[Any] = node.reader("prod").query(sql).relation.fetchall()
    return found


def assert_each_publication_is_whole(mesh: MeshFolder, said: dict[str, list[int]]) -> None:
    node = Node(mesh.root)
    for product in PRODUCTS:
        history = sorted(one.sequence for one in node.registry.publications("prod", product))
        assert history == list(range(1, len(history) + 1))
        assert set(history) - {1} <= set(said[product]), f"{product}: a publication that no build spoke of"
        assert not [number for number, times in Counter(said[product]).items() if times > 1], product
        assert set(said[product]) <= set(history), f"{product}: a publication was lost"
    for one in node.registry.publications("prod", "ingest.events"):
        reader, at = node.reader("prod"), str(one.sequence)
        events = reader.read("ingest.events", as_of=at).relation.fetchall()
        audit = reader.read("ingest.events.audit", columns=["id"], as_of=at).relation.fetchall()
        assert len(events) == len(set(events)), f"publication {at} has a row twice"
        assert sorted(events) == sorted(audit), f"the ports of publication {at} are of two builds"
    for one in node.registry.publications("prod", "core.copied"):
        copied = node.reader("prod").read("core.copied", as_of=str(one.sequence)).relation.fetchall()
        assert len(copied) == len(set(copied)), f"publication {one.sequence} of core.copied has a row twice"
    node.registry.close()


def assert_complete(mesh: MeshFolder, files: int) -> None:
    mesh.build()
    node = Node(mesh.root)
    everything = sorted(number * 10 + row for number in range(1, files + 1) for row in (0, 1))
    for port in ("ingest.events", "ingest.events.audit", "core.copied"):
        assert [row[0] for row in rows(node, f"select id from {port} order by id")] == everything, port
    newest = {number % 3: number * 10 for number in range(1, files + 1)} | {9: files * 10 + 1}
    assert dict(rows(node, "select k, id from ingest.state")) == newest
    assert [tuple(map(int, row)) for row in rows(node, "select n, s from core.totals")] == [
        (len(everything), sum(everything))
    ]
    node.registry.close()


@pytest.mark.slow
@pytest.mark.parametrize(("processes", "times"), [(2, 8), (8, 4)])
@pytest.mark.parametrize("rollbacks", [0.0, 0.3], ids=["builds", "builds and rollbacks"])
def test_builds_at_once_lose_nothing_and_double_nothing(
    chain: MeshFolder, processes: int, times: int, rollbacks: float
) -> None:
    first = published([{"command": ["build"], "out": chain.mesh("build", "--json").out}])
    running = [start(chain, times, seed, rollbacks) for seed in range(processes)]
    files = 1
    while not all(one.ended for one in running):
        files += 1
        land(chain, files)
        # At first so often that there is something new for every build, however fast they are.
        time.sleep(0.3 if files > OFTEN else 0.05)
    found = told(running)
    said = published(found)
    assert sum(map(len, said.values())) > len(PRODUCTS), "nothing was built at once"
    assert_each_publication_is_whole(chain, {name: first[name] + said[name] for name in PRODUCTS})
    assert_complete(chain, files)


@pytest.mark.slow
def test_eight_first_builds_at_once_publish_each_product_once(chain: MeshFolder) -> None:
    said = published(told([start(chain, 1, seed, 0.0) for seed in range(8)]))
    assert said == {product: [1] for product in PRODUCTS}
    assert_each_publication_is_whole(chain, said)
    assert_complete(chain, 1)
