"""Rows as files: JSON, NDJSON, CSV, Arrow IPC, Parquet; streamed, never held whole."""

from __future__ import annotations

import csv
import datetime as dt
import decimal
import io
import itertools
import json
import math
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from meshwright.model.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from meshwright.reading.rows import Rows


def write(rows: Rows, format_: str, target: Path | IO[bytes]) -> int:
    """Write *rows* to a file or a binary stream as json, ndjson, csv, arrow or parquet; how many there were.

    A file appears whole or not at all. Raises InvalidInput for another format, Unavailable when it cannot be written.
    """
    if format_ not in WRITERS:
        raise InvalidInput(f"there is no format '{format_}': there are {', '.join(WRITERS)}")
    if not isinstance(target, Path):
        return rows.fetch(lambda: _counted(rows, format_, target), lambda made: made)[0]
    draft = target.with_name(f".{target.name}.part")
    try:
        with draft.open("wb") as stream:
            count, _ = rows.fetch(lambda: _counted(rows, format_, stream), lambda made: made)
        draft.replace(target)
    except OSError as error:
        raise Unavailable(f"{target} cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    return count


class _Counting(io.BufferedIOBase):
    """Passes what is written on to *stream*, and counts it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream, self.bytes = stream, 0

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:  # noqa: ANN401 - any buffer
        self.stream.write(content)
        size = memoryview(content).nbytes
        self.bytes += size
        return size


def _counted(rows: Rows, format_: str, stream: IO[bytes]) -> tuple[int, int]:
    """Write *rows*; how many there were, and how many bytes they took."""
    counting = _Counting(stream)
    return WRITERS[format_](rows, counting), counting.bytes


def size_of(rows: Iterable[Iterable[Any]]) -> int:
    """The bytes of *rows* as text."""
    return sum(len(str(value).encode()) for row in rows for value in row)


# Most values there are: looked at first.
AS_THEY_ARE = frozenset({str, int, bool, type(None)})


def plain(value: Any) -> Any:  # noqa: ANN401 - any value of any column
    """*value* as JSON has it: times as ISO 8601, decimals and not-a-number as text, bytes as hexadecimal digits."""
    if type(value) in AS_THEY_ARE:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _tuples(rows: Rows) -> Iterator[tuple[Any, ...]]:
    cursor = rows.cursor()
    while batch := cursor.fetchmany(2048):
        rows.check()
        yield from batch


def _keys(columns: Sequence[str]) -> list[str]:
    """*columns* as an object's keys, in which none covers another: of those with equal names the later ones are numbered."""
    found: list[str] = []
    for name in columns:
        numbered = (f"{name}_{number}" for number in itertools.count(1))
        found.append(name if name not in found else next(key for key in numbered if key not in {*found, *columns}))
    return found


def _json(rows: Rows, stream: io.BufferedIOBase) -> int:
    names, count = _keys(rows.relation.columns), 0
    stream.write(b"[")
    for row in _tuples(rows):
        text = json.dumps({name: plain(value) for name, value in zip(names, row, strict=True)}, ensure_ascii=False)
        stream.write((b"\n  " if count == 0 else b",\n  ") + text.encode())
        count += 1
    stream.write(b"\n]\n" if count else b"]\n")
    return count


def _ndjson(rows: Rows, stream: io.BufferedIOBase) -> int:
    names, count = _keys(rows.relation.columns), 0
    for row in _tuples(rows):
        text = json.dumps({name: plain(value) for name, value in zip(names, row, strict=True)}, ensure_ascii=False)
        stream.write(text.encode() + b"\n")
        count += 1
    return count


def _csv(rows: Rows, stream: io.BufferedIOBase) -> int:
    text = io.TextIOWrapper(cast("Any", stream), encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows.relation.columns)
    count = 0
    for row in _tuples(rows):
        writer.writerow(["" if value is None else _csv_cell(value) for value in row])
        count += 1
    text.flush()
    text.detach()
    return count


def _csv_cell(value: Any) -> Any:  # noqa: ANN401 - any value of any column
    found = plain(value)
    return json.dumps(found, ensure_ascii=False) if isinstance(found, dict | list) else found


def _arrow(rows: Rows, stream: io.BufferedIOBase) -> int:
    import pyarrow as pa

    reader = rows.batches()
    count = 0
    with pa.ipc.new_stream(stream, reader.schema) as sink:
        for batch in reader:
            rows.check()
            sink.write_batch(batch)
            count += batch.num_rows
    return count


def _parquet(rows: Rows, stream: io.BufferedIOBase) -> int:
    import pyarrow.parquet as pq

    reader = rows.batches()
    count = 0
    with pq.ParquetWriter(stream, reader.schema, compression="zstd") as sink:
        for batch in reader:
            rows.check()
            sink.write_batch(batch)
            count += batch.num_rows
    return count


WRITERS = {"json": _json, "ndjson": _ndjson, "csv": _csv, "arrow": _arrow, "parquet": _parquet}
