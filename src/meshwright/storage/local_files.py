"""A warehouse that is a folder on a local disk."""

from __future__ import annotations

import errno
import os
import re
import shutil
from typing import TYPE_CHECKING

from meshwright.model.errors import Conflict, InvalidInput, Unavailable
from meshwright.storage.durable import DurableFolders, create, reported, sync

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

STAGING = ".staging"
RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


class LocalWarehouse:
    """The warehouse in the folder *root*; safe to use from several threads and processes.

    The folder is made at the first write when *may_create* says so. Pass "is nothing published yet?" there, so that a
    disk that is not mounted is never taken for a new, empty warehouse.
    """

    def __init__(self, root: Path, *, may_create: Callable[[], bool] = lambda: True) -> None:
        self.root = root.absolute()
        # However the folder is reached, through symbolic links or not, its files have one URI.
        self._uri = f"file://{str(self.root.resolve()).rstrip('/')}/"
        self._may_create = may_create
        self._folders = DurableFolders(self.root)
        # Folders that were found to lie inside: a table's files are many, and resolving each path takes its time.
        self._inside: set[str] = set()

    def locate(self, path: str) -> Path:
        """Where the engine finds *path*, relative to the warehouse with `/` between parts; it need not exist.

        Raises InvalidInput when it would leave the warehouse, also through a symbolic link.
        """
        parts = path.split("/")
        if not path or "\0" in path or "\\" in path or any(part in {"", ".", ".."} for part in parts):
            raise InvalidInput(f"'{path}' is no path in the warehouse: write it relative to {self.root}, without '..'")
        located = self.root / path
        folder = path.rpartition("/")[0]
        if folder in self._inside and not os.path.islink(located):  # noqa: PTH114 - half the time, for thousands of files
            return located
        if not located.resolve().is_relative_to(self.root.resolve()):
            raise InvalidInput(f"'{path}' leaves the warehouse {self.root} through a symbolic link; remove that link")
        if located.parent.is_dir():
            self._inside.add(folder)
        return located

    def locate_all(self, paths: Iterable[str]) -> list[str]:
        """Where the engine finds a table's *paths*, which were published: each folder is looked at once.

        Raises InvalidInput when one would leave the warehouse.
        """
        root = str(self.root)
        seen: set[str] = set()
        found = []
        for path in paths:
            folder, _, name = path.rpartition("/")
            if folder not in seen or name in {"", ".", ".."} or "\\" in name or "\0" in name:
                self.locate(path)
                seen.add(folder)
            found.append(f"{root}/{path}")
        return found

    def name(self, path: str) -> str:
        """Where people find *path*."""
        return f"{self.root}/{path}"

    def uri(self, path: str) -> str:
        """The URI of *path*. Iceberg compares and opens locations as they are written: nothing is percent-encoded."""
        return self._uri + path

    def lost(self, files: Iterable[tuple[str, int]]) -> dict[str, str]:
        """Those of *files*, each a path and its size, that are "missing" or "damaged", by path; no content is read."""
        found = {}
        for path, size in files:
            located = self.locate(path)
            try:
                if located.stat().st_size != size:
                    found[path] = "damaged"
            except OSError:
                found[path] = "damaged" if located.exists() else "missing"
        return found

    def read(self, path: str, *, doing: str) -> bytes:
        """The bytes of the file at *path*. Raises InvalidInput, and Unavailable saying that *doing* failed."""
        located = self.locate(path)
        with reported(located, doing):
            return located.read_bytes()

    def write_all(self, files: Mapping[str, bytes], *, doing: str) -> None:
        """Write new *files*, by path: on the disk when this returns. Raises as `read` and `adopt` do."""
        targets = {self.locate(path): content for path, content in files.items()}
        self._ensure_root()
        for target, content in targets.items():
            with reported(target, doing):
                self._folders.make(target.parent)
                try:
                    create(target, content)
                except FileExistsError as error:
                    raise Conflict(f"{target} exists already; files of the warehouse are never overwritten") from error
        with reported(self.root, "sync"):
            for folder in dict.fromkeys(target.parent for target in targets):
                sync(folder)

    def staging(self, run: str) -> Path:
        """A private, empty folder for the run called *run*, on the same disk as the tables.

        What an earlier run of that name left there is removed. Raises InvalidInput, Unavailable.
        """
        folder = self._staging_folder(run)
        self._ensure_root()
        with reported(folder, "make the staging folder"):
            self._remove(folder)
            folder.mkdir(parents=True, mode=0o700)
        return folder

    def discard_staging(self, run: str) -> None:
        """Remove what *run* staged, if anything. Raises InvalidInput, Unavailable."""
        folder = self._staging_folder(run)
        with reported(folder, "remove the staging folder"):
            self._remove(folder)

    def adopt(self, staged: Path, path: str) -> None:
        """Sync a staged file, move it to *path* and sync the folder: durable when this returns.

        Raises Conflict when *path* is taken, InvalidInput when it leaves the warehouse, Unavailable when the disk
        refuses.
        """
        self.adopt_all([(staged, path)])

    def adopt_all(self, files: Iterable[tuple[Path, str]]) -> None:
        """Adopt several (staged, path) files; each folder is synced once, after all files are in place.

        Raises as `adopt` does. Files that were moved before the failure stay: nothing refers to them.
        """
        moves = [(staged, self.locate(path)) for staged, path in files]
        self._ensure_root()
        for staged, target in moves:
            with reported(target, "write"):
                sync(staged)
                self._folders.make(target.parent)
                if target.exists():
                    raise Conflict(f"{target} exists already; files of the warehouse are never overwritten")
                staged.rename(target)
        with reported(self.root, "sync"):
            for folder in dict.fromkeys(target.parent for _, target in moves):
                sync(folder)

    def check(self) -> None:
        """Raise Unavailable, with the path and the next step, when the warehouse is missing or not a folder."""
        if not self.root.is_dir():
            raise Unavailable(
                f"the warehouse {self.root} is missing, and what is published lies there; "
                "mount or restore it, or correct `warehouse` in mesh.yaml"
            )

    def _ensure_root(self) -> None:
        if self.root.is_dir():
            return
        if self.root.exists() or not self._may_create():
            self.check()
        with reported(self.root, "make the warehouse"):
            self.root.mkdir(parents=True, exist_ok=True)

    def _staging_folder(self, run: str) -> Path:
        if not RUN.fullmatch(run):
            raise InvalidInput(f"'{run}' cannot name a run; use letters, digits, '.', '_' and '-'")
        return self.locate(f"{STAGING}/{run}")

    def _remove(self, folder: Path) -> None:
        try:
            shutil.rmtree(folder)
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
