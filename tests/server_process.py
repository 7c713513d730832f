"""A server's process for tests: on a free port of 127.0.0.1, waited for until it answers, gone with the tests."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

SECONDS_MAX = 60


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int) -> bool:
    """Whether somebody takes connections on *port*."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def start(
    command: Sequence[str],
    folder: Path,
    *,
    is_ready: Callable[[], bool],
    env: Mapping[str, str] | None = None,
    user: str | None = None,
    at_death: str = "QUIT",
    seconds: float = SECONDS_MAX,
) -> subprocess.Popen[bytes]:
    """Run *command* in *folder*, its output in the file `log` there, and wait until it *is_ready*; fails with the log."""
    # Where the system can say so, a server does not outlive tests that were killed.
    setpriv = shutil.which("setpriv")
    guard = [setpriv, "--pdeathsig", at_death, "--"] if setpriv else []
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [*guard, *command], stdout=log, stderr=log, cwd=folder, env=env, user=user, start_new_session=True
        )
    end = time.monotonic() + seconds
    while not is_ready():
        log_text = (folder / "log").read_text()
        assert process.poll() is None, log_text
        assert time.monotonic() < end, log_text
        time.sleep(0.02)
    return process
