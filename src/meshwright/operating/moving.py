"""A whole mesh carried from one registry and warehouse to others: publications, environments, history, files.

An export is a copy of all rows of the registry and of all files that they name, with a checksum of each. An import brings
the files first, where nobody sees them, and then all rows in one transaction: it has happened, or nothing has.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, Final

from meshwright.model.errors import Conflict, InvalidInput, NotFound, Unavailable
from meshwright.model.release import __version__
from meshwright.operating.archive import Archive, NewArchive, copy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from meshwright.storage import Contents, Tables, Warehouse

FORMAT: Final = 1
HEADER: Final = "export.json"
ROWS: Final = "registry.jsonl"
FILES: Final = "files.jsonl"
FOLDER: Final = "warehouse"
METADATA: Final = "/metadata/"
AT_ONCE: Final = 64
NAMED_MAX: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What was carried: how many rows of each table of the registry, how many files, how many bytes."""

    rows: dict[str, int] = field(default_factory=dict)
    files: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    bytes: int
    sha256: str

    @property
    def table(self) -> str:
        """The table whose metadata this is; "" for any other file."""
        table, inside, _ = self.path.rpartition(METADATA)
        return table if inside else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moving:
    """Exports the mesh called *mesh*, or fills it when it is new; `prepare` brings into its registry what belongs there."""

    mesh: str
    contents: Contents
    tables: Tables
    warehouse: Warehouse
    prepare: Callable[[], None] = lambda: None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def export(self, place: Path) -> Moved:
        """Write everything to *place*, a new zip file or folder. Others may build meanwhile.

        Raises NotFound when nothing was ever published, Conflict when something is at *place*, Unavailable when a file
        is lost or *place* cannot be written.
        """
        if self.contents.is_empty():
            raise NotFound("there is nothing to export: nothing was published here yet")
        self.prepare()
        with NewArchive(place) as archive, self._running():
            with archive.writing(ROWS) as file:
                rows, rows_digest = self._write_rows(file)
            files: list[_File] = []
            for batch in _batches(self._needed()):
                self.warehouse.fetch(batch)
                for path in batch:
                    located = self.warehouse.locate(path)
                    digest = archive.add(f"{FOLDER}/{path}", located)
                    files.append(_File(path, located.stat().st_size, digest))
            listed = "".join(json.dumps([one.path, one.bytes, one.sha256]) + "\n" for one in files).encode()
            with archive.writing(FILES) as file:
                file.write(listed)
            header = {
                "format": FORMAT,
                "mesh": self.mesh,
                "meshwright": __version__,
                "revision": self.contents.revision,
                "exported_at": self.now().isoformat(),
                "warehouse": self.warehouse.uri(""),
                "rows": rows,
                "checksums": {ROWS: rows_digest, FILES: hashlib.sha256(listed).hexdigest()},
            }
            with archive.writing(HEADER) as file:
                file.write(json.dumps(header, indent=2).encode() + b"\n")
            archive.finish()
        return Moved(rows=rows, files=len(files), bytes=sum(one.bytes for one in files))

    def load(self, place: Path) -> Moved:
        """Fill this mesh, which holds nothing yet, with what was exported to *place*.

        What an import that was interrupted has brought is used. Raises Conflict when the mesh is not empty, InvalidInput
        when *place* holds no export or a damaged one, Unavailable when registry or warehouse cannot be written.
        """
        if not self.contents.is_empty():
            raise Conflict(
                "this mesh is not empty: a mesh is imported into a new registry and warehouse; name these in mesh.yaml"
            )
        archive = Archive(place)
        try:
            header = self._header(archive)
            _check(archive, ROWS, header["checksums"][ROWS])
            _check(archive, FILES, header["checksums"][FILES])
            with archive.reading(FILES) as lines:
                files = [_File(*json.loads(line)) for line in lines]
            with self._running() as staging:
                _Bringing(self, archive, files, staging).run()
                with archive.reading(ROWS) as lines:
                    self.contents.fill((table, row) for table, row in map(json.loads, lines))
        finally:
            archive.close()
        return Moved(rows=header["rows"], files=len(files), bytes=sum(one.bytes for one in files))

    @contextmanager
    def _running(self) -> Iterator[Path]:
        """A folder of one's own, while maintenance leaves alone what nobody publishes yet, or forgets."""
        run = uuid.uuid4().hex
        try:
            yield self.warehouse.staging(run)
        finally:
            self.warehouse.discard_staging(run)
            self.warehouse.end(run)

    def _write_rows(self, file: IO[bytes]) -> tuple[dict[str, int], str]:
        """Write every row of the registry, one on a line: how many of each table, and the checksum of it all."""
        rows: dict[str, int] = {}
        digest = hashlib.sha256()
        for table, row in self.contents.read():
            line = json.dumps([table, list(row)], ensure_ascii=False).encode() + b"\n"
            file.write(line)
            digest.update(line)
            rows[table] = rows.get(table, 0) + 1
        return rows, digest.hexdigest()

    def _needed(self) -> list[str]:
        """The paths of the files that the rows name, and of the metadata that these name. Raises Unavailable."""
        remains, sizes = self.contents.remains, self.contents.sizes
        stored = {file.path: file for file in self.warehouse.files()}
        lost = sorted(
            path
            for path in remains.paths
            if path not in stored or stored[path].bytes != sizes.get(path, stored[path].bytes)
        )
        if lost:
            more = f" and {len(lost) - NAMED_MAX:,} more" if len(lost) > NAMED_MAX else ""
            named = ", ".join(map(self.warehouse.name, lost[:NAMED_MAX]))
            raise Unavailable(
                f"{named}{more}: missing or damaged, and publications are made of it: restore the warehouse; or rebuild "
                "with `mesh build --full`, let `mesh maintain` forget what was published before, and export again"
            )
        unneeded = {file.path for file in self.tables.unneeded(stored.values(), remains)}
        tables = {table for table, _ in remains.snapshots}
        return sorted(
            path
            for path in stored
            if path in remains.paths or (path.rpartition(METADATA)[0] in tables and path not in unneeded)
        )

    def _header(self, archive: Archive) -> dict[str, Any]:
        with archive.reading(HEADER) as file:
            content = file.read()
        try:
            header: dict[str, Any] = json.loads(content)
            written, revision = header["format"], header["revision"]
        except (ValueError, LookupError, TypeError) as error:
            raise InvalidInput(
                f"{archive.place} is damaged: {HEADER} is not understood; export the mesh again"
            ) from error
        if written != FORMAT or revision != self.contents.revision:
            raise InvalidInput(
                f"{archive.place} was exported by Meshwright {header.get('meshwright')} (registry {revision}), and this one "
                f"is {__version__} (registry {self.contents.revision}): export and import with the same version"
            )
        return header


@dataclass(slots=True)
class _Bringing:
    """Brings the *files* of an *archive* into a warehouse, by way of the folder *staging*."""

    moving: Moving
    archive: Archive
    files: list[_File]
    staging: Path

    def run(self) -> None:
        """Bring what is not there yet; tables' metadata speaks of this warehouse then."""
        there = {file.path: file.bytes for file in self.moving.warehouse.files()}
        tables: dict[str, list[_File]] = {}
        plain = []
        for file in self.files:
            if file.table:
                tables.setdefault(file.table, []).append(file)
            else:
                plain.append(file)
        for batch in _batches(plain):
            self._adopt([(self._extracted(file), file.path) for file in batch], there)
        known = {file.path for file in self.files}
        for table, files in tables.items():
            contents = {file.path.rpartition("/")[2]: self._extracted(file).read_bytes() for file in files}
            found = self.moving.tables.relocated(table, contents, known)
            staged = []
            for name, content in found.items():
                path = self.staging / name
                path.write_bytes(content)
                staged.append((path, f"{table}{METADATA}{name}"))
            self._adopt(staged, there)

    def _extracted(self, file: _File) -> Path:
        """A copy of *file* in the staging folder. Raises InvalidInput when it is not what was exported."""
        path = self.staging / uuid.uuid4().hex
        with self.archive.reading(f"{FOLDER}/{file.path}") as source, path.open("xb") as target:
            digest = copy(source, target)
        if digest != file.sha256:
            raise InvalidInput(
                f"{self.archive.place} is damaged: {file.path} has another checksum; export the mesh again"
            )
        return path

    def _adopt(self, files: list[tuple[Path, str]], there: dict[str, int]) -> None:
        """Make *files* the warehouse's own, but for those that an interrupted import has brought. Raises Conflict."""
        new = []
        for staged, path in files:
            if path not in there:
                new.append((staged, path))
            elif _digest(self.moving.warehouse.locate(path)) != _digest(staged):
                raise Conflict(
                    f"{self.moving.warehouse.name(path)} is there already and holds something else; "
                    "import into a new warehouse"
                )
        self.moving.warehouse.adopt_all(new)
        for staged, _ in files:
            staged.unlink(missing_ok=True)


def _check(archive: Archive, name: str, sha256: str) -> None:
    with archive.reading(name) as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:  # type: ignore[arg-type]
            raise InvalidInput(f"{archive.place} is damaged: {name} has another checksum; export the mesh again")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _batches(items: Iterable[Any]) -> Iterator[list[Any]]:
    remaining = iter(items)
    while batch := list(islice(remaining, AT_ONCE)):
        yield batch
