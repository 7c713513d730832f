"""Everything that a registry holds, table by table: what a mesh that moves takes with it.

Nothing here knows what a table is for, so that none is ever left behind.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from meshwright.model.errors import Conflict
from meshwright.model.maintenance import Remains
from meshwright.storage.database import open_database
from meshwright.storage.documents import decode
from meshwright.storage.schema import REVISION, STATEMENTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from meshwright.storage.database import Row, Transaction

VERSION: Final = "alembic_version"
TABLE: Final = re.compile(r"\s*CREATE TABLE (\w+) \((.*)\)\s*", re.DOTALL)
KEY: Final = re.compile(r"PRIMARY KEY \((.*)\)")
CHUNK: Final = 10_000


def tables() -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """The columns of each of the registry's tables, and those of its key, as `schema` makes them."""
    found = {}
    for statement in STATEMENTS:
        table = TABLE.fullmatch(statement)
        if table is None or table[1] == VERSION:
            continue
        # A comma inside brackets separates nothing.
        parts = [part.strip() for part in re.split(r",(?![^(]*\))", table[2])]
        keys = [key[1] for part in parts if (key := KEY.fullmatch(part))]
        columns = tuple(part.split()[0] for part in parts if not KEY.fullmatch(part))
        found[table[1]] = (columns, tuple(name.strip() for name in keys[0].split(",")))
    return found


@dataclass(frozen=True, slots=True)
class _Size:
    bytes: int


@dataclass(frozen=True, slots=True)
class _Metadata:
    metadata: str


@dataclass(frozen=True, slots=True)
class _Artifact:
    location: str
    bytes: int


@dataclass(frozen=True, slots=True)
class _Port:
    artifacts: tuple[_Artifact, ...] = ()


@dataclass(frozen=True, slots=True)
class _Publication:
    """What of a publication's document names files: the rest is skipped."""

    ports: tuple[_Port, ...] = ()


class _Needs:
    """Which files of the warehouse rows name, and how large they are where they say so."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        self.metadata: set[str] = set()
        self.snapshots: set[tuple[str, int]] = set()

    def note(self, table: str, row: dict[str, Any]) -> None:
        what = f"a row of {table}"
        if table == "data_files":
            self.sizes[row["path"]] = decode(row["document"], _Size, what=what).bytes
        elif table == "snapshots":
            self.snapshots.add((row["table_id"], row["snapshot_id"]))
            self.metadata.add(decode(row["document"], _Metadata, what=what).metadata)
        elif table == "publications":
            for port in decode(row["document"], _Publication, what=what).ports:
                self.sizes |= {one.location: one.bytes for one in port.artifacts}


class SqlContents:
    """The contents of the registry at *url*, paths relative to *root*; opens nothing before it is used."""

    revision = REVISION

    def __init__(self, url: str, root: Path) -> None:
        self._database = open_database(url, root)
        self._needs = _Needs()

    def is_empty(self) -> bool:
        """Whether there is no row in any table, or no registry yet."""
        return not any(self._database.rows(f"SELECT 1 FROM {table} LIMIT 1") for table in tables())

    def read(self) -> Iterator[tuple[str, Row]]:
        """Every row with its table's name, table by table, all as they are at one moment. Raises Unavailable."""
        self._needs = _Needs()
        with self._database.reading() as transaction:
            for table, (columns, key) in tables().items():
                statement = (
                    f"SELECT {', '.join(columns)} FROM {table} ORDER BY {', '.join(key)} LIMIT {CHUNK} OFFSET :skip"
                )
                skip = 0
                while rows := transaction.rows(statement, skip=skip):
                    skip += len(rows)
                    for row in rows:
                        self._needs.note(table, dict(zip(columns, row, strict=True)))
                        yield table, row

    @property
    def remains(self) -> Remains:
        """What the rows that `read` gave name in the warehouse."""
        needs = self._needs
        return Remains(paths=needs.sizes.keys() | needs.metadata, snapshots=needs.snapshots)

    @property
    def sizes(self) -> dict[str, int]:
        """How large the data files and artifacts are that the rows name, by path."""
        return self._needs.sizes

    def fill(self, rows: Iterable[tuple[str, Sequence[Any]]]) -> None:
        """Put *rows*, as `read` gave them, into a registry that is empty: all or none.

        Raises Conflict when it is not empty, Unavailable when it cannot be written.
        """
        known = tables()
        with self._database.writing() as transaction:
            if any(transaction.rows(f"SELECT 1 FROM {table} LIMIT 1") for table in known):
                raise Conflict("the registry is not empty: a mesh is moved into a new one")
            waiting: list[Sequence[Any]] = []
            current = ""
            for table, row in rows:
                if table != current or len(waiting) >= CHUNK:
                    _insert(transaction, current, known, waiting)
                    waiting = []
                current = table
                waiting.append(row)
            _insert(transaction, current, known, waiting)

    def close(self) -> None:
        """Give back connections."""
        self._database.close()


def _insert(
    transaction: Transaction,
    table: str,
    known: dict[str, tuple[tuple[str, ...], tuple[str, ...]]],
    rows: list[Sequence[Any]],
) -> None:
    if not rows:
        return
    columns = known[table][0]
    places = ", ".join(f":{name}" for name in columns)
    statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"
    transaction.execute_many(statement, [dict(zip(columns, row, strict=True)) for row in rows])
