"""Access and usage records in the registry's database."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from meshwright.model.access_record import AccessRecord
from meshwright.model.usage_record import UsageRecord
from meshwright.storage.database import open_database
from meshwright.storage.documents import decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

INSERT: Final = """
    INSERT INTO access_records (number, at, principal, port, document)
    SELECT COALESCE(MAX(number), 0) + 1, :at, :principal, :port, :document FROM access_records
"""
LIST: Final = "SELECT number, document FROM access_records WHERE number > :after ORDER BY number DESC LIMIT :limit"
INSERT_USAGE: Final = """
    INSERT INTO usage_records (number, at, principal, port, document)
    SELECT COALESCE(MAX(number), 0) + 1, :at, :principal, :port, :document FROM usage_records
"""
LIST_USAGE: Final = "SELECT number, document FROM usage_records ORDER BY number DESC LIMIT :limit"


class SqlAccess:
    """What was decided, in the database at *url*, paths relative to *root*; opens nothing before it is used."""

    def __init__(self, url: str, root: Path) -> None:
        self._database = open_database(url, root)

    def record(self, record: AccessRecord) -> None:
        """Keep *record*: durable when this returns. Raises Unavailable."""
        with self._database.writing() as transaction:
            transaction.execute(
                INSERT, at=record.at, principal=record.principal, port=record.port, document=encode(record)
            )

    def records(self, *, limit: int, after: int = 0) -> list[AccessRecord]:
        """At most *limit* records with a number above *after*, newest first."""
        rows = self._database.rows(LIST, after=after, limit=limit)
        return [
            replace(decode(document, AccessRecord, what=f"access record {number}"), number=number)
            for number, document in rows
        ]

    def use(self, records: Iterable[UsageRecord]) -> None:
        """Keep the *records* of one read: durable when this returns. Raises Unavailable."""
        with self._database.writing() as transaction:
            for one in records:
                transaction.execute(
                    INSERT_USAGE, at=one.at, principal=one.principal, port=one.port, document=encode(one)
                )

    def usage(self, *, limit: int) -> list[UsageRecord]:
        """At most *limit* usage records, newest first."""
        rows = self._database.rows(LIST_USAGE, limit=limit)
        return [
            replace(decode(document, UsageRecord, what=f"usage record {number}"), number=number)
            for number, document in rows
        ]

    def close(self) -> None:
        """Give back connections."""
        self._database.close()
