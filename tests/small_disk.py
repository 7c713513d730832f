"""A small disk of its own, to fill up, use up, make read-only and take away."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = 4096


@dataclass(frozen=True)
class Disk:
    """A file system mounted at *folder*."""

    folder: Path

    def fill(self, *, but: int = 0) -> None:
        """Take every byte that is free, *but* so many pages."""
        self.free()
        ballast = self.folder / "ballast"
        descriptor = os.open(ballast, os.O_WRONLY | os.O_CREAT)
        with pytest.raises(OSError, match="No space left"):  # noqa: PT012 - it fails at some turn
            while True:
                os.write(descriptor, bytes(PAGE))
        os.ftruncate(descriptor, max(0, os.fstat(descriptor).st_size - but * PAGE))
        os.close(descriptor)

    def use_up_names(self) -> None:
        """Take every file and folder that may still be made."""
        (self.folder / "names").mkdir()
        with pytest.raises(OSError, match="No space left"):  # noqa: PT012 - it fails at some turn
            for number in itertools.count():
                (self.folder / "names" / str(number)).touch()

    def free(self) -> None:
        shutil.rmtree(self.folder / "names", ignore_errors=True)
        (self.folder / "ballast").unlink(missing_ok=True)

    def make_read_only(self) -> None:
        subprocess.run(["mount", "-o", "remount,ro", str(self.folder)], check=True)

    def make_writable(self) -> None:
        subprocess.run(["mount", "-o", "remount,rw", str(self.folder)], check=True)


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[Disk]:
    """A disk of *size* (such as 1m) at *folder* with few inodes; skips the test where this user may not mount one."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},nr_inodes=200", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
        if os.environ.get("CI"):
            pytest.fail("this user may not mount a small disk, and CI must not go without these tests")
        pytest.skip("this user may not mount a small disk")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
