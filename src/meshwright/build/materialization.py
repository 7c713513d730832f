"""Materialization: how newly staged rows and a table's present files become its next state: full, append or merge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshwright.engines import TableInput, TableOutput
from meshwright.engines.parquet_scan import scan_sql
from meshwright.model.datatype import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from meshwright.engines import Staged
    from meshwright.engines.duckdb_engine import DuckDBEngine
    from meshwright.model.publication import DataFile, Field

# A merge rewrites only files that hold a merged key; past this many files it rewrites all of them into one.
MERGE_FILES_MAX = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class TableState:
    """A table's next state: files that stay, files that come (still staged, absolute paths), paths that go.

    `new` are the files of *added* whose rows were made by this build (a merge also rewrites old rows).
    """

    kept: tuple[DataFile, ...] = ()
    added: tuple[DataFile, ...] = ()
    removed: tuple[str, ...] = ()
    new: tuple[DataFile, ...] = ()

    @property
    def files(self) -> tuple[DataFile, ...]:
        """All files of the next state, in reading order."""
        return (*self.kept, *self.added)

    @property
    def rows(self) -> int:
        """How many rows the next state has."""
        return sum(file.rows for file in self.files)


def replaced(staged: Staged, present: Sequence[DataFile]) -> TableState:
    """full: the staged rows instead of what is there."""
    return TableState(added=staged.files, removed=tuple(file.path for file in present), new=staged.files)


def appended(staged: Staged, present: Sequence[DataFile]) -> TableState:
    """append: the staged rows after what is there."""
    return TableState(kept=tuple(present), added=staged.files, new=staged.files)


def merged(
    staged: Staged,
    present: Sequence[DataFile],
    *,
    schema: tuple[Field, ...],
    key: tuple[str, ...],
    folder: Path,
    engine: DuckDBEngine,
    locate: Callable[[str], str],
) -> TableState:
    """merge: staged rows replace those with the same *key* (NULLs equal) and come after the others."""
    if not staged.files or not present:
        return appended(staged, present)
    fresh = TableInput(name="fresh", scan=scan_sql(staged.files, schema, str))
    touched = _touched(present, fresh, schema=schema, key=key, engine=engine, locate=locate)
    if not touched:
        return appended(staged, present)
    old = TableInput(name="present", scan=scan_sql(touched, schema, locate))
    output = TableOutput(name="kept", folder=folder, schema=schema, key=())
    rest = engine.stage(f"SELECT * FROM present p WHERE NOT {_same(key)}", inputs=(old, fresh), output=output)
    gone = {file.path for file in touched}
    return TableState(
        kept=tuple(file for file in present if file.path not in gone),
        added=(*rest.files, *staged.files),
        removed=tuple(file.path for file in touched),
        new=staged.files,
    )


def _same(key: tuple[str, ...]) -> str:
    pairs = " AND ".join(f"f.{quote(name)} IS NOT DISTINCT FROM p.{quote(name)}" for name in key)
    return f"EXISTS (SELECT 1 FROM fresh f WHERE {pairs})"


def _touched(
    present: Sequence[DataFile],
    fresh: TableInput,
    *,
    schema: tuple[Field, ...],
    key: tuple[str, ...],
    engine: DuckDBEngine,
    locate: Callable[[str], str],
) -> list[DataFile]:
    """The files that hold a row whose key is merged."""
    if len(present) > MERGE_FILES_MAX:
        return list(present)
    found = []
    cursor = engine.cursor()
    try:
        for file in present:
            scan = scan_sql([file], schema, locate)
            query = f"WITH fresh AS ({fresh.scan}) SELECT 1 FROM ({scan}) p WHERE {_same(key)} LIMIT 1"
            if cursor.execute(query).fetchone() is not None:
                found.append(file)
    finally:
        cursor.close()
    return found
