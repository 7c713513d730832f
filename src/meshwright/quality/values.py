"""Values of a contract as SQL literals of a column's type."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

from meshwright.model.datatype import literal
from meshwright.quality.comparison import Uncheckable

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshwright.model.datatype import DataType

INTEGERS: Final = frozenset(
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"}
    | {"UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"},
)
FLOATS: Final = frozenset({"FLOAT", "DOUBLE"})
NUMBERS: Final = INTEGERS | FLOATS | {"DECIMAL"}
NAIVE: Final = frozenset({"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"})
ZONED: Final = "TIMESTAMP WITH TIME ZONE"
TEMPORAL: Final = NAIVE | {ZONED, "DATE", "TIME"}
# Types whose lowest and highest value Parquet's footers tell exactly. Floats are not: NaN is left out of them.
BOUNDED: Final = INTEGERS | NAIVE | {ZONED, "DATE", "TIME", "DECIMAL"}


def value(written: Any, kind: DataType, zone: tzinfo = UTC) -> str:  # noqa: ANN401 - what YAML holds
    """*written* as a literal that compares with a column of type *kind*; times without offset are in *zone*.

    Raises Uncheckable when no value of that type is meant.
    """
    if written is None:
        return "NULL"
    make = next((make for names, make in MAKERS if kind.name in names), None)
    try:
        return make(written, kind, zone) if make is not None else literal(_text(written))
    except (ValueError, TypeError, InvalidOperation) as error:
        message = f"{written!r} is no value of type {kind}: write one that is"
        raise Uncheckable(message) from error


def values(written: Any, kind: DataType) -> tuple[list[str], bool]:  # noqa: ANN401
    """The literals of a list of values, and whether NULL is among them. Raises Uncheckable, also for no list."""
    if not isinstance(written, (list, tuple)):
        message = f"a list of values is needed, not {written!r}"
        raise Uncheckable(message)
    plain = [entry["value"] if isinstance(entry, dict) and "value" in entry else entry for entry in written]
    return [value(entry, kind) for entry in plain if entry is not None], None in plain


def number(written: Any) -> str:  # noqa: ANN401
    """A number without exponent, so that SQL reads it as an exact decimal. Raises ValueError for anything else."""
    if isinstance(written, bool):
        raise TypeError
    found = Decimal(str(written))
    if not found.is_finite():
        raise ValueError
    return f"{found:f}"


def _number(written: Any, kind: DataType, zone: tzinfo) -> str:  # noqa: ANN401, ARG001 - one shape for all makers
    if kind.name not in FLOATS:
        return number(written)
    # The bound becomes a float as the column's values did, so that a stored 0.1 keeps a bound of 0.1.
    infinite = isinstance(written, float) and math.isinf(written)
    return f"CAST({literal(str(written)) if infinite else number(written)} AS {kind})"


def _boolean(written: Any, kind: DataType, zone: tzinfo) -> str:  # noqa: ANN401, ARG001
    found = {"true": "true", "false": "false", "1": "true", "0": "false"}.get(str(written).lower())
    if found is None:
        raise ValueError
    return found


def _moment(written: Any) -> datetime:  # noqa: ANN401
    if isinstance(written, datetime):
        return written
    if isinstance(written, date):
        return datetime(written.year, written.month, written.day)  # noqa: DTZ001 - the caller knows the zone
    return datetime.fromisoformat(str(written).strip())


def _date(written: Any, kind: DataType, zone: tzinfo) -> str:  # noqa: ANN401, ARG001
    moment = _moment(written)
    if moment.time() != time():
        return f"TIMESTAMP '{moment.replace(tzinfo=None)}'"
    return f"DATE '{moment.date()}'"


def _naive(written: Any, kind: DataType, zone: tzinfo) -> str:  # noqa: ANN401, ARG001
    moment = _moment(written)
    if moment.tzinfo is not None:
        moment = moment.astimezone(zone).replace(tzinfo=None)
    return f"TIMESTAMP '{moment}'"


def _zoned(written: Any, kind: DataType, zone: tzinfo) -> str:  # noqa: ANN401, ARG001
    moment = _moment(written)
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
    return f"TIMESTAMPTZ '{moment.astimezone(UTC)}'"


def _time(written: Any, kind: DataType, zone: tzinfo) -> str:  # noqa: ANN401, ARG001
    found = written if isinstance(written, time) else time.fromisoformat(str(written).strip())
    return f"TIME '{found.replace(tzinfo=None)}'"


def _text(written: Any) -> str:  # noqa: ANN401
    if isinstance(written, bool):
        return "true" if written else "false"
    if isinstance(written, (dict, list)):
        raise TypeError
    return written.isoformat() if isinstance(written, (date, time)) else str(written)


def _bytes(written: Any, kind: DataType, zone: tzinfo) -> str:  # noqa: ANN401, ARG001
    return f"CAST({literal(_text(written))} AS BLOB)"


MAKERS: Final[list[tuple[frozenset[str], Callable[[Any, DataType, tzinfo], str]]]] = [
    (NUMBERS, _number),
    (frozenset({"BOOLEAN"}), _boolean),
    (frozenset({"DATE"}), _date),
    (NAIVE, _naive),
    (frozenset({ZONED}), _zoned),
    (frozenset({"TIME"}), _time),
    (frozenset({"BLOB"}), _bytes),
]
