"""Durations and sizes as people write them: `10min`, `2GB`, `5%`."""

from __future__ import annotations

import re
from typing import Any, Final

QUANTITY: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)\Z")
SECONDS: Final = {
    "s": 1,
    "sec": 1,
    "second": 1,
    "seconds": 1,
    "m": 60,
    "min": 60,
    "mins": 60,
    "minute": 60,
    "minutes": 60,
    "h": 3600,
    "hour": 3600,
    "hours": 3600,
    "d": 86400,
    "day": 86400,
    "days": 86400,
}
SPANS: Final = {
    **dict.fromkeys(("w", "week", "weeks"), 7 * 86400),
    **dict.fromkeys(("y", "year", "years"), 365 * 86400),
}
MEGABYTES: Final = {
    "mb": 1.0,
    "mib": 1.0,
    "gb": 1024.0,
    "gib": 1024.0,
    "tb": 1024.0 * 1024,
    "tib": 1024.0 * 1024,
    "kb": 1 / 1024,
    "kib": 1 / 1024,
}


def seconds(value: Any) -> int:  # noqa: ANN401 - a value of a document
    """The whole seconds of a duration such as `90s`, `10min`, `2h`, or of a number of seconds.

    Raises ValueError saying what to write.
    """
    amount, unit = _split(value, "a duration, such as 90s, 10min or 2h")
    factor = SECONDS.get(unit.lower() or "s")
    if factor is None or amount * factor < 1:
        message = "write a duration of a second or more, such as 90s, 10min or 2h"
        raise ValueError(message)
    return int(amount * factor)


def span(value: Any) -> int:  # noqa: ANN401 - a value of a document
    """The whole seconds of a length of time such as `0s`, `12h`, `30d`, `8w` or `1y` (365 days); a bare number is seconds.

    Raises ValueError saying what to write.
    """
    amount, unit = _split(value, "a length of time, such as 12h, 30d or 1y")
    factor = (SECONDS | SPANS).get(unit.lower() or "s")
    if factor is None:
        message = "write a length of time with its unit, such as 12h, 30d or 1y"
        raise ValueError(message)
    return int(amount * factor)


def megabytes(value: Any) -> int:  # noqa: ANN401 - a value of a document
    """The megabytes (of 1024² bytes) of a size such as `512MB` or `4GB`. Raises ValueError saying what to write."""
    amount, unit = _split(value, "a size, such as 512MB or 4GB")
    factor = MEGABYTES.get(unit.lower())
    if factor is None or amount * factor < 1:
        message = "write a size of 1MB or more with its unit, such as 512MB or 4GB"
        raise ValueError(message)
    return int(amount * factor)


def rows_or_percent(value: Any) -> tuple[float, str]:  # noqa: ANN401 - a value of a document
    """`(5.0, "percent")` for `5%`, `(100.0, "rows")` for 100. Raises ValueError saying what to write."""
    message = "write a number of rows, or a share such as 5%"
    if isinstance(value, str) and value.strip().endswith("%"):
        try:
            share = float(value.strip()[:-1])
        except ValueError:
            raise ValueError(message) from None
        if not 0 <= share <= 100:  # noqa: PLR2004 - percent
            raise ValueError(message)
        return share, "percent"
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(message)
    return float(value), "rows"


def _split(value: Any, what: str) -> tuple[float, str]:  # noqa: ANN401 - a value of a document
    match = None if isinstance(value, bool) else QUANTITY.match(str(value).strip())
    if match is None:
        message = f"write {what}"
        raise ValueError(message)
    return float(match[1]), match[2]
