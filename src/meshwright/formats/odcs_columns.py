"""Properties of an ODCS schema object → columns, and the physical type that each one has."""

from __future__ import annotations

from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from meshwright.formats.custom_properties import values
from meshwright.formats.odcs_quality import read_quality, read_relationships
from meshwright.model.contract import Column
from meshwright.model.datatype import LOGICAL, SPELLINGS, VARCHAR, DataType
from meshwright.model.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

# Words for "it holds other values" that leave the values to `items`, `properties` or `map`.
CONTAINERS: Final = frozenset({"array", "list", "object", "struct", "record", "row", "map", "vector", "repeated"})
NESTED: Final = frozenset({"array", "object", "map", "vector"})
VECTOR_ELEMENTS: Final = {"float64": "DOUBLE", "int8": "TINYINT", "uint8": "UTINYINT", "binary": "BOOLEAN"}
ZONED: Final = {"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS"}


def read_column(entry: dict[str, Any], pointer: str, path: str, findings: list[Finding]) -> Column:
    """The column that a schema property describes; *findings* takes what cannot be understood.

    Allowed values (`enum`) become the option `enum`, a list. The values of a map are its two `properties`, called key
    and value.
    """
    properties, items = _inner(entry, pointer, path, findings)
    options = entry.get("logicalTypeOptions", {})
    if "enum" in entry:
        options = {**options, "enum": [allowed["value"] for allowed in entry["enum"]]}
    name = entry.get("name", "")
    return Column(
        name=name,
        type=_type(entry, properties, items, pointer, path, findings),
        logical_type=entry.get("logicalType"),
        physical_type=entry.get("physicalType"),
        description=entry.get("description", ""),
        business_name=entry.get("businessName", ""),
        required=entry.get("required", False),
        unique=entry.get("unique", False),
        primary_key=entry.get("primaryKey", False),
        primary_key_position=entry.get("primaryKeyPosition", -1),
        classification=entry.get("classification", ""),
        tags=tuple(entry.get("tags", ())),
        deprecated=entry.get("deprecated", False),
        options=options,
        relationships=read_relationships(entry.get("relationships"), f"{pointer}/relationships", (name,)),
        quality=read_quality(entry.get("quality"), f"{pointer}/quality"),
        properties=properties,
        items=items,
        custom=values(entry.get("customProperties")),
        pointer=pointer,
    )


def _inner(
    entry: dict[str, Any], pointer: str, path: str, findings: list[Finding]
) -> tuple[tuple[Column, ...], Column | None]:
    items = None
    if "items" in entry:
        items = read_column({"name": "", **entry["items"]}, f"{pointer}/items", path, findings)
    if "map" in entry:
        pair = tuple(
            read_column({**entry["map"][part], "name": part}, f"{pointer}/map/{part}", path, findings)
            for part in ("key", "value")
        )
        return pair, items
    properties = tuple(
        read_column(member, f"{pointer}/properties/{index}", path, findings)
        for index, member in enumerate(entry.get("properties", ()))
    )
    return properties, items


def _type(
    entry: dict[str, Any],
    properties: tuple[Column, ...],
    items: Column | None,
    pointer: str,
    path: str,
    findings: list[Finding],
) -> DataType:
    logical, physical = entry.get("logicalType"), entry.get("physicalType")
    if physical is not None and physical.strip().lower() not in CONTAINERS:
        parsed = _parsed(physical)
        if parsed is None:
            findings.append(_unknown_type(physical, pointer, path))
        else:
            return _adjusted(parsed, logical, entry)
    fallback = _logical_type(logical or (physical or "").strip().lower(), entry, properties, items)
    if fallback is not None:
        return fallback
    if physical is None:
        findings.append(
            Finding(
                code="missing-type",
                message=f"The column '{entry.get('name') or 'items'}' has no type",
                path=path,
                hint="add 'physicalType: …', such as VARCHAR or DECIMAL(10,2)",
                pointer=pointer,
            )
        )
    return VARCHAR


@lru_cache(maxsize=4096)
def _parsed(physical: str) -> DataType | None:
    try:
        return DataType.parse(physical)
    except ValueError:
        return None


def _adjusted(parsed: DataType, logical: str | None, entry: dict[str, Any]) -> DataType:
    if parsed.name == "LIST" and parsed.size and logical is not None and logical not in NESTED:
        # Some tools write a length as varchar[50].
        return parsed.element
    if parsed.name in ZONED and entry.get("logicalTypeOptions", {}).get("timezone") is True:
        return DataType("TIMESTAMP WITH TIME ZONE")
    return parsed


def _logical_type(
    logical: str, entry: dict[str, Any], properties: tuple[Column, ...], items: Column | None
) -> DataType | None:
    options = entry.get("logicalTypeOptions", {})
    if logical in {"object", "struct", "record", "row"}:
        return DataType("STRUCT", fields=_fields(properties)) if properties else DataType("JSON")
    if logical in {"array", "list", "repeated"}:
        return DataType("LIST", fields=(("", items.type if items else VARCHAR),))
    if logical == "map" and len(properties) == 2:  # noqa: PLR2004 - key and value
        return DataType("MAP", fields=tuple(("", member.type) for member in properties))
    if logical == "vector":
        element = VECTOR_ELEMENTS.get(options.get("elementType", "float32"), "FLOAT")
        return DataType("LIST", fields=(("", DataType(element)),))
    zoned = logical == "timestamp" and options.get("timezone") is True
    name = "TIMESTAMP WITH TIME ZONE" if zoned else LOGICAL.get(logical)
    return None if name is None else DataType(name)


def _fields(members: Iterable[Column]) -> tuple[tuple[str, DataType], ...]:
    return tuple((member.name, member.type) for member in members)


def _unknown_type(physical: str, pointer: str, path: str) -> Finding:
    word = physical.split("(", maxsplit=1)[0].strip().lower()
    # Names of types are short: what is only a little alike is something else.
    close = get_close_matches(word, SPELLINGS, n=1, cutoff=0.75)
    hint = f"did you mean '{SPELLINGS[close[0]]}'?" if close else "write a SQL type, such as VARCHAR or DECIMAL(10,2)"
    return Finding(
        code="unknown-type",
        message="The physical type is not known",
        path=path,
        value=physical,
        hint=hint,
        pointer=f"{pointer}/physicalType",
    )
