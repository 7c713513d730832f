"""A warehouse that is a folder on a local disk."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from meshwright.model.errors import Conflict, InvalidInput, Unavailable
from meshwright.model.maintenance import StoredFile
from meshwright.storage.durable import DurableFolders, create, reported, sync
from meshwright.storage.leases import Leases
from meshwright.storage.warehouse_paths import check_path, check_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

STAGING = ".staging"
LEASES = ".leases"


class _Entry(NamedTuple):
    bytes: int
    changed: float
    is_folder: bool


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
        self._leases = Leases(self.root / LEASES)
        # Folders that were found to lie inside: a table's files are many, and resolving each path takes its time.
        self._inside: set[str] = set()

    def locate(self, path: str) -> Path:
        """Where the engine finds *path*, relative to the warehouse with `/` between parts; it need not exist.

        Raises InvalidInput when it would leave the warehouse, also through a symbolic link.
        """
        check_path(path, str(self.root))
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

    def fetch(self, paths: Iterable[str]) -> None:
        """Nothing: the files are on this machine."""

    def name(self, path: str) -> str:
        """Where people find *path*."""
        return f"{self.root}/{path}"

    def uri(self, path: str) -> str:
        """The URI of *path*. Iceberg compares and opens locations as they are written: nothing is percent-encoded."""
        return self._uri + path

    def holds(self, folder: str) -> bool:
        """Whether there is a folder *folder*. Raises InvalidInput."""
        return self.locate(folder).is_dir()

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
        """A private, empty folder for the run called *run*, on the same disk as the tables; the run is then running.

        What an earlier run of that name left there is removed. Raises InvalidInput, Unavailable.
        """
        folder = self._staging_folder(run)
        self._ensure_root()
        with reported(folder, "make the staging folder"):
            self._leases.take(run)
            self._remove(folder)
            folder.mkdir(parents=True, mode=0o700)
        return folder

    def discard_staging(self, run: str) -> None:
        """Remove what *run* staged, if anything. Raises InvalidInput, Unavailable."""
        folder = self._staging_folder(run)
        with reported(folder, "remove the staging folder"):
            self._remove(folder)

    def end(self, run: str) -> None:
        """Say that *run* of this process is over: what it staged and did not publish may be removed."""
        with reported(self.root, "give back a lease"):
            self._leases.release(run)

    def running(self) -> Mapping[str, float]:
        """When each run that is not over began, in seconds since 1970. Raises Unavailable."""
        with reported(self.root, "read the leases"):
            return self._leases.running()

    def staged(self) -> Mapping[str, float]:
        """The runs that have a staging folder, and when it last changed, in seconds since 1970. Raises Unavailable."""
        return {name: found.changed for name, found in self._entries(self.root / STAGING) if found.is_folder}

    def files(self) -> Iterator[StoredFile]:
        """Every file in the warehouse but what is staged. Raises Unavailable."""
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            for name, found in self._entries(self.root / folder if folder else self.root):
                path = f"{folder}/{name}" if folder else name
                if found.is_folder:
                    waiting += [path] if path not in {STAGING, LEASES} else []
                else:
                    yield StoredFile(path=path, bytes=found.bytes, changed=found.changed)

    def remove(self, paths: Iterable[str], *, folders: Iterable[str] = ()) -> None:
        """Remove the files at *paths*, those that are there, then the *folders* that nothing is left in.

        Raises InvalidInput, Unavailable.
        """
        for path in paths:
            located = self.locate(path)
            with reported(located, "remove"):
                located.unlink(missing_ok=True)
        for folder in folders:
            for located in (self.locate(f"{folder}/data"), self.locate(f"{folder}/metadata"), self.locate(folder)):
                # Whoever writes there meanwhile keeps the folder.
                with suppress(OSError):
                    located.rmdir()

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
        check_run(run)
        return self.locate(f"{STAGING}/{run}")

    @staticmethod
    def _entries(folder: Path) -> Iterator[tuple[str, _Entry]]:
        """What lies in *folder*, but links; nothing when it is not there. What goes meanwhile is left out."""
        try:
            with reported(folder, "list"), os.scandir(folder) as entries:
                found = list(entries)
        except Unavailable as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return
            raise
        for entry in found:
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if not entry.is_symlink():
                # A file that is moved keeps the time of its last write, and gets a new one of its last change.
                changed = max(status.st_mtime, status.st_ctime)
                yield entry.name, _Entry(status.st_size, changed, entry.is_dir(follow_symlinks=False))

    def _remove(self, folder: Path) -> None:
        try:
            shutil.rmtree(folder)
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
