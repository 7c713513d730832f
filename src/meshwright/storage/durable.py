"""Writes that survive a power cut: a file's bytes and its name in the folder are on the disk when a call returns."""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from meshwright.model.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What the operating system's refusals mean, and what helps.
CAUSES: Final = {
    errno.ENOSPC: ("the disk is full", "free some space there and run again"),
    errno.EDQUOT: ("the disk quota is used up", "free some space there and run again"),
    errno.EFBIG: ("the file may not grow any further", "free some space or raise the file size limit and run again"),
    errno.EACCES: ("permission is denied", "give this user the right to write there and run again"),
    errno.EPERM: ("the operation is not permitted", "give this user the right to write there and run again"),
    errno.EROFS: ("the file system is read-only", "mount it writable, or choose another place in mesh.yaml"),
    errno.ENOENT: ("it does not exist", "mount or restore it, or correct its place in mesh.yaml"),
    errno.EEXIST: ("something is there already", "move it away and run again"),
    errno.ENOTDIR: ("a folder on the way to it is a file", "move that file away, or correct the place in mesh.yaml"),
    errno.EISDIR: ("it is a folder", "move it away, or correct its place in mesh.yaml"),
    errno.EIO: ("the disk reports an error", "check the disk and run again"),
    errno.EXDEV: ("it lies on another disk than its staging folder", "keep the warehouse on one disk"),
    errno.EMFILE: ("this process has too many open files", "raise `ulimit -n` and run again"),
}


def unavailable(error: OSError, path: Path, doing: str) -> Unavailable:
    """The error that says that *doing* (such as "write") failed at *path*, why, and what helps."""
    cause, remedy = CAUSES.get(error.errno or 0, (error.strerror or str(error), "correct that and run again"))
    return Unavailable(f"cannot {doing} {path}: {cause}; {remedy}")


@contextmanager
def reported(path: Path, doing: str) -> Iterator[None]:
    """Raise Unavailable with *path* and the next step for whatever the operating system refuses inside."""
    try:
        yield
    except OSError as error:
        raise unavailable(error, path, doing) from error


def sync(path: Path) -> None:
    """Bring the bytes of the file, or the names in the folder, at *path* to the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    try:
        _flush(descriptor)
    finally:
        os.close(descriptor)


class DurableFolders:
    """Makes folders from *root* downwards whose names are on the disk when `make` returns; safe between threads.

    Another process may have made a folder without having synced it yet, so each is synced once by each process.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: set[Path] = set()

    def make(self, folder: Path) -> None:
        """Make *folder*, which lies below the root, with what is missing above it. Raises OSError."""
        if folder in self._known and folder.is_dir():
            return
        folder.mkdir(parents=True, exist_ok=True)
        chain = [folder, *folder.parents]
        for path in chain[: chain.index(self._root) + 1]:
            if path not in self._known:
                sync(path.parent)
                self._known.add(path)


def create(path: Path, content: bytes) -> None:
    """Write *content* to the new file *path* and sync it; the folder is the caller's to sync.

    Raises OSError and leaves no file. For files that nothing refers to before the folder is synced, so that a half-written one harms nobody.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o666)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        _flush(descriptor)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def replace(path: Path, content: bytes) -> None:
    """Make *path* hold *content*, at once for every reader and durably.

    Raises Unavailable; the old content then stands and no temporary file is left.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with reported(path, "write"):
        create(temporary, content)
        try:
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        sync(path.parent)


def _flush(descriptor: int) -> None:
    try:
        # On macOS fsync stops at the drive's cache; this reaches the platter.
        from fcntl import F_FULLFSYNC, fcntl  # type: ignore[attr-defined,unused-ignore]
    except ImportError:
        os.fsync(descriptor)
    else:
        fcntl(descriptor, F_FULLFSYNC)
