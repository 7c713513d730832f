"""Forgetting, in each database that a registry may be in."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from meshwright.model.environment import Environment
from meshwright.model.errors import NotFound
from meshwright.model.publication import Artifact, Attempt, InputRead
from meshwright.storage.file_lists import DISTANCE_MIN
from meshwright.storage.sql_past import SqlPast
from meshwright.storage.sql_registry import SqlRegistry

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from meshwright.model.maintenance import Census, Key
    from meshwright.model.publication import Publication, Snapshot
    from storage.conftest import Publications

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
LONG_AGO = "2000-01-01T00:00:00+00:00"
TABLE = "sales/orders/orders-00000001"


@pytest.fixture
def past(registry_url: str, registry: SqlRegistry, tmp_path: Path) -> Iterator[SqlPast]:
    del registry
    opened = SqlPast(registry_url, tmp_path)
    yield opened
    opened.close()


class Table:
    """A product whose one table grows by a file with each publication."""

    def __init__(self, registry: SqlRegistry, publications: Publications, **changed: Any) -> None:
        self.registry, self.publications, self.changed = registry, publications, changed
        self.last: Snapshot | None = None
        self.head: Publication | None = None

    def append(self, **changed: Any) -> Publication:
        number = self.head.sequence + 1 if self.head else 1
        added = self.publications.file(TABLE, f"{number:032x}")
        self.last = self.publications.snapshot(TABLE, number, self.last, added=[added])
        one = self.publications.publication(number, parent=number - 1 or None, **(self.changed | changed))
        one = replace(one, ports=(replace(one.ports[0], table=TABLE, snapshot=number),))
        self.registry.publish(one, snapshots=[self.last], head=self.head.sequence if self.head else None)
        self.head = one
        return one

    def paths(self, snapshot: int) -> list[str]:
        return [file.path.rsplit("/", 1)[-1] for file in self.registry.files(TABLE, snapshot)]


@pytest.fixture
def table(registry: SqlRegistry, publications: Publications) -> Table:
    return Table(registry, publications)


def older_than(number: int) -> Any:
    def decide(census: Census) -> Collection[Key]:
        return {key for key in census.reads if key[2] < number}

    return decide


def nothing(_: Census) -> Collection[Key]:
    return ()


def test_what_is_kept_has_its_files_whatever_its_list_was_a_difference_to(past: SqlPast, table: Table) -> None:
    for _ in range(DISTANCE_MIN + 20):
        table.append()
    for first in (2, 7, DISTANCE_MIN - 1, DISTANCE_MIN + 1, DISTANCE_MIN + 19):
        before = {number: table.paths(number) for number in range(first, DISTANCE_MIN + 21)}
        remains = past.forget(older_than(first), attempts_until=LONG_AGO)
        assert {number: table.paths(number) for number in before} == before
        assert remains.snapshots == {(TABLE, number) for number in before}
        with pytest.raises(NotFound):
            table.registry.files(TABLE, first - 1)
        with pytest.raises(NotFound, match="any more"):
            table.registry.publication("prod", "sales.orders", first - 1)
    table.append()
    assert len(table.paths(DISTANCE_MIN + 21)) == DISTANCE_MIN + 21


def test_a_file_record_stays_as_long_as_a_kept_snapshot_holds_the_file(
    past: SqlPast, table: Table, publications: Publications
) -> None:
    for _ in range(3):
        table.append()
    assert table.last is not None
    assert table.head is not None
    gone = f"{TABLE}/data/{1:032x}.parquet"
    without = publications.snapshot(TABLE, 4, table.last, removed=[gone])
    one = publications.publication(4, parent=3)
    one = replace(one, ports=(replace(one.ports[0], table=TABLE, snapshot=4),))
    table.registry.publish(one, snapshots=[without], head=3)
    assert gone in past.forget(older_than(3), attempts_until=LONG_AGO).paths
    assert gone not in past.forget(older_than(4), attempts_until=LONG_AGO).paths
    assert table.paths(4) == [f"{2:032x}.parquet", f"{3:032x}.parquet"]


def test_a_dry_run_says_the_same_and_undoes_it(past: SqlPast, table: Table) -> None:
    for _ in range(5):
        table.append()
    told = past.forget(older_than(4), attempts_until=LONG_AGO, dry_run=True)
    assert len(table.registry.publications("prod", "sales.orders")) == 5
    assert past.forget(older_than(4), attempts_until=LONG_AGO) == told
    assert told.forgotten == tuple(("prod", "sales.orders", number) for number in (1, 2, 3))
    assert [one.sequence for one in table.registry.publications("prod", "sales.orders")] == [5, 4]


def test_the_census_knows_who_serves_reads_and_moved_what(past: SqlPast, table: Table, registry: SqlRegistry) -> None:
    table.append()
    table.append(inputs=(InputRead(name="i", product="sales.raw", sequence=7, taken=9), InputRead(name="f")))
    registry.create_environment(Environment(name="trial", base="prod", created_at=NOON.isoformat()))
    registry.move_head("prod", "sales.orders", to=1, head=2)
    seen: list[Census] = []

    def look(census: Census) -> Collection[Key]:
        seen.append(census)
        return ()

    past.forget(look, attempts_until=LONG_AGO)
    (census,) = seen
    assert census.bases == {"trial": "prod"}
    assert census.heads == {("prod", "sales.orders"): 1}
    assert [number for _, number in census.moves["prod", "sales.orders"]] == [1, 2, 1]
    assert census.reads == {
        ("prod", "sales.orders", 1): (),
        ("prod", "sales.orders", 2): (("sales.raw", 7), ("sales.raw", 9)),
    }


def test_artifacts_quarantine_and_metadata_of_what_is_kept_are_needed(
    past: SqlPast, registry: SqlRegistry, publications: Publications
) -> None:
    file = publications.file("q/bad", "b" * 32)
    quarantine = publications.snapshot("q/bad", 9, added=[file])
    one = publications.publication()
    port = replace(
        one.ports[0],
        quarantine_table="q/bad",
        quarantine_snapshot=9,
        artifacts=(Artifact(path="a", location="some/where", bytes=1, sha256="s"),),
    )
    registry.publish(replace(one, ports=(port,)), snapshots=[quarantine], head=None)
    remains = past.forget(nothing, attempts_until=LONG_AGO)
    assert set(remains.paths) == {file.path, "some/where", "q/bad/metadata/9.metadata.json"}
    assert remains.snapshots == {("q/bad", 9)}
    past.forget(older_than(2), attempts_until=LONG_AGO)
    with pytest.raises(NotFound):
        registry.files("q/bad", 9)


def test_lists_of_input_files_stay_while_a_kept_one_is_a_difference_to_them(
    past: SqlPast, registry: SqlRegistry, registry_url: str, tmp_path: Path, publications: Publications
) -> None:
    files = {f"landing/{number:06d}.csv": "0" * 64 for number in range(200)}
    wanted = {}
    for sequence in range(1, 70):
        files[f"landing/{1000 + sequence:06d}.csv"] = f"{sequence:064d}"
        wanted[sequence] = dict(files)
        one = publications.publication(
            sequence, parent=sequence - 1 or None, inputs=(InputRead(name="landing", files=dict(files)),)
        )
        registry.publish(one, snapshots=[], head=sequence - 1 or None)
    past.forget(older_than(65), attempts_until=LONG_AGO)
    # One that has nothing decoded yet.
    fresh = SqlRegistry(registry_url, tmp_path)
    for sequence in range(65, 70):
        assert fresh.publication("prod", "sales.orders", sequence).inputs[0].files == wanted[sequence]
    fresh.close()


def test_failed_builds_are_forgotten_by_age_and_the_newest_of_each_product_keeps_its_rows(
    past: SqlPast, registry: SqlRegistry
) -> None:
    for run, ended in (("old", -40), ("first", -3), ("second", -2), ("odd", None)):
        at = (NOON + timedelta(days=ended)).isoformat() if ended is not None else ""
        product = "sales.odd" if ended is None else "sales.orders"
        registry.record_attempt(
            Attempt(product=product, environment="prod", run=run, started_at=at, ended_at=at, outcome="failed")
        )
    remains = past.forget(nothing, attempts_until=(NOON - timedelta(days=30)).isoformat())
    assert (remains.attempts, remains.runs) == (1, {"second", "odd"})
    assert [one.run for one in registry.attempts("prod", "sales.orders")] == ["second", "first"]


def test_a_file_is_noted_when_it_is_first_found_unneeded(past: SqlPast, table: Table) -> None:
    table.append()
    later = NOON + timedelta(hours=1)
    assert past.unneeded(["a", "b"], now=NOON) == {"a": NOON, "b": NOON}
    assert past.unneeded(["b", "c"], now=later, dry_run=True) == {"b": NOON, "c": later}
    assert past.unneeded(["a", "c"], now=later) == {"a": NOON, "c": later}
    # What was needed again in between begins anew.
    assert past.unneeded(["b"], now=later + timedelta(hours=1)) == {"b": later + timedelta(hours=1)}


def test_snapshots_that_may_name_forgotten_ones_are_told_and_get_other_metadata(past: SqlPast, table: Table) -> None:
    for _ in range(20):
        table.append()
    assert past.shortened() == []
    past.forget(older_than(5), attempts_until=LONG_AGO)
    assert sorted(one.id for one in past.shortened()) == list(range(5, 14))
    assert past.snapshots(TABLE) == set(range(5, 21))
    one = next(one for one in past.shortened() if one.id == 7)
    assert past.move_metadata(one, "new.metadata.json")
    assert table.registry.snapshot(TABLE, 7).metadata == "new.metadata.json"
    assert not past.move_metadata(one, "another.metadata.json")
    assert table.registry.snapshot(TABLE, 7).metadata == "new.metadata.json"
    before = {number: table.paths(number) for number in range(5, 21)}
    past.settle(past.shortened()[1:])
    assert len(past.shortened()) == 9
    past.settle(past.shortened())
    assert past.shortened() == []
    past.forget(older_than(7), attempts_until=LONG_AGO)
    assert sorted(one.id for one in past.shortened()) == list(range(7, 16))
    table.append()
    assert {number: table.paths(number) for number in range(7, 21)} == {
        number: paths for number, paths in before.items() if number > 6
    }


def test_nobody_publishes_between_the_decision_and_its_effect(past: SqlPast, table: Table) -> None:
    table.append()
    began, published = threading.Event(), threading.Event()

    def publish() -> None:
        began.wait()
        table.append()
        published.set()

    other = threading.Thread(target=publish)
    other.start()

    def decide(census: Census) -> Collection[Key]:
        began.set()
        assert not published.wait(0.3)
        return {key for key in census.reads if census.heads[key[:2]] != key[2]}

    assert past.forget(decide, attempts_until=LONG_AGO).forgotten == ()
    other.join()
    assert table.registry.head_sequences("prod") == {"sales.orders": 2}
    assert len(table.registry.publications("prod", "sales.orders")) == 2


def test_rolling_back_to_what_is_forgotten_is_refused(past: SqlPast, table: Table) -> None:
    for _ in range(3):
        table.append()
    past.forget(older_than(2), attempts_until=LONG_AGO)
    with pytest.raises(NotFound, match="any more"):
        table.registry.move_head("prod", "sales.orders", to=1, head=3)
    assert table.registry.head_sequences("prod") == {"sales.orders": 3}


def test_a_registry_that_is_not_there_is_not_made(registry_url: str, tmp_path: Path) -> None:
    past = SqlPast(registry_url, tmp_path / "nowhere")
    assert past.forget(nothing, attempts_until=LONG_AGO).forgotten == ()
    assert past.unneeded([], now=NOON) == {}
    assert past.shortened() == []
    past.close()
    assert not (tmp_path / "nowhere").exists()
