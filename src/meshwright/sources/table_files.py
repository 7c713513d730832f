"""Rows of a database as a local Parquet file: batch by batch, every value as its column's type, or an error that names it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from meshwright.model.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from meshwright.model.datatype import DataType

# PostgreSQL's earliest date, 4714 BC, in days and microseconds from 1970: what lies before it is its "infinity", wrapped.
EARLIEST_DAY: Final = -2_450_000
EARLIEST_MICROSECOND: Final = EARLIEST_DAY * 86_400_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFile:
    """A written file: rows, bytes, and the SHA-256 of its content."""

    path: Path
    rows: int
    bytes: int
    sha256: str


def write_rows(batches: Iterable[Any], columns: Sequence[tuple[str, DataType]], path: Path, where: str) -> TableFile:
    """Write Arrow record *batches* (columns in the order of *columns*) to *path*; equal rows give equal bytes.

    Raises InvalidInput naming column and value where one is not of its type; whatever *batches* raises.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, arrow_type(kind)) for name, kind in columns])
    rows = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(path, schema, compression="zstd", compression_level=1) as writer:
            for batch in batches:
                arrays = [
                    _converted(array, kind, name, where)
                    for array, (name, kind) in zip(batch.columns, columns, strict=True)
                ]
                writer.write_batch(pa.record_batch(arrays, schema=schema))
                rows += batch.num_rows
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return TableFile(path=path, rows=rows, bytes=path.stat().st_size, sha256=digest)
    except OSError as error:
        path.unlink(missing_ok=True)
        if error.errno is None:
            # A driver's own: it reports a broken read so.
            raise
        raise Unavailable(f"{where}: the local copy cannot be written: {error.strerror or error}") from None
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def arrow_type(kind: DataType) -> Any:  # noqa: ANN401 - a type of pyarrow
    """The Arrow type whose Parquet column the engine reads as *kind*."""
    import pyarrow as pa

    if kind.name == "DECIMAL":
        return pa.decimal128(kind.precision, kind.scale)
    if kind.name == "LIST":
        return pa.list_(arrow_type(kind.element))
    simple = {
        "BOOLEAN": pa.bool_(), "SMALLINT": pa.int16(), "INTEGER": pa.int32(), "BIGINT": pa.int64(),
        "FLOAT": pa.float32(), "DOUBLE": pa.float64(), "VARCHAR": pa.string(), "BLOB": pa.binary(), "DATE": pa.date32(),
        "TIME": pa.time64("us"), "TIMESTAMP": pa.timestamp("us"), "TIMESTAMP WITH TIME ZONE": pa.timestamp("us", "UTC"),
    }  # fmt: skip
    return simple[kind.name]


def _converted(array: Any, kind: DataType, name: str, where: str) -> Any:  # noqa: ANN401 - arrays of pyarrow
    import pyarrow as pa

    storage = array.storage if isinstance(array, pa.ExtensionArray) else array
    wanted = arrow_type(kind)
    if kind.name in {"DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"}:
        _refuse_infinity(storage, kind, name, where)
    if storage.type == wanted:
        return storage
    try:
        return _cast(storage, wanted, kind)
    except pa.ArrowInvalid:
        value = next(
            (one for one in storage.to_pylist() if one is not None and not _fits(one, storage.type, wanted, kind)), ""
        )
        advice = "write a query that converts or leaves out such values, or declare another type (mesh.options columns)"
        raise InvalidInput(f"{where}: column {name}: '{str(value)[:200]}' is not {kind}; {advice}") from None


def _cast(array: Any, wanted: Any, kind: DataType) -> Any:  # noqa: ANN401 - likewise
    import pyarrow as pa
    import pyarrow.compute as pc

    if kind.name == "BOOLEAN" and pa.types.is_integer(array.type):
        if array.drop_null().unique().to_pylist() and not {0, 1}.issuperset(array.drop_null().unique().to_pylist()):
            raise pa.ArrowInvalid("neither 0 nor 1")
        return pc.cast(array, pa.bool_())
    return pc.cast(array, wanted)


def _fits(value: Any, have: Any, wanted: Any, kind: DataType) -> bool:  # noqa: ANN401 - likewise
    import pyarrow as pa

    try:
        _cast(pa.array([value], have), wanted, kind)
    except pa.ArrowInvalid:
        return False
    return True


def _refuse_infinity(array: Any, kind: DataType, name: str, where: str) -> None:  # noqa: ANN401 - likewise
    import pyarrow as pa
    import pyarrow.compute as pc

    if not (pa.types.is_date32(array.type) or pa.types.is_timestamp(array.type)):
        return
    is_day = pa.types.is_date32(array.type)
    lowest = pc.min(array.view(pa.int32() if is_day else pa.int64())).as_py()
    if lowest is not None and lowest < (EARLIEST_DAY if is_day else EARLIEST_MICROSECOND):
        advice = f"write a query with NULLIF({name}, 'infinity') or with a date that is meant"
        raise InvalidInput(f"{where}: column {name}: 'infinity' is no {kind} that a table can store; {advice}")
