"""Arrow batches that hold their values and nothing else: DuckDB leaves under NULL what lay in its memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def cleaned(batch: Any) -> Any:  # noqa: ANN401 - pyarrow is imported lazily
    """The pyarrow RecordBatch or Table *batch*, as DuckDB makes them, with zeros under NULL.

    What lies in a struct that is NULL is NULL itself there, so that this holds at any depth.
    """
    import pyarrow as pa

    if isinstance(batch, pa.Table):
        return pa.Table.from_batches([cleaned(one) for one in batch.to_batches()], batch.schema)
    return pa.RecordBatch.from_arrays([_array(one) for one in batch.columns], schema=batch.schema)


def cleaned_batches(stream: Any) -> Iterator[Any]:  # noqa: ANN401 - pyarrow is imported lazily
    """The batches of a pyarrow RecordBatchReader, each `cleaned`."""
    for batch in stream:
        yield cleaned(batch)


def _array(array: Any) -> Any:  # noqa: ANN401 - pyarrow is imported lazily
    import pyarrow as pa
    import pyarrow.compute as pc

    if array.null_count == len(array):
        return pa.nulls(len(array), array.type)
    if array.null_count == 0 and not pa.types.is_nested(array.type):
        return array
    # To take a NULL writes a zero.
    return pc.take(array, pa.arange(0, len(array)), boundscheck=False)
