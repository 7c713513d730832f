"""Faithful conversions: how a query's column becomes a stored one without losing anything in silence.

What widens is simply cast. What may lose something is checked row by row, and a row that would lose is an error. What
has no one meaning (a time without its zone, bytes as text) is refused before any row is read, with what to write.
DOUBLE to FLOAT is the one cast that rounds freely: both are approximations; only overflow is an error. A cast that the
transformation writes itself is the author's own decision and is not looked at here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from meshwright.model.datatype import DataType

SIGNED: Final = {"TINYINT": 3, "SMALLINT": 5, "INTEGER": 10, "BIGINT": 19, "HUGEINT": 39}
UNSIGNED: Final = {"UTINYINT": 3, "USMALLINT": 5, "UINTEGER": 10, "UBIGINT": 20, "UHUGEINT": 39}
INTEGERS: Final = SIGNED | UNSIGNED
APPROXIMATE: Final = {"FLOAT", "DOUBLE"}
NUMBERS: Final = {*INTEGERS, *APPROXIMATE, "DECIMAL"}
NAIVE: Final = {"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"}
ZONED: Final = "TIMESTAMP WITH TIME ZONE"
ZONED_TIMES: Final = {ZONED, "TIMETZ"}
# Types whose text is their value, exactly.
TEXTUAL: Final = {*NUMBERS, "BOOLEAN", "DATE", "TIME", "TIMETZ", "UUID", "JSON", "VARIANT", "INTERVAL", ZONED, *NAIVE}

SAME, WIDENS, CHECKED = "same", "widens", "checked"


class Lossy(ValueError):
    """A conversion that is refused; the message says what to write instead."""


def conversion(source: DataType, target: DataType) -> str:
    """How *source* becomes *target*: SAME, WIDENS (no value can lose) or CHECKED. Raises Lossy when it is refused."""
    if source == target:
        return SAME
    if source.name == "NULL":
        return WIDENS
    if source.is_nested or target.is_nested:
        return _nested(source, target)
    if target.name == "VARCHAR":
        return _to_text(source)
    if source.name in {"VARCHAR", "JSON"}:
        return _from_text(source, target)
    if source.name in {*NUMBERS, "BOOLEAN"} and target.name in {*NUMBERS, "BOOLEAN"}:
        return WIDENS if _widens(source, target) else CHECKED
    return _times(source, target)


def cast_sql(column: str, source: DataType, target: DataType) -> str:
    """*column* (quoted) as *target*: an expression that fails with an error when a value does not fit."""
    how = conversion(source, target)
    if how == SAME:
        return column
    plain = f"CAST({column} AS {target})"
    if how == WIDENS:
        return plain
    return f"CASE WHEN {fits_sql(column, source, target)} THEN {plain} ELSE system.main.error('does not fit') END"


def fits_sql(column: str, source: DataType, target: DataType, *, wide: bool = False) -> str:
    """A condition, never NULL, that holds where *column* becomes *target* without loss; it raises no error.

    *wide* takes a form for tables of hundreds of columns, whose planning DuckDB's optimizer finishes in time; it is as
    strict up to the ninth digit after the point.
    """
    cast = f"TRY_CAST({column} AS {target})"
    if source.name in {"VARCHAR", "JSON"} and not target.is_nested:
        fits = _text_fits_wide if wide else _text_fits
        return f"({column} IS NULL OR coalesce({fits(column, cast, target)}, false))"
    back = f"TRY_CAST({cast} AS {source})"
    return f"({column} IS NULL OR ({cast} IS NOT NULL AND {back} IS NOT DISTINCT FROM {column}))"


def _text_fits(column: str, cast: str, target: DataType) -> str:
    """Texts are not compared with themselves ('01' is 1): the parts that a cast would drop must be absent."""
    if target.name in INTEGERS or target.name == "DECIMAL":
        digits = target.scale if target.name == "DECIMAL" else 0
        pattern = rf"\s*[-+]?[0-9]*\.?[0-9]{{0,{digits}}}0*\s*"
        # The pattern is slow, and only needed where something follows a point or an exponent.
        plain = " AND ".join(f"NOT contains({column}, '{sign}')" for sign in ".eE")
        return f"({cast} IS NOT NULL AND (({plain}) OR system.main.regexp_full_match({column}, '{pattern}')))"
    if target.name == "DATE":
        return f"({cast} IS NOT NULL AND (length({column}) <= 10 OR TRY_CAST({column} AS TIMESTAMP) = {cast}))"
    if target.name in NAIVE or target.name == "TIME":
        return f"({cast} IS NOT NULL AND {_no_offset(column)})"
    return f"{cast} IS NOT NULL"


def _text_fits_wide(column: str, cast: str, target: DataType) -> str:
    if target.name in INTEGERS or target.name == "DECIMAL":
        whole = target.precision - target.scale if target.name == "DECIMAL" else INTEGERS[target.name]
        scale = min(38 - min(whole, 38), target.scale + 9)
        return f"{cast} = TRY_CAST({column} AS DECIMAL(38,{scale}))"
    if target.name in {*NAIVE, "TIME"}:
        return f"({cast} IS NOT NULL AND NOT contains({column}, '+') AND NOT contains({column}, 'Z'))"
    if target.name == "DATE":
        return f"({cast} IS NOT NULL AND length({column}) <= 10)"
    return f"{cast} IS NOT NULL"


def _no_offset(column: str) -> str:
    """Whether a text of a date or time has no zone: DuckDB reads '10:00+02:00' as 10:00 and drops the rest."""
    has_digit_last = f"right(rtrim({column}), 1) BETWEEN '0' AND '9'"
    # A minus beyond the tenth letter is an offset, not part of a date; a time alone has none.
    return f"({has_digit_last} AND NOT contains({column}, '+') AND NOT contains(substr({column}, 11), '-'))"


def _widens(source: DataType, target: DataType) -> bool:
    if source.name == "BOOLEAN" or target.name == "BOOLEAN":
        return source.name == "BOOLEAN"
    if source.name in APPROXIMATE:
        return target.name in APPROXIMATE
    if source.name == "DECIMAL":
        more = target.precision - target.scale >= source.precision - source.scale
        return target.name == "DECIMAL" and target.scale >= source.scale and more
    if target.name == "DECIMAL":
        return target.precision - target.scale >= INTEGERS[source.name]
    if target.name in APPROXIMATE:
        # 53 bits hold every number of 15 digits, 24 bits every one of 7.
        return INTEGERS[source.name] <= (15 if target.name == "DOUBLE" else 6)
    if source.name in UNSIGNED:
        return target.name in INTEGERS and INTEGERS[target.name] > INTEGERS[source.name]
    return target.name in SIGNED and SIGNED[target.name] >= SIGNED[source.name]


def _to_text(source: DataType) -> str:
    if source.name in TEXTUAL:
        return WIDENS
    raise Lossy("bytes have no one text: write decode(column) for UTF-8, or to_base64(column)")


def _from_text(source: DataType, target: DataType) -> str:
    if source.name == "JSON" and target.name == "BLOB":
        raise Lossy("write encode(column) for its UTF-8 bytes")
    if target.name == "BLOB":
        raise Lossy("text has no one form in bytes: write encode(column) for UTF-8, or from_base64(column)")
    if target.name == ZONED:
        raise Lossy("a text may lack its zone: write CAST(column AS TIMESTAMPTZ) to read those without one as UTC")
    return CHECKED


def _times(source: DataType, target: DataType) -> str:
    if (source.name in ZONED_TIMES) != (target.name in ZONED_TIMES):
        raise Lossy(
            "one has a time zone and the other none: write column AT TIME ZONE 'UTC' (or the zone that is meant)"
        )
    if source.name == "DATE" and target.name in NAIVE:
        return WIDENS
    if (source.name in NAIVE and target.name in {*NAIVE, "DATE"}) or (source.name, target.name) == ("TIME_NS", "TIME"):
        return CHECKED
    raise Lossy(f"no {source.name} is a {target.name}: convert it in the transformation")


def _nested(source: DataType, target: DataType) -> str:
    if source.name != target.name:
        hint = "write to_json(column)" if target.name == "VARCHAR" else "convert it in the transformation"
        raise Lossy(f"{source.name} is not {target.name}: {hint}")
    if source.name == "STRUCT":
        have = {name.lower(): kind for name, kind in source.fields}
        want = {name.lower(): kind for name, kind in target.fields}
        if have.keys() != want.keys():
            raise Lossy(f"its members differ: it has {', '.join(have)}, and {', '.join(want)} are stored")
        ways = {conversion(have[name], want[name]) for name in want}
    else:
        pairs = zip(source.fields, target.fields, strict=True)
        ways = {conversion(have, want) for (_, have), (_, want) in pairs}
    return CHECKED if CHECKED in ways else WIDENS
