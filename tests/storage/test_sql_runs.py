from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from meshwright.model.schedule import Run
from meshwright.storage.migrate import upgrade
from meshwright.storage.sql_registry import SqlRegistry
from meshwright.storage.sql_runs import KEPT, SqlRuns

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def runs(registry_url: str, tmp_path: Path) -> Iterator[SqlRuns]:
    opened = SqlRuns(registry_url, tmp_path)
    yield opened
    opened.close()


def run(product: str = "sales.orders", **changed: Any) -> Run:
    values: dict[str, Any] = {
        "product": product,
        "environment": "prod",
        "cause": "cron",
        "started_at": NOON.isoformat(),
        "ended_at": NOON.isoformat(),
        "outcome": "published",
    }
    return Run(**values | changed)


def test_what_never_ran_has_no_last_run_and_reading_makes_no_registry(runs: SqlRuns, tmp_path: Path) -> None:
    assert runs.last("prod") == {}
    assert runs.leased("prod", now=NOON) == {}
    assert not (tmp_path / ".mesh").exists()


def test_the_newest_run_of_each_product_and_environment_is_its_last(runs: SqlRuns) -> None:
    first = run(message="1", inputs={"sales.raw": 3}, blocked_by=("sales.raw",))
    runs.record(first)
    runs.record(run(message="2"))
    runs.record(run("sales.items", message="3"))
    runs.record(run(environment="trial", message="4"))
    assert {name: one.message for name, one in runs.last("prod").items()} == {"sales.orders": "2", "sales.items": "3"}
    assert runs.history("prod", "sales.orders")[-1] == first


def test_only_the_newest_runs_are_kept(runs: SqlRuns) -> None:
    for number in range(KEPT + 5):
        runs.record(run(message=str(number)))
    kept = [one.message for one in runs.history("prod", "sales.orders")]
    assert kept == [str(number) for number in range(KEPT + 4, 4, -1)]


def test_a_leased_product_is_nobody_elses_until_the_lease_expires_or_is_given_back(runs: SqlRuns) -> None:
    assert runs.lease("prod", ["sales.orders"], "a", now=NOON, until=NOON + MINUTE)
    assert not runs.lease("prod", ["sales.orders"], "b", now=NOON, until=NOON + MINUTE)
    assert runs.lease("prod", ["sales.items"], "b", now=NOON, until=NOON + MINUTE)
    assert runs.lease("trial", ["sales.orders"], "b", now=NOON, until=NOON + MINUTE)
    assert runs.leased("prod", now=NOON) == {"sales.orders": "a", "sales.items": "b"}
    assert runs.lease("prod", ["sales.orders"], "b", now=NOON + MINUTE, until=NOON + 2 * MINUTE)
    runs.release("prod", ["sales.orders"], "a")
    assert runs.leased("prod", now=NOON + MINUTE) == {"sales.orders": "b"}
    runs.release("prod", ["sales.orders"], "b")
    assert runs.lease("prod", ["sales.orders"], "a", now=NOON, until=NOON + MINUTE)


def test_a_renewed_lease_lasts_longer_and_an_expired_one_is_not_renewed(runs: SqlRuns) -> None:
    runs.lease("prod", ["sales.orders"], "a", now=NOON, until=NOON + MINUTE)
    runs.lease("prod", ["sales.items"], "a", now=NOON, until=NOON + MINUTE / 2)
    soon = NOON + MINUTE * 0.75
    assert runs.renew("a", now=soon, until=soon + MINUTE) == [("prod", "sales.orders")]
    assert runs.leased("prod", now=NOON + MINUTE) == {"sales.orders": "a"}


def test_recording_a_run_gives_its_lease_back_and_no_other(runs: SqlRuns) -> None:
    runs.lease("prod", ["sales.orders"], "a", now=NOON, until=NOON + MINUTE)
    runs.lease("prod", ["sales.items"], "a", now=NOON, until=NOON + MINUTE)
    runs.record(run(runner="b"))
    assert runs.leased("prod", now=NOON) == {"sales.orders": "a", "sales.items": "a"}
    runs.record(run(runner="a"))
    assert runs.leased("prod", now=NOON) == {"sales.items": "a"}


def test_of_many_runners_at_once_one_gets_the_lease_and_one_changes_the_condition(runs: SqlRuns) -> None:
    start = threading.Barrier(8)

    def take(number: int) -> tuple[bool, bool, bool]:
        start.wait()
        leased = bool(runs.lease("prod", ["sales.orders"], f"r{number}", now=NOON, until=NOON + MINUTE))
        told = runs.change_condition("prod", "sales.orders", before=None, after=("failing", "t1"))
        start.wait()
        back = runs.change_condition("prod", "sales.orders", before=("failing", "t1"), after=("served", "t2"))
        return leased, told, back

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(take, range(8)))
    assert [sum(column) for column in zip(*found, strict=True)] == [1, 1, 1]
    assert runs.conditions("prod") == {"sales.orders": ("served", "t2")}


def test_a_registry_of_before_gets_the_new_tables_and_keeps_what_it_had(tmp_path: Path) -> None:
    upgrade(f"sqlite:///{tmp_path}/r.db", "0002")
    with closing(sqlite3.connect(tmp_path / "r.db")) as connection, connection:
        columns = "environment, product, head, sequence, moves, moved_at"
        connection.execute(
            f"INSERT INTO products ({columns}) VALUES ('prod', 'sales.orders', NULL, 4, 2, '2026-01-01')"
        )
    runs = SqlRuns("sqlite:///r.db", tmp_path)
    runs.record(run())
    assert list(runs.last("prod")) == ["sales.orders"]
    runs.close()
    registry = SqlRegistry("sqlite:///r.db", tmp_path)
    assert registry.next_sequence("prod", "sales.orders") == 5
    registry.close()
