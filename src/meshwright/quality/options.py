"""ODCS logicalTypeOptions, and the like of quality rules' arguments, as predicates that a bad value fulfils."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, Any, Final

from meshwright.model.datatype import DataType, literal
from meshwright.quality import formats
from meshwright.quality.checks import Bound
from meshwright.quality.comparison import Uncheckable
from meshwright.quality.values import BOUNDED, FLOATS, NUMBERS, TEMPORAL, number, value, values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DOUBLE = DataType("DOUBLE")
INTEGER_RANGES: Final = {
    f"{sign}{bits}": (-(2 ** (bits - 1)) if sign == "i" else 0, 2 ** (bits - 1) - 1 if sign == "i" else 2**bits - 1)
    for bits in (8, 16, 32, 64, 128)
    for sign in "iu"
}
FLOAT_HIGHEST = "3.4028234663852886e38::DOUBLE"
# How a value breaks each bound.
BREAKS: Final = {"minimum": "<", "maximum": ">", "exclusiveMinimum": "<=", "exclusiveMaximum": ">="}
# Logical types of values that are kept as text, and what the text is read as.
READ_AS: Final = {
    "number": DOUBLE,
    "integer": DataType("DECIMAL", 38, 0),
    "date": DataType("DATE"),
    "timestamp": DataType("TIMESTAMP"),
    "time": DataType("TIME"),
}


@dataclass(frozen=True, slots=True)
class Value:
    """A value that options are about: its SQL, its type as kept, its logical type, and the column if it is a plain one."""

    sql: str
    type: DataType
    logical: str = ""
    column: str = ""


@dataclass(frozen=True, slots=True)
class Broken:
    """How a value breaks one option: a predicate, or what footers can prove of it too."""

    sql: str
    bounds: tuple[Bound, ...] = ()


def broken(at: Value, option: str, asked: Any, options: Mapping[str, Any]) -> Broken | None:  # noqa: ANN401
    """How the value *at* breaks *option*; None when the option asks nothing of values.

    Raises Uncheckable when the option cannot be evaluated on such a value.
    """
    make = OPTIONS.get(option)
    if make is None:
        message = f"the option '{option}' is not known: write one of {', '.join(OPTIONS)}"
        raise Uncheckable(message)
    return make(at, option, asked, options)


def _bound(at: Value, option: str, asked: Any, options: Mapping[str, Any]) -> Broken:  # noqa: ANN401
    sql, kind = _readable(at, options)
    asked_literal = value(asked, kind, _zone(options))
    parts = [f"{sql} {BREAKS[option]} {asked_literal}"]
    if kind.name in FLOATS:
        # NaN is in no range, though it sorts above every number.
        parts.append(f"isnan({sql})")
    if sql != at.sql:
        parts.append(f"({at.sql} IS NOT NULL AND {sql} IS NULL)")
    provable = at.column and at.type.name in BOUNDED
    bounds = (Bound(at.column, BREAKS[option], asked_literal),) if provable else ()
    return Broken(f"({' OR '.join(parts)})", bounds)


def _readable(at: Value, options: Mapping[str, Any]) -> tuple[str, DataType]:
    """The value as something that compares: text is read as what its logical type says."""
    if at.type.name in NUMBERS | TEMPORAL:
        return at.sql, at.type
    kind = READ_AS.get(at.logical) or (DOUBLE if at.type.name == "VARCHAR" and not at.logical else None)
    if at.type.name != "VARCHAR" or kind is None:
        message = f"a value of type {at.type} has no minimum or maximum"
        raise Uncheckable(message)
    pattern = options.get("format")
    if kind.name in TEMPORAL and isinstance(pattern, str):
        return f"CAST(try_strptime({at.sql}, {literal(formats.strptime(pattern))}) AS {kind})", kind
    return f"TRY_CAST({at.sql} AS {kind})", kind


def _zone(options: Mapping[str, Any]) -> tzinfo:
    name = options.get("defaultTimezone")
    if not isinstance(name, str):
        return UTC
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        message = f"'{name}' is no time zone: write e.g. Europe/Berlin"
        raise Uncheckable(message) from error


def _multiple(at: Value, option: str, asked: Any, options: Mapping[str, Any]) -> Broken:  # noqa: ANN401, ARG001
    sql, kind = _readable(at, {})
    if kind.name not in NUMBERS:
        message = f"a value of type {at.type} is no multiple of anything"
        raise Uncheckable(message)
    step = value(asked, DataType("DECIMAL", 38, 10))
    if float(step) <= 0:
        message = f"multipleOf must be above zero, not {asked!r}"
        raise Uncheckable(message)
    if kind.name in FLOATS:
        ratio = f"({sql} / {step})"
        return Broken(f"(NOT isfinite({sql}) OR abs({ratio} - round({ratio})) > 1e-9 * greatest(1, abs({ratio})))")
    return Broken(f"{sql} % {step} <> 0")


def _length(at: Value, option: str, asked: Any, options: Mapping[str, Any]) -> Broken:  # noqa: ANN401, ARG001
    operator = "<" if option == "minLength" else ">"
    measure = "octet_length" if at.type.name == "BLOB" else "length"
    return Broken(f"{measure}({_text(at, option)}) {operator} {_whole(asked, option)}")


def _pattern(at: Value, option: str, asked: Any, options: Mapping[str, Any]) -> Broken:  # noqa: ANN401, ARG001
    return Broken(f"NOT regexp_matches({_text(at, option)}, {literal(formats.regular_expression(str(asked)))})")


def _text(at: Value, option: str) -> str:
    if at.type.is_nested:
        message = f"{option} is about text, not about {at.type}"
        raise Uncheckable(message)
    return at.sql if at.type.name in {"VARCHAR", "BLOB"} else f"CAST({at.sql} AS VARCHAR)"


def _format(at: Value, option: str, asked: Any, options: Mapping[str, Any]) -> Broken | None:  # noqa: ANN401
    name = str(asked)
    if name in INTEGER_RANGES:
        low, high = INTEGER_RANGES[name]
        low_broken = _bound(at, "minimum", low, options)
        high_broken = _bound(at, "maximum", high, options)
        return Broken(f"({low_broken.sql} OR {high_broken.sql})", (*low_broken.bounds, *high_broken.bounds))
    if name in {"f32", "f64"}:
        narrow = name == "f32" and at.type.name == "DOUBLE"
        return Broken(f"(isfinite({at.sql}) AND abs({at.sql}) > {FLOAT_HIGHEST})") if narrow else None
    if at.logical in {"date", "timestamp", "time"}:
        if at.type.name != "VARCHAR":
            return None  # a date is a date: the format says how it is shown
        return Broken(f"try_strptime({at.sql}, {literal(formats.strptime(name))}) IS NULL AND {at.sql} IS NOT NULL")
    sql = formats.broken(_text(at, option), name)
    return None if sql is None else Broken(sql)


def _enum(at: Value, option: str, asked: Any, options: Mapping[str, Any]) -> Broken:  # noqa: ANN401, ARG001
    allowed, _ = values(asked, at.type)
    return Broken(f"{at.sql} NOT IN ({', '.join(allowed)})" if allowed else f"{at.sql} IS NOT NULL")


def _items(at: Value, option: str, asked: Any, options: Mapping[str, Any]) -> Broken:  # noqa: ANN401, ARG001
    operator = "<" if option == "minItems" else ">"
    return Broken(f"len({_list(at, option)}) {operator} {_whole(asked, option)}")


def _unique_items(at: Value, option: str, asked: Any, options: Mapping[str, Any]) -> Broken | None:  # noqa: ANN401, ARG001
    if not asked:
        return None
    items = _list(at, option)
    nulls = f"len(list_filter({items}, lambda item: item IS NULL))"
    # list_distinct drops NULLs; two of them are as equal as two of anything.
    return Broken(f"(len({items}) - {nulls} > len(list_distinct({items})) OR {nulls} > 1)")


def _list(at: Value, option: str) -> str:
    if at.type.name == "LIST":
        return at.sql
    if at.type.name == "VARCHAR":
        return f"TRY_CAST(TRY_CAST({at.sql} AS JSON) AS JSON[])"
    message = f"{option} is about lists, not about {at.type}"
    raise Uncheckable(message)


def _properties(at: Value, option: str, asked: Any, options: Mapping[str, Any]) -> Broken:  # noqa: ANN401, ARG001
    operator = "<" if option == "minProperties" else ">"
    whole = _whole(asked, option)
    if at.type.name == "STRUCT":
        given = " + ".join(f"CAST({member(at.sql, name)} IS NOT NULL AS INTEGER)" for name, _ in at.type.fields)
        return Broken(f"({at.sql} IS NOT NULL AND {given} {operator} {whole})")
    if at.type.name == "MAP":
        return Broken(f"cardinality({at.sql}) {operator} {whole}")
    return Broken(f"len(json_keys({_json(at, option)})) {operator} {whole}")


def _required(at: Value, option: str, asked: Any, options: Mapping[str, Any]) -> Broken:  # noqa: ANN401, ARG001
    if not isinstance(asked, (list, tuple)):
        message = f"required needs a list of property names, not {asked!r}"
        raise Uncheckable(message)
    names = [str(name) for name in asked]
    if at.type.name == "STRUCT":
        known = {name.lower(): name for name, _ in at.type.fields}
        tests = [f"{member(at.sql, known[n.lower()])} IS NULL" if n.lower() in known else "true" for n in names]
    elif at.type.name == "MAP":
        tests = [f"NOT map_contains({at.sql}, {literal(name)})" for name in names]
    else:
        json = _json(at, option)
        tests = [f"NOT coalesce(list_contains(json_keys({json}), {literal(name)}), false)" for name in names]
    return Broken(f"({at.sql} IS NOT NULL AND ({' OR '.join(tests) or 'false'}))")


def _json(at: Value, option: str) -> str:
    if at.type.name != "VARCHAR":
        message = f"{option} is about objects, not about {at.type}"
        raise Uncheckable(message)
    return f"TRY_CAST({at.sql} AS JSON)"


def _dimensions(at: Value, option: str, asked: Any, options: Mapping[str, Any]) -> Broken:  # noqa: ANN401, ARG001
    return Broken(f"len({_list(at, option)}) <> {_whole(asked, option)}")


def _nothing(at: Value, option: str, asked: Any, options: Mapping[str, Any]) -> None:  # noqa: ANN401
    """An option that says how to read others, or that no value can break."""


def _whole(asked: Any, option: str) -> str:  # noqa: ANN401
    try:
        return number(asked)
    except (ValueError, TypeError, ArithmeticError) as error:
        message = f"{option} needs a number, not {asked!r}"
        raise Uncheckable(message) from error


def member(sql: str, name: str) -> str:
    """The member *name* of a struct."""
    return f"struct_extract({sql}, {literal(name)})"


OPTIONS: Final[dict[str, Callable[[Value, str, Any, Mapping[str, Any]], Broken | None]]] = {
    **dict.fromkeys(BREAKS, _bound),
    "min": lambda at, _, asked, options: _bound(at, "minimum", asked, options),
    "max": lambda at, _, asked, options: _bound(at, "maximum", asked, options),
    "multipleOf": _multiple,
    "minLength": _length,
    "maxLength": _length,
    "pattern": _pattern,
    "format": _format,
    "enum": _enum,
    "validValues": _enum,
    "minItems": _items,
    "maxItems": _items,
    "uniqueItems": _unique_items,
    "minProperties": _properties,
    "maxProperties": _properties,
    "required": _required,
    "dimensions": _dimensions,
    **dict.fromkeys(("timezone", "defaultTimezone", "elementType", "distanceMetric", "normalized"), _nothing),
    **dict.fromkeys(("embeddingModel", "embeddingModelVersion"), _nothing),
}
