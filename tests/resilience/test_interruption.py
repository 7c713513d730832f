"""Ctrl-C and worse while a build runs: it stops at once, what was published stays, and nothing is left running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from mesh_folder import MeshFolder

LONG = "select count(*) as n from range(100000) a, range(1000000) b where hash(a.range, b.range) % 7 = 1"
SLEEPER = "import time\ndef slow(inputs):\n    print('begun', flush=True)\n    while True:\n        time.sleep(0.1)\n"
STUBBORN = """\
import signal, subprocess
def slow(inputs):
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    print('begun', flush=True)
    subprocess.run(['sleep', '1000'])
"""


@pytest.fixture
def shop(mesh: MeshFolder) -> MeshFolder:
    """A product that is published, and changed since; `a.slow` comes with each test."""
    mesh.product("a.quick", "select 1 as x")
    mesh.build()
    mesh.write("domains/a/quick/transform/quick.sql", "select 2 as x")
    return mesh


def sql(mesh: MeshFolder) -> None:
    mesh.product("a.slow", LONG)


def python(source: str) -> Callable[[MeshFolder], None]:
    def write(mesh: MeshFolder) -> None:
        mesh.product("a.slow", "")
        (mesh.root / "domains/a/slow/transform/slow.sql").unlink()
        mesh.write("domains/a/slow/transform/slow.py", source)

    return write


def several(mesh: MeshFolder) -> None:
    for number in range(20):
        mesh.product(f"a.p{number}", LONG.replace("100000)", f"{number}00000)") if number % 3 else "select 1 as n")


def start(mesh: MeshFolder) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "meshwright", "-C", str(mesh.root), "build"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1", "MESH_OF_TEST": str(mesh.root)},
    )


def wait_for(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.02)


def staging(mesh: MeshFolder) -> list[Path]:
    folder = mesh.root / ".mesh/warehouse/.staging"
    return list(folder.iterdir()) if folder.exists() else []


def running(mesh: MeshFolder) -> list[str]:
    """Processes that work on the mesh, or on what it started: they name its folder, or a job of its transformation."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            folder = str((process / "cwd").readlink())
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z" and process.name.isdecimal() and (str(mesh.root) in command or str(mesh.root) in folder):
            found.append(command)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("signals", [1, 2], ids=["once", "twice"])
@pytest.mark.parametrize(
    "prepare",
    [sql, python(SLEEPER), python(STUBBORN), several],
    ids=["a query", "Python", "Python that ignores signals", "several products"],
)
def test_ctrl_c_stops_a_build_at_once(shop: MeshFolder, prepare: Callable[[MeshFolder], None], signals: int) -> None:
    prepare(shop)
    process = start(shop)
    wait_for(lambda: staging(shop), "the build never began")
    time.sleep(0.7)
    stopped = time.monotonic()
    for _ in range(signals):
        process.send_signal(signal.SIGINT)
        time.sleep(0.01)
    output, errors = process.communicate(timeout=30)
    assert time.monotonic() - stopped < 10
    assert process.returncode == 130, (output, errors)
    assert "stopped; what was published stays" in errors
    assert "Traceback" not in errors
    wait_for(lambda: not running(shop), f"left running: {running(shop)}", 5)
    assert shop.rows("a.quick") in ([{"x": 1}], [{"x": 2}])
    assert shop.mesh("read", "a.slow").code == 2


@pytest.mark.slow
@pytest.mark.parametrize("moment", [0.0, 0.05, 0.1, 0.2, 0.3])
def test_ctrl_c_at_any_moment_of_the_beginning_stops_it(shop: MeshFolder, moment: float) -> None:
    sql(shop)
    process = start(shop)
    wait_for(lambda: staging(shop), "the build never began")
    time.sleep(moment)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    process.communicate()
    assert staging(shop) == []
    assert shop.rows("a.quick") in ([{"x": 1}], [{"x": 2}])
    shop.build("--select", "a.quick")
    assert shop.rows("a.quick") == [{"x": 2}]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "source", "code"),
    [(signal.SIGTERM, SLEEPER, 143), (signal.SIGTERM, STUBBORN, 143), (signal.SIGKILL, SLEEPER, -9)],
    ids=["TERM", "TERM with a child", "KILL"],
)
def test_a_build_that_is_ended_leaves_no_python_running(
    shop: MeshFolder, how: signal.Signals, source: str, code: int
) -> None:
    python(source)(shop)
    process = start(shop)
    assert process.stdout is not None
    output = process.stdout
    wait_for(lambda: "begun" in output.readline(), "the transformation never began")
    process.send_signal(how)
    process.communicate(timeout=30)
    assert process.returncode == code
    wait_for(lambda: not running(shop), f"left running: {running(shop)}", 5)
    assert shop.rows("a.quick") in ([{"x": 1}], [{"x": 2}])
