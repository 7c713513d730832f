from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from meshwright.model.schedule import Run, Schedule, Served, Situation, back_off, due, late_from

SIX = datetime(2026, 5, 4, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
DAILY = Schedule(cron="0 6 * * *")
ON_INPUTS = Schedule(on_inputs=True)


def six(after: datetime) -> datetime:
    """Every day at six."""
    today = after.replace(hour=6, minute=0, second=0, microsecond=0)
    return today if today > after else today + 24 * HOUR


def situation(schedule: Schedule = DAILY, now: datetime = SIX + HOUR, **changed: Any) -> Situation:
    return Situation(schedule=schedule, now=now, following=six, **changed)


def run(outcome: str, started: datetime, **changed: Any) -> Run:
    return Run(
        product="a.b",
        environment="prod",
        cause="cron",
        started_at=started.isoformat(),
        ended_at=(started + MINUTE).isoformat(),
        outcome=outcome,
        **changed,
    )


def served(sequence: int, at: datetime, first_unread: datetime | None = None) -> dict[str, Served]:
    return {"a.raw": Served(sequence=sequence, at=at, first_unread=first_unread or at)}


def cause(one: Situation) -> str | None:
    found = due(one)
    return found.cause if found is not None and found.at <= one.now else None


def test_what_was_never_published_is_due() -> None:
    assert cause(situation()) == "first"
    assert cause(situation(ON_INPUTS)) == "first"


def test_a_moment_of_the_schedule_that_no_build_covers_is_due_once() -> None:
    assert cause(situation(built_at=SIX - HOUR)) == "cron"
    assert cause(situation(built_at=SIX - HOUR, run=run("reused", SIX + MINUTE))) is None
    assert cause(situation(built_at=SIX + MINUTE)) is None


def test_a_build_that_began_before_the_moment_does_not_cover_it() -> None:
    assert cause(situation(built_at=SIX - MINUTE, run=run("published", SIX - MINUTE))) == "cron"


def test_what_is_not_due_yet_says_when_it_will_be() -> None:
    found = due(situation(built_at=SIX + MINUTE))
    assert found is not None
    assert found.at == SIX + 24 * HOUR


def test_a_failed_test_is_not_tried_again_before_the_next_moment() -> None:
    failed = run("failed", SIX + MINUTE, fingerprint="f")
    assert cause(situation(built_at=SIX - HOUR, run=failed, fingerprint="f")) is None
    assert cause(situation(built_at=SIX - HOUR, run=failed, fingerprint="f", now=SIX + 25 * HOUR)) == "cron"


def test_what_failed_is_due_when_its_files_change_or_an_input_publishes() -> None:
    failed = run("failed", SIX + MINUTE, fingerprint="f", inputs={"a.raw": 1})
    assert cause(situation(run=failed, fingerprint="new", served=served(1, SIX))) == "changed"
    assert cause(situation(run=failed, fingerprint="f", served=served(2, SIX))) == "changed"
    assert cause(situation(run=failed, fingerprint="f", served=served(1, SIX))) is None


def test_what_was_blocked_is_due_when_all_that_blocked_it_was_built() -> None:
    blocked = run("skipped", SIX, blocked_by=("a.x", "a.y"))
    assert cause(situation(run=blocked, recovered={"a.x": SIX + 2 * MINUTE, "a.y": SIX})) is None
    assert cause(situation(run=blocked, recovered={"a.x": SIX + 2 * MINUTE, "a.y": SIX + 2 * MINUTE})) == "changed"


def test_a_failure_from_outside_is_tried_again_when_its_time_has_come() -> None:
    broken = run("error", SIX + MINUTE, tries=1, retry_at=(SIX + 2 * MINUTE).isoformat())
    assert cause(situation(run=broken, now=SIX + MINUTE)) is None
    assert cause(situation(run=broken, now=SIX + 2 * MINUTE)) == "retry"


def test_a_new_publication_of_an_input_is_due_until_it_was_read_or_looked_at() -> None:
    read = {"a.raw": 1}
    assert cause(situation(ON_INPUTS, built_at=SIX, read=read, served=served(1, SIX))) is None
    assert cause(situation(ON_INPUTS, built_at=SIX, read=read, served=served(2, SIX))) == "inputs"
    looked = run("reused", SIX, inputs={"a.raw": 2})
    assert cause(situation(ON_INPUTS, built_at=SIX, read=read, served=served(2, SIX), run=looked)) is None
    assert cause(situation(ON_INPUTS, built_at=SIX, read=read, served=served(3, SIX), run=looked)) == "inputs"


def test_inputs_must_rest_for_the_debounce_but_not_for_ever() -> None:
    schedule = Schedule(on_inputs=True, debounce_seconds=600)
    resting = situation(schedule, built_at=SIX, read={"a.raw": 1}, now=SIX + HOUR, served=served(2, SIX + HOUR))
    found = due(resting)
    assert found is not None
    assert found.at == SIX + HOUR + 10 * MINUTE
    # An input that publishes every minute for an hour: the build comes after five times the debounce.
    restless = situation(schedule, built_at=SIX, read={"a.raw": 1}, now=SIX + HOUR, served=served(60, SIX + HOUR, SIX))
    assert cause(restless) == "inputs"


def test_of_several_causes_the_earliest_decides() -> None:
    both = Schedule(cron="0 6 * * *", on_inputs=True)
    one = situation(both, built_at=SIX + MINUTE, read={"a.raw": 1}, served=served(2, SIX + 2 * MINUTE))
    assert cause(one) == "inputs"


def test_a_product_is_late_when_its_grace_has_passed_without_a_good_build() -> None:
    old = SIX - 24 * HOUR + MINUTE
    assert late_from(situation(built_at=old)) == SIX + 15 * MINUTE
    # A failed run does not make it punctual, one that found nothing new does.
    failed = run("failed", SIX, good_at=old.isoformat())
    assert late_from(situation(built_at=old, run=failed)) == SIX + 15 * MINUTE
    good = run("reused", SIX + MINUTE, good_at=(SIX + MINUTE).isoformat())
    assert late_from(situation(built_at=old, run=good)) == SIX + 24 * HOUR + 15 * MINUTE


def test_a_product_whose_schedule_is_frequent_becomes_late_too() -> None:
    def every_minute(after: datetime) -> datetime:
        return after.replace(second=0, microsecond=0) + MINUTE

    one = Situation(schedule=Schedule(cron="* * * * *"), now=SIX + HOUR, following=every_minute, built_at=SIX)
    assert late_from(one) == SIX + 16 * MINUTE


def test_a_product_is_late_when_an_input_has_long_published() -> None:
    one = situation(ON_INPUTS, built_at=SIX - HOUR, read={"a.raw": 1}, served=served(3, SIX + HOUR, SIX))
    assert late_from(one) == SIX + 15 * MINUTE
    assert late_from(situation(ON_INPUTS, built_at=SIX - HOUR, read={"a.raw": 3}, served=served(3, SIX))) is None
    assert late_from(situation()) is None


@pytest.mark.parametrize(("tries", "seconds"), [(1, 10), (2, 20), (3, 40), (7, 600), (5000, 600)])
def test_waiting_doubles_up_to_ten_minutes(tries: int, seconds: float) -> None:
    assert back_off(tries, 10, jitter=0) == seconds
    assert back_off(tries, 10, jitter=1) == seconds / 2
