"""Environments in the registry: which of them knows a product's head, and how a head moves.

An environment has rows of its own only for what was built in it; for everything else it is the one it stands on that
counts. So a new environment costs one row, and dropping one touches nobody else's.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from meshwright.model.environment import Environment
from meshwright.model.errors import Conflict, InvalidInput, NotFound, Unavailable

if TYPE_CHECKING:
    from meshwright.storage.database import Transaction
    from meshwright.storage.file_lists import Rows

# Environments standing on each other; more is a circle in a damaged registry.
DEPTH_MAX: Final = 20

LIST = "SELECT name, base, created_at, created_by FROM environments ORDER BY created_at, name"
BASE = "SELECT base FROM environments WHERE name = :name"
INSERT = """
    INSERT INTO environments (name, base, created_at, created_by) VALUES (:name, :base, :created_at, :created_by)
"""
OWN = "SELECT product, head FROM products WHERE environment = :environment AND inherits = 0"
STATE = """
    SELECT head, sequence, moves, moved_at, inherits FROM products
    WHERE environment = :environment AND product = :product
"""
INSERT_PRODUCT = """
    INSERT INTO products (environment, product, head, sequence, moves, moved_at, inherits)
    VALUES (:environment, :product, :head, :sequence, 1, :moved_at, :inherits)
"""
UPDATE_PRODUCT = """
    UPDATE products
    SET head = :head, sequence = :sequence, moves = moves + 1, moved_at = :moved_at, inherits = :inherits
    WHERE environment = :environment AND product = :product AND moves = :moves
"""
INSERT_MOVE = """
    INSERT INTO head_moves (environment, product, number, moved_at, sequence)
    VALUES (:environment, :product, :number, :moved_at, :head)
"""
MOVES = """
    SELECT moved_at, sequence FROM head_moves WHERE environment = :environment AND product = :product ORDER BY number
"""
# What an environment keeps for itself alone.
KEPT: Final = ("head_moves", "publications", "attempts", "products", "runs", "leases", "conditions")


def environments(database: Rows) -> list[Environment]:
    """Every environment that was created, oldest first."""
    return [
        Environment(name=name, base=base or "", created_at=created_at, created_by=created_by)
        for name, base, created_at, created_by in database.rows(LIST)
    ]


def create(transaction: Transaction, environment: Environment) -> None:
    """Record *environment*. Raises Conflict when there is one of its name."""
    if transaction.rows(BASE, name=environment.name):
        raise Conflict(f"there is an environment {environment.name} already; `mesh env list` shows it")
    transaction.execute(
        INSERT,
        name=environment.name,
        base=environment.base or None,
        created_at=environment.created_at,
        created_by=environment.created_by,
    )


def drop(transaction: Transaction, name: str) -> None:
    """Forget the environment *name* and what is its own. Raises NotFound, and Conflict when another stands on it."""
    if not transaction.rows(BASE, name=name):
        raise NotFound(f"there is no environment {name}; `mesh env list` shows those there are")
    above = [other for (other,) in transaction.rows("SELECT name FROM environments WHERE base = :name", name=name)]
    if above:
        raise Conflict(f"{', '.join(sorted(above))} stands on {name}: drop it first")
    for table in KEPT:
        transaction.execute(f"DELETE FROM {table} WHERE environment = :name", name=name)
    transaction.execute("DELETE FROM environments WHERE name = :name", name=name)


def require_base(database: Rows, environment: str, below: str) -> None:
    """Raise NotFound unless *environment* stands on *below* ("" none): what is built in one that was dropped is nobody's."""
    if ancestry(database, environment)[1:2] != ([below] if below else []):
        raise NotFound(f"the environment {environment} was dropped while this was built in it; nothing was published")


def ancestry(database: Rows, environment: str) -> list[str]:
    """*environment* and those it stands on, the nearest first."""
    found = [environment]
    while len(found) <= DEPTH_MAX:
        rows = database.rows(BASE, name=found[-1])
        if not rows or not rows[0][0]:
            return found
        found.append(rows[0][0])
    raise Unavailable(f"the environment {environment} stands on itself; restore the registry from a backup")


def heads(database: Rows, environment: str) -> dict[str, tuple[str, int]]:
    """By product the number of the publication that *environment* serves, and the environment that recorded it."""
    found: dict[str, tuple[str, int]] = {}
    for name in reversed(ancestry(database, environment)):
        for product, head in database.rows(OWN, environment=name):
            if head is None:
                found.pop(product, None)
            else:
                found[product] = (name, head)
    return found


class Head:
    """A product's head in one environment, as seen by *database*: its own, or that of the environment it stands on.

    `owner` is the environment that recorded the head; `sequence` the highest number used in any of them.
    """

    def __init__(self, database: Rows, environment: str, product: str) -> None:
        self._key = {"environment": environment, "product": product}
        self.head: int | None = None
        self.sequence, self._moves, self._moved_at, self.inherits = 0, 0, "", 1
        rows = database.rows(STATE, **self._key)
        self._is_new = not rows
        if rows:
            self.head, self.sequence, self._moves, self._moved_at, self.inherits = rows[0]
        self.owner = environment
        self.base: Head | None = None
        below = ancestry(database, environment)[1:2]
        if below:
            self.base = Head(database, below[0], product)
            self.sequence = max(self.sequence, self.base.sequence)
            if self.inherits:
                self.head, self.owner = self.base.head, self.base.owner

    def expect(self, head: int | None) -> None:
        """Raise Conflict unless *head* is served now."""
        if self.head != head:
            raise Conflict(
                f"{self._key['product']} in {self._key['environment']} serves {_named(self.head)}, "
                f"this rested on {_named(head)}: someone else was first; plan and build again"
            )

    def move(self, transaction: Transaction, to: int | None, *, at: str) -> None:
        """Serve *to* from *at* on, or from the last move on should the clock have gone backwards."""
        moved_at = self._write(transaction, to, at=at, inherits=0)
        transaction.execute(INSERT_MOVE, **self._key, number=self._moves + 1, moved_at=moved_at, head=to)

    def inherit(self, transaction: Transaction, *, at: str) -> None:
        """Serve what the environment below does; what was this one's own is forgotten, its numbers are not used again."""
        self._write(transaction, None, at=at, inherits=1)
        for table in ("publications", "head_moves"):
            transaction.execute(
                f"DELETE FROM {table} WHERE environment = :environment AND product = :product", **self._key
            )

    def _write(self, transaction: Transaction, head: int | None, *, at: str, inherits: int) -> str:
        changed = {
            **self._key,
            "head": head,
            "sequence": max(self.sequence, head or 0),
            "moved_at": max(utc(at), self._moved_at),
            "inherits": inherits,
        }
        if self._is_new:
            transaction.execute(INSERT_PRODUCT, **changed)
        elif not transaction.execute(UPDATE_PRODUCT, **changed, moves=self._moves):
            # Where a database lets two writers in at once, the second finds the row changed.
            raise Conflict(f"the head of {self._key['product']} moved meanwhile; plan and build again")
        return str(changed["moved_at"])


def head_as_of(database: Rows, environment: str, product: str, at: str) -> int | None:
    """The number of the publication served at the ISO 8601 time *at*; None when nothing was. Raises InvalidInput."""
    moment = utc(at)
    for name in ancestry(database, environment):
        past = [move for move in database.rows(MOVES, environment=name, product=product) if move[0] <= moment]
        if past:
            return None if past[-1][1] is None else int(past[-1][1])
    return None


def utc(at: str) -> str:
    """The ISO 8601 time *at* in UTC with microseconds, so that texts compare as times do. Raises InvalidInput."""
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise InvalidInput(f"'{at}' is no time; write it as 2026-11-20T10:00:00Z") from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.isoformat(timespec="microseconds")


def _named(head: int | None) -> str:
    return "nothing" if head is None else f"publication {head}"
