from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from meshwright.model.maintenance import Census, History, Key
from meshwright.operating.forgetting import forgettable

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
WEEK = History(seconds=7 * 86_400, publications=2)


def census(*keys: Key, served: dict[tuple[str, str], list[tuple[int, int | None]]], **more: Any) -> Census:
    """Publications *keys*; *served* says by place how many days ago which number began to be served."""
    moves: dict[tuple[str, str], list[tuple[str, int | None]]] = {
        place: [((NOON - days * DAY).isoformat(), number) for days, number in found] for place, found in served.items()
    }
    values: dict[str, Any] = {
        "bases": {},
        "heads": {place: found[-1][1] for place, found in moves.items()},
        "moves": moves,
        "reads": dict.fromkeys(keys, ()),
    }
    return Census(**values | more)


def gone(found: Census, history: History | None = WEEK, since: datetime = NOON) -> set[tuple[str, str, int]]:
    return forgettable(found, history=lambda _: history, now=NOON, since=since)


def prod(*numbers: int, product: str = "a.b") -> list[Key]:
    return [("prod", product, number) for number in numbers]


def test_what_was_served_within_the_history_stays_even_if_it_was_published_before() -> None:
    found = census(*prod(1, 2, 3, 4, 5), served={("prod", "a.b"): [(400, 1), (300, 2), (8, 3), (6, 4), (1, 5)]})
    # Number 3 was served until six days ago, number 2 until eight.
    assert gone(found) == set(prod(1, 2))


def test_the_newest_stay_however_old() -> None:
    found = census(*prod(1, 2, 3), served={("prod", "a.b"): [(400, 1), (300, 2), (200, 3)]})
    assert gone(found) == set(prod(1))
    assert gone(found, History(seconds=0, publications=1)) == set(prod(1, 2))


def test_an_old_publication_that_is_served_again_stays() -> None:
    found = census(*prod(1, 2, 3), served={("prod", "a.b"): [(400, 1), (300, 2), (200, 3), (100, 1)]})
    assert gone(found, History(seconds=0, publications=1)) == set(prod(2))


def test_a_product_that_is_served_no_more_is_forgotten_after_its_history() -> None:
    found = census(*prod(1, 2), served={("prod", "a.b"): [(400, 1), (300, 2), (8, None)]})
    assert gone(found) == set(prod(1, 2))
    found = census(*prod(1, 2), served={("prod", "a.b"): [(400, 1), (300, 2), (6, None)]})
    assert gone(found) == set(prod(1))


def test_what_a_kept_publication_read_is_kept_and_what_that_one_read() -> None:
    found = census(
        *prod(1, 2, 3),
        *prod(1, 2, product="a.raw"),
        *prod(9, product="a.seed"),
        served={
            ("prod", "a.b"): [(300, 1), (200, 2), (100, 3)],
            ("prod", "a.raw"): [(300, 1), (1, 2)],
            ("prod", "a.seed"): [(300, 9), (200, None)],
        },
        reads={
            ("prod", "a.b", 1): (),
            ("prod", "a.b", 2): (),
            ("prod", "a.b", 3): (("a.raw", 1),),
            ("prod", "a.raw", 1): (("a.seed", 9),),
            ("prod", "a.raw", 2): (),
            ("prod", "a.seed", 9): (),
        },
    )
    assert gone(found, History(seconds=0, publications=1)) == set(prod(1, 2))


def test_an_environment_finds_what_it_read_below_and_keeps_its_own_beginning() -> None:
    found = census(
        *prod(1, 2, 3, product="a.raw"),
        ("trial", "a.b", 4),
        ("trial", "a.b", 5),
        ("trial", "a.b", 6),
        served={
            ("prod", "a.raw"): [(300, 1), (200, 2), (100, 3)],
            ("trial", "a.b"): [(90, 4), (80, 5), (70, 6)],
        },
        bases={"trial": "prod"},
        reads={
            **dict.fromkeys(prod(1, 2, 3, product="a.raw"), ()),
            ("trial", "a.b", 4): (),
            ("trial", "a.b", 5): (),
            ("trial", "a.b", 6): (("a.raw", 2),),
        },
    )
    assert gone(found, History(seconds=0, publications=1)) == {("prod", "a.raw", 1), ("trial", "a.b", 5)}


def test_what_a_running_build_may_have_seen_served_stays() -> None:
    found = census(*prod(1, 2, 3), served={("prod", "a.b"): [(9, 1), (3, 2), (1, 3)]})
    nothing = History(seconds=0, publications=1)
    assert gone(found, nothing) == set(prod(1, 2))
    assert gone(found, nothing, since=NOON - 2 * DAY) == set(prod(1))


def test_products_of_others_keep_everything() -> None:
    found = census(*prod(1, 2, 3), served={("prod", "a.b"): [(400, 1), (300, 2), (200, 3)]})
    assert gone(found, None) == set()
