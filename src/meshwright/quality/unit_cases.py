"""A product's own tests: the rows that were expected against the rows that came."""

from __future__ import annotations

import math
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

from meshwright.quality.samples import jsonable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Floats that were computed in another order differ in their last digits.
RELATIVE_TOLERANCE: Final = 1e-9
DIFFERENCES_MAX: Final = 50


def compare(expected: Sequence[Mapping[str, Any]], actual: Sequence[Mapping[str, Any]], *, ordered: bool) -> list[str]:
    """What differs, as sentences; nothing when every expected row came, and no other.

    Only the columns that an expected row writes are compared: numbers by value, dates and times by what they mean in
    ISO 8601. Without *ordered* rows match in any order.
    """
    if not expected:
        return [f"no rows were expected, but {len(actual)} came, the first {_show(actual[0])}"] if actual else []
    unknown = _unknown_columns(expected, actual)
    if unknown:
        return unknown
    found = _ordered(expected, actual) if ordered else _unordered(expected, actual)
    left = len(found) - DIFFERENCES_MAX
    return [*found[:DIFFERENCES_MAX], f"… and {left} more differences"] if left > 0 else found


def equal(expected: Any, actual: Any) -> bool:  # noqa: ANN401, PLR0911 - one line per type
    """Whether *actual* is the value that *expected* (from YAML) writes."""
    match actual:
        case None:
            return expected is None
        case bool():
            return expected is actual or str(expected).lower() == str(actual).lower()
        case int() | float() | Decimal():
            return _equal_numbers(expected, actual)
        case datetime() | date() | time():
            return _equal_moments(expected, actual)
        case timedelta():
            return str(expected) == str(actual)
        case bytes() | bytearray():
            return expected == actual or str(expected).lower() == actual.hex()
        case dict():
            return _equal_objects(expected, actual)
        case list() | tuple():
            same = isinstance(expected, (list, tuple)) and len(expected) == len(actual)
            return same and all(equal(one, other) for one, other in zip(expected, actual, strict=True))
        case _:
            if isinstance(expected, (datetime, date, time)):
                return _equal_moments(expected, _moment(actual, type(expected)))
            return expected is not None and str(expected) == str(actual)


def _equal_numbers(expected: Any, actual: float | Decimal) -> bool:  # noqa: ANN401
    if expected is None or isinstance(expected, bool):
        return False
    try:
        wanted, found = Decimal(str(expected)), Decimal(str(actual))
    except InvalidOperation:
        return False
    if wanted.is_nan() or found.is_nan():
        return wanted.is_nan() and found.is_nan()
    if isinstance(actual, float) or isinstance(expected, float):
        return math.isclose(wanted, found, rel_tol=RELATIVE_TOLERANCE)
    return wanted == found


def _equal_moments(expected: Any, actual: Any) -> bool:  # noqa: ANN401
    wanted = _moment(expected, type(actual))
    if isinstance(wanted, datetime) and isinstance(actual, datetime):
        # A moment without zone, in a test, means UTC where the data has zones.
        if (wanted.tzinfo is None) != (actual.tzinfo is None):
            return wanted.replace(tzinfo=None) == actual.replace(tzinfo=None)
        return wanted == actual
    return bool(wanted == actual)


def _moment(written: Any, kind: type) -> Any:  # noqa: ANN401
    """*written* as a *kind* of moment, or as it is when it is none."""
    if isinstance(written, datetime) and kind is date:
        return written.date() if written.time() == time() else written
    if isinstance(written, date) and not isinstance(written, datetime) and kind is datetime:
        return datetime(written.year, written.month, written.day)  # noqa: DTZ001 - as naive as it is written
    if not isinstance(written, str):
        return written
    try:
        return kind.fromisoformat(written.strip())  # type: ignore[attr-defined]
    except ValueError:
        return written


def _equal_objects(expected: Any, actual: Mapping[str, Any]) -> bool:  # noqa: ANN401
    if not isinstance(expected, dict) or expected.keys() != actual.keys():
        return False
    return all(equal(expected[name], actual[name]) for name in expected)


def _unknown_columns(expected: Sequence[Mapping[str, Any]], actual: Sequence[Mapping[str, Any]]) -> list[str]:
    if not actual:
        return []
    known = {name.lower() for name in actual[0]}
    named = dict.fromkeys(name for row in expected for name in row)
    missing = [name for name in named if name.lower() not in known]
    has = ", ".join(actual[0])
    return [f"the column '{name}' is expected, but the result has {has}" for name in missing]


def _fits(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> bool:
    return not _wrong(expected, actual)


def _wrong(expected: Mapping[str, Any], actual: Mapping[str, Any]) -> list[str]:
    """The expected columns whose values differ."""
    lowered = {name.lower(): value for name, value in actual.items()}
    return [name for name, value in expected.items() if not equal(value, lowered.get(name.lower()))]


def _ordered(expected: Sequence[Mapping[str, Any]], actual: Sequence[Mapping[str, Any]]) -> list[str]:
    found = []
    for index, (wanted, came) in enumerate(zip(expected, actual, strict=False), start=1):
        lowered = {name.lower(): value for name, value in came.items()}
        found += [
            f"row {index}: {name} should be {_show(wanted[name])}, but is {_show(lowered.get(name.lower()))}"
            for name in _wrong(wanted, came)
        ]
    found += [f"row {index + 1} is missing: {_show(expected[index])}" for index in range(len(actual), len(expected))]
    found += [
        f"row {index + 1} was not expected: {_show(actual[index])}" for index in range(len(expected), len(actual))
    ]
    return found


def _unordered(expected: Sequence[Mapping[str, Any]], actual: Sequence[Mapping[str, Any]]) -> list[str]:
    left = list(actual)
    missing = []
    # The rows that say most choose first, so that one that says little does not take what another needs.
    for wanted in sorted(expected, key=len, reverse=True):
        place = next((index for index, came in enumerate(left) if _fits(wanted, came)), None)
        if place is None:
            missing.append(wanted)
        else:
            left.pop(place)
    found = [_missing(wanted, left) for wanted in missing]
    return found + [f"a row was not expected: {_show(came)}" for came in left]


def _missing(wanted: Mapping[str, Any], left: Sequence[Mapping[str, Any]]) -> str:
    text = f"a row is missing: {_show(wanted)}"
    if not left:
        return text
    closest = min(left, key=lambda came: len(_wrong(wanted, came)))
    wrong = _wrong(wanted, closest)
    if len(wrong) == len(wanted):
        return text
    lowered = {name.lower(): value for name, value in closest.items()}
    differs = ", ".join(f"{name} {_show(lowered.get(name.lower()))}" for name in wrong)
    return f"{text}; the closest that came has {differs}"


def _show(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_show(inner)}" for name, inner in value.items()) + "}"
    return repr(jsonable(value)) if isinstance(value, str) else str(jsonable(value))
