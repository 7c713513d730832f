"""Which publications may be forgotten: those that nobody serves, read from, or has seen served for long."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from meshwright.model.maintenance import Census, History, Key


def forgettable(
    census: Census, *, history: Callable[[str], History | None], now: datetime, since: datetime
) -> set[Key]:
    """The publications of *census* that may go.

    *history* says how much of a product's past is kept; None: all of it. Kept are what an environment serves now, what it
    served in that time or *since* a moment, its newest publications while it serves the product, and every publication
    that a kept one has read.
    """
    numbers: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for environment, product, number in census.reads:
        numbers[environment, product].append(number)
    kept: set[Key] = set()
    for place, known in numbers.items():
        limit = history(place[1])
        found = known if limit is None else _kept(census, place, known, limit, min(since, _before(now, limit.seconds)))
        kept |= {(*place, number) for number in found}
    return set(census.reads) - _with_inputs(census, kept)


def _kept(census: Census, place: tuple[str, str], known: list[int], limit: History, since: datetime) -> set[int]:
    """Of the *known* publications of one product in one environment what is served, was since then, and the newest."""
    head = census.heads.get(place)
    found = {head} | (set(sorted(known)[-limit.publications :]) if head is not None else set())
    if census.bases.get(place[0]):
        # Its first one says on which publication of the environment below it was begun.
        found.add(min(known))
    moves = census.moves.get(place, [])
    for index, (_, number) in enumerate(moves):
        if index + 1 == len(moves) or datetime.fromisoformat(moves[index + 1][0]) >= since:
            found.add(number)
    return {number for number in known if number in found}


def _with_inputs(census: Census, kept: set[Key]) -> set[Key]:
    """*kept* and every publication that they read, and so on: an appending product asks what has come since."""
    found, waiting = set(kept), list(kept)
    while waiting:
        key = waiting.pop()
        for product, number in census.reads[key]:
            places = ((name, product, number) for name in _ancestry(census, key[0]))
            one = next((place for place in places if place in census.reads), None)
            if one is not None and one not in found:
                found.add(one)
                waiting.append(one)
    return found


def _ancestry(census: Census, environment: str) -> Iterator[str]:
    """*environment* and those it stands on, the nearest first."""
    seen: set[str] = set()
    while environment and environment not in seen:
        seen.add(environment)
        yield environment
        environment = census.bases.get(environment, "")


def _before(now: datetime, seconds: int) -> datetime:
    try:
        return now - timedelta(seconds=seconds)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)
