"""Service levels: freshness and retention judged on data against the clock, dates as information, the rest reported."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from meshwright.model.results import Outcome
from meshwright.quality.checks import About, AgeCheck, Settled, uncheckable
from meshwright.quality.comparison import Uncheckable
from meshwright.quality.values import NAIVE, ZONED

if TYPE_CHECKING:
    from meshwright.model.contract import ServiceLevel
    from meshwright.quality.drafting import Drafting

DAYS: Final = {"d": 1.0, "day": 1.0, "w": 7.0, "week": 7.0, "y": 365.0, "yr": 365.0, "year": 365.0}
MONTHS: Final = {"mo": 30.0, "mon": 30.0, "month": 30.0}
SECONDS: Final = {
    "ms": 0.001,
    **dict.fromkeys(("s", "sec", "second"), 1.0),
    # ISO 8601 leaves `m` to the place where it stands; every tool that reads it after a freshness means minutes.
    **dict.fromkeys(("m", "min", "minute"), 60.0),
    **dict.fromkeys(("h", "hr", "hour"), 3600.0),
    **{unit: days * 86_400 for unit, days in (DAYS | MONTHS).items()},
}
NEWEST: Final = frozenset({"freshness", "latency", "ly", "fr"})
OLDEST: Final = frozenset({"retention", "re"})
ENDS: Final = frozenset({"endofsupport", "endoflife", "es", "el"})
STARTS: Final = frozenset({"generalavailability", "ga"})
JUDGED_BY_TIME: Final = NAIVE | {ZONED, "DATE"}
ISO_DURATION = re.compile(
    r"P(?:(?P<year>[\d.]+)Y)?(?:(?P<month>[\d.]+)M)?(?:(?P<week>[\d.]+)W)?(?:(?P<day>[\d.]+)D)?"
    r"(?:T(?:(?P<hour>[\d.]+)H)?(?:(?P<minute>[\d.]+)M)?(?:(?P<second>[\d.]+)S)?)?\Z",
    re.IGNORECASE,
)
WRITTEN = re.compile(r"([\d.]+)\s*([A-Za-z]*)\Z")


def compile_service_level(
    level: ServiceLevel, draft: Drafting, now: datetime, event_time: str
) -> AgeCheck | Settled | None:
    """The check of one service level; None when it speaks of another table of the contract.

    *event_time* is the column judged where the level names none.
    """
    name = level.property.lower()
    column = _element(level, draft)
    if column is None:
        return None
    about = draft.about(level.property, None, column or None)
    if name in STARTS | ENDS:
        return _date(level, replace(about, severity="warning"), now)
    about = replace(about, pointer=level.pointer, description=_promise(level), quarantine=None)
    if name not in NEWEST | OLDEST:
        message = "not a promise about the rows: nothing here measures it"
        return Settled(about=about, outcome=Outcome.NOT_RUN, message=message)
    return _age(level, about, draft, now, column or event_time)


def _age(level: ServiceLevel, about: About, draft: Drafting, now: datetime, column: str) -> AgeCheck | Settled:
    if not column:
        message = "no column says how old a row is: write `element`, or the custom property mesh.eventTime"
        return Settled(about=about, outcome=Outcome.NOT_RUN, message=message)
    held = draft.data.column(column)
    about = replace(about, column=held[0] if held else column)
    if held is None:
        return uncheckable(about, f"there is no column '{column}'")
    if held[1].name not in JUDGED_BY_TIME:
        return uncheckable(about, f"'{held[0]}' is {held[1]}: only dates and timestamps have an age")
    try:
        since = now - duration(level.value, level.unit)
    except (Uncheckable, OverflowError) as error:
        return uncheckable(about, str(error))
    newest = level.property.lower() in NEWEST
    return AgeCheck(about=about, column=held[0], since=since, newest=newest, promise=_promise(level))


def _element(level: ServiceLevel, draft: Drafting) -> str | None:
    """The column that the level is about, "" for none; None when that is a column of another table."""
    table, _, column = level.element.split(",")[0].strip().rpartition(".")
    others = {other.name.lower() for other in draft.contract.tables} - {draft.table.name.lower()}
    own = {"", draft.table.name.lower(), draft.table.physical_name.lower()}
    if table.lower() in others - own:
        return None
    if not table and column and draft.data.column(column) is None and column.lower() in others | own:
        return "" if column.lower() in own else None
    return column


def _promise(level: ServiceLevel) -> str:
    return f"{level.property} {level.value}{' ' + level.unit if level.unit else ''}"


def _date(level: ServiceLevel, about: About, now: datetime) -> Settled:
    about = replace(about, pointer=level.pointer, description=_promise(level), quarantine=None)
    try:
        moment = datetime.fromisoformat(str(level.value).strip())
    except ValueError:
        return uncheckable(about, f"'{level.value}' is no date: write e.g. 2030-12-31")
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    over = level.property.lower() in ENDS and moment < now
    message = f"ended on {moment.date()}" if over else ""
    outcome = Outcome.FAILED if over else Outcome.PASSED
    return Settled(about=about, outcome=outcome, message=message, value=moment.isoformat(), proof="clock")


def duration(value: Any, unit: str) -> timedelta:  # noqa: ANN401 - a number, or text such as "24h" or "P1D"
    """How long *value* in *unit* is: days unless it says. A month is 30 days, a year 365. Raises Uncheckable."""
    text = str(value).strip()
    iso = ISO_DURATION.match(text)
    if iso is not None and any(iso.groupdict().values()):
        return timedelta(seconds=sum(float(part) * SECONDS[name] for name, part in iso.groupdict().items() if part))
    written = WRITTEN.match(text)
    name = (written.group(2) or unit or "d").lower() if written else ""
    seconds = SECONDS.get(name) or SECONDS.get(name.removesuffix("s"))
    if written is None or seconds is None:
        message = f"'{f'{value} {unit}'.strip()}' is no length of time: write a number and s, min, h, d, month or y"
        raise Uncheckable(message)
    return timedelta(seconds=float(written.group(1)) * seconds)
