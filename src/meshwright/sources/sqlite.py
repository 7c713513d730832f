"""SQLite: a table or a query of one database file, read through ADBC; what a column holds decides its type.

SQLite stores any value in any column. So a column's type here is what all of its values are, guided by the declared type;
and a read goes by the type that was pinned: a value that is another one is an error that names it.
"""

from __future__ import annotations

import contextlib
import re
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote as quoted

from meshwright.model.datatype import VARCHAR, DataType, quote
from meshwright.model.errors import InvalidInput, MeshwrightError, Unavailable
from meshwright.sources import adbc, highest
from meshwright.sources.drift import refuse_drift
from meshwright.sources.extras import required
from meshwright.sources.fingerprints import SETTLED_NS
from meshwright.sources.growing import check_names, new_rows, refuse_nulls
from meshwright.sources.table_files import write_rows
from meshwright.sources.watching import Pulse, counted, never

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from meshwright.engines import Columns
    from meshwright.model.product import Source
    from meshwright.sources.adbc import AdbcSession
    from meshwright.sources.kept_copies import KeptCopies
    from meshwright.sources.secrets import Opened

SECONDS_DEFAULT: Final = 30
# By what typeof() says of all values of a column: its type, and the expression that reads it.
STORED: Final = {
    frozenset({"integer"}): ("BIGINT", "{column}"),
    frozenset({"real"}): ("DOUBLE", "{column}"),
    frozenset({"integer", "real"}): ("DOUBLE", "CAST({column} AS REAL)"),
    frozenset({"blob"}): ("BLOB", "{column}"),
}
# Times are text in SQLite; a column that is declared so, and holds nothing but such text, is one.
TIMES: Final = {
    "DATE": ("DATE", "[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]"),
    "TIMESTAMP": ("TIMESTAMP", "[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9][ T][0-2][0-9]:[0-5][0-9]*"),
}


class SqliteTable:
    """A table or a query; `incremental` is the column by which only new rows are read."""

    format = "parquet"

    def __init__(self, name: str, source: Source, opened: Opened, root: Path, copies: KeptCopies) -> None:
        self.name = name
        self.opened = opened
        self.copies = copies
        self.incremental = source.incremental
        self.declared = frozenset(source.options.get("columns") or ())
        self.table = "" if source.query else source.path
        query = source.query.rstrip().rstrip(";")
        self.target = f"({query}\n) AS q" if query else ".".join(quote(part) for part in source.path.split("."))
        self.file = root / str(opened.settings["path"])
        self.seconds = int(opened.settings.get("timeout", SECONDS_DEFAULT))
        self._local: Path | None = None

    def glance(self) -> Mapping[str, str] | None:
        """The highest value, where the table is read by it; else what the file held when it was last the same file."""
        if not self.incremental:
            known = self.copies.recall(self._key, version=_state(self.file))
            return {self.name: known} if known else None
        with self._session() as session:
            return {self.name: self._highest(session)}

    def columns(self) -> Columns:
        """The columns, by what they hold."""
        with self._session() as session:
            return tuple((name, kind) for name, _, kind in self._described(session))

    def bring(
        self, folder: Path, *, columns: Columns = (), beyond: str = "", stopped: Callable[[], bool] = never
    ) -> Mapping[str, str]:
        """Read the rows, or those beyond the highest value recorded in *beyond*, into one Parquet file."""
        state, looked = _state(self.file), time.time_ns()
        with self._session() as session:
            described = self._described(session)
            if columns:
                described = _adapted(described, columns)
                found = tuple((name, kind) for name, _, kind in described)
                refuse_drift(self.name, columns, found, strict=True, declared=self.declared)
            known = {name.lower(): (expression, kind) for name, expression, kind in described}
            wanted = [(name, *known[name.lower()]) for name, _ in columns] if columns else described
            now = self._highest(session) if self.incremental else ""
            condition = ""
            if self.incremental:
                refuse_nulls(session, self.target, self.incremental, self.name)
                condition = new_rows(self.incremental, beyond, now, _literal)
            expressions = ", ".join(f"{expression} AS {quote(name)}" for name, expression, _ in wanted)
            rows = session.batches(f"SELECT {expressions} FROM {self.target}{condition}")
            batches = counted(rows, Pulse(), stopped, self.name)
            path = folder / f"{re.sub(r'[^A-Za-z0-9_]+', '_', self.name)}.parquet"
            types = [(name, kind) for name, _, kind in wanted]
            written = write_rows(batches, types, path, self.name)
        self._local = written.path
        if state == _state(self.file) and looked - _changed(self.file) > SETTLED_NS:
            self.copies.remember(self._key, version=state, content=written.sha256)
        return {self.name: now if self.incremental else written.sha256}

    @property
    def _key(self) -> str:
        return f"{self.name}|{self.file}|{self.target}"

    def local(self, name: str) -> Path:
        """The file that was written."""
        assert self._local is not None, name  # noqa: S101 - brought before
        return self._local

    def _highest(self, session: AdbcSession) -> str:
        ((value,),) = session.rows(f"SELECT quote(max({quote(self.incremental)})) FROM {self.target}")
        return highest(self.incremental, "" if value == "NULL" else str(value))

    def _described(self, session: AdbcSession) -> list[tuple[str, str, DataType]]:
        """Of each column its name, the expression that reads it, and its type by all its values."""
        names = session.batches(f"SELECT * FROM {self.target} LIMIT 0").schema.names
        check_names(names, self.incremental, self.name)
        declared = self._declared(session)
        looks = []
        for name in names:
            column = quote(name)
            looks.append(f"group_concat(DISTINCT nullif(typeof({column}), 'null'))")
            looks += [f"min({column} GLOB '{pattern}')" for _, pattern in TIMES.values()]
            looks.append(f"min({column} IN (0, 1))")
        (row,), width = session.rows(f"SELECT {', '.join(looks)} FROM {self.target}"), len(TIMES) + 2
        return [
            (name, *_type(name, declared.get(name.lower(), ""), row[index * width : (index + 1) * width]))
            for index, name in enumerate(names)
        ]

    def _declared(self, session: AdbcSession) -> dict[str, str]:
        if not self.table:
            return {}
        listed = session.rows(
            f"SELECT name, type FROM pragma_table_info({_literal(quote_text(self.table.rpartition('.')[2]))})"
        )
        return {str(name).lower(): str(kind).upper() for name, kind in listed}

    @contextlib.contextmanager
    def _session(self) -> Iterator[AdbcSession]:
        """A session on the file as it is at one moment, unable to change it; errors come out in our words."""
        what = f"{self.name}: reading SQLite"
        required("adbc_driver_manager", extra="sqlite", what=what)
        if not self.file.is_file():
            raise Unavailable(f"{self.name}: there is no database file {self.opened.settings['path']}")
        uri = f"file:{quoted(str(self.file.resolve()))}?mode=ro"
        try:
            with adbc.session("adbc_driver_sqlite", uri, extra="sqlite", what=what) as session:
                # It answers with a row.
                session.rows(f"PRAGMA busy_timeout = {self.seconds * 1000}")
                yield session
        except adbc.errors() as error:
            raise self._told(str(error)) from None

    def _told(self, text: str) -> MeshwrightError:
        said = re.sub(r"^[A-Z_]+: |\[SQLite\] |Failed to (?:prepare|step) query: ", "", text)
        said = re.sub(r"\s*query:.*$|\. SQLSTATE.*$", "", said, flags=re.DOTALL).strip()
        if "Type mismatch" in text:
            said += ": a column holds values of several types; write a query with CAST (mesh.query)"
            return InvalidInput(f"{self.name}: {said}")
        if "locked" in text or "busy" in text:
            said += ": somebody is writing; run again later, or raise the connection's timeout"
        return Unavailable(f"{self.name}: {self.opened.scrub(said)}")


def _adapted(described: list[tuple[str, str, DataType]], columns: Columns) -> list[tuple[str, str, DataType]]:
    """What was *described*, read as what is expected where that is the same value: text, or a whole number as a DOUBLE."""
    wanted = {name.lower(): kind for name, kind in columns}
    found = []
    for name, expression, kind in described:
        expected = wanted.get(name.lower(), kind)
        if expression.startswith("NULLIF"):
            found.append((name, expression, expected))
        elif expected == VARCHAR != kind:
            found.append((name, f"CAST({quote(name)} AS TEXT)", VARCHAR))
        elif (expected.name, kind.name) == ("DOUBLE", "BIGINT"):
            found.append((name, f"CAST({quote(name)} AS REAL)", expected))
        else:
            found.append((name, expression, kind))
    return found


def _type(name: str, declared: str, row: Any) -> tuple[str, DataType]:  # noqa: ANN401 - values of a row
    """The expression and type of one column; an expression that begins with NULLIF says that it holds nothing."""
    column = quote(name)
    if not row[0]:
        return f"NULLIF(CAST({column} AS TEXT), '')", VARCHAR
    stored = frozenset(str(row[0]).split(","))
    if stored == {"integer"} and "BOOL" in declared and row[-1]:
        return column, DataType("BOOLEAN")
    if stored == {"text"}:
        for index, (word, (kind, _)) in enumerate(TIMES.items()):
            if row[1 + index] and (word in declared or (word == "TIMESTAMP" and "DATETIME" in declared)):
                return column, DataType(kind)
        return column, VARCHAR
    if stored in STORED:
        kind, expression = STORED[stored]
        return expression.format(column=column), DataType(kind)
    return f"CAST({column} AS TEXT)", VARCHAR


def quote_text(text: str) -> str:
    """*text* without the quotes of an identifier."""
    return text.strip('"')


def _literal(value: str) -> str:
    """A literal as SQLite's quote() gave it, or text to be one."""
    if re.fullmatch(r"-?[0-9.]+(?:[eE][-+]?[0-9]+)?|'(?:[^']|'')*'|X'[0-9A-Fa-f]*'", value):
        return value
    return "'" + value.replace("'", "''") + "'"


def _state(file: Path) -> str:
    """What tells one state of a database file from the next without reading it."""
    parts = []
    for path in _parts(file):
        with contextlib.suppress(OSError):
            stat = path.stat()
            parts.append(f"{stat.st_size}:{stat.st_ctime_ns}:{stat.st_ino}")
    return "|".join(parts)


def _changed(file: Path) -> int:
    """When the database was last written, in nanoseconds since 1970."""
    return max((path.stat().st_ctime_ns for path in _parts(file) if path.exists()), default=0)


def _parts(file: Path) -> tuple[Path, Path]:
    # What was committed lies in the log until it is moved into the file.
    return file, file.with_name(f"{file.name}-wal")
