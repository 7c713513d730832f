"""A warehouse in an S3-compatible store. Files never change, so copies on this machine are all that engines ever open."""

from __future__ import annotations

import hashlib
import shutil
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeVar

from meshwright.model.errors import Conflict
from meshwright.storage.durable import create, reported, sync
from meshwright.storage.file_cache import FileCache
from meshwright.storage.leases import Leases
from meshwright.storage.s3_store import S3Store
from meshwright.storage.warehouse_paths import check_path, check_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from meshwright.model.maintenance import StoredFile

STAGING: Final = "staging"
COPIES: Final = "copies"
LEASES: Final = ".leases"
RUN_SECONDS_MAX: Final = 86_400
AT_ONCE: Final = 8
CACHE_BYTES_DEFAULT: Final = 10 * 2**30

Item = TypeVar("Item")
Result = TypeVar("Result")


class S3Warehouse:
    """The warehouse at *url* (`s3://bucket/folder`), with copies of what is used below *folder*.

    *settings* are `S3Store`'s, and `cache`, how many bytes of copies are kept: see `FileCache`. Safe to use from several
    threads and processes, on several machines.
    """

    def __init__(self, url: str, folder: Path, *, settings: Mapping[str, Any]) -> None:
        self._store = S3Store(url, settings)
        # Copies of another warehouse, which mesh.yaml named before, are none of this one's.
        place = f"{settings.get('endpoint', '')} {self._store.name('')}"
        self._folder = folder.absolute() / hashlib.sha256(place.encode()).hexdigest()[:16]
        self._cache = FileCache(self._folder / COPIES, bytes_max=settings.get("cache", CACHE_BYTES_DEFAULT))
        self._leases = Leases(self._folder / LEASES)

    def locate(self, path: str) -> Path:
        """The copy of *path* on this machine, which is fetched when there is none.

        Raises InvalidInput when *path* would leave the warehouse, Unavailable when the store has no such file.
        """
        check_path(path, self._store.name(""))
        found = self._cache.find(path)
        if found is not None:
            return found
        draft = self._cache.draft()
        try:
            with reported(draft, "write"):
                self._store.fetch(path, draft, doing="fetch")
            return self._cache.keep(draft, path)
        finally:
            draft.unlink(missing_ok=True)

    def locate_all(self, paths: Iterable[str]) -> list[str]:
        """The copies of *paths*; several are fetched at a time. Raises as `locate` does."""
        return [str(found) for found in _each(self.locate, list(paths))]

    def fetch(self, paths: Iterable[str]) -> None:
        """Fetch those of *paths* of which there is no copy yet, several at a time. Raises as `locate` does."""
        _each(self.locate, [path for path in paths if self._cache.find(path) is None])

    def name(self, path: str) -> str:
        """Where people find *path*."""
        return self._store.name(path)

    def uri(self, path: str) -> str:
        """The URI of *path*."""
        return self._store.name(path)

    def holds(self, folder: str) -> bool:
        """Whether any object lies below *folder*. Raises InvalidInput, Unavailable."""
        check_path(folder, self._store.name(""))
        return any(True for _ in self._store.listed(f"{folder}/"))

    def lost(self, files: Iterable[tuple[str, int]]) -> dict[str, str]:
        """Those of *files*, each a path and its size, that are "missing" or "damaged" in the store, by path.

        A copy of another size is forgotten. Raises Unavailable.
        """
        listed = list(files)
        problems = _each(self._problem, listed)
        return {path: problem for (path, _), problem in zip(listed, problems, strict=True) if problem}

    def read(self, path: str, *, doing: str) -> bytes:
        """The bytes of the file at *path*. Raises InvalidInput, Unavailable."""
        located = self.locate(path)
        with reported(located, doing):
            return located.read_bytes()

    def write_all(self, files: Mapping[str, bytes], *, doing: str) -> None:
        """Write new *files*, by path: stored when this returns. Raises Conflict, Unavailable."""

        def write(file: tuple[str, bytes]) -> None:
            path, content = file
            check_path(path, self._store.name(""))
            self._store.put(path, content, doing=doing)
            self._cache.keep_bytes(content, path)

        _each(write, list(files.items()))

    def staging(self, run: str) -> Path:
        """A private, empty folder for the run called *run*, on the disk of the copies. Raises InvalidInput, Unavailable.

        What an earlier run of that name left there is removed. The store is asked whether it will take the files.
        """
        folder = self._staging_folder(run)
        self._store.check()
        with reported(folder, "make the staging folder"):
            self._leases.take(run)
        with suppress(Conflict):
            self._store.put(self._lease(run), b"", doing="say that this run is running at")
        with reported(folder, "make the staging folder"):
            _remove(folder)
            folder.mkdir(parents=True, mode=0o700)
        return folder

    def end(self, run: str) -> None:
        """Say that *run* of this process is over, to every machine. Raises Unavailable."""
        self._store.delete([self._lease(run)])
        with reported(self._folder, "give back a lease"):
            self._leases.release(run)

    def running(self) -> dict[str, float]:
        """When each run that is not over began, on any machine, in seconds since 1970. Raises Unavailable.

        Of a run on this machine it is known when its process died; one elsewhere counts as running for a day at most.
        """
        with reported(self._folder, "read the leases"):
            here = self._leases.running()
        found: dict[str, float] = {}
        over: list[str] = []
        for lease in self._store.listed(f"{LEASES}/"):
            machine, _, run = lease.path.removeprefix(f"{LEASES}/").partition("/")
            is_over = run not in here if machine == self._machine else time.time() - lease.changed > RUN_SECONDS_MAX
            if is_over:
                over.append(lease.path)
            else:
                found[run] = min(lease.changed, here.get(run, lease.changed))
        self._store.delete(over)
        return found

    def staged(self) -> dict[str, float]:
        """The runs that have a staging folder on this machine, and when it last changed. Raises Unavailable."""
        with reported(self._folder, "list"), suppress(FileNotFoundError):
            return {one.name: one.stat().st_mtime for one in (self._folder / STAGING).iterdir()}
        return {}

    def files(self) -> Iterator[StoredFile]:
        """Every file in the warehouse, wherever it was written. Raises Unavailable."""
        return (file for file in self._store.listed() if not file.path.startswith(f"{LEASES}/"))

    def remove(self, paths: Iterable[str], *, folders: Iterable[str] = ()) -> None:
        """Remove the files at *paths*, those that are there, with their copies; a store has no *folders*.

        Raises InvalidInput, Unavailable.
        """
        del folders
        gone = list(paths)
        for path in gone:
            check_path(path, self._store.name(""))
        self._store.delete(gone)
        for path in gone:
            self._cache.forget(path)

    def discard_staging(self, run: str) -> None:
        """Remove what *run* staged, if anything. Raises InvalidInput, Unavailable."""
        folder = self._staging_folder(run)
        with reported(folder, "remove the staging folder"):
            _remove(folder)

    def adopt(self, staged: Path, path: str) -> None:
        """Store a staged file at *path*, and keep it as the copy. Raises Conflict, InvalidInput, Unavailable."""
        self.adopt_all([(staged, path)])

    def adopt_all(self, files: Iterable[tuple[Path, str]]) -> None:
        """Adopt several (staged, path) files, some at a time. Raises as `adopt` does.

        Files that were stored before the failure stay: nothing refers to them.
        """

        def adopt(file: tuple[Path, str]) -> None:
            staged, path = file
            check_path(path, self._store.name(""))
            with reported(staged, "read"):
                sync(staged)
                self._store.put(path, staged, doing="write")
            self._cache.keep(staged, path)

        _each(adopt, list(files))

    def close(self) -> None:
        """Give back connections."""
        self._store.close()

    def _problem(self, file: tuple[str, int]) -> str:
        path, size = file
        check_path(path, self._store.name(""))
        copy = self._cache.find(path)
        with suppress(OSError):
            if copy is not None and copy.stat().st_size != size:
                self._cache.forget(path)
        found = self._store.head(path, doing="look at")
        return "missing" if found is None else "" if found.bytes == size else "damaged"

    @cached_property
    def _machine(self) -> str:
        """What tells runs whose processes can be looked at here from those of other machines. Raises Unavailable."""
        note = self._folder / "machine"
        draft = self._folder / f".machine.{uuid.uuid4().hex}"
        with reported(note, "write"):
            self._folder.mkdir(parents=True, exist_ok=True)
            create(draft, uuid.uuid4().hex.encode())
            with suppress(FileExistsError):
                # All at once: nobody reads a name that is not whole.
                note.hardlink_to(draft)
            draft.unlink()
            return note.read_text()

    def _lease(self, run: str) -> str:
        check_run(run)
        return f"{LEASES}/{self._machine}/{run}"

    def _staging_folder(self, run: str) -> Path:
        check_run(run)
        return self._folder / STAGING / run


def _each(work: Callable[[Item], Result], items: list[Item]) -> list[Result]:
    """What *work* makes of each of *items*, in their order, several at a time. Raises the first failure."""
    if len(items) <= 1:
        return [work(item) for item in items]
    with ThreadPoolExecutor(min(AT_ONCE, len(items)), thread_name_prefix="warehouse") as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _remove(folder: Path) -> None:
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)
