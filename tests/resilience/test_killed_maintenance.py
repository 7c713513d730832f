"""`kill -9` at any point of `mesh maintain`: what is served and what is kept can be read, and running it again completes it.

Points are drawn by a seed: KILL_SEED=7 draws others, KILL_POINTS=10 ten times as many. A failure names its point.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mesh_folder import MeshFolder
from mesh_stores import database_of

if TYPE_CHECKING:
    from collections.abc import Callable

SCRIPT = Path(__file__).with_name("killed_build.py")
SEED = int(os.environ.get("KILL_SEED", "2026"))
POINTS = int(os.environ.get("KILL_POINTS", "1"))
# Of each case; three cases make 72 points.
EVENTS, MOMENTS = 18 * POINTS, 6 * POINTS
PRODUCTS = {
    "ingest.events": {"events": ["id"]},
    "core.copied": {"copied": ["id"]},
    "core.total": {"total": ["n"]},
}
BATCHES = 10
APPEND = "customProperties: [{property: mesh.materialization, value: append}]"
LANDING = "inputPorts:\n- {name: landing, customProperties: [{property: mesh.path, value: data/landing/*.csv}]}\n"
RETENTION = "slaProperties:\n- {property: retention, value: 30, unit: d, element: events.seen}\n"


def build(root: Path, maintenance: str, stores: str, *, retention: bool = False) -> MeshFolder:
    """events appends what lands, copied appends what is new in it, total counts it; each has ten publications."""
    mesh = MeshFolder(root)
    mesh.write("mesh.yaml", f"name: t\nengine: {{threads: 1}}\nmaintenance: {maintenance}\n{stores}")
    age = "case when id % 4 = 1 then 40 else 1 end"
    sql = f"select id, date_trunc('day', now()::timestamp) - to_days({age}) as seen from landing__changes"
    mesh.product("ingest.events", sql, descriptor=f"{LANDING}outputPorts:\n- {{name: events, {APPEND}}}\n")
    mesh.contract("ingest.events", "- {name: id, physicalType: INTEGER}\n- {name: seen, physicalType: TIMESTAMP}\n")
    if retention:
        contract = mesh.root / "domains/ingest/events/contracts/events.yaml"
        contract.write_text(contract.read_text() + RETENTION)
    copied = f"outputPorts:\n- {{name: copied, {APPEND}}}\n"
    mesh.product("core.copied", "select id, seen from ingest.events__changes", descriptor=copied)
    mesh.product("core.total", "select count(*) as n from ingest.events")
    for number in range(BATCHES):
        mesh.write(f"data/landing/{number:03d}.csv", f"id\n{number}\n{100 + number}\n")
        mesh.build()
    return mesh


def leave_behind(mesh: MeshFolder) -> None:
    """What a dropped environment, a failed build and a killed one leave."""
    mesh.mesh("env", "create", "trial")
    total = "domains/core/total/transform/total.sql"
    before = (mesh.root / total).read_text()
    mesh.write(total, "select count(*) + 1 as n from ingest.events")
    mesh.build("--env", "trial")
    mesh.mesh("env", "drop", "trial", "--yes")
    mesh.write(total, before)
    warehouse = mesh.root / ".mesh/warehouse"
    (table,) = (warehouse / "ingest/events").iterdir()
    (table / f"data/{'a' * 32}.parquet").write_bytes(b"half")
    (warehouse / ".staging/dead").mkdir()


def compacted_before(mesh: MeshFolder) -> None:
    """What was made into few files is past, too."""
    assert mesh.mesh("maintain", "--grace", "1h").code == 0
    mesh.write("data/landing/900.csv", "id\n900\n")
    mesh.build()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("maintenance", "retention", "prepare"),
    [
        pytest.param("{history: 0s, publications: 3, grace: 0s}", False, leave_behind, id="past and leftovers"),
        pytest.param("{history: 0s, publications: 1, grace: 0s}", False, compacted_before, id="after a compaction"),
        pytest.param("{history: 30d, grace: 0s}", True, leave_behind, id="retention and compaction"),
    ],
)
def test_killed_at_any_point_maintenance_costs_nobody_a_row_and_is_completed_by_the_next(
    tmp_path: Path, stores: str, maintenance: str, *, retention: bool, prepare: Callable[[MeshFolder], None]
) -> None:
    # Every kill happens where the mesh was built: Iceberg's own paths are absolute.
    mesh = build(tmp_path / "scratch" / "mesh", maintenance, stores, retention=retention)
    prepare(mesh)
    shutil.copytree(mesh.root, tmp_path / "base")
    # The same suite on each store, in bounded time.
    events, moments = (EVENTS // 3, MOMENTS // 3) if stores else (EVENTS, MOMENTS)
    whole, *points = killed(tmp_path, mesh, events=events, moments=moments)
    assert whole["answer"]["code"] == 0, whole["answer"]
    assert whole["events"] > 10
    assert len(points) == events + moments
    done = json.loads(whole["answer"]["out"])
    assert done["forgotten"] or done["rewritten"]
    gone = {f"{one['product']} {one['publication']}" for one in done["forgotten"]}
    # What the run after it forgets is past by then.
    gone |= {f"{one['product']} {one['publication']}" for one in json.loads(whole["then"]["out"])["forgotten"]}
    assert sum(found["killed"] for found in points) > events // 2, "most runs ended before they were killed"
    for found in points:
        check(found, whole, gone)


def check(found: dict[str, Any], whole: dict[str, Any], gone: set[str]) -> None:
    where = f"seed {SEED}, {found['point']} {found['at']}"
    assert "broken" not in found, f"{where}: {found.get('broken')}"
    for moment in ("after", "final"):
        for product, served in found[moment].items():
            states = [rows(whole[when][product]) for when in ("before", "after", "final")]
            assert rows(served) in states, f"{where}: {product} serves {served}"
            for name, port in served["ports"].items():
                assert port["missing"] == [], f"{where}: {moment} {name}"
                assert port["iceberg"] == port["rows"], f"{where}: {moment} {name} through pyiceberg"
    assert found["then"]["code"] == 0, f"{where}: {found['then']}"
    assert [rows(served) for served in found["final"].values()] == [
        rows(served) for served in whole["final"].values()
    ], where
    for moment in ("past", "final_past"):
        for name, past in found[moment].items():
            if isinstance(past, str):
                assert name in gone, f"{where}: {moment} {name} {past}"
                assert "any more" in past, f"{where}: {name} {past}"
            else:
                assert len(past) == expected(name), f"{where}: {moment} {name}"


def rows(served: dict[str, Any]) -> dict[str, list[list[str]]]:
    return {name: port["rows"] for name, port in served["ports"].items()}


def expected(name: str) -> int:
    """How many rows an earlier publication of a port has."""
    product, _, number = name.partition(" ")
    return 1 if product == "core.total" else 2 * int(number)


def killed(folder: Path, mesh: MeshFolder, **points: int) -> list[dict[str, Any]]:
    """What the script tells: the undisturbed run, then each kill."""
    job = {
        "base": str(folder / "base"),
        "scratch": str(folder / "scratch"),
        "kill": mesh.named(("maintain", "--json")),
        "then": mesh.named(("maintain", "--json")),
        "products": PRODUCTS,
        "past": [[product, number] for product in ("ingest.events", "core.total") for number in (1, 8, 9, 10)],
        "seed": SEED,
        "database": database_of(mesh),
        **points,
    }
    done = subprocess.run(
        [sys.executable, str(SCRIPT)], input=json.dumps(job), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return [json.loads(line) for line in done.stdout.splitlines()]
