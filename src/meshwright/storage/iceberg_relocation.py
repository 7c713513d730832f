"""A table's metadata for another warehouse: the same snapshots of the same files, by their URIs there.

Iceberg names every file by its whole URI, so metadata that is only copied leads back to where it came from.
"""

from __future__ import annotations

import hashlib
import io
import json
from typing import TYPE_CHECKING, Any

from meshwright.model.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from meshwright.storage import Warehouse


class Relocation:
    """Rewrites the metadata files of one table for *warehouse*; `relocated` is called for its manifests first.

    The same content gives the same bytes each time, so a second try finds what the first one wrote.
    """

    def __init__(self, warehouse: Warehouse, table: str, known: Collection[str]) -> None:
        self._warehouse = warehouse
        self._table = table
        # The paths of everything that moves: a table may go on with files of another.
        self._known = known
        # How long each manifest is now, by its name: the lists that name it say so.
        self._lengths: dict[str, int] = {}

    @staticmethod
    def order(name: str) -> int:
        """In which order a table's metadata files are relocated: manifests, the lists of them, and what names the lists."""
        return 2 if name.endswith(".json") else 1 if name.startswith("snap-") else 0

    def relocated(self, name: str, content: bytes) -> bytes:
        """The metadata file *name*, which holds *content*, for the new place. Raises Unavailable when it is damaged."""
        try:
            if name.endswith(".json"):
                return self._document(content)
            if name.startswith("snap-"):
                return _rewritten(content, self._listed)
            found = _rewritten(content, self._entry)
        except (ValueError, LookupError, EOFError, TypeError, ArithmeticError) as error:
            raise Unavailable(
                f"the metadata file {self._table}/metadata/{name} is damaged ({error}); restore it where the mesh was "
                "exported from, or rebuild the product there with `mesh build --full`, and export again"
            ) from error
        self._lengths[name] = len(found)
        return found

    def _uri(self, old: str) -> str:
        """The new URI of what was at *old*, whichever place that was at."""
        _, inside, rest = f"{old}/".rpartition(f"/{self._table}/")
        if inside:
            return self._warehouse.uri(f"{self._table}/{rest}".rstrip("/"))
        path = old
        while path and path not in self._known:
            path = path.partition("/")[2]
        return self._warehouse.uri(path) if path else old

    def _document(self, content: bytes) -> bytes:
        document = json.loads(content)
        document["location"] = self._uri(document["location"])
        for snapshot in document["snapshots"]:
            snapshot["manifest-list"] = self._uri(snapshot["manifest-list"])
        for entry in document["metadata-log"]:
            entry["metadata-file"] = self._uri(entry["metadata-file"])
        return json.dumps(document, separators=(",", ":")).encode()

    def _listed(self, manifest: dict[str, Any]) -> None:
        uri = str(manifest["manifest_path"])
        manifest["manifest_path"] = self._uri(uri)
        manifest["manifest_length"] = self._lengths.get(uri.rsplit("/", 1)[-1], manifest["manifest_length"])

    def _entry(self, entry: dict[str, Any]) -> None:
        entry["data_file"]["file_path"] = self._uri(entry["data_file"]["file_path"])


def _rewritten(content: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """An Avro file with *change* applied to each of its records."""
    from fastavro import reader, writer

    source = reader(io.BytesIO(content))
    records: list[Any] = list(source)
    for record in records:
        change(record)
    kept = {name: value for name, value in source.metadata.items() if not name.startswith("avro.")}
    buffer = io.BytesIO()
    # What separates blocks is by chance otherwise.
    marker = hashlib.sha256(content).digest()[:16]
    schema: Any = source.writer_schema
    writer(buffer, schema, records, codec=source.codec, metadata=kept, sync_marker=marker)
    return buffer.getvalue()
