"""Several runners of one mesh at once, and runners that are killed: each due product is built once, and none is left behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from meshwright.node import Node

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mesh_folder import MeshFolder

PRODUCTS = [f"ingest.part{number}" for number in range(6)]
EVERYTHING = [*PRODUCTS, "core.first", "core.whole"]
ALWAYS = "customProperties:\n- {property: mesh.schedule, value: {on: inputs}}\n"
# The transformation counts how often it was run, and takes a while.
SLOW = """
import time
import pyarrow as pa

def {name}(inputs):
    with open("{log}", "a") as log:
        log.write("{name}\\n")
    time.sleep({seconds})
    return pa.table({{"id": [1, 2, 3]}})
"""


def start(mesh: MeshFolder, *arguments: str, output: Path | None = None) -> subprocess.Popen[str]:
    """A runner whose events go to the file *output*, or can be read when it ends."""
    command = [sys.executable, "-m", "meshwright", "-C", str(mesh.root), "run", *arguments, "--env", "prod", "--json"]
    if output is None:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with output.open("w") as stream:
        return subprocess.Popen(command, stdout=stream, stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str], code: int = 0) -> list[dict[str, Any]]:
    """The events that *process* told of until its end."""
    out, errors = process.communicate(timeout=300)
    assert (process.returncode, errors) == (code, ""), out + errors
    assert "locked" not in out
    assert "defect" not in out
    return [json.loads(line) for line in out.splitlines()]


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.02)


@pytest.fixture(params=["sqlite", "postgresql"])
def log(request: pytest.FixtureRequest, mesh: MeshFolder, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six independent products whose transformations write here that they run, one that reads two of them, one that reads all."""
    file = mesh.write("log.txt", "")
    settings = "name: busy\nengine: {threads: 2, memory: 500MB}\n"
    if request.param == "postgresql":
        database = request.getfixturevalue("postgres")
        monkeypatch.setenv("PGPASSWORD", database.server.password)
        settings += f"registry: postgresql://mesh@127.0.0.1:{database.server.port}/{database.name}\n"
    mesh.write("mesh.yaml", settings)
    for product in PRODUCTS:
        name = product.split(".")[1]
        folder = mesh.product(product, "", descriptor=ALWAYS)
        (mesh.root / folder / f"transform/{name}.sql").unlink()
        mesh.write(f"{folder}/transform/{name}.py", SLOW.format(name=name, log=file, seconds=0.2))
    mesh.product(
        "core.first", f"select id from {PRODUCTS[0]} union all select id from {PRODUCTS[1]}", descriptor=ALWAYS
    )
    union = " union all ".join(f"select id from {one}" for one in PRODUCTS)
    mesh.product("core.whole", union, descriptor=ALWAYS)
    return file


def outcomes(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(one["product"], one["outcome"]) for one in events if one["event"] == "product_ended"]


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 8])
def test_every_due_product_is_built_once_however_many_runners_there_are(
    mesh: MeshFolder, log: Path, count: int
) -> None:
    processes = [start(mesh, "--due") for _ in range(count)]
    told = [one for process in processes for one in outcomes(ended(process))]
    # Whoever finds nothing to do leaves; what reads others is built by the last one that is still there.
    assert Counter(told) == Counter((product, "published") for product in EVERYTHING)
    assert sorted(log.read_text().splitlines()) == sorted(product.split(".")[1] for product in PRODUCTS)
    node = Node(mesh.root)
    assert {name: len(node.registry.publications("prod", name)) for name in EVERYTHING} == dict.fromkeys(EVERYTHING, 1)
    assert {name: len(node.runs.history("prod", name)) for name in EVERYTHING} == dict.fromkeys(EVERYTHING, 1)
    node.registry.close()
    node.runs.close()
    assert mesh.mesh("run", "--due", "--env", "prod", "--json").data["outcomes"] == {}


@pytest.mark.slow
def test_eight_runners_that_wake_at_the_same_moment_build_each_product_once(mesh: MeshFolder, log: Path) -> None:
    every_minute = ALWAYS.replace("{on: inputs}", '{cron: "* * * * *"}')
    for product in EVERYTHING:
        mesh.product(product, f"select '{product}' as id", descriptor=every_minute)
        (mesh.root / f"domains/{product.replace('.', '/')}/transform/{product.split('.')[1]}.py").unlink(
            missing_ok=True
        )
    node = Node(mesh.root)
    outputs = [mesh.root.parent / f"output-{number}" for number in range(8)]
    staying = [start(mesh, "--watch", output=output) for output in outputs]
    # Each has looked before the moment that counts.
    wait_until(lambda: all('"waited"' in output.read_text() for output in outputs))
    began = datetime.now(UTC).isoformat()
    wait_until(lambda: all(run.started_at > began for run in node.runs.last("prod").values()), seconds=120)
    time.sleep(3)
    for process in staying:
        process.send_signal(signal.SIGTERM)
    for process in staying:
        process.communicate(timeout=60)
        assert process.returncode == 128 + signal.SIGTERM
    for product in EVERYTHING:
        minutes = [run.started_at[:16] for run in node.runs.history("prod", product) if run.cause == "cron"]
        assert minutes
        assert len(minutes) == len(set(minutes)), product
    node.registry.close()
    node.runs.close()


@pytest.mark.slow
def test_the_products_of_a_killed_runner_are_built_by_another_when_its_leases_expire(
    mesh: MeshFolder, log: Path
) -> None:
    name = PRODUCTS[0].split(".")[1]
    mesh.write(f"domains/ingest/{name}/transform/{name}.py", SLOW.format(name=name, log=log, seconds=60))
    killed = start(mesh, "--due", "--select", PRODUCTS[0], "--lease", "20s")
    wait_until(log.read_text)
    leased = time.monotonic()
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    mesh.write(f"domains/ingest/{name}/transform/{name}.py", SLOW.format(name=name, log=log, seconds=0))
    first = ended(start(mesh, "--due", "--select", PRODUCTS[0]))
    assert [one["event"] for one in first] == ["left_to_others", "run_ended"]
    assert time.monotonic() - leased < 20, "this machine is too slow for the test"
    time.sleep(21)
    second = ended(start(mesh, "--due", "--select", PRODUCTS[0]))
    assert outcomes(second) == [(PRODUCTS[0], "published")]


@pytest.mark.slow
def test_a_living_runner_keeps_its_lease_longer_than_the_lease_is_long(mesh: MeshFolder, log: Path) -> None:
    name = PRODUCTS[0].split(".")[1]
    mesh.write(f"domains/ingest/{name}/transform/{name}.py", SLOW.format(name=name, log=log, seconds=12))
    slow = start(mesh, "--due", "--select", PRODUCTS[0], "--lease", "4s")
    wait_until(log.read_text)
    time.sleep(6)
    other = ended(start(mesh, "--due", "--select", PRODUCTS[0], "--lease", "4s"))
    assert outcomes(other) == []
    assert outcomes(ended(slow)) == [(PRODUCTS[0], "published")]


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_runner_that_is_told_to_stop_gives_everything_back_at_once(
    mesh: MeshFolder, log: Path, sent: signal.Signals, code: int
) -> None:
    name = PRODUCTS[0].split(".")[1]
    mesh.write(f"domains/ingest/{name}/transform/{name}.py", SLOW.format(name=name, log=log, seconds=60))
    staying = start(mesh, "--watch", "--select", PRODUCTS[0])
    wait_until(log.read_text)
    asked = time.monotonic()
    staying.send_signal(sent)
    _, errors = staying.communicate(timeout=30)
    assert time.monotonic() - asked < 10
    assert staying.returncode == code
    assert errors.strip() == "stopped; what was published stays, nothing else is visible"
    mesh.write(f"domains/ingest/{name}/transform/{name}.py", SLOW.format(name=name, log=log, seconds=0))
    assert outcomes(ended(start(mesh, "--due", "--select", PRODUCTS[0]))) == [(PRODUCTS[0], "published")]


@pytest.mark.slow
def test_a_staying_runner_takes_over_from_one_that_was_killed(mesh: MeshFolder, log: Path) -> None:
    name = PRODUCTS[0].split(".")[1]
    mesh.write(f"domains/ingest/{name}/transform/{name}.py", SLOW.format(name=name, log=log, seconds=60))
    killed = start(mesh, "--watch", "--select", PRODUCTS[0], "--lease", "3s")
    wait_until(log.read_text)
    staying = start(mesh, "--watch", "--every", "1s")
    wait_until(lambda: len(log.read_text().splitlines()) == len(PRODUCTS))
    mesh.write(f"domains/ingest/{name}/transform/{name}.py", SLOW.format(name=name, log=log, seconds=0))
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    node = Node(mesh.root)
    wait_until(lambda: set(node.runs.last("prod")) == set(EVERYTHING))
    staying.send_signal(signal.SIGTERM)
    staying.communicate(timeout=30)
    assert staying.returncode == 128 + signal.SIGTERM
    assert {name: len(node.registry.publications("prod", name)) for name in EVERYTHING} == dict.fromkeys(EVERYTHING, 1)
    assert len({run.runner for run in node.runs.last("prod").values()}) == 1
    node.registry.close()
    node.runs.close()
