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
# What is stopped here would leave the lock taken for ever, or a thread that whoever started it waits for in vain.
WITHIN_A_LOCK = """
import signal, threading, time, types
from functools import partial
from meshwright.cli import stopping

lock = types.SimpleNamespace(acquire=None, release=None)
lock.__enter__ = partial(signal.raise_signal, signal.{name})
lock.__exit__ = lambda *_: print("given back")
stopping.listen()
try:
    with threading.Condition(lock):
        time.sleep(60)
except KeyboardInterrupt as stop:
    print(type(stop).__name__)
"""
AT_A_START = """
import signal, threading, time
from meshwright.cli import stopping

start = threading._start_new_thread

def stopped(*args):
    signal.raise_signal(signal.{name})
    time.sleep(0.2)
    start(*args)

threading._start_new_thread = stopped
begun = threading.Thread(target=print, args=("it ran",))
stopping.listen()
try:
    begun.start()
    begun.join()
    time.sleep(60)
except KeyboardInterrupt as stop:
    print(type(stop).__name__)
"""
WAITING = """
import threading, time
from meshwright.cli import stopping

stopping.listen()
print("waiting", flush=True)
try:
    {waits}
except KeyboardInterrupt as stop:
    print(type(stop).__name__)
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


@pytest.mark.parametrize(("name", "error"), [("SIGTERM", "Terminated"), ("SIGINT", "KeyboardInterrupt")])
@pytest.mark.parametrize(
    ("source", "whole"), [(WITHIN_A_LOCK, "given back\n{}\n"), (AT_A_START, "it ran\n{}\n")], ids=["lock", "start"]
)
def test_a_signal_waits_until_what_threads_hold_is_whole(source: str, whole: str, name: str, error: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", source.format(name=name)], capture_output=True, text=True, timeout=30, check=True
    )
    assert (ended.stdout, ended.stderr) == (whole.format(error), "")


@pytest.mark.parametrize(
    "waits",
    [
        "threading.Event().wait()",
        "while True: threading.Event().wait(0.02)",
        "thread = threading.Thread(target=time.sleep, args=(2,)); thread.start(); thread.join(); time.sleep(60)",
        "threading.Semaphore(0).acquire()",
    ],
)
def test_a_signal_ends_what_only_waits_for_a_thread(waits: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", WAITING.format(waits=waits)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    time.sleep(0.3)
    sent = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "KeyboardInterrupt\n"
    assert time.monotonic() - sent < 1
    assert process.wait(timeout=10) == 0
    process.stdout.close()


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
