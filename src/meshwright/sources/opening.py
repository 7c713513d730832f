"""Opening sources: which reader stands behind an address, and one look at all of a source wherever it is."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshwright.engines.failures import translate
from meshwright.model.connection import DATABASES
from meshwright.model.errors import InvalidInput, MeshwrightError, Unavailable
from meshwright.sources import files
from meshwright.sources.kept_copies import KeptCopies
from meshwright.sources.paths import with_members
from meshwright.sources.secrets import look_up
from meshwright.sources.watching import never

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from duckdb import DuckDBPyConnection

    from meshwright.engines import Columns
    from meshwright.model.connection import Connection
    from meshwright.model.product import Source
    from meshwright.sources import Remote, Sample

# Errors about a local copy, which are told about what it is a copy of.
TOLD = (InvalidInput, Unavailable)


def remote(source: Source, *, root: Path, cache: Path, connection: Connection | None) -> Remote:
    """The reader of a remote *source*; *connection* is the one that it names. Nothing is opened yet, secrets are looked up.

    Raises InvalidInput when the address cannot go through the connection; Unavailable when a secret is not there.
    """
    name = source.address if not source.query else f"{source.connection}#query"
    copies = KeptCopies(cache)
    scheme = source.path.partition("://")[0].lower()
    if connection is None:
        if scheme in {"http", "https"}:
            return _http(source.path, name, None, copies)
        if scheme == "s3":
            return _s3(source.path, name, None, copies)
        raise InvalidInput(
            f"{name}: '{scheme}://' cannot be read; write https://, s3://, or a connection's CONNECTION#table"
        )
    if source.query and connection.type not in DATABASES:
        raise InvalidInput(f"{name}: only a database answers a query; {connection.name} is of type {connection.type}")
    if source.incremental and connection.type not in DATABASES:
        raise InvalidInput(
            f"{name}: mesh.incremental is for tables; of files, `<input>__changes` has what new files bring by itself"
        )
    opened = look_up(connection, root)
    match connection.type:
        case "postgresql":
            from meshwright.sources.postgresql import PostgresTable

            return PostgresTable(name, source, opened)
        case "sqlite":
            from meshwright.sources.sqlite import SqliteTable

            return SqliteTable(name, source, opened, root, copies)
        case "http":
            return _http(source.path, name, opened, copies)
        case _:
            return _s3(source.path, name, opened, copies)


def _http(url: str, name: str, opened: Any, copies: KeptCopies) -> Remote:  # noqa: ANN401 - an opened connection or None
    from meshwright.sources.http_files import HttpFile

    return HttpFile(url, name, opened, copies)


def _s3(place: str, name: str, opened: Any, copies: KeptCopies) -> Remote:  # noqa: ANN401 - likewise
    from meshwright.sources.s3_objects import S3Objects

    return S3Objects(place, name, opened, copies)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """A remote source's local copies: files by what people call them, and what a publication records of each."""

    files: Mapping[str, Path]
    prints: Mapping[str, str]
    format: str = ""

    @property
    def bytes(self) -> int:
        """How large the copies are."""
        return sum(path.stat().st_size for path in self.files.values())

    def told(self, error: MeshwrightError) -> MeshwrightError:
        """*error* with the names that people know instead of the copies' paths."""
        text = str(error)
        for name, path in self.files.items():
            text = text.replace(str(path), name)
        return type(error)(text) if text != str(error) and type(error).__init__ is Exception.__init__ else error


def bring(
    reader: Remote, folder: Path, *, columns: Columns = (), beyond: str = "", stopped: Callable[[], bool] = never
) -> Brought:
    """Everything that *reader* reads, in *folder*; as `Remote.bring`."""
    prints = reader.bring(folder, columns=columns, beyond=beyond, stopped=stopped)
    return Brought(files={name: reader.local(name) for name in prints}, prints=prints, format=reader.format)


def sample_remote(source: Source, reader: Remote, connection: DuckDBPyConnection, folder: Path) -> Sample:
    """Look at a remote *source* once, as `files.sample` does; a database is only asked for its columns."""
    from meshwright.sources import Sample
    from meshwright.sources.unions import declared

    if found := reader.columns():
        types = source.options.get("columns") or {}
        return Sample(format=reader.format, columns=declared(found, types, source.address))
    brought = bring(reader, folder)
    return look(source, brought, connection, folder)


def look(source: Source, brought: Brought, connection: DuckDBPyConnection, folder: Path) -> Sample:
    """What the local copies of *source* are like."""
    local = replace(source, format=source.format or brought.format)
    try:
        names = with_members(brought.files.values())
        return files.sample(folder, local, connection, unpacked=folder / "unpacked", files=names)
    except MeshwrightError as error:
        raise brought.told(error) from error


@dataclass(slots=True, kw_only=True)
class OpenSource:
    """A source looked at: `format`, `options` and `columns` as they would be pinned, `scan` a SELECT over local copies.

    `files` are the local copies by what people call them. Valid until the context that made it ends.
    """

    format: str
    options: dict[str, Any]
    columns: Columns
    scan: str
    connection: DuckDBPyConnection = field(repr=False)
    files: Mapping[str, Path] = field(default_factory=dict)

    def arrow(self, limit: int | None = None) -> Any:  # noqa: ANN401 - a RecordBatchReader of pyarrow
        """The rows, or the first *limit* of them. Raises InvalidInput for a value that is not of its column's type."""
        import duckdb

        rows = f"SELECT * FROM ({self.scan}){f' LIMIT {limit}' if limit else ''}"
        try:
            return self.connection.cursor().sql(rows).to_arrow_reader()
        except duckdb.Error as error:
            raise translate(error, names={str(path): name for name, path in self.files.items()}) from error


@contextlib.contextmanager
def open_source(
    source: Source, *, root: Path, cache: Path, connection: Connection | None = None
) -> Iterator[OpenSource]:
    """Look at *source*, local or remote, as a whole; local copies are gone afterwards.

    *root* is what local paths are relative to, *cache* keeps what is fetched. Raises NotFound, InvalidInput, Unavailable.
    """
    import duckdb

    with tempfile.TemporaryDirectory(prefix="meshwright-") as name, duckdb.connect(":memory:") as engine:
        folder = Path(name)
        if source.is_remote:
            reader = remote(source, root=root, cache=cache, connection=connection)
            brought = bring(reader, folder)
            found = look(source, brought, engine, folder)
            base, names = folder, with_members(brought.files.values())
            copies = brought.files
        else:
            found = files.sample(root, source, engine, unpacked=folder)
            base, names = root, files.files(root, source)
            copies = {name: root / name for name in names}
        pinned = replace(source, format=found.format, options={**found.options, **source.options})
        scan = files.scan(base, pinned, found.columns, unpacked=folder / "unpacked", files=names, connection=engine)
        yield OpenSource(
            format=found.format,
            options=dict(found.options),
            columns=found.columns,
            scan=scan,
            connection=engine,
            files=copies,
        )
