"""Stored columns as an Iceberg v2 schema, and bounds of their values in Iceberg's single-value serialisation.

Follows https://iceberg.apache.org/spec/, "Schemas and Data Types", "Column Projection" and appendix D.
"""

from __future__ import annotations

import struct
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

from meshwright.model.datatype import DataType, Unstorable, stored
from meshwright.model.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from meshwright.model.publication import Field

PRIMITIVES: Final = {
    "BOOLEAN": "boolean",
    "INTEGER": "int",
    "BIGINT": "long",
    "FLOAT": "float",
    "DOUBLE": "double",
    "VARCHAR": "string",
    "BLOB": "binary",
    "DATE": "date",
    "TIME": "time",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
}
# What Iceberg lets a column become while it keeps its field id, beside a decimal of more precision.
PROMOTIONS: Final = {("int", "long"), ("float", "double")}
TEXT_BOUND_CHARACTERS: Final = 16
MICROSECOND: Final = timedelta(microseconds=1)
EXACT: Final = Context(prec=80)
CODE_POINT_MAX: Final = 0x10FFFF
SURROGATES: Final = (0xD800, 0xDFFF)


def iceberg_schema(columns: Sequence[Field], schema_id: int) -> dict[str, Any]:
    """The schema that *columns* make, every field optional: tests, not storage, enforce `required`.

    Raises InvalidInput for a type that no table can hold.
    """
    fields = [_field(column.id, column.name, column.type, iter(column.nested_ids)) for column in columns]
    return {"type": "struct", "schema-id": schema_id, "fields": fields}


def name_mapping(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The `schema.name-mapping.default` of a schema: how to find columns in files without field ids."""
    return [_mapped(field["id"], field["name"], field["type"]) for field in schema["fields"]]


def highest_id(schema: dict[str, Any]) -> int:
    """The highest field id in a schema, nested ones included; 0 when it has no columns."""
    return max((found for field in schema["fields"] for found in _ids(field["id"], field["type"])), default=0)


def check_evolution(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Raise InvalidInput when a field id changes its type in a way that files written before could not be read in."""
    before = {field["id"]: field for field in old["fields"]}
    for field in new["fields"]:
        was = before.get(field["id"], field)
        if not _readable(was["type"], field["type"]):
            raise InvalidInput(
                f"column {field['name']} cannot turn from {was['type']} into {field['type']} and keep field id "
                f"{field['id']}: files written before would be misread; give it a new field id"
            )


def lower_bound(kind: DataType, lowest: str | None) -> bytes | None:
    """*lowest* (text as DuckDB or ISO 8601 writes it) serialised; None where no exact or safely lower bound is known."""
    if lowest is None:
        return None
    return _bound(kind, lowest[:TEXT_BOUND_CHARACTERS] if kind.name == "VARCHAR" else lowest)


def upper_bound(kind: DataType, highest: str | None) -> bytes | None:
    """*highest* serialised; a long text is cut after 16 characters and raised, as Iceberg's writers do."""
    if highest is None:
        return None
    if kind.name == "VARCHAR" and len(highest) > TEXT_BOUND_CHARACTERS:
        raised = _raised(highest[:TEXT_BOUND_CHARACTERS])
        return None if raised is None else _bound(kind, raised)
    return _bound(kind, highest)


def _field(identifier: int, name: str, kind: DataType, nested: Iterator[int]) -> dict[str, Any]:
    return {"id": identifier, "name": name, "required": False, "type": _type(name, kind, nested)}


def _type(name: str, kind: DataType, nested: Iterator[int]) -> Any:  # noqa: ANN401 - a name, or a nested object
    try:
        kind = stored(kind)
    except Unstorable as error:
        raise InvalidInput(f"column {name}: {error}") from error
    if kind.name == "DECIMAL":
        return f"decimal({kind.precision}, {kind.scale})"
    if not kind.is_nested:
        return PRIMITIVES[kind.name]
    try:
        return _nested_type(name, kind, nested)
    except StopIteration:
        raise InvalidInput(f"column {name}: {kind} needs a field id for every nested value") from None


def _nested_type(name: str, kind: DataType, nested: Iterator[int]) -> dict[str, Any]:
    match kind.name:
        case "LIST":
            return {
                "type": "list",
                "element-id": next(nested),
                "element": _type(name, kind.element, nested),
                "element-required": False,
            }
        case "MAP":
            (_, key), (_, value) = kind.fields
            return {
                "type": "map",
                "key-id": next(nested),
                "key": _type(name, key, nested),
                "value-id": next(nested),
                "value": _type(name, value, nested),
                "value-required": False,
            }
    members = []
    for member, inner in kind.fields:
        identifier = next(nested)
        members.append(_field(identifier, member, inner, nested))
    return {"type": "struct", "fields": members}


def _parts(kind: Any) -> list[tuple[int, str, Any]]:  # noqa: ANN401 - a name, or a nested object
    """The (id, name, type) of each value directly inside a type."""
    if isinstance(kind, str):
        return []
    if kind["type"] == "struct":
        return [(field["id"], field["name"], field["type"]) for field in kind["fields"]]
    return [(kind[f"{part}-id"], part, kind[part]) for part in ("element", "key", "value") if part in kind]


def _ids(identifier: int, kind: Any) -> list[int]:  # noqa: ANN401
    return [identifier, *(found for inner, _, nested in _parts(kind) for found in _ids(inner, nested))]


def _mapped(identifier: int, name: str, kind: Any) -> dict[str, Any]:  # noqa: ANN401
    mapped: dict[str, Any] = {"field-id": identifier, "names": [name]}
    if inside := _parts(kind):
        mapped["fields"] = [_mapped(*part) for part in inside]
    return mapped


def _readable(old: Any, new: Any) -> bool:  # noqa: ANN401
    """Whether values of type *old* can be read as *new*; nested ones are matched by field id."""
    if isinstance(old, str) and isinstance(new, str):
        return old == new or (old, new) in PROMOTIONS or _wider_decimal(old, new)
    if isinstance(old, str) or isinstance(new, str) or old["type"] != new["type"]:
        return False
    before = {identifier: kind for identifier, _, kind in _parts(old)}
    return all(_readable(before.get(identifier, kind), kind) for identifier, _, kind in _parts(new))


def _wider_decimal(old: str, new: str) -> bool:
    if not (old.startswith("decimal") and new.startswith("decimal")):
        return False
    before, after = DataType.parse(old), DataType.parse(new)
    return before.scale == after.scale and before.precision <= after.precision


def _bound(kind: DataType, text: str) -> bytes | None:
    serialise = SERIALISERS.get(stored(kind).name)
    if serialise is None:
        return None
    try:
        return serialise(text, stored(kind))
    except (ValueError, InvalidOperation, OverflowError, struct.error):
        # What cannot be told exactly is not told: a wrong bound would hide rows.
        return None


def _raised(text: str) -> str | None:
    """The shortest text above everything that begins with *text*; None when there is none."""
    for end in range(len(text), 0, -1):
        above = ord(text[end - 1]) + 1
        if SURROGATES[0] <= above <= SURROGATES[1]:
            above = SURROGATES[1] + 1
        if above <= CODE_POINT_MAX:
            return text[: end - 1] + chr(above)
    return None


def _boolean(text: str, _: DataType) -> bytes:
    return {"true": b"\x01", "false": b"\x00", "1": b"\x01", "0": b"\x00"}.get(text.lower()) or _unknown(text)


def _decimal(text: str, kind: DataType) -> bytes:
    scaled = EXACT.scaleb(Decimal(text), kind.scale)
    unscaled = int(scaled)
    if unscaled != scaled:
        return _unknown(text)
    return unscaled.to_bytes((unscaled + (unscaled < 0)).bit_length() // 8 + 1, "big", signed=True)


def _date(text: str, _: DataType) -> bytes:
    return struct.pack("<i", date.fromisoformat(text).toordinal() - date(1970, 1, 1).toordinal())


def _time(text: str, _: DataType) -> bytes:
    at = time.fromisoformat(text)
    if at.tzinfo is not None:
        return _unknown(text)
    since_midnight = timedelta(hours=at.hour, minutes=at.minute, seconds=at.second, microseconds=at.microsecond)
    return struct.pack("<q", since_midnight // MICROSECOND)


def _timestamp(text: str, _: DataType) -> bytes:
    at = datetime.fromisoformat(text)
    if at.tzinfo is not None:
        return _unknown(text)
    return struct.pack("<q", (at - datetime(1970, 1, 1)) // MICROSECOND)  # noqa: DTZ001 - a wall-clock time has no zone


def _timestamptz(text: str, _: DataType) -> bytes:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        return _unknown(text)
    return struct.pack("<q", (at - datetime(1970, 1, 1, tzinfo=UTC)) // MICROSECOND)


def _unknown(text: str) -> bytes:
    raise ValueError(text)


# Binary and floating-point columns get none: text cannot spell the first, and engines disagree where NaN sorts.
SERIALISERS: Final[dict[str, Callable[[str, DataType], bytes]]] = {
    "BOOLEAN": _boolean,
    "INTEGER": lambda text, _: struct.pack("<i", int(text)),
    "BIGINT": lambda text, _: struct.pack("<q", int(text)),
    "DECIMAL": _decimal,
    "VARCHAR": lambda text, _: text.encode(),
    "DATE": _date,
    "TIME": _time,
    "TIMESTAMP": _timestamp,
    "TIMESTAMP WITH TIME ZONE": _timestamptz,
}
