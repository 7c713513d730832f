"""Which query result may be stored as which contracted type, and which type change a consumer would notice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meshwright.model.datatype import DataType, Unstorable, stored
from meshwright.model.fields import is_promotion

if TYPE_CHECKING:
    from collections.abc import Callable

# Whole numbers by the digits they can hold; casts between them are checked for overflow when data is written.
DIGITS: Final = {
    "TINYINT": 3,
    "UTINYINT": 3,
    "SMALLINT": 5,
    "USMALLINT": 5,
    "INTEGER": 10,
    "UINTEGER": 10,
    "BIGINT": 19,
    "UBIGINT": 20,
    "HUGEINT": 39,
    "UHUGEINT": 39,
}
FRACTIONS: Final = frozenset({"FLOAT", "DOUBLE"})
TEXT: Final = frozenset({"VARCHAR", "JSON", "UUID"})


def is_castable(found: DataType, wanted: DataType) -> bool:
    """Whether a query's *found* type may be written as the contracted *wanted* type.

    True when no value can silently change: equal stored types, wider ones, whole numbers among each other (overflow is
    an error when data is written), exact numbers to floating point, dates to timestamps, anything untyped.
    """
    if found.name == "NULL":
        return True
    if found.is_nested and found.name == wanted.name and found.name != "UNION":
        return _nested_fits(found, wanted, is_castable)
    try:
        kept, asked = stored(found), stored(wanted)
    except Unstorable:
        return False
    if kept == asked or (found.name in TEXT and asked.name == "VARCHAR"):
        return True
    return _number_fits(kept, asked) or (kept.name == "DATE" and asked.name == "TIMESTAMP")


def _number_fits(kept: DataType, asked: DataType) -> bool:
    if asked.name in FRACTIONS:
        return kept.name in DIGITS or kept.name == "DECIMAL" or (kept.name == "FLOAT" and asked.name == "DOUBLE")
    if asked.name == "DECIMAL":
        return kept.name in DIGITS or (kept.name == "DECIMAL" and kept.scale <= asked.scale)
    if asked.name in DIGITS:
        return kept.name in DIGITS or (kept.name == "DECIMAL" and kept.scale == 0)
    return False


def _nested_fits(found: DataType, wanted: DataType, fits: Callable[[DataType, DataType], bool]) -> bool:
    if found.name == "STRUCT":
        members = {name.lower(): kind for name, kind in found.fields}
        asked = {name.lower(): kind for name, kind in wanted.fields}
        return members.keys() == asked.keys() and all(fits(members[name], asked[name]) for name in asked)
    pairs = zip(found.fields, wanted.fields, strict=True)
    return all(fits(inner, other) for (_, inner), (_, other) in pairs)


def is_widened(old: DataType, new: DataType) -> bool:
    """Whether every reader of *old* can go on with *new*: an Iceberg type promotion, or equal."""
    if is_promotion(old, new):
        return True
    if old.name == new.name == "STRUCT":
        # A new member is added at the end of what readers know; a lost or narrowed one breaks them.
        members = dict(new.fields)
        return all(name in members and is_widened(kind, members[name]) for name, kind in old.fields)
    if old.is_nested and old.name == new.name and len(old.fields) == len(new.fields):
        return all(is_widened(one, two) for (_, one), (_, two) in zip(old.fields, new.fields, strict=True))
    return False
