"""The registry in a SQL database: SQLite beside the mesh, or one that many share."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from meshwright.model.errors import Conflict, NotFound
from meshwright.model.maintenance import COMMIT_SECONDS
from meshwright.model.publication import Attempt, Publication
from meshwright.storage import environments
from meshwright.storage.database import open_database
from meshwright.storage.documents import decode, decoding_many, encode, without_defaults
from meshwright.storage.environments import Head
from meshwright.storage.file_lists import read_files, read_snapshot, record_snapshot
from meshwright.storage.input_files import InputFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from meshwright.model.environment import Environment, Promotion
    from meshwright.model.publication import DataFile, Snapshot
    from meshwright.storage.database import Transaction

RECORDS = """
    SELECT product, sequence, document, file_lists FROM publications WHERE environment = :environment
"""
HEADS = """
    SELECT p.product, p.head, b.document, b.file_lists
    FROM products p LEFT JOIN publications b
        ON b.environment = p.environment AND b.product = p.product AND b.sequence = p.head
    WHERE p.environment = :environment AND p.head IS NOT NULL
"""
PUBLICATION = f"{RECORDS} AND product = :product AND sequence = :sequence"
INSERT_PUBLICATION = """
    INSERT INTO publications (environment, product, sequence, run, published_at, document, file_lists)
    VALUES (:environment, :product, :sequence, :run, :published_at, :document, :file_lists)
"""
# `run <> ''` lets the partial index answer.
PUBLISHED_BY = """
    SELECT sequence FROM publications
    WHERE environment = :environment AND product = :product AND run = :run AND run <> ''
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
        """The publication that each product serves now, by product id, in the order of their names."""
        served = environments.heads(self._database, environment)
        found: dict[str, Publication] = {}
        for owner in dict.fromkeys(name for name, _ in served.values()):
            rows = self._database.rows(HEADS, environment=owner)
            with decoding_many():
                found |= {
                    record[0]: self._publication(*record) for record in rows if served.get(record[0], ("",))[0] == owner
                }
        # Databases differ in the order of rows, and in that of texts.
        return dict(sorted(found.items()))

    def head(self, environment: str, product: str) -> Publication | None:
        """The publication that *product* serves now; None when it serves nothing."""
        served = Head(self._database, environment, product)
        return None if served.head is None else self.publication(served.owner, product, served.head)

    def head_sequences(self, environment: str) -> dict[str, int]:
        """The sequence number of every head, by product id."""
        served = environments.heads(self._database, environment)
        return {product: head for product, (_, head) in sorted(served.items())}

    def is_empty(self) -> bool:
        """Whether nothing was ever published here, in any environment."""
        return not self._database.rows("SELECT 1 FROM products LIMIT 1")

    def publication(self, environment: str, product: str, sequence: int) -> Publication:
        """One publication, served now or not, of *environment* or else of those it stands on. Raises NotFound."""
        for name in environments.ancestry(self._database, environment):
            rows = self._database.rows(PUBLICATION, environment=name, product=product, sequence=sequence)
            if rows:
                return self._publication(*rows[0])
        if 0 < sequence <= Head(self._database, environment, product).sequence:
            raise NotFound(
                f"{product} has no publication {sequence} in {environment} any more: `mesh maintain` keeps a part of the past, "
                "as `maintenance` in mesh.yaml and mesh.history say"
            )
        raise NotFound(f"{product} has no publication {sequence} in {environment}")

    def publications(self, environment: str, product: str) -> list[Publication]:
        """Every publication of *product* that *environment* can serve, newest first.

        Of those it stands on, what came before its own.
        """
        found: list[Publication] = []
        for name in environments.ancestry(self._database, environment):
            rows = self._database.rows(
                f"{RECORDS} AND product = :product ORDER BY sequence DESC", environment=name, product=product
            )
            oldest = found[-1].sequence if found else None
            with decoding_many():
                found += [self._publication(*record) for record in rows if oldest is None or record[1] < oldest]
        return found

    def next_sequence(self, environment: str, product: str) -> int:
        """One more than the highest sequence number ever used by *product*."""
        return Head(self._database, environment, product).sequence + 1

    def publish(
        self, publication: Publication, *, snapshots: Sequence[Snapshot], head: int | None, below: str | None = None
    ) -> None:
        """Record *publication* with its tables' *snapshots* and move the head to it, all or nothing.

        *head* is the sequence the caller built upon (None: there was none), *below* the environment that its environment
        stood on ("" none, None: not asked). Raises Conflict when the head has moved, the sequence is taken or the run has
        published already; NotFound when the environment was dropped meanwhile; Unavailable when the registry cannot be
        written.
        """
        with self._database.writing() as transaction:
            if below is not None:
                environments.require_base(transaction, publication.environment, below)
            state = Head(transaction, publication.environment, publication.product)
            self._refuse_second(transaction, publication)
            state.expect(head)
            for snapshot in snapshots:
                record_snapshot(transaction, snapshot)
            self._record(transaction, publication, state)
            state.move(transaction, publication.sequence, at=self._moved(publication))

    def _moved(self, publication: Publication) -> str:
        """When the head moves to *publication*: when it says that it was published, unless it waited long for others.

        What was served before may be forgotten from then on, and who read it meanwhile must have begun before.
        """
        now, said = self._now(), datetime.fromisoformat(publication.published_at)
        said = said if said.tzinfo is not None else said.replace(tzinfo=UTC)
        return (said if now - said <= timedelta(seconds=COMMIT_SECONDS) else now).isoformat()

    def move_head(self, environment: str, product: str, *, to: int | None, head: int | None) -> None:
        """Serve publication *to* (None: nothing any more) instead of *head*. Raises Conflict, NotFound."""
        target = None if to is None else self.publication(environment, product, to)
        with self._database.writing() as transaction:
            state = Head(transaction, environment, product)
            state.expect(head)
            if to == head:
                return
            if target is not None:
                # It may have been forgotten since it was looked up.
                self._require(transaction, target)
            if target is not None and target.environment != environment:
                # A publication of the environment below: from now on this one's own.
                self._insert(transaction, replace(target, environment=environment, run=""))
            state.move(transaction, to, at=self._now().isoformat())

    def environments(self) -> list[Environment]:
        """Every environment that was created, oldest first; `prod` is there without."""
        return environments.environments(self._database)

    def create_environment(self, environment: Environment) -> None:
        """Make *environment*, which serves what its base does. Raises Conflict when there is one of its name."""
        with self._database.writing() as transaction:
            environments.create(transaction, environment)

    def drop_environment(self, name: str) -> None:
        """Forget the environment *name* and its own publications. Raises NotFound; Conflict when another stands on it."""
        with self._database.writing() as transaction:
            environments.drop(transaction, name)

    def own_heads(self, environment: str) -> dict[str, int | None]:
        """The heads that *environment* has not from the one it stands on, by product id; None: removed in it."""
        return {product: head for product, head in self._database.rows(environments.OWN, environment=environment)}  # noqa: C416

    def inherit(self, environment: str, product: str, *, head: int | None) -> None:
        """Let *environment* serve *product* as the one it stands on does, instead of *head*. Raises Conflict.

        Its own publications of the product are forgotten.
        """
        with self._database.writing() as transaction:
            state = Head(transaction, environment, product)
            state.expect(head)
            state.inherit(transaction, at=self._now().isoformat())

    def promote(self, environment: str, base: str, promotions: Sequence[Promotion]) -> None:
        """Serve in *base* what *environment* serves, which then inherits it: all *promotions* or none. Raises Conflict."""
        now = self._now().isoformat()
        with self._database.writing() as transaction:
            for one in promotions:
                source, target = (Head(transaction, name, one.product) for name in (environment, base))
                source.expect(one.source)
                target.expect(one.head)
                for publication in one.publications:
                    self._record(transaction, publication, target)
                    target.sequence = publication.sequence
                last = one.publications[-1] if one.publications else None
                target.move(transaction, last.sequence if last else None, at=last.published_at if last else now)
                source.inherit(transaction, at=now)

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
        """When the environment's own head moved and to which sequence, oldest first; times in UTC never decrease."""
        rows = self._database.rows(environments.MOVES, environment=environment, product=product)
        return [(moved_at, sequence) for moved_at, sequence in rows]

    def head_as_of(self, environment: str, product: str, at: str) -> int | None:
        """The sequence that *product* served at the ISO 8601 time *at*; None when it served nothing then."""
        return environments.head_as_of(self._database, environment, product, at)

    def close(self) -> None:
        """Give back connections."""
        self._database.close()

    def _publication(self, product: str, sequence: int, document: str | None, file_lists: str | None) -> Publication:
        found = decode(document or "", Publication, what=f"publication {sequence} of {product}")
        return self._input_files.restored(self._database, found, file_lists)

    def _record(self, transaction: Transaction, publication: Publication, state: Head) -> None:
        if publication.sequence <= state.sequence:
            raise Conflict(
                f"{publication.product} has used publication number {publication.sequence} already "
                f"(the newest is {state.sequence}); plan and build again"
            )
        self._insert(transaction, publication)

    def _insert(self, transaction: Transaction, publication: Publication) -> None:
        document, file_lists = self._input_files.record(transaction, publication)
        transaction.execute(
            INSERT_PUBLICATION,
            environment=publication.environment,
            product=publication.product,
            sequence=publication.sequence,
            run=publication.run,
            published_at=publication.published_at,
            document=encode(without_defaults(document) | {"ports": list(map(without_defaults, document.ports))}),
            file_lists=file_lists,
        )

    @staticmethod
    def _require(transaction: Transaction, one: Publication) -> None:
        key = {"environment": one.environment, "product": one.product, "sequence": one.sequence}
        if not transaction.rows(PUBLICATION, **key):
            raise NotFound(f"{one.product} has no publication {one.sequence} in {one.environment} any more")

    def _refuse_second(self, transaction: Transaction, publication: Publication) -> None:
        rows = transaction.rows(
            PUBLISHED_BY, environment=publication.environment, product=publication.product, run=publication.run
        )
        if rows:
            raise Conflict(
                f"run {publication.run} has published {publication.product} already, as publication {rows[0][0]}; "
                "nothing is published twice"
            )
