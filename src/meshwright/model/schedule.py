"""Schedules: when a product says it is due, what became of its last run, and what follows from both."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

GRACE_SECONDS: Final = 900
# Inputs that never rest would put a debounced build off for ever: after so many times the debounce it comes all the same.
DEBOUNCES_MAX: Final = 5
GOOD: Final = frozenset({"published", "reused"})
BLOCKED: Final = frozenset({"blocked", "skipped"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When a product is due: at the moments of `cron` in `timezone`, on new publications of its inputs, or both.

    `debounce_seconds` is how long inputs must have rested; `grace_seconds` how long after it was due a product is late.
    """

    cron: str = ""
    timezone: str = "UTC"
    on_inputs: bool = False
    debounce_seconds: int = 0
    grace_seconds: int = GRACE_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One try to build a product because it was due. Times are ISO 8601 in UTC.

    `outcome` is that of the build: published, reused, failed, error, blocked or skipped. `inputs` are the publications of
    its inputs as the run found them, `fingerprint` the content of its files; `tries` counts failures in a row that came
    from outside, `retry_at` is "" when it is not tried again. `good_at` is when the last good run began, `failing_since`
    when the first of the present row of bad ones did.
    """

    product: str
    environment: str
    cause: str
    started_at: str
    ended_at: str
    outcome: str
    message: str = ""
    inputs: dict[str, int] = field(default_factory=dict)
    blocked_by: tuple[str, ...] = ()
    fingerprint: str = ""
    publication: int | None = None
    tries: int = 0
    retry_at: str = ""
    good_at: str = ""
    failing_since: str = ""
    runner: str = ""

    @property
    def is_good(self) -> bool:
        """Whether the product now serves what it should."""
        return self.outcome in GOOD


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What an input's product serves: its publication, when it was published, and when the first one unread was."""

    sequence: int
    at: datetime
    first_unread: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that decides whether one product is due.

    `following` gives the first moment of its cron after a time; `built_at` is when the build of its head began (None:
    nothing is served), `read` the publication of each input that the head read, `served` what the inputs serve now;
    `recovered` tells when the last good run of an upstream product ended.
    """

    schedule: Schedule
    now: datetime
    following: Callable[[datetime], datetime]
    built_at: datetime | None = None
    run: Run | None = None
    read: Mapping[str, int] = field(default_factory=dict)
    served: Mapping[str, Served] = field(default_factory=dict)
    recovered: Mapping[str, datetime] = field(default_factory=dict)
    fingerprint: str = ""

    @property
    def unread(self) -> dict[str, Served]:
        """The inputs that serve another publication than the head or the last run has read."""
        seen = self.run.inputs if self.run is not None else {}
        return {
            name: one for name, one in self.served.items() if one.sequence not in {self.read.get(name), seen.get(name)}
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """From when on a product is due (perhaps in the future), and why.

    `cause`: first, cron, inputs, retry, changed (what made the last run fail or blocked it has changed), asked.
    """

    at: datetime
    cause: str
    reason: str


def due(situation: Situation) -> Due | None:
    """From when on the product is due; None when only something new can make it so."""
    if situation.run is None and situation.built_at is None:
        return Due(at=situation.now, cause="first", reason="it was never published")
    found = [*_by_cron(situation), *_by_inputs(situation), *_after_failure(situation)]
    return min(found, key=lambda one: one.at, default=None)


def late_from(situation: Situation) -> datetime | None:
    """From when on the product is late unless it is built before, its grace included; None when nothing is awaited.

    What was never published is not late: since when it has been waiting is not known.
    """
    schedule, grace = situation.schedule, timedelta(seconds=situation.schedule.grace_seconds)
    good = _moment(situation.run.good_at) if situation.run is not None else None
    done = max((one for one in (situation.built_at, good) if one is not None), default=None)
    if done is None:
        return None
    awaited = [situation.following(done)] if schedule.cron else []
    if schedule.on_inputs and situation.unread:
        oldest = min(one.first_unread for one in situation.unread.values())
        awaited.append(oldest + timedelta(seconds=schedule.debounce_seconds))
    return min(awaited) + grace if awaited else None


def retry(run: Run) -> Due | None:
    """When what *run* could not do, because something outside failed, is tried again; None when it is not."""
    if not run.retry_at:
        return None
    at = datetime.fromisoformat(run.retry_at)
    return Due(at=at, cause="retry", reason=f"try {run.tries + 1} after: {run.message}")


def back_off(tries: int, delay_seconds: float, jitter: float) -> float:
    """Seconds to wait after so many *tries*: doubled each time, at most ten minutes, by *jitter* (0 to 1) up to half less."""
    longest = 600.0
    return float(min(delay_seconds * 2 ** min(tries - 1, 30), longest) * (1 - jitter / 2))


def _by_cron(situation: Situation) -> list[Due]:
    if not situation.schedule.cron:
        return []
    started = _moment(situation.run.started_at) if situation.run is not None else None
    covered = max(one for one in (situation.built_at, started) if one is not None)
    at = situation.following(covered)
    return [Due(at=at, cause="cron", reason=f"its schedule's moment {_shown(at)}")]


def _by_inputs(situation: Situation) -> list[Due]:
    unread = situation.unread
    if not situation.schedule.on_inputs or not unread:
        return []
    rest = timedelta(seconds=situation.schedule.debounce_seconds)
    newest = max(one.at for one in unread.values())
    oldest = min(one.first_unread for one in unread.values())
    names = ", ".join(f"{name} publication {one.sequence}" for name, one in sorted(unread.items()))
    return [Due(at=min(newest + rest, oldest + DEBOUNCES_MAX * rest), cause="inputs", reason=f"new: {names}")]


def _after_failure(situation: Situation) -> list[Due]:
    run = situation.run
    if run is None or run.is_good:
        return []
    if run.retry_at:
        at = datetime.fromisoformat(run.retry_at)
        return [
            Due(at=at, cause="retry", reason=f"try {run.tries + 1} after: {run.message}"),
            *_changed(situation, run),
        ]
    return _changed(situation, run)


def _changed(situation: Situation, run: Run) -> list[Due]:
    """What made *run* fail may be gone: its files changed, an input published, what blocked it has been built."""
    ended = datetime.fromisoformat(run.ended_at)
    if situation.fingerprint != run.fingerprint:
        reason = "its files changed since it failed"
    elif not situation.schedule.on_inputs and (
        newer := sorted(name for name, one in situation.served.items() if one.sequence != run.inputs.get(name))
    ):
        reason = f"{', '.join(newer)} published since it failed"
    elif run.blocked_by and all(situation.recovered.get(name, ended) > ended for name in run.blocked_by):
        reason = f"{', '.join(run.blocked_by)}, which blocked it, was built"
    else:
        return []
    return [Due(at=situation.now, cause="changed", reason=reason)]


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _shown(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}Z"
