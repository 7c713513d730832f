"""Contracts → ODCS v3.2.0 documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from meshwright.model.contract import Column, Contract, QualityRule, Relationship, Table
    from meshwright.model.datatype import DataType

# What a physical type means to a reader who knows ODCS only.
LOGICAL_OF: Final = {
    "VARCHAR": "string",
    "UUID": "string",
    "JSON": "object",
    "VARIANT": "object",
    "BLOB": "string",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIME": "time",
    "TIMETZ": "time",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP_S": "timestamp",
    "TIMESTAMP_MS": "timestamp",
    "TIMESTAMP_NS": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamp",
    "FLOAT": "number",
    "DOUBLE": "number",
    "DECIMAL": "number",
    "LIST": "array",
    "STRUCT": "object",
    "MAP": "map",
    "INTERVAL": "string",
}
# Rule names of ODCS 3.0 and the metrics that took their place.
LEGACY_RULES: Final = {"nullCheck": "nullValues", "duplicateCount": "duplicateValues", "validValues": "invalidValues"}
ZERO_IS_GOOD: Final = frozenset({"nullValues", "missingValues", "invalidValues", "duplicateValues"})
METRICS: Final = ZERO_IS_GOOD | {"rowCount"}


def write(contract: Contract) -> dict[str, Any]:
    """*contract* as a valid ODCS v3.2.0 document, keys in the order in which people read them."""
    return kept(
        {
            "apiVersion": "v3.2.0",
            "kind": "DataContract",
            "id": contract.id,
            "name": contract.name,
            "version": contract.version,
            "status": contract.status,
            "domain": contract.domain,
            "dataProduct": contract.data_product,
            "description": {"purpose": contract.description} if contract.description else None,
            "tags": list(contract.tags),
            "schema": [_table(table) for table in contract.tables],
            "slaProperties": [
                kept(
                    {
                        "property": level.property,
                        "value": level.value,
                        "valueExt": level.value_ext,
                        "unit": level.unit,
                        "element": level.element,
                        "driver": level.driver,
                    },
                    always=("property", "value"),
                )
                for level in contract.service_levels
            ],
            "customProperties": custom_properties(contract.custom),
        },
        always=("id", "version"),
    )


def custom_properties(custom: Mapping[str, Any]) -> list[dict[str, Any]]:
    """*custom* as the standards' list of property and value."""
    return [{"property": key, "value": value} for key, value in custom.items()]


def kept(entries: dict[str, Any], always: Collection[str] = ()) -> dict[str, Any]:
    """*entries* without what says nothing, unless the standard requires it."""
    return {key: value for key, value in entries.items() if key in always or value not in (None, "", [], {}, False)}


def _table(table: Table) -> dict[str, Any]:
    return kept(
        {
            "name": table.name,
            "physicalName": table.physical_name,
            "physicalType": "table",
            "description": table.description,
            "tags": list(table.tags),
            "properties": [_column(column) for column in table.columns],
            "relationships": [_relationship(entry, table.name) for entry in table.relationships],
            "quality": [_rule(rule) for rule in table.quality],
            "customProperties": custom_properties(table.custom),
        },
        always=("name",),
    )


def _column(column: Column) -> dict[str, Any]:
    options = dict(column.options)
    allowed = options.pop("enum", [])
    logical = column.logical_type or LOGICAL_OF.get(column.type.name, "integer")
    if column.type.name == "TIMESTAMP WITH TIME ZONE" and logical == "timestamp":
        options.setdefault("timezone", True)
    entry = {
        "name": column.name,
        "businessName": column.business_name,
        "description": column.description,
        "logicalType": logical,
        "physicalType": column.physical_type or str(column.type),
        "logicalTypeOptions": options,
        "enum": [{"value": value} for value in allowed],
        "required": column.required,
        "unique": column.unique,
        "primaryKey": column.primary_key,
        "primaryKeyPosition": column.primary_key_position if column.primary_key_position > 0 else None,
        "classification": column.classification,
        "deprecated": column.deprecated,
        "tags": list(column.tags),
        "relationships": [_relationship(entry, "") for entry in column.relationships],
        "quality": [_rule(rule) for rule in column.quality],
        "customProperties": custom_properties(column.custom),
    }
    return kept({**entry, **_inner(column, logical)}, always=("name",))


def _inner(column: Column, logical: str) -> dict[str, Any]:
    if logical == "map":
        if column.properties:
            return {"map": {member.name: _unnamed(_column(member)) for member in column.properties}}
        key, value = (kind for _, kind in column.type.fields)
        return {"map": {"key": _of_type(key), "value": _of_type(value)}}
    found: dict[str, Any] = {}
    if column.properties:
        found["properties"] = [_column(member) for member in column.properties]
    if column.items is not None:
        found["items"] = _unnamed(_column(column.items))
    return found


def _unnamed(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key != "name"}


def _of_type(kind: DataType) -> dict[str, Any]:
    """A nameless property of a type alone."""
    logical = LOGICAL_OF.get(kind.name, "integer")
    entry: dict[str, Any] = {"logicalType": logical, "physicalType": str(kind)}
    if logical == "map":
        key, value = (inner for _, inner in kind.fields)
        entry["map"] = {"key": _of_type(key), "value": _of_type(value)}
    return entry


def _relationship(relationship: Relationship, table: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": relationship.kind}
    to = list(relationship.to)
    if table:
        columns = [f"{table}.{column}" for column in relationship.columns]
        entry["from"] = columns if len(columns) > 1 else columns[0]
    entry["to"] = to if len(to) > 1 else to[0]
    if relationship.custom:
        entry["customProperties"] = custom_properties(relationship.custom)
    return entry


def _rule(rule: QualityRule) -> dict[str, Any]:
    metric = LEGACY_RULES.get(rule.metric, rule.metric)
    comparisons = rule.comparisons or ({"mustBe": 0} if metric in ZERO_IS_GOOD else {})
    is_writable = rule.kind != "library" or (metric in METRICS and len(comparisons) == 1)
    return kept(
        {
            "name": rule.name,
            "description": rule.description or ("" if is_writable else f"{rule.metric} {rule.comparisons}"),
            "type": rule.kind if is_writable else "text",
            "metric": metric if is_writable else "",
            "arguments": rule.arguments if is_writable else {},
            "query": rule.query,
            "engine": rule.engine,
            "implementation": rule.implementation,
            **(comparisons if is_writable else {}),
            "unit": rule.unit,
            "dimension": rule.dimension,
            "severity": rule.severity,
            "customProperties": custom_properties(rule.custom),
        },
        always=tuple(comparisons),
    )
