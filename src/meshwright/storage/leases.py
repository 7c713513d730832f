"""Leases of runs: a file that is locked while its run lives, so that nobody clears up what it still works on.

The operating system lets go of the lock when the process ends, however it ends: no heartbeat, nothing to expire.
"""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

UNFINISHED_SECONDS: Final = 60


class Leases:
    """The leases in *folder*, each a file named like its run; safe between threads and processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, int] = {}
        self._lock = threading.Lock()

    def take(self, run: str) -> None:
        """Hold the lease of *run* until `release`, or the end of this process. Raises OSError."""
        with self._lock:
            if run in self._held:
                return
            self._folder.mkdir(parents=True, exist_ok=True)
            # Locked before it has its name: nobody finds it free.
            unfinished = self._folder / f".{run}"
            descriptor = os.open(unfinished, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                unfinished.rename(self._folder / run)
            except OSError:
                os.close(descriptor)
                raise
            self._held[run] = descriptor

    def release(self, run: str) -> None:
        """Give back the lease of *run*, if this process holds it."""
        with self._lock:
            descriptor = self._held.pop(run, None)
            if descriptor is not None:
                (self._folder / run).unlink(missing_ok=True)
                os.close(descriptor)

    def running(self) -> dict[str, float]:
        """When each run that lives began, in seconds since 1970; the leases of dead ones are removed. Raises OSError."""
        found = {}
        try:
            entries = list(os.scandir(self._folder))
        except FileNotFoundError:
            return {}
        for entry in entries:
            try:
                began = entry.stat().st_mtime
                is_held = _is_held(entry.path, entry.name.startswith("."))
            except FileNotFoundError:
                continue
            if is_held:
                found[entry.name.removeprefix(".")] = began
        return found


def _is_held(path: str, is_unfinished: bool) -> bool:  # noqa: FBT001 - private
    """Whether a process holds the lease at *path*; one that nobody holds is removed."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if is_unfinished and time.time() - os.fstat(descriptor).st_mtime < UNFINISHED_SECONDS:
            return True
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(path)  # noqa: PTH108 - a path of scandir
    except OSError as error:
        if error.errno in {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}:
            return True
        raise
    else:
        return False
    finally:
        os.close(descriptor)
