"""An Iceberg table's metadata file: schemas, the newest snapshots and their log, all bounded.

Follows https://iceberg.apache.org/spec/, "Table Metadata Fields", format version 2.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from meshwright.model.errors import Unavailable
from meshwright.storage.iceberg_schema import check_evolution, highest_id, iceberg_schema, name_mapping

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from meshwright.model.publication import Field

SNAPSHOTS_MAX: Final = 10
FIRST_PARTITION_FIELD: Final = 999
Document = dict[str, Any]


@dataclass(frozen=True)
class Totals:
    """What a commit changes, each as (rows, bytes, files)."""

    added: tuple[int, ...]
    removed: tuple[int, ...]
    total: tuple[int, ...]
    # Whether what is added holds the rows of what is removed.
    same_rows: bool = False

    @property
    def summary(self) -> dict[str, str]:
        """The snapshot summary that says so, in Iceberg's words."""
        operation = ("overwrite" if self.added[2] else "delete") if self.removed[2] else "append"
        operation = "replace" if self.same_rows else operation
        counted = {
            "added": (self.added, ("added-records", "added-files-size", "added-data-files")),
            "removed": (self.removed, ("deleted-records", "removed-files-size", "deleted-data-files")),
        }
        changes = {
            name: str(number)
            for numbers, names in counted.values()
            for name, number in zip(names, numbers, strict=True)
            if number
        }
        totals = zip(("total-records", "total-files-size", "total-data-files"), self.total, strict=True)
        none = dict.fromkeys(("total-delete-files", "total-position-deletes", "total-equality-deletes"), "0")
        return {"operation": operation, **changes, **{name: str(number) for name, number in totals}, **none}


class TableMetadata:
    """The metadata of one table, read from a parent snapshot's file or new, to which one snapshot is added."""

    def __init__(self, document: Document, *, now: int) -> None:
        self._document = document
        # Where the table lay, should the warehouse have moved since: Iceberg's paths are absolute.
        self.moved_from: str | None = None
        # Times in a table's log may not decrease, whatever the clock does.
        self._now = max(now, document["last-updated-ms"])

    @classmethod
    def new(cls, location: str, *, now: int) -> Self:
        """The metadata of a table at the URI *location* that has no snapshot yet; *now* in milliseconds since 1970."""
        return cls(
            {
                "format-version": 2,
                "table-uuid": str(uuid.uuid4()),
                "location": location,
                "last-sequence-number": 0,
                "last-updated-ms": now,
                "last-column-id": 0,
                "schemas": [],
                "current-schema-id": 0,
                "partition-specs": [{"spec-id": 0, "fields": []}],
                "default-spec-id": 0,
                "last-partition-id": FIRST_PARTITION_FIELD,
                "sort-orders": [{"order-id": 0, "fields": []}],
                "default-sort-order-id": 0,
                "properties": {},
                "snapshots": [],
                "snapshot-log": [],
                "metadata-log": [],
                "refs": {},
                "statistics": [],
                "partition-statistics": [],
            },
            now=now,
        )

    @classmethod
    def decode(cls, content: bytes, *, file: str, name: str, location: str, snapshot: int, now: int) -> Self:
        """The metadata that *file* holds, at *snapshot*, for a table that lies at the URI *location* now.

        Raises Unavailable, with the file's whole *name*, when it is damaged.
        """
        try:
            document = json.loads(content)
            metadata = cls(document, now=now)
            metadata._move(location)
            intact = document["current-snapshot-id"] == snapshot and metadata.manifest_list is not None
        except (ValueError, LookupError, TypeError) as error:
            raise _damaged(name, str(error)) from error
        if not intact:
            raise _damaged(name, f"it does not hold snapshot {snapshot}")
        document["metadata-log"] = [
            *document["metadata-log"],
            {
                "metadata-file": f"{document['location']}/metadata/{file}",
                "timestamp-ms": document["last-updated-ms"],
            },
        ][-SNAPSHOTS_MAX:]
        return metadata

    @property
    def manifest_list(self) -> str | None:
        """The URI of the newest snapshot's manifest list; None when there is no snapshot."""
        snapshots = self._document["snapshots"]
        return str(snapshots[-1]["manifest-list"]) if snapshots else None

    @property
    def last_column_id(self) -> int:
        """The highest field id the table ever used."""
        return int(self._document["last-column-id"])

    @property
    def schema(self) -> Document:
        """The current schema."""
        current = self._document["current-schema-id"]
        found: Document = next(one for one in self._document["schemas"] if one["schema-id"] == current)
        return found

    def evolve(self, columns: Sequence[Field], *, last_field_id: int) -> None:
        """Make *columns* the current schema; field ids up to *last_field_id* are used up. Raises InvalidInput."""
        document = self._document
        known = {_shape(schema): schema for schema in document["schemas"]}
        newest = max((schema["schema-id"] for schema in document["schemas"]), default=-1)
        schema = iceberg_schema(columns, newest + 1)
        if document["schemas"]:
            check_evolution(self.schema, schema)
        if _shape(schema) in known:
            schema = known[_shape(schema)]
        else:
            document["schemas"].append(schema)
        document["current-schema-id"] = schema["schema-id"]
        document["last-column-id"] = max(document["last-column-id"], highest_id(schema), last_field_id)
        document["properties"]["schema.name-mapping.default"] = json.dumps(name_mapping(schema))

    def _move(self, location: str) -> None:
        if self._document["location"] != location:
            self.moved_from = self._document["location"]
            self._document["location"] = location

    def add_snapshot(self, *, snapshot: int, sequence: int, manifest_list: str, change: Totals) -> None:
        """Put a snapshot on top of the newest and forget the oldest beyond the limit, with schemas nobody needs."""
        document = self._document
        parents = document["snapshots"][-1:]
        if self.moved_from is not None:
            # Older snapshots and metadata name files where they no longer are.
            document |= {"snapshots": [], "snapshot-log": [], "metadata-log": []}
        added = {
            "snapshot-id": snapshot,
            "sequence-number": sequence,
            "timestamp-ms": self._now,
            "manifest-list": manifest_list,
            "summary": change.summary,
            "schema-id": document["current-schema-id"],
        }
        if parents:
            added["parent-snapshot-id"] = parents[0]["snapshot-id"]
        document["snapshots"] = [*document["snapshots"], added][-SNAPSHOTS_MAX:]
        log = {"snapshot-id": snapshot, "timestamp-ms": self._now}
        document["snapshot-log"] = [*document["snapshot-log"], log][-SNAPSHOTS_MAX:]
        needed = {kept["schema-id"] for kept in document["snapshots"]}
        document["schemas"] = [schema for schema in document["schemas"] if schema["schema-id"] in needed]
        document["refs"] = {"main": {"snapshot-id": snapshot, "type": "branch"}}
        document |= {
            "current-snapshot-id": snapshot,
            "last-sequence-number": sequence,
            "last-updated-ms": self._now,
        }

    def forget(self, known: Collection[int]) -> bool:
        """Name only the *known* snapshots any more, and no earlier metadata files; whether that changed anything."""
        document = self._document
        kept = [one for one in document["snapshots"] if one["snapshot-id"] in known]
        if len(kept) == len(document["snapshots"]):
            return False
        needed = {one["schema-id"] for one in kept}
        document |= {
            "snapshots": kept,
            "snapshot-log": [one for one in document["snapshot-log"] if one["snapshot-id"] in known],
            "metadata-log": [],
            "schemas": [one for one in document["schemas"] if one["schema-id"] in needed],
        }
        return True

    def encode(self) -> bytes:
        """The metadata file's content."""
        return json.dumps(self._document, separators=(",", ":")).encode()


def _shape(schema: Document) -> str:
    return json.dumps(schema["fields"])


def _damaged(name: str, why: str) -> Unavailable:
    return Unavailable(
        f"the table's metadata {name} is damaged ({why}); restore it from a backup, or rebuild the product: mesh build --full"
    )
