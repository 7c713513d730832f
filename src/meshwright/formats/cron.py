"""Cron expressions: five fields as Debian's cron reads them, in a time zone.

A fixed time that a clock change skips comes at the end of the gap; one that it repeats comes once, the first time.
Hourly and shorter intervals follow elapsed time: they come in both of two equal hours.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

FIELDS: Final = ("minute", "hour", "day of the month", "month", "day of the week")
ALIASES: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}
SOME_DAY: Final = datetime(2026, 1, 1, tzinfo=UTC)


def check(expression: str, timezone: str) -> None:
    """Raise ValueError, saying what to write, when *expression* or *timezone* cannot be understood or never comes."""
    from cronsim import CronSimError

    try:
        _zone(timezone)
    except (KeyError, OSError, ValueError):
        message = f"there is no time zone '{timezone}': write a name such as Europe/Berlin or UTC"
        raise ValueError(message) from None
    plain = expand(expression)
    if len(plain.split()) != len(FIELDS):
        message = (
            f"'{expression}' has {len(plain.split())} fields: write minute, hour, day of the month, month and day of the "
            "week, such as 0 6 * * *, or one of " + ", ".join(ALIASES)
        )
        raise ValueError(message)
    try:
        following(plain, timezone, SOME_DAY)
    except CronSimError as error:
        what = str(error).removeprefix("Bad ").replace("-", " ")
        message = f"'{expression}' has no such {what}: write e.g. 0 6 * * * for every day at six"
        raise ValueError(message) from None
    except StopIteration:
        message = f"'{expression}' never comes: correct its day and month"
        raise ValueError(message) from None


def following(expression: str, timezone: str, after: datetime) -> datetime:
    """The first moment of *expression* in *timezone* later than *after*, in UTC.

    Raises CronSimError or StopIteration when `check` would refuse it.
    """
    from cronsim import CronSim

    moments = CronSim(expand(expression), after.astimezone(_zone(timezone)))
    while True:
        # Within the second of two equal hours the library first gives what came in the first one.
        moment: datetime = next(moments).astimezone(UTC)
        if moment > after:
            return moment


def expand(expression: str) -> str:
    """*expression* in five fields, whatever it was written as."""
    return ALIASES.get(expression.strip().lower(), " ".join(expression.split()))


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
