"""PostgreSQL: a table or a query of one database, read through ADBC in one read-only, repeatable transaction."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote as quoted
from urllib.parse import urlencode, urlsplit, urlunsplit

from meshwright.model.datatype import VARCHAR, DataType, quote
from meshwright.model.errors import InvalidInput, MeshwrightError, Unavailable
from meshwright.sources import adbc, highest
from meshwright.sources.drift import refuse_drift
from meshwright.sources.extras import required
from meshwright.sources.growing import check_names, new_rows, refuse_nulls
from meshwright.sources.table_files import write_rows
from meshwright.sources.watching import Pulse, counted, never, watched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from meshwright.engines import Columns
    from meshwright.model.product import Source
    from meshwright.sources.adbc import AdbcSession
    from meshwright.sources.secrets import Opened

T = TypeVar("T")
SECONDS_DEFAULT: Final = 30
GLANCE_SECONDS_MAX: Final = 3
# The longest that one read may take altogether; a lock or a silent server is given up much sooner.
READ_SECONDS_MAX: Final = 6 * 3600
PORT: Final = 5432
# How a column of a type is asked for, where the driver's own form would lose something, and what it is then.
ASKED: Final[dict[str, tuple[str, DataType]]] = {
    "money": ("numeric", DataType("DECIMAL", precision=38, scale=9)),
    "oid": ("bigint", DataType("BIGINT")),
}
SIMPLE: Final = {
    "bool": "BOOLEAN", "int2": "SMALLINT", "int4": "INTEGER", "int8": "BIGINT", "float4": "FLOAT", "float8": "DOUBLE",
    "text": "VARCHAR", "varchar": "VARCHAR", "bpchar": "VARCHAR", "name": "VARCHAR", "bytea": "BLOB", "date": "DATE",
    "time": "TIME", "timestamp": "TIMESTAMP", "timestamptz": "TIMESTAMP WITH TIME ZONE",
}  # fmt: skip
# A numeric of no declared size: 29 digits before the point and nine after it. What does not fit is an error.
NUMERIC: Final = DataType("DECIMAL", precision=38, scale=9)
PRECISION_MAX: Final = 38
PART: Final = re.compile(r'"((?:[^"]|"")+)"|([^."]+)')
# SQLSTATE classes and codes, and what they mean to whoever reads the message.
STATES: Final = {
    "42P01": "there is no such table or view",
    "42501": "the user may not read it: GRANT SELECT",
    "3D000": "there is no such database",
    "28P01": "user or password is wrong",
    "28000": "the server does not let this user in",
    "55P03": "somebody locks the table; run again later",
    "57014": "the database did not answer in time; run again, or raise the connection's timeout",
    "53300": "the server has too many connections; run again later",
}
# What only a correction of the query or of the input port mends; the rest may go away by itself.
OURS: Final = ("42", "22")


class PostgresTable:
    """A table (`schema.table`) or a query; `incremental` is the column by which only new rows are read."""

    format = "parquet"

    def __init__(self, name: str, source: Source, opened: Opened) -> None:
        self.name = name
        self.opened = opened
        self.incremental = source.incremental
        self.declared = frozenset(source.options.get("columns") or ())
        query = source.query.rstrip().rstrip(";")
        self.target = f"({query}\n) AS q" if query else _table(source.path, name)
        self.seconds = int(opened.settings.get("timeout", SECONDS_DEFAULT))
        self.pulse = Pulse()
        self._local: Path | None = None

    def glance(self) -> Mapping[str, str] | None:
        """The highest value, where the table is read by it; else nobody can tell without reading."""
        if not self.incremental:
            return None
        with self._session(min(self.seconds, GLANCE_SECONDS_MAX)) as session:
            return {self.name: self._highest(session)}

    def columns(self) -> Columns:
        """The columns as they are read here."""

        def describe() -> Columns:
            with self._session(self.seconds) as session:
                return tuple((name, kind) for name, _, kind in self._described(session))

        return self._watched(describe, never)

    def bring(
        self, folder: Path, *, columns: Columns = (), beyond: str = "", stopped: Callable[[], bool] = never
    ) -> Mapping[str, str]:
        """Read the rows, or those beyond the highest value recorded in *beyond*, into one Parquet file."""
        return self._watched(lambda: self._bring(folder, columns, beyond, stopped), stopped)

    def _watched(self, work: Callable[[], T], stopped: Callable[[], bool]) -> T:
        return watched(
            work, pulse=self.pulse, seconds=self.seconds, is_alive=self._is_alive, stopped=stopped, where=self.name
        )

    def _is_alive(self) -> bool:
        """Whether the server still lets somebody in: a query may take its time, a server that is frozen has none."""
        try:
            with self._session(min(self.seconds, GLANCE_SECONDS_MAX)):
                return True
        except MeshwrightError:
            return False

    def _bring(self, folder: Path, columns: Columns, beyond: str, stopped: Callable[[], bool]) -> Mapping[str, str]:
        with self._session(self.seconds) as session:
            described = self._described(session)
            found = tuple((name, kind) for name, _, kind in described)
            if columns:
                refuse_drift(self.name, columns, found, strict=True, declared=self.declared)
            wanted = _in_order(columns, described) if columns else described
            expressions = ", ".join(f"{expression} AS {quote(name)}" for name, expression, _ in wanted)
            now = self._highest(session) if self.incremental else ""
            condition = ""
            if self.incremental:
                refuse_nulls(session, self.target, self.incremental, self.name)
                condition = new_rows(self.incremental, beyond, now, _literal)
            session.run(f"SET LOCAL statement_timeout = {READ_SECONDS_MAX * 1000}")
            rows = session.batches(f"SELECT {expressions} FROM {self.target}{condition}")
            batches = counted(rows, self.pulse, stopped, self.name)
            path = folder / f"{re.sub(r'[^A-Za-z0-9_]+', '_', self.name)}.parquet"
            written = write_rows(batches, [(name, kind) for name, _, kind in wanted], path, self.name)
        self._local = written.path
        return {self.name: now if self.incremental else written.sha256}

    def local(self, name: str) -> Path:
        """The file that was written."""
        assert self._local is not None, name  # noqa: S101 - brought before
        return self._local

    def _highest(self, session: AdbcSession) -> str:
        ((value,),) = session.rows(f"SELECT max({quote(self.incremental)})::text FROM {self.target}")
        return highest(self.incremental, "" if value is None else str(value))

    def _described(self, session: AdbcSession) -> list[tuple[str, str, DataType]]:
        """Of each column its name, the expression that reads it, and its type here. Nothing is run."""
        schema = session.schema(f"SELECT * FROM {self.target}")
        found = [(field.name, *_asked(field)) for field in schema]
        check_names([name for name, _, _ in found], self.incremental, self.name)
        return found

    @contextlib.contextmanager
    def _session(self, seconds: int) -> Iterator[AdbcSession]:
        """A session in a transaction that sees one state and can change nothing; errors come out in our words."""
        required("adbc_driver_manager", extra="postgresql", what=f"{self.name}: reading PostgreSQL")
        try:
            with adbc.session(
                "adbc_driver_postgresql",
                _uri(self.opened.settings, seconds),
                extra="postgresql",
                what=f"{self.name}: reading PostgreSQL",
            ) as session:
                for statement in (
                    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
                    f"SET LOCAL statement_timeout = {seconds * 1000}",
                    f"SET LOCAL lock_timeout = {seconds * 1000}",
                    # What is recorded of the highest value reads the same whoever asks.
                    "SET LOCAL TimeZone = 'UTC'",
                    "SET LOCAL DateStyle = 'ISO'",
                    # A scan that joins another's begins in the middle: equal tables would come in another order.
                    "SET LOCAL synchronize_seqscans = off",
                ):
                    session.run(statement)
                yield session
        except adbc.errors() as error:
            # Not chained: the driver's own words may repeat what is secret.
            raise self._told(error) from None

    def _told(self, error: Exception) -> MeshwrightError:
        found = re.search(r"SQLSTATE: (\w{5})", str(error))
        state = str(getattr(error, "sqlstate", None) or (found[1] if found else ""))
        text = self.opened.scrub(str(error))
        found = re.search(r"(?:ERROR|FATAL):\s*(.*)", text)
        said = found[1].strip() if found else re.sub(r"^[A-Z_]+: (\[libpq\] )?", "", text).split("\n")[0].strip()
        said = re.sub(r"\.? ?SQLSTATE: \w+$", "", said)
        meaning = STATES.get(state, "")
        if not meaning and "timeout expired" in text:
            meaning = "the server did not answer in time; run again, or raise the connection's timeout"
        message = f"{self.name}: {said}{f': {meaning}' if meaning else ''}"
        # A wrong query is for its author; that a table went away is not.
        is_ours = state.startswith(OURS) and state not in {"42P01", "42501"}
        return InvalidInput(message) if is_ours else Unavailable(message)


def _in_order(columns: Columns, described: list[tuple[str, str, DataType]]) -> list[tuple[str, str, DataType]]:
    """What was *described* of *columns*, in their order. A decimal is read as the type that is expected of it."""
    by_name = {name.lower(): (expression, kind) for name, expression, kind in described}
    found = []
    for name, kind in columns:
        expression, own = by_name[name.lower()]
        found.append((name, expression, kind if own.name == "DECIMAL" and kind.name in {"DECIMAL", "VARCHAR"} else own))
    return found


def _asked(field: Any) -> tuple[str, DataType]:  # noqa: ANN401 - a field of pyarrow
    metadata = {key.decode(): value.decode() for key, value in (field.metadata or {}).items()}
    kind = metadata.get("POSTGRESQL:type", "")
    column = quote(field.name)
    if kind == "numeric":
        return column, _numeric(int(metadata.get("POSTGRESQL:typmod", "-1")))
    if kind in ASKED:
        cast, known = ASKED[kind]
        return f"{column}::{cast}", known
    if kind in SIMPLE:
        return column, DataType(SIMPLE[kind])
    if kind.startswith("_") and kind[1:] in SIMPLE:
        return column, DataType("LIST", fields=(("", DataType(SIMPLE[kind[1:]])),))
    # JSON, UUID, enumerations, ranges, addresses and whatever comes: their text is their value.
    return f"{column}::text", VARCHAR


def _numeric(modifier: int) -> DataType:
    if modifier < 0:
        return NUMERIC
    precision, scale = (modifier - 4) >> 16 & 0xFFFF, (modifier - 4) & 0x7FF
    return DataType("DECIMAL", precision=precision, scale=scale) if scale <= precision <= PRECISION_MAX else NUMERIC


def _literal(value: str) -> str:
    """A recorded value as an untyped literal, which takes the type of the column that it is compared with."""
    return "'" + value.replace("'", "''") + "'"


def _table(path: str, name: str) -> str:
    """`schema.table` with each part quoted, as it is written."""
    parts = [(found[1] or found[2] or "").replace('""', '"') for found in PART.finditer(path)]
    if not parts or ".".join(parts) != path.replace('"', "") or len(parts) > 3:  # noqa: PLR2004 - database, schema, table
        raise InvalidInput(f"{name}: '{path}' names no table; write schema.table after the #")
    return ".".join(quote(part) for part in parts)


def _uri(settings: Mapping[str, Any], seconds: int) -> str:
    extra = {"connect_timeout": str(max(2, seconds)), "application_name": "meshwright"}
    extra |= {"keepalives_idle": str(seconds), "tcp_user_timeout": str(seconds * 1000)}
    extra |= {key: str(settings[key]) for key in ("sslmode", "sslrootcert") if settings.get(key)}
    if url := settings.get("url"):
        parts = urlsplit(str(url))
        given = {pair.partition("=")[0] for pair in parts.query.split("&")}
        query = "&".join(filter(None, [parts.query, urlencode({k: v for k, v in extra.items() if k not in given})]))
        return urlunsplit(parts._replace(query=query))
    host = str(settings.get("host", ""))
    user, password = (quoted(str(settings.get(key, "")), safe="") for key in ("user", "password"))
    place = f":{settings.get('port', PORT)}"
    if host.startswith("/"):
        extra |= {"host": host, "port": str(settings.get("port", PORT))}
        place = ""
    elif ":" in host:
        place = f"[{host}]{place}"
    else:
        place = f"{quoted(host, safe='')}{place}"
    who = f"{user}:{password}@" if password else f"{user}@"
    return f"postgresql://{who}{place}/{quoted(str(settings.get('database', '')), safe='')}?{urlencode(extra)}"
