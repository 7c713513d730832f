"""How dates are written where it is not ISO 8601: the strptime formats that a column's values need, and what is in doubt."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

FORMATS_MAX: Final = 3
DAYS: Final = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d.%m.%y", "%d/%m/%Y", "%m/%d/%Y", "%d/%m/%y", "%m/%d/%y",
    "%d-%m-%Y", "%m-%d-%Y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d. %B %Y",
)  # fmt: skip
TIMES: Final = (" %H:%M", " %H:%M:%S", "T%H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
FORMATS: Final = (*DAYS, *(day + time for day in DAYS for time in TIMES))
SHAPE: Final = re.compile(r"\d{1,4}([-./ ]|\. )(\d{1,2}|[A-Za-z]{3,9})|[A-Z][a-z]{2,8} \d{1,2}, \d{4}")
YEARS: Final = (1000, 2200)


@dataclass(frozen=True, slots=True)
class DateFormats:
    """The formats that together read every value, () when none do; `doubt` says what only a person can decide."""

    formats: tuple[str, ...] = ()
    doubt: str = ""


def date_formats(values: Sequence[str]) -> DateFormats:
    """How the dates *values* are written. Day and month are told apart by the values or not at all."""
    if not all(SHAPE.match(value) for value in values):
        return DateFormats()
    open_values = set(values)
    chosen: list[str] = []
    while open_values and len(chosen) < FORMATS_MAX:
        some = next(value for value in values if value in open_values)
        fitting = [one for one in FORMATS if _is_read(some, one)]
        if not fitting:
            return DateFormats()
        read = {one: {value for value in open_values if _is_read(value, one)} for one in fitting}
        best = max(fitting, key=lambda one: len(read[one]))
        swapped = _swapped(best)
        if swapped in read and read[swapped] == read[best]:
            return DateFormats(
                doubt=f"dates are written {_shown(best)} or {_shown(swapped)}, and every value fits both"
            )
        if swapped and any(_is_read(value, swapped) for value in open_values - read[best]):
            return DateFormats(doubt=f"some dates are written {_shown(best)}, others {_shown(swapped)}")
        chosen.append(best)
        open_values -= read[best]
    return DateFormats() if open_values else DateFormats(tuple(chosen))


def _is_read(value: str, pattern: str) -> bool:
    try:
        moment = datetime.strptime(value, pattern)  # noqa: DTZ007 - only whether it can be read is asked
    except ValueError:
        return False
    return YEARS[0] <= moment.year <= YEARS[1]


def _swapped(pattern: str) -> str:
    """*pattern* with day and month in each other's place; "" where they cannot be mistaken."""
    if pattern.startswith(("%d/%m", "%d-%m")):
        return f"%m{pattern[2]}%d{pattern[5:]}"
    if pattern.startswith(("%m/%d", "%m-%d")):
        return f"%d{pattern[2]}%m{pattern[5:]}"
    return ""


def _shown(pattern: str) -> str:
    names = {"%d": "DD", "%m": "MM", "%Y": "YYYY", "%y": "YY", "%H": "hh", "%M": "mm", "%S": "ss"}
    return re.sub(r"%\w", lambda match: names.get(match.group(), ""), pattern).strip()
