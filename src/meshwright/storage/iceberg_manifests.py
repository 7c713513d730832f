"""Iceberg v2 manifests and manifest lists: the Avro files that name a snapshot's data files.

Follows https://iceberg.apache.org/spec/, "Manifests". Avro goes through fastavro: importing pyiceberg, which could do
this too, takes half a second.
"""

from __future__ import annotations

import io
import json
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from meshwright.storage.iceberg_schema import lower_bound, upper_bound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshwright.model.publication import DataFile

EXISTING: Final = 0
ADDED: Final = 1
DELETED: Final = 2
NESTED: Final = {"STRUCT", "LIST", "MAP"}

Record = dict[str, Any]


def data_file_record(file: DataFile, uri: str) -> Record:
    """What a manifest says of a data file: its size, and for each plain column counts and bounds."""
    columns = [
        (field, file.columns[field.id])
        for field in file.schema
        if field.id in file.columns and field.type.name not in NESTED
    ]
    return {
        "content": 0,
        "file_path": uri,
        "file_format": "PARQUET",
        "partition": {},
        "record_count": file.rows,
        "file_size_in_bytes": file.bytes,
        "column_sizes": _pairs([(field.id, found.bytes) for field, found in columns if found.bytes]),
        "value_counts": _pairs([(field.id, file.rows) for field, _ in columns]),
        "null_value_counts": _pairs([(field.id, found.nulls) for field, found in columns]),
        "nan_value_counts": None,
        "lower_bounds": _pairs([(field.id, lower_bound(field.type, found.lowest)) for field, found in columns]),
        "upper_bounds": _pairs([(field.id, upper_bound(field.type, found.highest)) for field, found in columns]),
        "key_metadata": None,
        "split_offsets": None,
        "equality_ids": None,
        "sort_order_id": None,
    }


def added_entry(file: Record, snapshot: int) -> Record:
    """A manifest entry for a file that *snapshot* adds; its sequence number is the manifest's."""
    return {
        "status": ADDED,
        "snapshot_id": snapshot,
        "sequence_number": None,
        "file_sequence_number": None,
        "data_file": file,
    }


def write_manifest(entries: Sequence[Record], schema: Record) -> bytes:
    """A manifest of *entries* whose files were written with *schema* or one before it."""
    metadata = {
        "schema": json.dumps(schema),
        "schema-id": str(schema["schema-id"]),
        "partition-spec": "[]",
        "partition-spec-id": "0",
        "format-version": "2",
        "content": "data",
    }
    return _write(_entry_schema(), entries, metadata)


def manifest_record(entries: Sequence[Record], *, uri: str, length: int, snapshot: int, sequence: int) -> Record:
    """What a manifest list says of the manifest of *entries* that *snapshot* wrote."""
    counts = {ADDED: [0, 0], EXISTING: [0, 0], DELETED: [0, 0]}
    for entry in entries:
        count = counts[entry["status"]]
        count[0] += 1
        count[1] += entry["data_file"]["record_count"]
    live = [entry["sequence_number"] for entry in entries if entry["status"] == EXISTING]
    return {
        "manifest_path": uri,
        "manifest_length": length,
        "partition_spec_id": 0,
        "content": 0,
        "sequence_number": sequence,
        "min_sequence_number": min([*live, sequence]),
        "added_snapshot_id": snapshot,
        "added_files_count": counts[ADDED][0],
        "existing_files_count": counts[EXISTING][0],
        "deleted_files_count": counts[DELETED][0],
        "added_rows_count": counts[ADDED][1],
        "existing_rows_count": counts[EXISTING][1],
        "deleted_rows_count": counts[DELETED][1],
        "partitions": [],
        "key_metadata": None,
    }


def write_manifest_list(manifests: Sequence[Record], *, snapshot: int, parent: int | None, sequence: int) -> bytes:
    """The manifest list of *snapshot*."""
    metadata = {
        "snapshot-id": str(snapshot),
        "parent-snapshot-id": "null" if parent is None else str(parent),
        "sequence-number": str(sequence),
        "format-version": "2",
    }
    return _write(_list_schema(), manifests, metadata)


def read_records(content: bytes) -> list[Record]:
    """The records of a manifest or manifest list. Raises ValueError, or what fastavro raises, when it is damaged."""
    from fastavro import reader

    return list(reader(io.BytesIO(content)))  # type: ignore[arg-type]


def live_entries(content: bytes, manifest: Record) -> list[Record]:
    """The entries of a manifest whose files still belong to the table, with the numbers they inherit from the list."""
    live = [entry for entry in read_records(content) if entry["status"] != DELETED]
    for entry in live:
        if entry["snapshot_id"] is None:
            entry["snapshot_id"] = manifest["added_snapshot_id"]
        for key in ("sequence_number", "file_sequence_number"):
            if entry[key] is None:
                entry[key] = manifest["sequence_number"]
    return live


def live_files(manifest: Record) -> int:
    """How many files of a manifest belong to the table."""
    return int(manifest["added_files_count"] + manifest["existing_files_count"])


def _pairs(values: list[tuple[int, Any]]) -> list[Record] | None:
    """A map with number keys, as Iceberg spells it in Avro; None when nothing is known."""
    return [{"key": key, "value": value} for key, value in values if value is not None] or None


def _write(schema: Any, records: Sequence[Record], metadata: dict[str, str]) -> bytes:  # noqa: ANN401 - a parsed schema
    from fastavro import writer

    buffer = io.BytesIO()
    writer(buffer, schema, records, codec="deflate", metadata=metadata)
    return buffer.getvalue()


def _named(name: str, identifier: int, kind: Any) -> Record:  # noqa: ANN401 - an Avro type
    return {"name": name, "field-id": identifier, "type": kind}


def _optional(name: str, identifier: int, kind: Any) -> Record:  # noqa: ANN401
    return {"name": name, "field-id": identifier, "type": ["null", kind], "default": None}


def _map(name: str, identifier: int, key: int, value: int, kind: str) -> Record:
    item = {
        "type": "record",
        "name": f"k{key}_v{value}",
        "fields": [_named("key", key, "int"), _named("value", value, kind)],
    }
    return _optional(name, identifier, {"type": "array", "items": item, "logicalType": "map"})


def _list(name: str, identifier: int, element: int, kind: Any) -> Record:  # noqa: ANN401
    return _optional(name, identifier, {"type": "array", "element-id": element, "items": kind})


@cache
def _entry_schema() -> Any:  # noqa: ANN401 - fastavro's parsed schema
    from fastavro import parse_schema

    file = [
        _named("content", 134, "int"),
        _named("file_path", 100, "string"),
        _named("file_format", 101, "string"),
        _named("partition", 102, {"type": "record", "name": "r102", "fields": []}),
        _named("record_count", 103, "long"),
        _named("file_size_in_bytes", 104, "long"),
        _map("column_sizes", 108, 117, 118, "long"),
        _map("value_counts", 109, 119, 120, "long"),
        _map("null_value_counts", 110, 121, 122, "long"),
        _map("nan_value_counts", 137, 138, 139, "long"),
        _map("lower_bounds", 125, 126, 127, "bytes"),
        _map("upper_bounds", 128, 129, 130, "bytes"),
        _optional("key_metadata", 131, "bytes"),
        _list("split_offsets", 132, 133, "long"),
        _list("equality_ids", 135, 136, "int"),
        _optional("sort_order_id", 140, "int"),
    ]
    fields = [
        _named("status", 0, "int"),
        _optional("snapshot_id", 1, "long"),
        _optional("sequence_number", 3, "long"),
        _optional("file_sequence_number", 4, "long"),
        _named("data_file", 2, {"type": "record", "name": "r2", "fields": file}),
    ]
    return parse_schema({"type": "record", "name": "manifest_entry", "fields": fields})


@cache
def _list_schema() -> Any:  # noqa: ANN401 - fastavro's parsed schema
    from fastavro import parse_schema

    summary = [
        _named("contains_null", 509, "boolean"),
        _optional("contains_nan", 518, "boolean"),
        _optional("lower_bound", 510, "bytes"),
        _optional("upper_bound", 511, "bytes"),
    ]
    fields = [
        _named("manifest_path", 500, "string"),
        _named("manifest_length", 501, "long"),
        _named("partition_spec_id", 502, "int"),
        _named("content", 517, "int"),
        _named("sequence_number", 515, "long"),
        _named("min_sequence_number", 516, "long"),
        _named("added_snapshot_id", 503, "long"),
        _named("added_files_count", 504, "int"),
        _named("existing_files_count", 505, "int"),
        _named("deleted_files_count", 506, "int"),
        _named("added_rows_count", 512, "long"),
        _named("existing_rows_count", 513, "long"),
        _named("deleted_rows_count", 514, "long"),
        _list("partitions", 507, 508, {"type": "record", "name": "r508", "fields": summary}),
        _optional("key_metadata", 519, "bytes"),
    ]
    return parse_schema({"type": "record", "name": "manifest_file", "fields": fields})
