"""Copies of a warehouse's files on this machine: those that were used longest ago go when there is no room for more."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import threading
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from meshwright.storage.durable import reported, sync

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

FILES: Final = "files"
DRAFTS: Final = "drafts"
# Whoever has asked for a file may still be about to open it.
IN_USE_SECONDS: Final = 3600
# A use is noted when the last note is older than this.
NOTED_SECONDS: Final = 60
# After so large a share of the room was filled, it is looked at again.
SHARE: Final = 10


class FileCache:
    """The copies below *folder*, about *bytes_max* of them; safe between threads and processes.

    A file never changes, so a copy is right or not there. What was used within the last hour stays, whatever its size.
    """

    def __init__(self, folder: Path, *, bytes_max: int) -> None:
        self.folder = folder
        self._bytes_max = bytes_max
        self._added = bytes_max
        self._lock = threading.Lock()

    def find(self, path: str, *, ending: bytes = b"") -> Path | None:
        """The copy of *path*; None when there is none.

        One that does not end in the bytes *ending* is damaged, and removed, as is what is no plain file: nobody kept it here.
        """
        located = self.folder / FILES / path
        try:
            found = located.lstat()
        except OSError:
            return None
        # To read the end takes seven millionths of a second.
        if not stat.S_ISREG(found.st_mode) or (ending and _ending(located, len(ending)) != ending):
            self.forget(path)
            return None
        if time.time() - found.st_mtime > NOTED_SECONDS:
            with suppress(OSError):
                os.utime(located)
        return located

    def draft(self) -> Path:
        """Where a copy may be made before it is kept. Raises Unavailable."""
        folder = self.folder / DRAFTS
        with reported(folder, "make the folder"):
            folder.mkdir(parents=True, exist_ok=True)
        return folder / uuid.uuid4().hex

    def keep(self, draft: Path, path: str) -> Path:
        """Make *draft*, a whole and synced file on the same disk, the copy of *path*. Raises Unavailable."""
        located = self.folder / FILES / path
        with reported(located, "keep a copy at"):
            located.parent.mkdir(parents=True, exist_ok=True)
            size = draft.stat().st_size
            draft.replace(located)
            os.utime(located)
        self._make_room(size)
        return located

    def keep_bytes(self, content: bytes, path: str) -> None:
        """Keep a copy of *path* that holds *content*. Raises Unavailable."""
        draft = self.draft()
        with reported(draft, "write"):
            draft.write_bytes(content)
            sync(draft)
        self.keep(draft, path)

    def forget(self, path: str) -> None:
        """Remove the copy of *path*, if there is one."""
        with suppress(OSError):
            (self.folder / FILES / path).unlink()

    def _make_room(self, size: int) -> None:
        """Remove what was used longest ago, should the copies take more room than they may."""
        with self._lock:
            self._added += size
            if self._added <= self._bytes_max // SHARE:
                return
            self._added = 0
        now, total, old = time.time(), 0, []
        for used, bytes_freed, path in self._copies():
            total += bytes_freed
            if now - used > IN_USE_SECONDS:
                old.append((used, bytes_freed, path))
        for _, bytes_freed, path in sorted(old):
            if total <= self._bytes_max:
                return
            with suppress(OSError):
                os.unlink(path)  # noqa: PTH108 - called for every copy
                total -= bytes_freed

    def expire(self, seconds: float) -> None:
        """Remove the copies that were not used for so long, and drafts that nobody finished."""
        for kind, kept_seconds in ((FILES, max(seconds, IN_USE_SECONDS)), (DRAFTS, IN_USE_SECONDS)):
            until = time.time() - kept_seconds
            for used, _, path in self._copies(kind):
                if used < until:
                    with suppress(OSError):
                        os.unlink(path)  # noqa: PTH108 - likewise

    def forget_folder(self, folder: str) -> None:
        """Remove every copy below *folder*, a part of their paths, whoever uses them. Raises Unavailable."""
        located = self.folder / FILES / folder
        with reported(located, "remove"), suppress(FileNotFoundError, NotADirectoryError):
            try:
                shutil.rmtree(located)
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:
                    raise
                # A copy was kept there meanwhile.
                shutil.rmtree(located)

    def forget_others(self, folders: Collection[str], *, before: float) -> None:
        """Remove the copies in none of the *folders* that were last used *before* a moment (seconds since 1970).

        Raises Unavailable.
        """
        root = str(self.folder / FILES)
        for folder, _, names in os.walk(root, topdown=False):
            with reported(Path(folder), "remove copies in"), suppress(FileNotFoundError):
                changed = os.stat(folder).st_mtime  # noqa: PTH116 - called for every folder
                if Path(os.path.relpath(folder, root)).as_posix() not in folders:
                    _remove([os.path.join(folder, name) for name in names], before=before)  # noqa: PTH118 - likewise
                # A folder that is new is one in which a copy is about to be kept.
                if changed < before:
                    _remove_empty(folder)

    def _copies(self, *kinds: str) -> Iterator[tuple[float, int, str]]:
        """When each copy or draft, or each of *kinds*, was used last, its bytes and its path."""
        for kind in kinds or (FILES, DRAFTS):
            for folder, _, names in os.walk(self.folder / kind):
                for name in names:
                    path = os.path.join(folder, name)  # noqa: PTH118 - likewise
                    with suppress(OSError):
                        found = os.stat(path)  # noqa: PTH116 - likewise
                        yield found.st_mtime, found.st_size, path


def _ending(path: Path, size: int) -> bytes:
    """The last *size* bytes of a file; none when it is shorter, or cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(-size, os.SEEK_END)
            return file.read(size)
    except OSError:
        return b""


def _remove(paths: Iterable[str], *, before: float) -> None:
    """Remove those of the files *paths* that were last used *before* a moment. Raises OSError."""
    for path in paths:
        with suppress(FileNotFoundError):
            if os.stat(path).st_mtime < before:  # noqa: PTH116 - called for every copy
                os.unlink(path)  # noqa: PTH108 - likewise


def _remove_empty(folder: str) -> None:
    with suppress(OSError):
        os.rmdir(folder)  # noqa: PTH106 - called for every folder
