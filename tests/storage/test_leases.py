from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from meshwright.storage.leases import Leases

if TYPE_CHECKING:
    from pathlib import Path


def test_a_run_is_running_from_the_lease_to_its_end_for_everybody(tmp_path: Path) -> None:
    mine, other = Leases(tmp_path / "leases"), Leases(tmp_path / "leases")
    assert other.running() == {}
    mine.take("run")
    mine.take("run")
    assert other.running().keys() == mine.running().keys() == {"run"}
    assert time.time() - 2 < other.running()["run"] < time.time() + 1
    other.release("run")
    assert other.running().keys() == {"run"}
    mine.release("run")
    assert other.running() == {}
    assert list((tmp_path / "leases").iterdir()) == []


def test_a_lease_ends_with_its_process_however_that_ends(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, signal, sys\n"
        "from meshwright.storage.leases import Leases\n"
        "Leases(pathlib.Path(sys.argv[1])).take('run')\n"
        "print('taken', flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "leases")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "taken\n"
        assert Leases(tmp_path / "leases").running().keys() == {"run"}
        process.kill()
        process.wait()
    assert Leases(tmp_path / "leases").running() == {}


def test_a_child_process_does_not_keep_its_parents_lease(tmp_path: Path) -> None:
    leases = Leases(tmp_path / "leases")
    leases.take("run")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        leases.release("run")
        assert leases.running() == {}
        child.kill()


def test_a_lease_that_is_just_being_taken_counts(tmp_path: Path) -> None:
    folder = tmp_path / "leases"
    folder.mkdir()
    (folder / ".run").touch()
    assert Leases(folder).running().keys() == {"run"}
    os.utime(folder / ".run", (time.time() - 3600,) * 2)
    assert Leases(folder).running() == {}
