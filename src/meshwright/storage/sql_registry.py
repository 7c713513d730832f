"""The registry in a SQL database: SQLite beside the mesh, or one that many share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from meshwright.model.errors import Conflict, InvalidInput, NotFound
from meshwright.model.publication import Attempt, Publication
from meshwright.storage.database import open_database
from meshwright.storage.documents import decode, decoding_many, encode
from meshwright.storage.file_lists import read_files, read_snapshot, record_snapshot
from meshwright.storage.input_files import InputFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from meshwright.model.publication import DataFile, Snapshot
    from meshwright.storage.database import Transaction

HEADS = """
    SELECT p.product, p.head, b.document, b.file_lists
    FROM products p LEFT JOIN publications b
        ON b.environment = p.environment AND b.product = p.product AND b.sequence = p.head
    WHERE p.environment = :environment AND p.head IS NOT NULL
"""
PUBLICATION = """
    SELECT document, file_lists FROM publications
    WHERE environment = :environment AND product = :product AND sequence = :sequence
"""
STATE = "SELECT head, sequence, moves, moved_at FROM products WHERE environment = :environment AND product = :product"
INSERT_PRODUCT = """
    INSERT INTO products (environment, product, head, sequence, moves, moved_at)
    VALUES (:environment, :product, :head, :sequence, 1, :moved_at)
"""
UPDATE_PRODUCT = """
    UPDATE products SET head = :head, sequence = :sequence, moves = moves + 1, moved_at = :moved_at
    WHERE environment = :environment AND product = :product AND moves = :moves
"""
INSERT_MOVE = """
    INSERT INTO head_moves (environment, product, number, moved_at, sequence)
    VALUES (:environment, :product, :number, :moved_at, :head)
"""
INSERT_PUBLICATION = """
    INSERT INTO publications (environment, product, sequence, run, published_at, document, file_lists)
    VALUES (:environment, :product, :sequence, :run, :published_at, :document, :file_lists)
"""
# `run <> ''` lets the partial index answer.
PUBLISHED_BY = """
    SELECT sequence FROM publications
    WHERE environment = :environment AND product = :product AND run = :run AND run <> ''
"""
MOVES = """
    SELECT moved_at, sequence FROM head_moves WHERE environment = :environment AND product = :product ORDER BY number
"""
INSERT_ATTEMPT = """
    INSERT INTO attempts (environment, number, product, document)
    SELECT :environment, COALESCE(MAX(number), 0) + 1, :product, :document FROM attempts WHERE environment = :environment
"""


class SqlRegistry:
    """The registry at *url*, paths relative to *root*; opens nothing before it is used.

    Reading a registry that does not exist yet finds it empty and makes nothing; the first write makes it.
    """

    def __init__(self, url: str, root: Path, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = open_database(url, root)
        self._now = now
        self._input_files = InputFiles()

    def heads(self, environment: str) -> dict[str, Publication]:
        """The publication that each product serves now, by product id."""
        rows = self._database.rows(HEADS, environment=environment)
        with decoding_many():
            return {product: self._publication(product, *record) for product, *record in rows}

    def head(self, environment: str, product: str) -> Publication | None:
        """The publication that *product* serves now; None when it serves nothing."""
        rows = self._database.rows(f"{HEADS} AND p.product = :product", environment=environment, product=product)
        return self._publication(*rows[0]) if rows else None

    def head_sequences(self, environment: str) -> dict[str, int]:
        """The sequence number of every head, by product id."""
        statement = "SELECT product, head FROM products WHERE environment = :environment AND head IS NOT NULL"
        return {product: head for product, head in self._database.rows(statement, environment=environment)}  # noqa: C416

    def is_empty(self) -> bool:
        """Whether nothing was ever published here, in any environment."""
        return not self._database.rows("SELECT 1 FROM products LIMIT 1")

    def publication(self, environment: str, product: str, sequence: int) -> Publication:
        """One publication, served now or not. Raises NotFound."""
        rows = self._database.rows(PUBLICATION, environment=environment, product=product, sequence=sequence)
        if not rows:
            raise NotFound(f"{product} has no publication {sequence} in {environment}")
        return self._publication(product, sequence, *rows[0])

    def publications(self, environment: str, product: str) -> list[Publication]:
        """Every publication of *product*, newest first."""
        statement = (
            "SELECT sequence, document, file_lists FROM publications WHERE environment = :environment AND product = :product "
            "ORDER BY sequence DESC"
        )
        rows = self._database.rows(statement, environment=environment, product=product)
        with decoding_many():
            return [self._publication(product, *record) for record in rows]

    def next_sequence(self, environment: str, product: str) -> int:
        """One more than the highest sequence number ever used by *product*."""
        rows = self._database.rows(STATE, environment=environment, product=product)
        return int(rows[0][1]) + 1 if rows else 1

    def publish(self, publication: Publication, *, snapshots: Sequence[Snapshot], head: int | None) -> None:
        """Record *publication* with its tables' *snapshots* and move the head to it, all or nothing.

        *head* is the sequence the caller built upon (None: there was none). Raises Conflict when the head has moved, the
        sequence is taken or the run has published already; Unavailable when the registry cannot be written.
        """
        with self._database.writing() as transaction:
            state = _Head(transaction, publication.environment, publication.product)
            self._refuse_second(transaction, publication)
            state.expect(head)
            if publication.sequence <= state.sequence:
                raise Conflict(
                    f"{publication.product} has used publication number {publication.sequence} already "
                    f"(the newest is {state.sequence}); plan and build again"
                )
            for snapshot in snapshots:
                record_snapshot(transaction, snapshot)
            document, file_lists = self._input_files.record(transaction, publication)
            transaction.execute(
                INSERT_PUBLICATION,
                environment=publication.environment,
                product=publication.product,
                sequence=publication.sequence,
                run=publication.run,
                published_at=publication.published_at,
                document=encode(document),
                file_lists=file_lists,
            )
            state.move(publication.sequence, at=publication.published_at)

    def move_head(self, environment: str, product: str, *, to: int | None, head: int | None) -> None:
        """Serve publication *to* (None: nothing any more) instead of *head*. Raises Conflict, NotFound."""
        with self._database.writing() as transaction:
            state = _Head(transaction, environment, product)
            if to is not None and not transaction.rows(
                PUBLICATION, environment=environment, product=product, sequence=to
            ):
                raise NotFound(f"{product} has no publication {to} in {environment}; see `mesh show {product}`")
            state.expect(head)
            if to != head:
                state.move(to, at=self._now().isoformat())

    def files(self, table: str, snapshot: int) -> list[DataFile]:
        """The data files of one snapshot, oldest first. Raises NotFound."""
        return read_files(self._database, table, snapshot)

    def snapshot(self, table: str, snapshot: int) -> Snapshot:
        """One snapshot of a table, without walking its history. Raises NotFound."""
        return read_snapshot(self._database, table, snapshot)

    def record_attempt(self, attempt: Attempt) -> None:
        """Keep what became of a build that published nothing."""
        document = encode(attempt)
        with self._database.writing() as transaction:
            transaction.execute(
                INSERT_ATTEMPT, environment=attempt.environment, product=attempt.product, document=document
            )

    def attempts(self, environment: str, product: str | None = None) -> list[Attempt]:
        """Builds that published nothing, newest first."""
        statement = "SELECT document FROM attempts WHERE environment = :environment"
        if product is None:
            rows = self._database.rows(f"{statement} ORDER BY number DESC", environment=environment)
        else:
            statement += " AND product = :product ORDER BY number DESC"
            rows = self._database.rows(statement, environment=environment, product=product)
        return [decode(document, Attempt, what="a build that published nothing") for (document,) in rows]

    def move_history(self, environment: str, product: str) -> list[tuple[str, int | None]]:
        """When the head moved and to which sequence, oldest first; times in UTC never decrease."""
        rows = self._database.rows(MOVES, environment=environment, product=product)
        return [(moved_at, sequence) for moved_at, sequence in rows]

    def head_as_of(self, environment: str, product: str, at: str) -> int | None:
        """The sequence that *product* served at the ISO 8601 time *at*; None when it served nothing then."""
        moment, served = _utc(at), None
        for moved_at, sequence in self.move_history(environment, product):
            if moved_at > moment:
                break
            served = sequence
        return served

    def close(self) -> None:
        """Give back connections."""
        self._database.close()

    def _publication(self, product: str, sequence: int, document: str | None, file_lists: str | None) -> Publication:
        found = decode(document or "", Publication, what=f"publication {sequence} of {product}")
        return self._input_files.restored(self._database, found, file_lists)

    def _refuse_second(self, transaction: Transaction, publication: Publication) -> None:
        rows = transaction.rows(
            PUBLISHED_BY, environment=publication.environment, product=publication.product, run=publication.run
        )
        if rows:
            raise Conflict(
                f"run {publication.run} has published {publication.product} already, as publication {rows[0][0]}; "
                "nothing is published twice"
            )


class _Head:
    """A product's head, read and moved inside one transaction."""

    def __init__(self, transaction: Transaction, environment: str, product: str) -> None:
        self._transaction = transaction
        self._key = {"environment": environment, "product": product}
        rows = transaction.rows(STATE, **self._key)
        self.is_new = not rows
        self.head, self.sequence, self.moves, self.moved_at = rows[0] if rows else (None, 0, 0, "")

    def expect(self, head: int | None) -> None:
        """Raise Conflict unless *head* is served now."""
        if self.head != head:
            raise Conflict(
                f"{self._key['product']} in {self._key['environment']} serves {_named(self.head)}, "
                f"this rested on {_named(head)}: someone else was first; plan and build again"
            )

    def move(self, to: int | None, *, at: str) -> None:
        """Serve *to* from *at* on, or from the last move on should the clock have gone backwards."""
        changed = {
            **self._key,
            "head": to,
            "sequence": max(self.sequence, to or 0),
            "moved_at": max(_utc(at), self.moved_at),
        }
        if self.is_new:
            self._transaction.execute(INSERT_PRODUCT, **changed)
        elif not self._transaction.execute(UPDATE_PRODUCT, **changed, moves=self.moves):
            # Where a database lets two writers in at once, the second finds the row changed.
            raise Conflict(f"the head of {self._key['product']} moved meanwhile; plan and build again")
        self._transaction.execute(
            INSERT_MOVE,
            **self._key,
            number=self.moves + 1,
            moved_at=changed["moved_at"],
            head=to,
        )


def _named(head: int | None) -> str:
    return "nothing" if head is None else f"publication {head}"


def _utc(at: str) -> str:
    """The ISO 8601 time *at* in UTC with microseconds, so that texts compare as times do. Raises InvalidInput."""
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise InvalidInput(f"'{at}' is no time; write it as 2026-11-20T10:00:00Z") from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.isoformat(timespec="microseconds")
