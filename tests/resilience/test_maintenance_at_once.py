"""Maintenance while four builds and two readers are at it: nobody misses a file, no row is lost, and the past is bounded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from meshwright.node import Node

if TYPE_CHECKING:
    from mesh_folder import MeshFolder

SCRIPT = Path(__file__).with_name("maintaining_process.py")
ENVIRONMENT = os.environ | {
    "PYTHONFAULTHANDLER": "1",
    "PYTHONPATH": os.pathsep.join([str(SCRIPT.parents[1]), os.environ.get("PYTHONPATH", "")]),
}
APPEND = "customProperties: [{property: mesh.materialization, value: append}]"
LANDING = "inputPorts:\n- {name: landing, customProperties: [{property: mesh.path, value: data/landing/*.csv}]}\n"
SECONDS = 30
READ = "select (select count(*) from ingest.events) as events, (select count(distinct id) from core.copied) as copied"


def land(mesh: MeshFolder, number: int) -> None:
    whole = mesh.write(f"data/arriving/{number}.csv", f"id\n{number}\n")
    (mesh.root / "data/landing").mkdir(exist_ok=True)
    whole.rename(mesh.root / f"data/landing/{number:04}.csv")


@pytest.fixture
def chain(mesh: MeshFolder) -> MeshFolder:
    mesh.write(
        "mesh.yaml",
        "name: chain\nengine: {threads: 1, memory: 500MB}\nmaintenance: {history: 0s, publications: 1, grace: 5s}\n",
    )
    land(mesh, 0)
    mesh.product(
        "ingest.events",
        "select id from landing__changes",
        descriptor=f"{LANDING}outputPorts:\n- {{name: events, {APPEND}}}\n",
    )
    copied = f"outputPorts:\n- {{name: copied, {APPEND}}}\n"
    mesh.product("core.copied", "select id from ingest.events__changes", descriptor=copied)
    mesh.product("core.total", "select count(*) as n from ingest.events")
    mesh.build()
    return mesh


def start(mesh: MeshFolder, name: str, *command: str) -> tuple[subprocess.Popen[str], Path]:
    output = mesh.root.parent / f"output-{name}"
    arguments = [sys.executable, str(SCRIPT), str(mesh.root), str(mesh.root.parent / "stop"), *command]
    with output.open("w") as stream:
        return subprocess.Popen(arguments, stdout=stream, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT), output


def told(process: subprocess.Popen[str], output: Path) -> list[dict[str, Any]]:
    _, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")
    found = [json.loads(line) for line in output.read_text().splitlines()]
    for answer in found:
        assert answer["code"] == 0, answer
        assert "defect" not in answer["out"] + answer["err"], answer
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("readers", "grace"),
    [
        pytest.param(2, "5s", id="builds and readers"),
        # Leases alone keep builds from losing what they need.
        pytest.param(0, "0s", id="builds without any grace"),
    ],
)
def test_builds_and_readers_notice_nothing_of_maintenance(chain: MeshFolder, readers: int, grace: str) -> None:
    builds = [start(chain, f"build-{number}", "build", "--json") for number in range(4)]
    reads = [start(chain, f"read-{number}", "query", READ, "--json") for number in range(readers)]
    maintains = [start(chain, f"maintain-{number}", "maintain", "--grace", grace, "--json") for number in range(2)]
    number, until = 0, time.monotonic() + SECONDS
    while time.monotonic() < until:
        number += 1
        land(chain, number)
        time.sleep(0.3)
    (chain.root.parent / "stop").touch()
    for one in builds:
        told(*one)
    counts = [[json.loads(answer["out"])[0]["events"] for answer in told(*one)] for one in reads]
    for seen in counts:
        assert seen == sorted(seen), "a reader saw rows go"
    done = [json.loads(answer["out"]) for one in maintains for answer in told(*one)]
    assert sum(len(one["forgotten"]) for one in done) > 0
    assert [one for run in done for one in run["rewritten"] if one["publication"] is not None], "nothing was compacted"
    assert_whole(chain, number)
    for _ in range(4):
        # Whoever was at it is gone: all that nobody needs goes now.
        time.sleep(0.1)
        assert chain.mesh("maintain", "--grace", "0s").code == 0
    assert_whole(chain, number)
    assert_only_what_is_needed(chain)


def assert_whole(mesh: MeshFolder, last: int) -> None:
    mesh.build()
    everything = list(range(last + 1))
    for port in ("ingest.events", "core.copied"):
        assert sorted(row["id"] for row in mesh.rows(port)) == everything, port
    assert mesh.rows("core.total") == [{"n": last + 1}]


def assert_only_what_is_needed(mesh: MeshFolder) -> None:
    """Every data file in the warehouse is one that a publication names."""
    assert mesh.mesh("maintain", "--grace", "0s").code == 0
    node = Node(mesh.root)
    needed = {
        file.path
        for product in ("ingest.events", "core.copied", "core.total")
        for one in node.registry.publications("prod", product)
        for port in one.ports
        for file in node.registry.files(port.table, port.snapshot)
    }
    warehouse = mesh.root / ".mesh/warehouse"
    assert {path.relative_to(warehouse).as_posix() for path in warehouse.rglob("*.parquet")} == needed
    assert list((warehouse / ".staging").iterdir()) == []
    assert list((warehouse / ".leases").iterdir()) == []
    node.registry.close()
