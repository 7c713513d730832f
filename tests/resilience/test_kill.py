"""`kill -9` at any point of a build or a rollback: every head serves one whole publication, and the next build succeeds.

Points are drawn by a seed: KILL_SEED=7 draws others, KILL_POINTS=10 ten times as many. A failure names its point.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from mesh_stores import database_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mesh_folder import MeshFolder

SCRIPT = Path(__file__).with_name("killed_build.py")
SEED = int(os.environ.get("KILL_SEED", "2026"))
POINTS = int(os.environ.get("KILL_POINTS", "1"))
# Of each case with everything beside the mesh; eight cases make 240 points.
EVENTS, MOMENTS = 24 * POINTS, 6 * POINTS
LANDING = """
inputPorts:
- name: landing
  customProperties: [{property: mesh.path, value: data/landing/*.csv}]
outputPorts:
"""
APPEND = "- {{name: {0}, customProperties: [{{property: mesh.materialization, value: append}}]}}\n"
MERGE = (
    "- {name: state, customProperties: "
    "[{property: mesh.materialization, value: merge}, {property: mesh.key, value: [id]}]}\n"
)
BATCHES = {1: [(1, "a"), (2, "b")], 2: [(2, "B"), (3, "c")], 3: [(4, "D"), (5, "e")]}
# Rows by port, their values as text, sorted.
Rows: TypeAlias = dict[str, list[list[str]]]
PRODUCTS = {
    "ingest.events": {"events": ["id", "v"], "audit": ["id", "note"]},
    "ingest.state": {"state": ["id", "v"]},
    "core.copied": {"copied": ["id", "v"]},
    "core.totals": {"totals": ["id", "v", "n"]},
}


def land(mesh: MeshFolder, *numbers: int) -> None:
    for number in numbers:
        rows = "".join(f"{identifier},{value}\n" for identifier, value in BATCHES[number])
        mesh.write(f"data/landing/{number}.csv", "id,v\n" + rows)


def expected(*numbers: int) -> Rows:
    """The rows of every port after batches *numbers*, as text and sorted."""
    rows = [row for number in numbers for row in BATCHES[number]]
    state = dict(rows)
    seen = Counter(identifier for identifier, _ in rows)
    found: dict[str, list[tuple[Any, ...]]] = {
        "events": rows,
        "audit": [(identifier, f"seen {value}") for identifier, value in rows],
        "state": list(state.items()),
        "copied": rows,
        "totals": [(identifier, value, seen[identifier]) for identifier, value in state.items()],
    }
    return {name: sorted([str(value) for value in row] for row in rows) for name, rows in found.items()}


@pytest.fixture
def chain(mesh: MeshFolder, stores: str) -> MeshFolder:
    """Two products fed by files, one with two ports, and two that read them: append, merge, append of an append, full."""
    mesh.write("mesh.yaml", f"name: chain\nengine: {{threads: 1}}\n{stores}")
    land(mesh, 1)
    mesh.product(
        "ingest.events",
        "select id, v from landing__changes",
        descriptor=LANDING + APPEND.format("events") + APPEND.format("audit"),
    )
    mesh.write("domains/ingest/events/transform/audit.sql", "select id, 'seen ' || v as note from landing__changes")
    # Of two values the later one is in capitals, which come first: a full rebuild reads both at once.
    mesh.product("ingest.state", "select id, min(v) as v from landing__changes group by id", descriptor=LANDING + MERGE)
    mesh.product(
        "core.copied",
        "select id, v from ingest.events__changes",
        descriptor="outputPorts:\n" + APPEND.format("copied"),
    )
    mesh.product(
        "core.totals",
        "select s.id, s.v, count(e.id) as n from ingest.state s left join ingest.events e on e.id = s.id group by s.id, s.v",
    )
    return mesh


def killed(
    mesh: MeshFolder, *command: str, then: tuple[str, ...] = ("build",), **points: Any
) -> Iterator[dict[str, Any]]:
    """What the script tells: the undisturbed run, then each kill of *command*."""
    job = {
        "base": str(mesh.root),
        "scratch": str(mesh.root.parent / "scratch"),
        "kill": mesh.named(command),
        "then": mesh.named(then),
        "products": PRODUCTS,
        "database": database_of(mesh),
        "seed": SEED,
        # The same suite on each store, in bounded time.
        "events": EVENTS if database_of(mesh) is None else EVENTS // 2,
        "moments": MOMENTS if database_of(mesh) is None else MOMENTS // 2,
    }
    done = subprocess.run(
        [sys.executable, str(SCRIPT)], input=json.dumps(job | points), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    yield from map(json.loads, done.stdout.splitlines())


def assert_nothing_is_lost(told: Iterator[dict[str, Any]], *, final: Rows, counted: int | None = None) -> None:
    """Every head serves what it served before or what the whole command publishes; the next build makes *final*."""
    whole = next(told)
    assert whole["answer"]["code"] == 0, whole["answer"]["out"]
    assert whole["events"] > 10
    assert_served(whole["final"], final, "the undisturbed run", counted)
    points = list(told)
    kills = 0
    for found in points:
        where = f"seed {SEED}, {found['point']} {found['at']}"
        assert "broken" not in found, f"{where}: {found.get('broken')}"
        kills += found["killed"]
        for product, after in found["after"].items():
            states = (whole["before"][product], whole["after"][product])
            assert after in states, f"{where}: {product} serves {after}, neither of {states}"
            said = found["said"].get(product)
            assert said is None or after["sequence"] >= said, f"{where}: {product} lost publication {said}"
        assert found["then"]["code"] == 0, f"{where}: {found['then']}"
        assert_served(found["final"], final, where, counted)
    # A run may end before its moment comes; one that is killed at a point never does, save where threads take turns.
    assert kills > len(points) // 6, "most runs ended before they were killed"


def assert_served(found: dict[str, Any], final: Rows, where: str, counted: int | None) -> None:
    for product in found.values():
        for name, port in product["ports"].items():
            assert port["missing"] == [], f"{where}: {name}"
            assert port["rows"] == final[name], f"{where}: {name}"
            assert port["iceberg"] == final[name], f"{where}: {name} through pyiceberg"
            assert port["counted"] == (counted or len(final[name])), f"{where}: {name}"


def first(mesh: MeshFolder) -> None:
    del mesh


def second_batch(mesh: MeshFolder) -> None:
    mesh.build()
    land(mesh, 2)


def after_rollbacks(mesh: MeshFolder) -> None:
    second_batch(mesh)
    mesh.build()
    for product in ("ingest.events", "ingest.state"):
        assert mesh.mesh("rollback", product).code == 0
    land(mesh, 3)


def two_at_a_time(mesh: MeshFolder) -> None:
    second_batch(mesh)
    mesh.edit("mesh.yaml", "threads: 1", "threads: 2")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("prepare", "options", "batches"),
    [
        pytest.param(first, (), (1,), id="the first build"),
        pytest.param(second_batch, (), (1, 2), id="a second batch"),
        pytest.param(after_rollbacks, (), (1, 2, 3), id="a batch after rollbacks"),
        pytest.param(two_at_a_time, (), (1, 2), id="two products at a time"),
        pytest.param(second_batch, ("--full",), (1, 2), id="a full rebuild"),
    ],
)
def test_killed_at_any_point_a_build_leaves_whole_publications(
    chain: MeshFolder, prepare: Callable[[MeshFolder], None], options: tuple[str, ...], batches: tuple[int, ...]
) -> None:
    prepare(chain)
    assert_nothing_is_lost(killed(chain, "build", "--json", *options), final=expected(*batches))


@pytest.mark.slow
@pytest.mark.parametrize("stores", ["PostgreSQL and S3"], indirect=True)
def test_killed_at_any_point_a_build_into_an_object_store_leaves_whole_publications(chain: MeshFolder) -> None:
    second_batch(chain)
    told = killed(chain, "build", "--json", events=EVENTS // 3, moments=MOMENTS // 3)
    assert_nothing_is_lost(told, final=expected(1, 2))


@pytest.mark.slow
@pytest.mark.parametrize("product", ["ingest.events", "ingest.state"])
def test_killed_at_any_point_a_rollback_has_happened_or_not(chain: MeshFolder, product: str) -> None:
    second_batch(chain)
    chain.build()
    assert_nothing_is_lost(killed(chain, "rollback", product), final=expected(1, 2))


@pytest.mark.slow
def test_killed_at_any_point_a_promotion_has_happened_for_every_product_or_for_none(chain: MeshFolder) -> None:
    chain.build()
    assert chain.mesh("env", "create", "trial").code == 0
    land(chain, 2)
    chain.build("--env", "trial")
    told = list(killed(chain, "env", "promote", "trial", "--json", events=EVENTS // 2))
    assert_nothing_is_lost(iter(told), final=expected(1, 2))
    whole = told[0]
    assert whole["before"] != whole["after"]
    for found in told[1:]:
        assert found["after"] in (whole["before"], whole["after"]), f"seed {SEED}, {found['point']} {found['at']}"


@pytest.mark.slow
def test_killed_while_many_rows_are_written_the_old_rows_stay(mesh: MeshFolder) -> None:
    """Moments instead of points: most of them fall into the engine's own code."""
    mesh.write("mesh.yaml", "name: large\nengine: {threads: 2}\n")
    mesh.product("core.large", "select range as n, 'old' as v from range(1000)")
    mesh.build()
    mesh.write("domains/core/large/transform/large.sql", "select range as n, hash(range) as v from range(1000000)")
    products = {"core.large": {"large": ["count(*)", "sum(n)"]}}
    told = killed(mesh, "build", "--json", products=products, events=EVENTS // 4, moments=EVENTS)
    assert_nothing_is_lost(told, final={"large": [["1000000", str(sum(range(1000000)))]]}, counted=1000000)
