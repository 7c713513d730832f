"""The registry's conformance suite: what every database that may hold a registry has to show."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from meshwright.model.errors import Conflict, InvalidInput, NotFound, Unavailable
from meshwright.model.publication import Attempt
from meshwright.model.results import Outcome, RuleResult
from meshwright.storage.sql_registry import SqlRegistry

if TYPE_CHECKING:
    from pathlib import Path

    from storage.conftest import Publications

ORDERS = ("prod", "sales.orders")


def test_a_publication_is_read_back_as_it_was_published(registry: SqlRegistry, publications: Publications) -> None:
    published = publications.publication()
    registry.publish(published, snapshots=[], head=None)
    assert registry.head(*ORDERS) == published
    assert registry.heads("prod") == {"sales.orders": published}
    assert registry.publication(*ORDERS, 1) == published
    assert registry.publications(*ORDERS) == [published]
    assert registry.head_sequences("prod") == {"sales.orders": 1}


def test_environments_do_not_see_each_other(registry: SqlRegistry, publications: Publications) -> None:
    registry.publish(publications.publication(), snapshots=[], head=None)
    registry.publish(publications.publication(7, environment="dev"), snapshots=[], head=None)
    assert registry.head_sequences("prod") == {"sales.orders": 1}
    assert registry.head_sequences("dev") == {"sales.orders": 7}


def test_a_moved_head_is_a_conflict_naming_both_and_nothing_is_written(
    registry: SqlRegistry, publications: Publications
) -> None:
    registry.publish(publications.publication(1), snapshots=[], head=None)
    snapshot = publications.snapshot("t", 5, added=[publications.file("t", "f")])
    late = publications.publication(2)
    with pytest.raises(Conflict, match="serves publication 1, this rested on nothing"):
        registry.publish(late, snapshots=[snapshot], head=None)
    with pytest.raises(NotFound):
        registry.snapshot("t", 5)
    with pytest.raises(NotFound):
        registry.publication(*ORDERS, 2)
    registry.publish(late, snapshots=[snapshot], head=1)
    assert registry.head(*ORDERS) == late


def test_a_run_never_publishes_twice(registry: SqlRegistry, publications: Publications) -> None:
    published = publications.publication(1, run="run-1")
    registry.publish(published, snapshots=[], head=None)
    with pytest.raises(Conflict, match=r"run run-1 has published sales\.orders already, as publication 1"):
        registry.publish(published, snapshots=[], head=None)
    with pytest.raises(Conflict, match="nothing is published twice"):
        registry.publish(publications.publication(2, run="run-1"), snapshots=[], head=1)
    assert len(registry.publications(*ORDERS)) == 1


def test_a_sequence_is_never_used_again_even_after_removal(registry: SqlRegistry, publications: Publications) -> None:
    registry.publish(publications.publication(1), snapshots=[], head=None)
    registry.publish(publications.publication(2), snapshots=[], head=1)
    registry.move_head(*ORDERS, to=1, head=2)
    assert registry.next_sequence(*ORDERS) == 3
    registry.move_head(*ORDERS, to=None, head=1)
    assert registry.heads("prod") == {}
    assert registry.head_sequences("prod") == {}
    assert registry.head(*ORDERS) is None
    assert registry.next_sequence(*ORDERS) == 3
    with pytest.raises(Conflict, match="has used publication number 2 already"):
        registry.publish(publications.publication(2), snapshots=[], head=None)
    registry.publish(publications.publication(3), snapshots=[], head=None)
    assert [found.sequence for found in registry.publications(*ORDERS)] == [3, 2, 1]


def test_moving_the_head_names_what_is_missing_or_moved(registry: SqlRegistry, publications: Publications) -> None:
    registry.publish(publications.publication(1), snapshots=[], head=None)
    registry.publish(publications.publication(2), snapshots=[], head=1)
    with pytest.raises(Conflict, match="serves publication 2, this rested on publication 1"):
        registry.move_head(*ORDERS, to=1, head=1)
    with pytest.raises(NotFound, match="no publication 9 in prod"):
        registry.move_head(*ORDERS, to=9, head=2)
    registry.move_head(*ORDERS, to=2, head=2)
    assert len(registry.move_history(*ORDERS)) == 2


def test_the_head_is_found_as_of_any_time(registry_url: str, tmp_path: Path, publications: Publications) -> None:
    moments = iter(datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3))
    registry = SqlRegistry(registry_url, tmp_path, now=lambda: next(moments))
    registry.publish(publications.publication(1), snapshots=[], head=None)
    registry.publish(publications.publication(2), snapshots=[], head=1)
    registry.move_head(*ORDERS, to=1, head=2)
    assert registry.head_as_of(*ORDERS, "2025-12-31") is None
    assert registry.head_as_of(*ORDERS, "2026-01-01T00:00:00Z") == 1
    assert registry.head_as_of(*ORDERS, "2026-01-01T23:59:59.999999Z") == 1
    assert registry.head_as_of(*ORDERS, "2026-01-02T00:00:00") == 2
    assert registry.head_as_of(*ORDERS, "2026-01-03T01:00:00+01:00") == 1
    with pytest.raises(InvalidInput, match="'yesterday' is no time; write it as"):
        registry.head_as_of(*ORDERS, "yesterday")
    registry.close()


def test_a_later_move_never_gets_an_earlier_time(registry_url: str, tmp_path: Path, publications: Publications) -> None:
    moments = iter(datetime(year, 1, 1, tzinfo=UTC) for year in (2026, 2001, 1999))
    registry = SqlRegistry(registry_url, tmp_path, now=lambda: next(moments))
    registry.publish(publications.publication(1), snapshots=[], head=None)
    registry.publish(publications.publication(2), snapshots=[], head=1)
    registry.move_head(*ORDERS, to=1, head=2)
    history = registry.move_history(*ORDERS)
    assert [sequence for _, sequence in history] == [1, 2, 1]
    assert {moved_at for moved_at, _ in history} == {"2026-01-01T00:00:00.000000+00:00"}
    registry.close()


def test_attempts_are_kept_newest_first(registry: SqlRegistry) -> None:
    result = RuleResult(rule="a", kind="sql", outcome=Outcome.ERROR)
    attempts = [
        Attempt(
            product=product,
            environment="prod",
            run=f"run-{number}",
            started_at="s",
            ended_at="e",
            outcome="failed",
            tests={"orders": (result,)},
        )
        for number, product in enumerate(["a.b", "a.c", "a.b"])
    ]
    for attempt in attempts:
        registry.record_attempt(attempt)
    assert registry.attempts("prod") == attempts[::-1]
    assert registry.attempts("prod", "a.b") == [attempts[2], attempts[0]]
    assert registry.attempts("dev") == []


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///", "mysql://x", "registry.db", ""])
def test_a_url_that_names_no_registry_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(InvalidInput, match="sqlite:///"):
        SqlRegistry(url, tmp_path)


def test_a_damaged_record_is_reported_with_what_it_is_of(registry: SqlRegistry, publications: Publications) -> None:
    registry.publish(publications.publication(), snapshots=[], head=None)
    with registry._database.writing() as transaction:
        transaction.execute("UPDATE publications SET document = '{\"product\": 1}'")
    with pytest.raises(Unavailable, match=r"record of publication 1 of sales\.orders is damaged"):
        registry.head(*ORDERS)


def test_a_registry_that_does_not_exist_is_read_as_empty_and_not_made(registry: SqlRegistry, tmp_path: Path) -> None:
    assert registry.heads("prod") == {}
    assert registry.head(*ORDERS) is None
    assert registry.next_sequence(*ORDERS) == 1
    assert registry.attempts("prod") == []
    assert registry.is_empty()
    assert list(tmp_path.iterdir()) == []


def test_a_newer_registry_is_refused_saying_so(
    registry: SqlRegistry, publications: Publications, registry_url: str, tmp_path: Path
) -> None:
    registry.publish(publications.publication(), snapshots=[], head=None)
    with registry._database.writing() as transaction:
        transaction.execute("UPDATE alembic_version SET version_num = '9999'")
    again = SqlRegistry(registry_url, tmp_path)
    with pytest.raises(Unavailable, match=r"written by a newer Meshwright .*9999.* upgrade Meshwright"):
        again.heads("prod")
    again.close()


def test_products_come_in_the_order_of_their_names_whatever_the_database(
    registry: SqlRegistry, publications: Publications
) -> None:
    names = ["sales.orders", "sales_eu.orders", "sales.order_lines", "b.a", "a.b"]
    for name in names:
        registry.publish(publications.publication(product=name), snapshots=[], head=None)
    assert list(registry.heads("prod")) == list(registry.head_sequences("prod")) == sorted(names)


def test_a_publication_of_any_text_is_read_back(registry: SqlRegistry, publications: Publications) -> None:
    published = publications.publication(
        reason="100 % :head 'quoted' \\ \0 \u2028 \U0001f680 %s %(x)s", descriptor={"\0": ["ü"]}
    )
    registry.publish(published, snapshots=[], head=None)
    assert registry.head(*ORDERS) == published


def test_what_fails_inside_a_transaction_leaves_no_trace(registry: SqlRegistry, publications: Publications) -> None:
    registry.publish(publications.publication(1), snapshots=[], head=None)

    def interrupted() -> None:
        with registry._database.writing() as transaction:
            transaction.execute("DELETE FROM publications")
            transaction.execute_many("DELETE FROM products WHERE product = :product", [{"product": "sales.orders"}])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert registry.head_sequences("prod") == {"sales.orders": 1}
    registry.publish(publications.publication(2), snapshots=[], head=1)
    assert registry.head_sequences("prod") == {"sales.orders": 2}
