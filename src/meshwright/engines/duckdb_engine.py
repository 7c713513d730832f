"""The embedded engine: one DuckDB instance per build, shared by its threads through cursors."""

from __future__ import annotations

import re
import tempfile
import threading
import uuid
import weakref
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from meshwright.engines import Staged
from meshwright.engines.casts import SAME, Lossy, cast_sql, conversion, fits_sql
from meshwright.engines.failures import located, translate
from meshwright.engines.parquet_file import describe, write
from meshwright.model.datatype import DataType, literal, quote
from meshwright.model.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from duckdb import DuckDBPyConnection

    from meshwright.engines import Columns, TableInput, TableOutput

# A table without rows. Its typed NULLs keep columns optional in Parquet even when the optimizer knows of none, so
# that equal rows give equal bytes whatever they were computed from.
NOTHING: Final = "meshwright_nothing"
# Optimizers that may swap the sides of a join: the one that is read first is read whole, however few rows are wanted,
# and the optimizer does not know how long a CSV file is. As they are written, the long side mostly comes first.
REORDERING: Final = "join_order,build_side_probe_side"


class DuckDBEngine:
    """Runs SQL and writes Parquet within one memory limit; safe to use from several threads.

    `memory_mb` and `threads`: 0 takes DuckDB's own (80 % of the machine's memory, every core). `temp` takes what does
    not fit in memory. Nothing is opened before the first use; times are UTC; extensions are never loaded by themselves.
    """

    def __init__(self, *, memory_mb: int = 0, threads: int = 0, temp: Path | None = None) -> None:
        self._settings: dict[str, str | bool | int | float | list[str]] = {
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "python_enable_replacements": "false",
            "preserve_insertion_order": "true",
            "temp_directory": str(temp or Path(tempfile.gettempdir()) / f"meshwright-{uuid.uuid4().hex}"),
        }
        if memory_mb:
            self._settings["memory_limit"] = f"{memory_mb}MB"
        if threads:
            self._settings["threads"] = str(threads)
        self._lock = threading.Lock()
        self._connection: DuckDBPyConnection | None = None
        self._cursors: weakref.WeakSet[DuckDBPyConnection] = weakref.WeakSet()
        # What `start` began.
        self._opening: threading.Thread | None = None

    def start(self) -> None:
        """Open the instance beside the caller, who will need it soon: that takes 15 ms, most of them without Python."""
        self._opening = threading.Thread(target=self._open, name="duckdb")
        self._opening.start()

    def cursor(self) -> DuckDBPyConnection:
        """A connection of its own to the shared instance; close it after use."""
        import duckdb

        with self._lock:
            if self._connection is None:
                self._connection = duckdb.connect(config=self._settings)
                self._connection.execute(f"SET GLOBAL TimeZone = 'UTC'; CREATE TABLE {NOTHING} (nothing INTEGER)")
            cursor = self._connection.cursor()
            self._cursors.add(cursor)
            return cursor

    def _open(self) -> None:
        import duckdb

        # What goes wrong here goes wrong again, and is told, where a cursor is asked for.
        with suppress(duckdb.Error):
            self.cursor().close()

    def interrupt(self) -> None:
        """Stop every statement that runs now, within about a second; their callers get Unavailable."""
        import duckdb

        with self._lock:
            for cursor in self._cursors:
                # One that has been closed meanwhile runs nothing.
                with suppress(duckdb.Error):
                    cursor.interrupt()

    def close(self) -> None:
        """Give back memory and temporary files."""
        # Whoever was stopped before it began waits for nothing.
        if self._opening is not None and self._opening.ident is not None:
            self._opening.join()
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def columns(self, query: str, *, inputs: Sequence[TableInput], name: str) -> Columns:
        """The columns that *query* over *inputs* yields; nothing is run. Raises InvalidInput as those of *name*."""
        with self._statement(name, inputs) as cursor:
            _create_views(cursor, inputs, query)
            return _columns(cursor, query, name)

    def stage_first(self, rows: int, query: str, *, inputs: Sequence[TableInput], output: TableOutput) -> Staged:
        """Stage the first *rows* rows of *query* and compute no more than they need. Raises as `stage` does."""
        cursor = self.cursor()
        try:
            cursor.execute(f"SET GLOBAL disabled_optimizers = '{REORDERING}'")
            query = query.rstrip(" \t\r\n;")
            return self.stage(f"SELECT * FROM ({query}\n) LIMIT {rows}", inputs=inputs, output=output)
        finally:
            cursor.execute("RESET GLOBAL disabled_optimizers")
            cursor.close()

    def stage(self, query: str, *, inputs: Sequence[TableInput], output: TableOutput) -> Staged:
        """Write the rows of *query* to one Parquet file in the output's folder, cast to its columns.

        *query* names each input as a table, `<name>__changes` what is new in it. Rows of an output with a key are
        written in key order, NULLs last. No rows, no file. Raises InvalidInput when columns are missing or left over,
        or a value does not fit (naming column, types, value and next step); Unavailable when disk or memory gives out.
        """
        query = query.rstrip(" \t\r\n;")
        with self._statement(output.name, inputs) as cursor:
            _create_views(cursor, inputs, query)
            have = _columns(cursor, query, output.name)
            select = _select(query, have, output)
            output.folder.mkdir(parents=True, exist_ok=True)
            path = output.folder / f"{uuid.uuid4().hex}.parquet"
            try:
                return _write(cursor, select, path, output)
            except BaseException as error:
                path.unlink(missing_ok=True)
                if _is_cast(error):
                    _blame(cursor, query, have, output)
                raise

    @contextmanager
    def _statement(self, name: str, inputs: Sequence[TableInput]) -> Iterator[DuckDBPyConnection]:
        """A cursor whose errors are told as those of *name*."""
        import duckdb

        cursor = self.cursor()
        try:
            yield cursor
        except duckdb.Error as error:
            scans = (scan for table in inputs for scan in (table.changes, table.scan) if scan)
            raise translate(located(error, scans, cursor), where=name) from error
        except OSError as error:
            raise Unavailable(f"{name}: {error}") from error
        finally:
            cursor.close()


def _create_views(cursor: DuckDBPyConnection, inputs: Sequence[TableInput], query: str) -> None:
    """The tables that *query* may read, as temporary views: these are the cursor's own, several builds use the same names.

    A view of files opens them, so a name that the text of *query* does not have gets none.
    """
    for table in inputs:
        changes = table.scan if table.changes is None else table.changes
        for name, scan in ((table.name, table.scan), (f"{table.name}__changes", changes)):
            if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", query, re.IGNORECASE):
                cursor.execute(f"CREATE OR REPLACE TEMP VIEW {quote(name)} AS {scan}")


def _columns(cursor: DuckDBPyConnection, query: str, name: str) -> Columns:
    """The columns that *query* yields. Raises InvalidInput for a type that Meshwright does not know."""
    found = []
    for column, kind, *_ in cursor.execute(f"DESCRIBE SELECT * FROM ({query}\n)").fetchall():
        try:
            found.append((column, DataType.parse(kind)))
        except ValueError as error:
            raise InvalidInput(f"{name}: column {column} has type {kind}, which cannot be stored; cast it") from error
    return tuple(found)


def _select(query: str, have: Columns, output: TableOutput) -> str:
    """The SELECT that is written: *query* cast to the output's columns, in key order."""
    sources = _matched(have, output)
    columns = ", ".join(
        f"{cast_sql(quote(source), kind, field.type)} AS {quote(field.name)}"
        for (source, kind), field in zip(sources, output.schema, strict=True)
    )
    nulls = ", ".join(f"CAST(NULL AS {field.type})" for field in output.schema)
    select = f"SELECT {columns} FROM ({query}\n) UNION ALL SELECT {nulls} FROM memory.main.{NOTHING}"
    return f"SELECT * FROM ({select}) ORDER BY {_order(output.key)}" if output.key else select


def _order(columns: Sequence[str]) -> str:
    return ", ".join(f"{quote(name)} ASC NULLS LAST" for name in columns)


def _matched(have: Columns, output: TableOutput) -> Columns:
    """The query's column for each of the output's. Raises InvalidInput with everything that does not match."""
    by_name = {name.lower(): (name, kind) for name, kind in have}
    wanted = {field.name.lower() for field in output.schema}
    missing = [field.name for field in output.schema if field.name.lower() not in by_name]
    extra = [name for name, _ in have if name.lower() not in wanted]
    problems = []
    if missing:
        problems.append(f"it does not return {', '.join(missing)}")
    if extra:
        problems.append(f"it returns {', '.join(extra)}, not among the output's columns")
    problems.extend(f"it has no key column {key}" for key in output.key if key.lower() not in wanted)
    for field in output.schema:
        name, kind = by_name.get(field.name.lower(), (field.name, field.type))
        try:
            conversion(kind, field.type)
        except Lossy as error:
            problems.append(f"column {name}: {kind} cannot be stored as {field.type}: {error}")
    if problems:
        raise InvalidInput(f"{output.name}: {'; '.join(problems)}")
    return tuple(by_name[field.name.lower()] for field in output.schema)


def _write(cursor: DuckDBPyConnection, select: str, path: Path, output: TableOutput) -> Staged:
    rows = write(cursor, select, path, output.schema)
    if not rows:
        path.unlink(missing_ok=True)
        return Staged(files=(), rows=0, bytes=0, sorted=bool(output.key))
    if output.key and _has_ties(cursor, path, output.key):
        # Rows of one key come in any order from a sort on several threads: order them by everything.
        rest = [field.name for field in output.schema if field.name not in output.key]
        again = path.with_name(f"{uuid.uuid4().hex}.parquet")
        source = f"SELECT * FROM read_parquet({literal(str(path))}) ORDER BY {_order([*output.key, *rest])}"
        write(cursor, source, again, output.schema)
        path.unlink()
        path = again
    file = describe(path, output.schema, cursor)
    return Staged(files=(file,), rows=rows, bytes=file.bytes, sorted=bool(output.key))


def _has_ties(cursor: DuckDBPyConnection, path: Path, key: Sequence[str]) -> bool:
    """Whether two neighbours of a sorted file have the same key."""
    columns = ", ".join(quote(name) for name in key)
    before = f"SELECT row({columns}) AS k, lag(row({columns})) OVER () AS p FROM read_parquet({literal(str(path))})"
    found = cursor.execute(f"SELECT EXISTS (SELECT 1 FROM ({before}) WHERE k = p)").fetchone()
    return bool(found and found[0])


def _is_cast(error: BaseException) -> bool:
    return type(error).__name__ in {"ConversionException", "InvalidInputException", "OutOfRangeException"}


def _blame(cursor: DuckDBPyConnection, query: str, have: Columns, output: TableOutput) -> None:
    """Raise InvalidInput naming the column and value that does not fit; return when it was something else."""
    by_name = {name.lower(): (name, kind) for name, kind in have}
    for field in output.schema:
        name, kind = by_name[field.name.lower()]
        if conversion(kind, field.type) == SAME:
            continue
        condition = f"NOT {fits_sql(quote(name), kind, field.type)}"
        row = cursor.execute(
            f"SELECT CAST({quote(name)} AS VARCHAR) FROM ({query}\n) WHERE {condition} LIMIT 1"
        ).fetchone()
        if row is not None:
            advice = _advice(kind, field.type)
            raise InvalidInput(
                f"{output.name}: column {field.name}: {kind} value {row[0]} cannot be stored as {field.type} without loss; {advice}"
            )


def _advice(source: DataType, target: DataType) -> str:
    """What to write in the transformation, or in the contract."""
    if target.name == "DECIMAL":
        return f"write round(column, {target.scale}) if that is meant, or declare a wider type in the contract"
    if target.name in {"DATE", "TIME"}:
        return f"write CAST(column AS {target}) if the rest may go, or declare {source} in the contract"
    if source.name in {"FLOAT", "DOUBLE", "DECIMAL"}:
        return "write round(column) or floor(column) if that is meant, or declare a decimal type in the contract"
    return "correct the value, or declare a wider type in the contract"
