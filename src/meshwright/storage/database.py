"""The database under the registry, as far as the registry needs it.

Statements are portable SQL with `:name` parameters, which both `sqlite3` and SQLAlchemy's `text()` read. `sqlite_database`
uses the standard library's driver, because importing SQLAlchemy takes longer than planning a small mesh;
`postgres_database` uses psycopg. What only one of them understands is there and nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from meshwright.model.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

Row = tuple[Any, ...]


class Transaction(Protocol):
    """One transaction."""

    def rows(self, statement: str, **parameters: object) -> Sequence[Row]:
        """The rows that a SELECT yields."""
        ...

    def execute(self, statement: str, **parameters: object) -> int:
        """How many rows a statement changed."""
        ...

    def execute_many(self, statement: str, parameters: Sequence[Mapping[str, object]]) -> None:
        """Run a statement once for each set of parameters."""
        ...


class Database(Protocol):
    """Opens nothing before it is used; safe to use from several threads. Every call may raise Unavailable."""

    def rows(self, statement: str, **parameters: object) -> Sequence[Row]:
        """The rows of a SELECT over what is committed; none when the database does not exist yet."""
        ...

    def reading(self) -> AbstractContextManager[Transaction]:
        """A transaction that only reads, all of it as it is at one moment; others write meanwhile."""
        ...

    def writing(self) -> AbstractContextManager[Transaction]:
        """A transaction that is alone in writing from its start; durable when the block ends, undone when it raises."""
        ...

    def close(self) -> None:
        """Give back connections."""
        ...


def open_database(url: str, root: Path) -> Database:
    """The database at *url*; paths in it are relative to *root*. Opens nothing. Raises InvalidInput.

    PostgreSQL's URL is libpq's, and its parameter `schema` names the schema of the registry's tables.
    """
    scheme, separator, rest = url.partition("://")
    if scheme == "sqlite" and separator:
        from meshwright.storage.sqlite_database import SqliteDatabase

        return SqliteDatabase(sqlite_path(url, rest, root), root)
    if scheme in {"postgresql", "postgres"} and separator:
        from meshwright.storage.postgres_database import PostgresDatabase

        return PostgresDatabase(url)
    raise InvalidInput(
        f"the registry '{without_password(url)}' cannot be used; write a URL such as sqlite:///.mesh/registry.db "
        "or postgresql://user@host/database"
    )


def without_password(url: str) -> str:
    """*url* with everything before its host left out, where secrets stand by mistake."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def sqlite_path(url: str, rest: str, root: Path) -> Path:
    """The file that the *rest* of a SQLite *url* names, after `://`: `/relative` to *root*, or `//absolute`."""
    path = rest.removeprefix("/")
    if not rest.startswith("/") or not path or path == ":memory:" or "?" in path:
        raise InvalidInput(f"the registry '{url}' names no file; write sqlite:///path, relative to the mesh's folder")
    return root / path


def with_password(url: str, password: str) -> str:
    """PostgreSQL's *url* with *password* in it, as libpq reads it: for the moment of opening, never for a message."""
    if not password or url.startswith("sqlite:"):
        return url
    return f"{url}{'&' if '?' in url else '?'}password={quote(password, safe='')}"
