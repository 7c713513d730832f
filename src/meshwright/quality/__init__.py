"""Contract tests: a contract's table compiled to checks, run on Parquet data with DuckDB, cheapest proof first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshwright.model.datatype import DataType


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Rows to test, or to look references up in.

    `files` are absolute paths, oldest first (none: zero rows); `columns` what they hold, as stored. `scan` is a SELECT
    that yields the rows where plain `read_parquet(files)` will not do (schema drift, CSV); it opens no file that
    `files` does not list. `new_files`: of an append port, only these rows are new and come last; rules about single
    rows run on them alone, rules about the whole table on everything. `rows` is how many rows all files hold, where that
    is known already.
    """

    files: tuple[str, ...]
    columns: tuple[tuple[str, DataType], ...]
    scan: str = ""
    new_files: tuple[str, ...] | None = None
    rows: int | None = None

    def column(self, name: str) -> tuple[str, DataType] | None:
        """The column called *name* as the data spells it, and its type; letter case does not matter."""
        lowered = name.lower()
        return next((column for column in self.columns if column[0].lower() == lowered), None)
