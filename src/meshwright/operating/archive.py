"""What a mesh is carried in: a zip file, or a folder. It is there whole or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Final, Self

from meshwright.model.errors import Conflict, InvalidInput, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHUNK_BYTES: Final = 2**20
ZIP: Final = ".zip"


class NewArchive:
    """An archive in the making at *place*: a zip file when its name ends so, else a folder.

    Raises Conflict when something is there already. What is not finished is removed.
    """

    def __init__(self, place: Path) -> None:
        self.place = place.absolute()
        self._draft = self.place.with_name(f".{self.place.name}.unfinished")
        if self.place.exists() and not (self.place.is_dir() and not any(self.place.iterdir())):
            raise Conflict(f"{place} is there already; name another place, or remove it first")

    def __enter__(self) -> Self:
        with _reported(self._draft, "write"):
            self.discard()
            self.place.parent.mkdir(parents=True, exist_ok=True)
            if self.place.suffix == ZIP:
                # Tables are compressed already.
                self._zip: zipfile.ZipFile | None = zipfile.ZipFile(self._draft, "x", zipfile.ZIP_STORED)
            else:
                self._zip = None
                self._draft.mkdir()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if kind is not None:
            if self._zip is not None:
                self._zip.close()
            self.discard()

    @contextmanager
    def writing(self, name: str) -> Iterator[IO[bytes]]:
        """A new file of the archive, to write to. Raises Unavailable."""
        with _reported(self._draft, "write"):
            if self._zip is not None:
                with self._zip.open(name, "w", force_zip64=True) as file:
                    yield file
                return
            path = self._draft / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())

    def add(self, name: str, source: Path) -> str:
        """Copy the file at *source* into the archive; its SHA-256. Raises Unavailable."""
        with self.writing(name) as target, source.open("rb") as file:
            return copy(file, target)

    def finish(self) -> None:
        """Make the archive be there. Raises Unavailable."""
        with _reported(self.place, "write"):
            if self._zip is not None:
                self._zip.close()
                _sync(self._draft)
            elif self.place.exists():
                self.place.rmdir()
            self._draft.rename(self.place)
            _sync(self.place.parent)

    def discard(self) -> None:
        """Remove what was begun."""
        if self._draft.is_dir():
            shutil.rmtree(self._draft)
        self._draft.unlink(missing_ok=True)


class Archive:
    """The finished archive at *place*. Raises InvalidInput when there is none."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._zip: zipfile.ZipFile | None = None
        if place.is_dir():
            return
        try:
            self._zip = zipfile.ZipFile(place)
        except (OSError, zipfile.BadZipFile) as error:
            raise InvalidInput(
                f"{place} holds no mesh: {getattr(error, 'strerror', None) or error}; name what `mesh export --all` wrote"
            ) from error

    @contextmanager
    def reading(self, name: str) -> Iterator[IO[bytes]]:
        """A file of the archive, to read. Raises InvalidInput when it is not there or damaged."""
        try:
            with self._zip.open(name) if self._zip is not None else (self.place / name).open("rb") as file:
                yield file
        except (KeyError, FileNotFoundError, zipfile.BadZipFile) as error:
            raise InvalidInput(
                f"{self.place} is damaged: {name} is missing or broken; export the mesh again"
            ) from error

    def close(self) -> None:
        """Close the file."""
        if self._zip is not None:
            self._zip.close()


def copy(source: IO[bytes], target: IO[bytes]) -> str:
    """Copy all of *source* to *target*; the SHA-256 of what was copied."""
    digest = hashlib.sha256()
    while chunk := source.read(CHUNK_BYTES):
        target.write(chunk)
        digest.update(chunk)
    return digest.hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _reported(path: Path, doing: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(f"cannot {doing} {path}: {error.strerror or error}; correct that and run again") from error
