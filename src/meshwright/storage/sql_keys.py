"""The mesh's own secret keys in the registry's database: made once, and the same for every machine that shares it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meshwright.model.errors import Unavailable
from meshwright.storage.database import open_database

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from meshwright.storage.database import Row

FIND: Final = "SELECT key_hex FROM mesh_keys WHERE name = :name"
INSERT: Final = "INSERT INTO mesh_keys (name, key_hex) VALUES (:name, :key_hex)"


class SqlKeys:
    """The keys in the database at *url*, paths relative to *root*; opens nothing before it is used."""

    def __init__(self, url: str, root: Path) -> None:
        self._database = open_database(url, root)

    def find(self, name: str) -> bytes | None:
        """The key called *name*; None when there is none yet. Raises Unavailable."""
        return _key(name, self._database.rows(FIND, name=name))

    def keep(self, name: str, key: bytes) -> bytes:
        """The key called *name* from now on: *key*, unless there is one already. Raises Unavailable."""
        with self._database.writing() as transaction:
            found = _key(name, transaction.rows(FIND, name=name))
            if found is None:
                transaction.execute(INSERT, name=name, key_hex=key.hex())
        return key if found is None else found

    def close(self) -> None:
        """Give back connections."""
        self._database.close()


def _key(name: str, rows: Sequence[Row]) -> bytes | None:
    if not rows:
        return None
    try:
        return bytes.fromhex(rows[0][0])
    except (TypeError, ValueError):
        # Nothing of what is there is told: most of it may be the key.
        raise Unavailable(f"the registry's key for {name} is damaged: restore the registry from a backup") from None
