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

    from meshwright.reading.rows import Rows, Taken


def write(rows: Rows, format_: str, target: Path | IO[bytes]) -> int:
    """Write *rows* to a file or a binary stream as json, ndjson, csv, arrow or parquet; how many there were.

    A file appears whole or not at all. Raises InvalidInput for another format, Unavailable when it cannot be written.
    """
    if format_ not in WRITERS:
        raise InvalidInput(f"there is no format '{format_}': there are {', '.join(WRITERS)}")
    if not isinstance(target, Path):
        return _written(rows, format_, target)
    draft = target.with_name(f".{target.name}.part")
    try:
        with draft.open("wb") as stream:
            count = _written(rows, format_, stream)
        draft.replace(target)
    except OSError as error:
        raise Unavailable(f"{target} cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    return count


class _Counting(io.BufferedIOBase):
    """Passes what is written on to *stream*, and adds it up in `taken`, where the writers count rows."""

    def __init__(self, stream: IO[bytes], taken: Taken) -> None:
        self.stream, self.taken = stream, taken

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:  # noqa: ANN401 - any buffer
        self.stream.write(content)
        size = memoryview(content).nbytes
        self.taken.bytes += size
        return size


def _written(rows: Rows, format_: str, stream: IO[bytes]) -> int:
    """Write *rows*; how many there were. Those that were written are counted whatever ends it."""

    def work(taken: Taken) -> int:
        WRITERS[format_](rows, _Counting(stream, taken))
        return taken.rows

    return rows.stream(work)


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


def _json(rows: Rows, stream: _Counting) -> None:
    names, taken = _keys(rows.relation.columns), stream.taken
    stream.write(b"[")
    for row in _tuples(rows):
        text = json.dumps({name: plain(value) for name, value in zip(names, row, strict=True)}, ensure_ascii=False)
        stream.write((b"\n  " if taken.rows == 0 else b",\n  ") + text.encode())
        taken.rows += 1
    stream.write(b"\n]\n" if taken.rows else b"]\n")


def _ndjson(rows: Rows, stream: _Counting) -> None:
    names = _keys(rows.relation.columns)
    for row in _tuples(rows):
        text = json.dumps({name: plain(value) for name, value in zip(names, row, strict=True)}, ensure_ascii=False)
        stream.write(text.encode() + b"\n")
        stream.taken.rows += 1


def _csv(rows: Rows, stream: _Counting) -> None:
    text = io.TextIOWrapper(cast("Any", stream), encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows.relation.columns)
    for row in _tuples(rows):
        writer.writerow(["" if value is None else _csv_cell(value) for value in row])
        stream.taken.rows += 1
    text.flush()
    text.detach()


def _csv_cell(value: Any) -> Any:  # noqa: ANN401 - any value of any column
    found = plain(value)
    return json.dumps(found, ensure_ascii=False) if isinstance(found, dict | list) else found


def _arrow(rows: Rows, stream: _Counting) -> None:
    import pyarrow as pa

    reader = rows.batches()
    with pa.ipc.new_stream(stream, reader.schema) as sink:
        for batch in reader:
            rows.check()
            # Of a batch that is not written whole, nobody knows how much was.
            stream.taken.rows += batch.num_rows
            sink.write_batch(batch)


def _parquet(rows: Rows, stream: _Counting) -> None:
    import pyarrow.parquet as pq

    reader = rows.batches()
    with pq.ParquetWriter(stream, reader.schema, compression="zstd") as sink:
        for batch in reader:
            rows.check()
            # Of a batch that is not written whole, nobody knows how much was.
            stream.taken.rows += batch.num_rows
            sink.write_batch(batch)


WRITERS = {"json": _json, "ndjson": _ndjson, "csv": _csv, "arrow": _arrow, "parquet": _parquet}
