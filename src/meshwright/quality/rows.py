"""The rows of a dataset as SQL that can stand after FROM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshwright.model.datatype import literal, quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshwright.quality import Dataset

# A name that no column bears.
ROW = '"__meshwright_row"'


def read(files: Sequence[str]) -> str:
    """A table function over Parquet *files*, in their order."""
    return f"read_parquet([{', '.join(literal(file) for file in files)}])"


def everything(data: Dataset) -> str:
    """All rows of *data*."""
    if data.scan:
        return f"({data.scan})"
    return read(data.files) if data.files else nothing(data)


def new(data: Dataset) -> str:
    """The rows that rules about single rows are run on."""
    if data.new_files is None:
        return everything(data)
    return read(data.new_files) if data.new_files else nothing(data)


def nothing(data: Dataset) -> str:
    """No rows, with the columns of *data*."""
    columns = ", ".join(f"CAST(NULL AS {kind}) AS {quote(name)}" for name, kind in data.columns)
    return f"(SELECT {columns or 'NULL'} WHERE false)"


def numbered(data: Dataset, columns: str = "*") -> str:
    """All rows of *data* with their place in row order, from 1, as an extra column."""
    # A window without ORDER BY streams in the order of the files: it neither sorts nor keeps rows.
    return f"(SELECT {columns}, row_number() OVER () AS {ROW} FROM {everything(data)})"
