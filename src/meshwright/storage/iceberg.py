"""Tables as Iceberg v2, written at a cost that does not grow with a table's history.

A commit writes one manifest, one manifest list and one metadata file, stands on the snapshot it is told to stand on, and
is on the disk when it returns. Nobody reads it before the registry publishes it. The metadata file remembers a bounded
number of snapshots; older ones are read from the registry's file lists.
"""

from __future__ import annotations

import re
import secrets
import time
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from meshwright.model.errors import InvalidInput, Unavailable
from meshwright.model.publication import Snapshot
from meshwright.storage import iceberg_manifests as manifests
from meshwright.storage.iceberg_metadata import TableMetadata, Totals
from meshwright.storage.iceberg_schema import iceberg_schema
from meshwright.storage.unneeded_files import unneeded_files

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from meshwright.model.maintenance import Remains, StoredFile
    from meshwright.model.publication import DataFile, Field
    from meshwright.storage import Warehouse

# So many small manifests are merged into one; one with many files is left alone, lest every commit rewrite them all.
SMALL_MANIFESTS_MAX: Final = 50
SMALL_MANIFEST_FILES_MAX: Final = 200
READING: Final = "read the table's metadata"
UNSAFE = re.compile(r"[^a-z0-9_]+")


class IcebergTables:
    """The tables in *warehouse*, each a folder with `data/` and `metadata/`; safe to use from several threads."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def create(self, *, product: str, port: str, columns: Sequence[Field]) -> str:
        """A new, empty table's id: its folder, relative to the warehouse. Writes nothing.

        Raises InvalidInput for a column of a type that no table can hold.
        """
        iceberg_schema(columns, 0)
        folders = [UNSAFE.sub("-", part) for part in product.split(".")]
        return "/".join([*folders, f"{UNSAFE.sub('-', port)}-{secrets.token_hex(4)}"])

    def commit(
        self,
        *,
        table: str,
        parent: Snapshot | None,
        schema: tuple[Field, ...],
        added: Sequence[DataFile],
        removed: Sequence[str] = (),
        kept: Sequence[DataFile] = (),
        same_rows: bool = False,
    ) -> Snapshot:
        """A new snapshot on top of *parent*, on the disk when this returns.

        *removed* paths leave, *added* files (adopted before) come; *kept* is the whole list that stays and may be
        left out when nothing is removed; *same_rows* says that *added* holds the rows of *removed*. Raises InvalidInput for a schema that files written before cannot be read in,
        Unavailable when the warehouse cannot be written or the parent's metadata read.
        """
        place = _Place(self._warehouse, table)
        change = _Change(parent=parent, added=added, removed=removed, kept=kept, same_rows=same_rows)
        metadata = self._metadata(place, parent)
        metadata.evolve(schema, last_field_id=parent.last_field_id if parent else 0)
        self._check_added(added)
        identifier, sequence, path = _write_snapshot(place, metadata, change)
        place.finish()
        return Snapshot(
            table=table,
            id=identifier,
            parent=parent.id if parent else None,
            sequence=sequence,
            schema=schema,
            last_field_id=metadata.last_column_id,
            metadata=path,
            added=tuple(added),
            removed=tuple(removed),
            rows=change.rows,
            bytes=change.bytes,
            files=change.files,
        )

    def without_past(self, snapshot: Snapshot, known: Collection[int]) -> str | None:
        """A new metadata file of *snapshot*, on the disk, that names of its past only the *known* snapshots.

        None when it does already. Raises Unavailable.
        """
        place = _Place(self._warehouse, snapshot.table)
        metadata = self._metadata(place, snapshot)
        if metadata.moved_from is not None or not metadata.forget(known):
            return None
        path = place.write(f"{snapshot.sequence:05d}-{uuid.uuid4()}.metadata.json", metadata.encode())
        place.finish()
        return path

    def unneeded(self, stored: Iterable[StoredFile], remains: Remains) -> list[StoredFile]:
        """Those of the *stored* files that tables and artifacts are made of and that nothing in *remains* needs."""
        return unneeded_files(self._warehouse, stored, remains)

    def relocated(self, table: str, files: Mapping[str, bytes], known: Collection[str]) -> dict[str, bytes]:
        """The metadata *files* of a *table* that was in another warehouse, by name, as they must be in this one.

        *known* are the paths of all files that come with it. Equal files give equal bytes. Raises Unavailable.
        """
        from meshwright.storage.iceberg_relocation import Relocation

        moved = Relocation(self._warehouse, table, known)
        return {name: moved.relocated(name, files[name]) for name in sorted(files, key=Relocation.order)}

    def _metadata(self, place: _Place, parent: Snapshot | None) -> TableMetadata:
        if parent is None:
            return TableMetadata.new(place.uri(place.table), now=_now())
        content = self._warehouse.read(parent.metadata, doing=READING)
        return TableMetadata.decode(
            content,
            file=parent.metadata.rsplit("/", 1)[-1],
            name=self._warehouse.name(parent.metadata),
            location=place.uri(place.table),
            snapshot=parent.id,
            now=_now(),
        )

    def _check_added(self, added: Sequence[DataFile]) -> None:
        for path, problem in self._warehouse.lost((file.path, file.bytes) for file in added).items():
            if problem == "missing":
                raise Unavailable(
                    f"cannot find the data file {self._warehouse.name(path)}: it does not exist; run again"
                )


class _Place:
    """Where a table lies, and the new files of one commit, which are written all at once."""

    def __init__(self, warehouse: Warehouse, table: str) -> None:
        self.warehouse, self.table = warehouse, table
        self._new: dict[str, bytes] = {}

    @property
    def name(self) -> str:
        """The table's folder as messages call it."""
        return self.warehouse.name(self.table)

    def write(self, name: str, content: bytes) -> str:
        """The path of a new metadata file, which is there after `finish`."""
        path = f"{self.table}/metadata/{name}"
        self._new[path] = content
        return path

    def finish(self) -> None:
        """Write what is to be written. Raises Unavailable."""
        self.warehouse.write_all(self._new, doing="write the table")

    def uri(self, path: str) -> str:
        """The URI of a path in the warehouse."""
        return self.warehouse.uri(path)

    def read(self, uri: str) -> bytes:
        """The bytes of one of the table's own metadata files, wherever they were written. Raises Unavailable."""
        return self.warehouse.read(f"{self.table}/metadata/{uri.rsplit('/', 1)[-1]}", doing=READING)


class _Change:
    """The difference that a commit makes to its parent."""

    def __init__(
        self,
        *,
        parent: Snapshot | None,
        added: Sequence[DataFile],
        removed: Sequence[str],
        kept: Sequence[DataFile],
        same_rows: bool = False,
    ) -> None:
        self.parent, self.added, self.removed, self.kept, self.same_rows = parent, added, removed, kept, same_rows
        before = (parent.rows, parent.bytes, parent.files) if parent else (0, 0, 0)
        if (removed or kept) and len(kept) + len(removed) != before[2]:
            raise InvalidInput(
                f"{len(kept)} kept and {len(removed)} removed data files are not the {before[2]} of the parent snapshot"
            )
        stays = (sum(file.rows for file in kept), sum(file.bytes for file in kept), len(kept)) if removed else before
        self.gone = tuple(old - new for old, new in zip(before, stays, strict=True))
        self.new = (sum(file.rows for file in added), sum(file.bytes for file in added), len(added))
        self.rows, self.bytes, self.files = (old + new for old, new in zip(stays, self.new, strict=True))

    def totals(self) -> Totals:
        total = (self.rows, self.bytes, self.files)
        return Totals(added=self.new, removed=self.gone, total=total, same_rows=self.same_rows)


def _write_snapshot(place: _Place, metadata: TableMetadata, change: _Change) -> tuple[int, int, str]:
    """Make the snapshot's files; its id, its sequence number and the path of its metadata."""
    parent = change.parent
    identifier = secrets.randbits(62) + 1
    sequence = parent.sequence + 1 if parent else 1
    listed = _write_manifests(place, metadata, change, snapshot=identifier, sequence=sequence)
    content = manifests.write_manifest_list(
        listed, snapshot=identifier, parent=parent.id if parent else None, sequence=sequence
    )
    path = place.write(f"snap-{identifier}-{uuid.uuid4()}.avro", content)
    metadata.add_snapshot(snapshot=identifier, sequence=sequence, manifest_list=place.uri(path), change=change.totals())
    return identifier, sequence, place.write(f"{sequence:05d}-{uuid.uuid4()}.metadata.json", metadata.encode())


def _write_manifests(
    place: _Place, metadata: TableMetadata, change: _Change, *, snapshot: int, sequence: int
) -> list[manifests.Record]:
    """The manifests of the new snapshot: the parent's by reference as far as possible, then one with what changed."""
    before = _parent_manifests(place, metadata)
    carried, merged = _split(before, all_anew=bool(change.removed) or metadata.moved_from is not None)
    entries = _merged_entries(place, merged, change, snapshot=snapshot, moved_from=metadata.moved_from)
    for file in change.added:
        record = manifests.data_file_record(file, place.uri(file.path))
        entries.append(manifests.added_entry(record, snapshot))
    if not entries:
        return carried
    content = manifests.write_manifest(entries, metadata.schema)
    path = place.write(f"{uuid.uuid4()}-m0.avro", content)
    uri = place.uri(path)
    written = manifests.manifest_record(entries, uri=uri, length=len(content), snapshot=snapshot, sequence=sequence)
    return [*carried, written]


def _parent_manifests(place: _Place, metadata: TableMetadata) -> list[manifests.Record]:
    if metadata.manifest_list is None:
        return []
    with _readable(place, metadata.manifest_list) as content:
        return [manifest for manifest in manifests.read_records(content) if manifests.live_files(manifest)]


def _split(before: list[manifests.Record], *, all_anew: bool) -> tuple[list[manifests.Record], list[manifests.Record]]:
    """The manifests that stay as they are, and those whose entries are written anew."""
    if all_anew:
        return [], before
    small = [manifest for manifest in before if manifests.live_files(manifest) < SMALL_MANIFEST_FILES_MAX]
    if len(small) < SMALL_MANIFESTS_MAX:
        return before, []
    return [manifest for manifest in before if manifests.live_files(manifest) >= SMALL_MANIFEST_FILES_MAX], small


@contextmanager
def _readable(place: _Place, uri: str) -> Iterator[bytes]:
    """The bytes of a manifest. Raises Unavailable when what reads them inside finds them damaged."""
    content = place.read(uri)
    try:
        yield content
    except (ValueError, LookupError, EOFError, TypeError, ArithmeticError) as error:
        raise Unavailable(
            f"the table's manifest {uri} is damaged ({error}); restore it from a backup, or rebuild the product: "
            "mesh build --full"
        ) from error


def _now() -> int:
    return time.time_ns() // 1_000_000


def _merged_entries(
    place: _Place, merged: list[manifests.Record], change: _Change, *, snapshot: int, moved_from: str | None
) -> list[manifests.Record]:
    """The live entries of *merged* as existing ones, those of removed files as deleted ones."""
    removed = {place.uri(path) for path in change.removed}
    found: list[manifests.Record] = []
    for manifest in merged:
        with _readable(place, manifest["manifest_path"]) as content:
            found += manifests.live_entries(content, manifest)
    for entry in found:
        file = entry["data_file"]
        if moved_from is not None:
            file["file_path"] = place.uri(file["file_path"].removeprefix(moved_from.removesuffix(place.table)))
        if file["file_path"] in removed:
            entry |= {"status": manifests.DELETED, "snapshot_id": snapshot}
        else:
            entry["status"] = manifests.EXISTING
    if change.removed:
        _check_agreement(place, found, change)
    return found


def _check_agreement(place: _Place, found: list[manifests.Record], change: _Change) -> None:
    """Raise Unavailable when manifests and registry name different files: a commit on top would lose or revive rows."""
    expected = {place.uri(file.path) for file in change.kept} | {place.uri(path) for path in change.removed}
    present = {entry["data_file"]["file_path"] for entry in found}
    if present != expected:
        odd = min(present ^ expected)
        raise Unavailable(
            f"the table in {place.name} and the registry name different data files ({odd} for one); "
            "restore both from one backup, or rebuild the product: mesh build --full"
        )
