"""Runs, leases and conditions in the registry's database."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Final

from meshwright.model.schedule import Run
from meshwright.storage.database import open_database
from meshwright.storage.documents import decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

KEPT: Final = 200
LAST = """
    SELECT r.product, r.document FROM runs r
    JOIN (SELECT product, MAX(number) AS newest FROM runs WHERE environment = :environment GROUP BY product) n
        ON n.product = r.product AND n.newest = r.number
    WHERE r.environment = :environment
"""
HISTORY = """
    SELECT document FROM runs WHERE environment = :environment AND product = :product ORDER BY number DESC
"""
NEWEST = "SELECT MAX(number) FROM runs WHERE environment = :environment AND product = :product"
INSERT_RUN = """
    INSERT INTO runs (environment, product, number, document) VALUES (:environment, :product, :number, :document)
"""
FORGET = "DELETE FROM runs WHERE environment = :environment AND product = :product AND number <= :number"
# One statement each, so that of two runners at once one changes the row and the other finds it changed.
NEW_LEASE = """
    INSERT INTO leases (environment, product, runner, expires_at)
    VALUES (:environment, :product, :runner, :until) ON CONFLICT (environment, product) DO NOTHING
"""
EXPIRED_LEASE = """
    UPDATE leases SET runner = :runner, expires_at = :until
    WHERE environment = :environment AND product = :product AND (expires_at <= :now OR runner = :runner)
"""
RELEASE = "DELETE FROM leases WHERE environment = :environment AND product = :product AND runner = :runner"
RENEW = "UPDATE leases SET expires_at = :until WHERE runner = :runner AND expires_at > :now"
HELD = "SELECT environment, product FROM leases WHERE runner = :runner AND expires_at > :now"
LEASED = "SELECT product, runner FROM leases WHERE environment = :environment AND expires_at > :now"
CONDITIONS = "SELECT product, condition, since FROM conditions WHERE environment = :environment"
NEW_CONDITION = """
    INSERT INTO conditions (environment, product, condition, since)
    VALUES (:environment, :product, :condition, :since) ON CONFLICT (environment, product) DO NOTHING
"""
CHANGED_CONDITION = """
    UPDATE conditions SET condition = :condition, since = :since
    WHERE environment = :environment AND product = :product AND condition = :old AND since = :old_since
"""


class SqlRuns:
    """What is due and done, in the database at *url*, paths relative to *root*; opens nothing before it is used."""

    def __init__(self, url: str, root: Path) -> None:
        self._database = open_database(url, root)

    def last(self, environment: str) -> dict[str, Run]:
        """The newest run of each product that ever had one."""
        rows = self._database.rows(LAST, environment=environment)
        return {product: _run(document, product) for product, document in rows}

    def history(self, environment: str, product: str) -> list[Run]:
        """The runs of *product* that are kept, newest first."""
        rows = self._database.rows(HISTORY, environment=environment, product=product)
        return [_run(document, product) for (document,) in rows]

    def record(self, run: Run) -> None:
        """Keep *run*, forget the oldest, and give back the lease that its runner has on the product."""
        key = {"environment": run.environment, "product": run.product}
        with self._database.writing() as transaction:
            number = (transaction.rows(NEWEST, **key)[0][0] or 0) + 1
            transaction.execute(INSERT_RUN, **key, number=number, document=encode(run))
            transaction.execute(FORGET, **key, number=number - KEPT)
            transaction.execute(RELEASE, **key, runner=run.runner)

    def lease(
        self, environment: str, products: Iterable[str], runner: str, *, now: datetime, until: datetime
    ) -> list[str]:
        """Those of *products* that *runner* alone may build from *now* until *until*: no other's lease on them is alive."""
        taken = []
        with self._database.writing() as transaction:
            for product in products:
                key = {"environment": environment, "product": product, "runner": runner, "until": _text(until)}
                is_new = transaction.execute(NEW_LEASE, **key) == 1
                if is_new or transaction.execute(EXPIRED_LEASE, **key, now=_text(now)) == 1:
                    taken.append(product)
        return taken

    def renew(self, runner: str, *, now: datetime, until: datetime) -> list[tuple[str, str]]:
        """Let every lease of *runner* that has not expired last until *until*: their (environment, product)."""
        with self._database.writing() as transaction:
            held = transaction.rows(HELD, runner=runner, now=_text(now))
            transaction.execute(RENEW, runner=runner, now=_text(now), until=_text(until))
            return [(environment, product) for environment, product in held]

    def release(self, environment: str, products: Iterable[str], runner: str) -> None:
        """Give back the leases that *runner* has on *products*, if it has any."""
        with self._database.writing() as transaction:
            for product in products:
                transaction.execute(RELEASE, environment=environment, product=product, runner=runner)

    def leased(self, environment: str, *, now: datetime) -> dict[str, str]:
        """The runner of each product whose lease has not expired."""
        rows = self._database.rows(LEASED, environment=environment, now=_text(now))
        return {product: runner for product, runner in rows}  # noqa: C416 - rows are tuples of anything

    def conditions(self, environment: str) -> dict[str, tuple[str, str]]:
        """The condition that each product was last told of in, and since when."""
        rows = self._database.rows(CONDITIONS, environment=environment)
        return {product: (condition, since) for product, condition, since in rows}

    def change_condition(
        self, environment: str, product: str, *, before: tuple[str, str] | None, after: tuple[str, str]
    ) -> bool:
        """Whether this call changed the (condition, since) of *product*; False when it was no longer *before*."""
        key = {"environment": environment, "product": product, "condition": after[0], "since": after[1]}
        with self._database.writing() as transaction:
            if before is None:
                return transaction.execute(NEW_CONDITION, **key) == 1
            return transaction.execute(CHANGED_CONDITION, **key, old=before[0], old_since=before[1]) == 1

    def close(self) -> None:
        """Give back connections."""
        self._database.close()


def _run(document: str, product: str) -> Run:
    return decode(document, Run, what=f"the runs of {product}")


def _text(moment: datetime) -> str:
    # In one zone and with microseconds, texts compare as moments do.
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
