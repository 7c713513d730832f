"""A process that is told to stop does, wherever the signal meets it, and ends with the code for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from mesh_folder import MeshFolder

IN_A_FINALIZER = """
import os, signal, time
from meshwright.cli import stopping

class Kept:
    def __del__(self):
        os.kill(os.getpid(), signal.{name})
        time.sleep(0.01)

stopping.listen()
try:
    kept = Kept()
    del kept
    time.sleep(60)
except KeyboardInterrupt as stop:
    print(type(stop).__name__, stopping.is_asked(), stopping.is_terminated())
"""
# A thread that works on for a while after the command is over.
AT_THE_END = """
import sys, threading, time
from meshwright.cli import stopping

stopping.listen()
threading.Thread(target=time.sleep, args=(60,)).start()
print("ending", flush=True)
stopping.end(7)
sys.exit(7)
"""
CLOSES_SLOWLY = """
import pathlib, time
from meshwright.build.workshop import Workshop
from meshwright.cli.main import main

close, log = Workshop.close, pathlib.Path({log!r})

def slowly(workshop):
    log.write_text("closing")
    time.sleep(1)
    close(workshop)
    log.write_text("closed")

Workshop.close = slowly
main()
"""


@pytest.mark.parametrize(("name", "error"), [("SIGTERM", "Terminated"), ("SIGINT", "KeyboardInterrupt")])
def test_a_signal_that_comes_in_a_finalizer_is_not_lost(name: str, error: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", IN_A_FINALIZER.format(name=name)], capture_output=True, text=True, timeout=30, check=True
    )
    assert ended.stdout.split() == [error, "True", str(name == "SIGTERM")]
    assert ended.stderr == ""


def test_a_signal_after_the_end_ends_the_process_with_the_code_it_has() -> None:
    process = subprocess.Popen([sys.executable, "-c", AT_THE_END], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ending\n"
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=10) == 7
    process.stdout.close()


def test_a_build_that_is_stopped_while_its_engine_closes_waits_for_that(mesh: MeshFolder, tmp_path: Path) -> None:
    mesh.product("a.b", "select 1 as x")
    log = tmp_path / "log"
    source = CLOSES_SLOWLY.format(log=str(log))
    command = [sys.executable, "-c", source, "-C", str(mesh.root), "build"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"})
    until = time.monotonic() + 60
    while not log.exists() or log.read_text() != "closing":
        assert time.monotonic() < until, "it never came so far"
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors.strip()) == (143, "stopped; what was published stays, nothing else is visible")
    assert log.read_text() == "closed"
