"""What a contract could promise of a table that was looked at. Nothing is proposed that one of its rows breaks."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from meshwright.authoring.naming import title
from meshwright.authoring.number_kinds import IN_PERCENT, is_money
from meshwright.authoring.personal import personal_columns
from meshwright.authoring.text_formats import text_options
from meshwright.model.contract import Column, QualityRule, Table
from meshwright.model.datatype import quote
from meshwright.quality.comparison import Uncheckable
from meshwright.quality.options import Value, broken
from meshwright.quality.values import INTEGERS, NUMBERS
from meshwright.reading.masks import tells_apart

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from duckdb import DuckDBPyConnection

    from meshwright.authoring.input_tables import InputColumn
    from meshwright.authoring.profile import ColumnProfile

KEY_NAME: Final = re.compile(r"(?:^|_)(?:id|ids|key|code|no|nr|number|nummer|uuid|guid|isbn|ean|sku|email|e_mail)$")
KEY_TYPES: Final = INTEGERS | {"VARCHAR", "DATE", "UUID"}
# From this many rows on, a column without two equal values hardly is so by chance.
ROWS_TELLING: Final = 100
ROWS_SOME: Final = 20
ENUM_MAX: Final = 12
TIMES_EACH: Final = 4
ENUM_LENGTH_MAX: Final = 40
RANGES: Final = (
    (r"lat|latitude", -90, 90),
    (r"lon|lng|longitude", -180, 180),
    (r"month|monat", 1, 12),
    (r"day|tag|day_of_month", 1, 31),
    (r"hour|stunde", 0, 23),
    (r"minute|second|sekunde", 0, 59),
    (r"percent|percentage|pct|prozent", 0, 100),
)
# Below zero they mean something, whatever was seen.
SIGNED: Final = re.compile(
    r"(?:^|_)(?:temp|temperature|balance|saldo|delta|diff|difference|change|delay|profit|margin|growth|elevation|altitude|"
    r"alt|offset|tz|x|y|z|year|jahr)(?:_|$)"
)
# From zero up to at least so many times the lowest value: zero is near enough to be the bound.
REACH_MIN: Final = 20
COUNTED: Final = re.compile(
    r"(?:^|_)(?:quantity|qty|count|age|menge|anzahl|size|length|weight|duration|distance|stock)(?:_|$)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A table as a contract could promise it; `review` says of single columns why a person has to judge."""

    table: Table
    review: tuple[tuple[str, str], ...] = ()


def propose(
    drafted: Table,
    profiles: Sequence[ColumnProfile],
    *,
    connection: DuckDBPyConnection,
    looked_at: str,
    origins: Mapping[str, InputColumn],
) -> Proposed:
    """*drafted* with what the rows of the table *looked_at*, whose *profiles* these are, all keep.

    *origins* are the input's columns by the names that they have in the table. Of one that is seen through a mask the values
    say nothing; whether they are there and differ, where the mask leaves that.
    """
    masks = {name: origin.mask for name, origin in origins.items() if origin.mask}
    clear = [one for one in profiles if one.name not in masks]
    reasons = personal_columns({_plain(one.name): one.some if one.name not in masks else () for one in profiles})
    options = _kept_by_all(connection, looked_at, clear, drafted)
    blurred = {one.name for one in profiles if one.name in masks and not tells_apart(one.type, masks[one.name])}
    key = _key(profiles, drafted.name, blurred)
    columns = []
    review: list[tuple[str, str]] = []
    for column, seen in zip(drafted.columns, profiles, strict=True):
        proposed = _named(column, origins.get(column.name))
        proposed = replace(proposed, options={**proposed.options, **options.get(column.name, {})})
        is_percent = (origin := origins.get(column.name)) is not None and origin.note == IN_PERCENT
        named = f"{_plain(column.name)}_percent" if is_percent else _plain(column.name)
        if column.name not in blurred:
            proposed = _identified(proposed, seen, is_key=column.name == key)
        if column.name not in masks and column.name != key:
            proposed = _promised(proposed, seen, named, reasons[_plain(column.name)])
        if reasons[_plain(column.name)]:
            proposed = _marked(proposed, reasons[_plain(column.name)])
            review.append((column.name, f"likely personal: {reasons[_plain(column.name)]}"))
        if origin is not None and origin.doubt:
            review.append((column.name, origin.doubt))
        columns.append(proposed)
    return Proposed(table=replace(drafted, columns=tuple(columns), quality=_of_table(profiles)), review=tuple(review))


def _plain(name: str) -> str:
    return name.lower()


def _named(column: Column, origin: InputColumn | None) -> Column:
    if origin is None:
        return replace(column, business_name=title(column.name))
    # What stands in brackets behind a name is mostly a unit, and part of it.
    business = " ".join(origin.original.split())
    note = f"{origin.note[:1].upper()}{origin.note[1:]}." if origin.note else ""
    return replace(column, business_name=business if business != column.name else "", description=note)


def _identified(column: Column, seen: ColumnProfile, *, is_key: bool) -> Column:
    """*column* with whether all rows have a value, and each another."""
    column = replace(column, required=seen.is_complete)
    if is_key:
        return replace(column, primary_key=True, primary_key_position=1)
    is_telling = _is_like_key(column.name) and seen.is_unique and seen.rows > 1 and seen.type.name in KEY_TYPES
    return replace(column, unique=True) if is_telling else column


def _promised(column: Column, seen: ColumnProfile, named: str, reason: str) -> Column:
    """*column* with what all its values keep; *named* says what it is called, and measured in."""
    if seen.type.name in NUMBERS:
        return _bounded(column, seen, named, reason)
    return _listed(column, seen) if not reason else column


def _marked(column: Column, reason: str) -> Column:
    """*column* as one that is likely about a person, until somebody has judged."""
    note = f"Likely personal, as {reason}. Confirm it, or remove this note, the tag and the classification."
    return replace(
        column,
        classification="confidential",
        tags=(*column.tags, "personal"),
        custom={**column.custom, "mesh.review": note},
    )


def _is_like_key(name: str) -> bool:
    return KEY_NAME.search(_plain(name)) is not None


def _key(profiles: Sequence[ColumnProfile], table: str, blurred: Collection[str]) -> str:
    """The column that most likely identifies a row, none of the *blurred* ones; "" when none does."""
    telling = [
        one
        for one in profiles
        if one.is_unique and one.type.name in KEY_TYPES and one.rows > 1 and one.name not in blurred
    ]
    own = {"id", f"{table}_id", f"{table.removesuffix('s')}_id", f"{table.removesuffix('es')}_id", f"{table}_key"}
    for is_chosen in (
        lambda one: one.name in own,
        lambda one: _is_like_key(one.name) and one.name != "email",
        lambda one: one is profiles[0] and one.rows >= ROWS_TELLING and one.longest <= ENUM_LENGTH_MAX,
    ):
        found = next((one.name for one in telling if is_chosen(one)), "")
        if found:
            return found
    return ""


def _bounded(column: Column, seen: ColumnProfile, name: str, reason: str) -> Column:
    if seen.has_nan or seen.lowest is None or _is_like_key(column.name):
        return column
    for pattern, low, high in RANGES:
        if re.search(rf"(?:^|_)(?:{pattern})(?:_|$)", name) and low <= seen.lowest <= seen.highest <= high:
            return replace(column, options={**column.options, "minimum": low, "maximum": high})
    if _begins_at_zero(seen, name):
        column = replace(column, options={**column.options, "minimum": 0})
    if reason or seen.rows < ROWS_TELLING or seen.lowest == seen.highest:
        return column
    seen_range = {"minimum": _wide(seen.lowest, down=True), "maximum": _wide(seen.highest, down=False)}
    return replace(column, quality=(_warning("in the range seen", seen_range),))


def _begins_at_zero(seen: ColumnProfile, name: str) -> bool:
    """Whether nothing below zero is meant: by the column's name, or because the values of many rows reach down to it."""
    if seen.lowest < 0 or SIGNED.search(name):
        return False
    reaches = seen.rows >= ROWS_SOME and seen.lowest * REACH_MIN <= seen.highest
    return reaches or is_money(name) or COUNTED.search(name) is not None


def _wide(value: Any, *, down: bool) -> float | int:  # noqa: ANN401 - a number of any type
    """A round number with room beyond *value*: 0 below what is not negative."""
    number = float(value)
    if (number >= 0) is down:
        return 0
    room = Decimal(str(abs(number) * 1.5))
    step = Decimal(1).scaleb(room.adjusted())
    rounded = math.ceil(room / step) * step * (-1 if down else 1)
    return int(rounded) if rounded == rounded.to_integral_value() else float(rounded)


def _listed(column: Column, seen: ColumnProfile) -> Column:
    words = sorted(str(value) for value, _ in seen.values)
    is_list = words and seen.rows >= ROWS_SOME and seen.present >= TIMES_EACH * len(words)
    if not is_list or "format" in column.options or max(map(len, words)) > ENUM_LENGTH_MAX or len(words) == 1:
        return column
    kept = {key: value for key, value in column.options.items() if key != "pattern"}
    if len(words) <= ENUM_MAX:
        return replace(column, options={**kept, "enum": words}, quality=())
    return replace(column, options=kept, quality=(_warning("among the values seen", {"validValues": words}),))


def _warning(name: str, arguments: dict[str, Any]) -> QualityRule:
    return QualityRule(
        kind="library",
        name=name,
        metric="invalidValues",
        arguments=arguments,
        comparisons={"mustBe": 0},
        severity="warning",
        dimension="conformity",
    )


def _of_table(profiles: Sequence[ColumnProfile]) -> tuple[QualityRule, ...]:
    if not profiles or not profiles[0].rows:
        return ()
    return (QualityRule(kind="library", name="not empty", metric="rowCount", comparisons={"mustBeGreaterThan": 0}),)


def _kept_by_all(
    connection: DuckDBPyConnection, table: str, profiles: Sequence[ColumnProfile], drafted: Table
) -> dict[str, dict[str, Any]]:
    """Of each column of text, the first options that its texts suggest and all of its rows keep."""
    logical = {column.name: column.logical_type or "" for column in drafted.columns}
    open_columns = {one.name: text_options(one.some) for one in profiles if one.type.name == "VARCHAR" and one.some}
    settled: dict[str, dict[str, Any]] = {}
    while open_columns:
        asked = {name: options for name, found in open_columns.items() if (options := next(found, None)) is not None}
        open_columns = {name: open_columns[name] for name in asked}
        kinds = {one.name: one.type for one in profiles}
        conditions = {}
        for name, options in asked.items():
            at = Value(quote(name), kinds[name], logical[name], name)
            conditions[name] = " OR ".join(_conditions(at, options))
        for name, count in _counts(connection, table, conditions).items():
            if not count:
                settled[name] = asked[name]
                del open_columns[name]
    return settled


def _conditions(at: Value, options: dict[str, Any]) -> Iterator[str]:
    for option, operand in options.items():
        try:
            found = broken(at, option, operand, options)
        except Uncheckable:
            yield "true"
        else:
            yield found.sql if found is not None else "false"


def _counts(connection: DuckDBPyConnection, table: str, conditions: Mapping[str, str]) -> dict[str, int]:
    if not conditions:
        return {}
    parts = ", ".join(f"count(*) FILTER ({condition})" for condition in conditions.values())
    row = connection.execute(f"SELECT {parts} FROM {quote(table)}").fetchone() or ()
    return dict(zip(conditions, row, strict=True))
