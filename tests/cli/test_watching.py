"""`mesh preview --watch`: a run at every save, errors included, until Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mesh_folder import MeshFolder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def next_run(stream: IO[str]) -> dict[str, Any]:
    """What the next run said; the test's own time limit ends the wait."""
    found: dict[str, Any] = json.loads(stream.readline())
    return found


def test_every_save_is_run_and_an_error_does_not_end_it(mesh: MeshFolder) -> None:
    folder = mesh.product("a.a", "select 1 as x")
    query = f"{folder}/transform/a.sql"
    command = [str(Path(sys.executable).parent / "mesh"), "-C", str(mesh.root), "preview", "a.a", "--watch", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert next_run(process.stdout)["rows"] == [{"x": 1}]
        mesh.write(query, "select 2 as x")
        assert next_run(process.stdout)["rows"] == [{"x": 2}]
        mesh.write(query, "select 2 as")
        broken = next_run(process.stdout)
        assert (broken["error"]["kind"], broken["findings"][0]["file"]) == ("InvalidMesh", query)
        mesh.write(query, "select 3 as x")
        assert next_run(process.stdout)["rows"] == [{"x": 3}]
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0
        assert process.stderr.read() == ""


@pytest.mark.parametrize(("asked", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("verb", ["preview", "query"])
def test_a_long_query_ends_when_asked(mesh: MeshFolder, verb: str, asked: signal.Signals, code: int) -> None:
    sql = "select sum(hash(a.i * b.j)) as n from range(1000000) as a(i), range(1000000) as b(j)"
    mesh.product("a.a", sql)
    command = [
        str(Path(sys.executable).parent / "mesh"),
        "-C",
        str(mesh.root),
        verb,
        "a.a" if verb == "preview" else sql,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=4)
        process.send_signal(asked)
        assert process.wait(timeout=30) == code
        assert process.stderr is not None
        assert process.stderr.read().strip() == "stopped; what was published stays, nothing else is visible"
