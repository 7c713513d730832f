"""Masks in DuckDB's dialect: what a reader sees instead of a value, of the same type as the value.

A mask that does not fit a type, or is not known, gives NULL: never the value, never an error. NULL stays NULL, but for the
fixed value, which hides that, too.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from meshwright.model import restriction as actions
from meshwright.model.datatype import literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshwright.model.datatype import DataType

# Iceberg's values, as far as the type has them.
FIXED: Final = {
    "VARCHAR": "'XXXXXXXX'",
    "BOOLEAN": "false",
    "TINYINT": "99",
    "SMALLINT": "9999",
    "INTEGER": "999999999",
    "BIGINT": "999999999",
    "FLOAT": "0.0",
    "DOUBLE": "0.0",
    "DECIMAL": "0",
    "DATE": "DATE '9999-12-31'",
    "TIME": "TIME '00:00:00'",
    "TIMESTAMP": "TIMESTAMP '9999-12-31 00:00:00'",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ '9999-12-31 00:00:00+00'",
    "UUID": "UUID '00000000-0000-0000-0000-000000000000'",
    "BLOB": "''::BLOB",
}
TIMES: Final = frozenset({"DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"})
NUMBERS: Final = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "DECIMAL", "FLOAT", "DOUBLE"})
# Hexadecimal digits of a hash that fit a number; too few values would be guessed, and collide.
HASH_DIGITS: Final = {"BIGINT": 15, "INTEGER": 7}
BLOCK: Final = 64
SHOWN: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What hashes are made with: `pseudonym` is the mesh's own key, `query` a salt that no two reads share."""

    pseudonym: bytes = b""
    query: bytes = field(default_factory=lambda: secrets.token_bytes(32))


def tells_apart(kind: DataType, action: str) -> bool:
    """Whether *action* leaves different values of *kind* different, and equal ones equal."""
    hashes = (actions.PSEUDONYM, actions.SHA_256_GLOBAL, actions.SHA_256_QUERY_LOCAL)
    return kind.name == "VARCHAR" and action in hashes


def masked(column: str, kind: DataType, action: str, keys: Keys) -> str:
    """The SQL of what is seen of *column* (quoted), which is of type *kind*, through *action*: of the same type."""
    name, _, argument = action.partition(":")
    value = MASKS[name](column, kind, argument, keys) if actions.is_mask(action) else None
    # The beginning of a year or a range may lie before the first value of the type.
    may_fail = value and name in {actions.TRUNCATE_TO_YEAR, actions.TRUNCATE_TO_MONTH, actions.GENERALISE}
    return f"TRY(CAST({value} AS {kind}))" if may_fail else f"CAST({value or 'NULL'} AS {kind})"


def _fixed(column: str, kind: DataType, argument: str, keys: Keys) -> str | None:
    del column, argument, keys
    return FIXED.get(kind.name)


def _alphanum(column: str, kind: DataType, argument: str, keys: Keys) -> str | None:
    del argument, keys
    return _hidden(column) if kind.name == "VARCHAR" else None


def _hidden(text: str) -> str:
    """Letters as x and X, digits as n; everything else stays."""
    for pattern, letter in ((r"\p{Lu}", "X"), (r"[\p{Ll}\p{Lt}\p{Lm}\p{Lo}\p{M}]", "x"), (r"\p{N}", "n")):
        text = f"system.main.regexp_replace({text}, '{pattern}', '{letter}', 'g')"
    return text


def _first(column: str, kind: DataType, argument: str, keys: Keys) -> str | None:
    del argument, keys
    if kind.name != "VARCHAR":
        return None
    rest = _hidden(f"system.main.substring({column}, {SHOWN + 1})")
    return f"system.main.concat_ws('', system.main.substring({column}, 1, {SHOWN}), {rest})" + _unless_null(column)


def _last(column: str, kind: DataType, argument: str, keys: Keys) -> str | None:
    del argument, keys
    if kind.name != "VARCHAR":
        return None
    cut = f"greatest(system.main.length({column}) - {SHOWN}, 0)"
    rest = _hidden(f"system.main.substring({column}, 1, {cut})")
    return f"system.main.concat_ws('', {rest}, system.main.substring({column}, {cut} + 1))" + _unless_null(column)


def _unless_null(column: str) -> str:
    return f" || CASE WHEN {column} IS NULL THEN NULL ELSE '' END"


def _truncated(part: str) -> Callable[[str, DataType, str, Keys], str | None]:
    def truncate(column: str, kind: DataType, argument: str, keys: Keys) -> str | None:
        del argument, keys
        return _begin(column, kind, part)

    return truncate


def _begin(column: str, kind: DataType, part: str) -> str | None:
    """The beginning of the *part* of time that a value lies in; of infinity, which lies in none, nothing."""
    if kind.name not in TIMES:
        return None
    # Of a date it fails for the first week there is, and past TRY: while the query is planned.
    value = f"CAST({column} AS TIMESTAMP)" if kind.name == "DATE" and part == "week" else column
    return f"CASE WHEN system.main.isfinite({column}) THEN system.main.date_trunc('{part}', {value}) END"


def _global_hash(column: str, kind: DataType, argument: str, keys: Keys) -> str | None:
    del argument, keys
    # Of text, DuckDB hashes the bytes in UTF-8.
    return _as_type(f"system.main.sha256({column if kind.name == 'VARCHAR' else _bytes(column, kind)})", kind)


def _local_hash(column: str, kind: DataType, argument: str, keys: Keys) -> str | None:
    del argument
    return _as_type(_hmac(keys.query, _bytes(column, kind)), kind)


def _pseudonym(column: str, kind: DataType, argument: str, keys: Keys) -> str | None:
    del argument
    # Without a key a pseudonym would be a hash that everybody can make.
    return _as_type(_hmac(keys.pseudonym, _bytes(column, kind)), kind) if keys.pseudonym else None


def _bytes(column: str, kind: DataType) -> str:
    return column if kind.name == "BLOB" else f"system.main.encode(CAST({column} AS VARCHAR))"


def _hmac(key: bytes, message: str) -> str:
    """HMAC-SHA-256 (RFC 2104) of *message*, as hexadecimal digits."""
    padded = key.ljust(BLOCK, b"\0")[:BLOCK]
    inner, outer = (_blob(bytes(byte ^ pad for byte in padded)) for pad in (0x36, 0x5C))
    return f"system.main.sha256({outer} || system.main.unhex(system.main.sha256({inner} || {message})))"


def _blob(value: bytes) -> str:
    return f"system.main.unhex('{value.hex()}')"


def _as_type(digits: str, kind: DataType) -> str | None:
    """A hash as a value of type *kind*: text, bytes, or as much of it as a whole number holds."""
    if kind.name == "VARCHAR":
        return digits
    if kind.name == "BLOB":
        return f"system.main.unhex({digits})"
    if kind.name in HASH_DIGITS:
        return f"CAST('0x' || system.main.substring({digits}, 1, {HASH_DIGITS[kind.name]}) AS BIGINT)"
    return None


def _range(column: str, kind: DataType, argument: str, keys: Keys) -> str | None:
    """The beginning of the range that a value lies in."""
    del keys
    if argument in actions.PARTS:
        return _begin(column, kind, argument)
    if kind.name not in NUMBERS:
        return None
    # As a double, so that no width is too large for the type; what does not fit then is NULL.
    return f"system.main.floor(CAST({column} AS DOUBLE) / {argument}) * {argument}"


def _null(column: str, kind: DataType, argument: str, keys: Keys) -> str | None:
    del column, kind, argument, keys
    return None


MASKS: Final[dict[str, Callable[[str, DataType, str, Keys], str | None]]] = {
    actions.MASK_ALPHANUM: _alphanum,
    actions.MASK_TO_FIXED_VALUE: _fixed,
    actions.REPLACE_WITH_NULL: _null,
    actions.SHOW_FIRST_4: _first,
    actions.SHOW_LAST_4: _last,
    actions.TRUNCATE_TO_YEAR: _truncated("year"),
    actions.TRUNCATE_TO_MONTH: _truncated("month"),
    actions.SHA_256_GLOBAL: _global_hash,
    actions.SHA_256_QUERY_LOCAL: _local_hash,
    actions.PSEUDONYM: _pseudonym,
    actions.GENERALISE: _range,
}


def condition(predicate: actions.Predicate, names: dict[int, str]) -> str:
    """*predicate* in SQL, never NULL; *names* has the quoted name of each column by field id.

    A column that is not there makes its comparison false under any number of negations: no row is won by it.
    """
    return _condition(predicate, names, positive=True)


def _condition(predicate: actions.Predicate, names: dict[int, str], *, positive: bool) -> str:
    operator, arguments = predicate.operator, predicate.arguments
    if operator in {"true", "false"}:
        return operator
    if operator == "not":
        (inner,) = arguments
        assert isinstance(inner, actions.Predicate)  # noqa: S101 - as the compiler makes it
        return f"(NOT {_condition(inner, names, positive=not positive)})"
    if operator in {"and", "or"}:
        parts = [_condition(one, names, positive=positive) for one in arguments if isinstance(one, actions.Predicate)]
        return f"({f' {operator.upper()} '.join(parts)})"
    # What cannot be told is false here, and where it is negated, true: so that a row is never let through by it.
    unknown = "false" if positive else "true"
    ids = [one.id for one in arguments if isinstance(one, actions.FilterColumn)]
    if any(number not in names for number in ids):
        return unknown
    if operator == "known":
        return f"({names[ids[0]]} IS NOT NULL)"
    return f"coalesce({_comparison(operator, arguments, names)}, {unknown})"


def _comparison(operator: str, arguments: tuple[object, ...], names: dict[int, str]) -> str:
    left, right = (_operand(one, names) for one in arguments)
    if operator == "contains":
        return f"{right} IN ({left})" if left else "false"
    if operator == "like":
        return f"{left} LIKE {right} ESCAPE '\\'"
    return f"{left} {'=' if operator == '==' else operator} {right}"


def _operand(value: object, names: dict[int, str]) -> str:
    match value:
        case actions.FilterColumn(number):
            return names[number]
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case tuple():
            return ", ".join(_operand(one, names) for one in value)
        case _:
            return literal(str(value))
