"""Data contracts: what an output port promises. The words are those of Bitol ODCS v3.2.0."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from meshwright.model.datatype import DataType  # noqa: TC001 - decoders read the annotation when they run


@dataclass(frozen=True, slots=True, kw_only=True)
class Relationship:
    """A foreign key: the values of `columns` are found in `to` (`table.column` or `domain.product[.port].column`)."""

    columns: tuple[str, ...]
    to: tuple[str, ...]
    kind: str = "foreignKey"
    custom: dict[str, Any] = field(default_factory=dict)
    pointer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityRule:
    """One quality rule of a contract, on a column or on the whole table.

    `kind` is library, sql, custom or text; `metric` a library metric (rowCount, nullValues, invalidValues,
    duplicateValues, missingValues) or a legacy `rule` name; `comparisons` maps an operator (`mustBe`,
    `mustBeGreaterThan`, `mustBeBetween` …) to its operand; `unit` is rows or percent.
    """

    kind: str
    name: str = ""
    metric: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    comparisons: dict[str, Any] = field(default_factory=dict)
    unit: str = ""
    query: str = ""
    engine: str = ""
    implementation: Any = None
    severity: str = "error"
    dimension: str = ""
    description: str = ""
    custom: dict[str, Any] = field(default_factory=dict)
    pointer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A property of a contract's schema object.

    `type` is the physical type that data is cast to and checked against. `logical_type` and `physical_type` are as
    written (None when absent); `options` are ODCS `logicalTypeOptions`; `properties` and `items` describe nested values.
    """

    name: str
    type: DataType
    logical_type: str | None = None
    physical_type: str | None = None
    description: str = ""
    business_name: str = ""
    required: bool = False
    unique: bool = False
    primary_key: bool = False
    primary_key_position: int = -1
    classification: str = ""
    tags: tuple[str, ...] = ()
    deprecated: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    relationships: tuple[Relationship, ...] = ()
    quality: tuple[QualityRule, ...] = ()
    properties: tuple[Column, ...] = ()
    items: Column | None = None
    custom: dict[str, Any] = field(default_factory=dict)
    pointer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLevel:
    """One ODCS slaProperties entry, such as a `freshness` of 24 h on `orders.updated_at`."""

    property: str
    value: Any
    value_ext: Any = None
    unit: str = ""
    element: str = ""
    driver: str = ""
    pointer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A schema object of a contract: a table and what is promised of its columns and rows."""

    name: str
    columns: tuple[Column, ...]
    description: str = ""
    physical_name: str = ""
    quality: tuple[QualityRule, ...] = ()
    relationships: tuple[Relationship, ...] = ()
    tags: tuple[str, ...] = ()
    custom: dict[str, Any] = field(default_factory=dict)
    pointer: str = ""

    @property
    def primary_key(self) -> tuple[str, ...]:
        """The key's column names in key order; empty when there is none."""
        keys = [column for column in self.columns if column.primary_key]
        return tuple(column.name for column in sorted(keys, key=lambda column: column.primary_key_position))

    def column(self, name: str) -> Column | None:
        """The column called *name* (case-insensitively, as SQL sees it)."""
        lowered = name.lower()
        return next((column for column in self.columns if column.name.lower() == lowered), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """A data contract. `written` is False for the draft that a query implies; `path` is relative to the mesh's root."""

    id: str
    version: str
    status: str
    tables: tuple[Table, ...]
    name: str = ""
    api_version: str = "v3.2.0"
    domain: str = ""
    data_product: str = ""
    description: str = ""
    service_levels: tuple[ServiceLevel, ...] = ()
    tags: tuple[str, ...] = ()
    custom: dict[str, Any] = field(default_factory=dict)
    path: str = ""
    written: bool = True

    @property
    def table(self) -> Table:
        """The one schema object of a port's contract."""
        return self.tables[0]

    @property
    def major(self) -> int:
        """The major version; 0 when the version is not semantic."""
        head = self.version.removeprefix("v").split(".", 1)[0]
        return int(head) if head.isdecimal() else 0

    @property
    def is_active(self) -> bool:
        """Whether consumers may rely on it: a breaking change then needs a new major version."""
        return self.status == "active" and self.major >= 1

    def service_level(self, name: str) -> ServiceLevel | None:
        """The first service level called *name*, whatever its letter case."""
        lowered = name.lower()
        return next((level for level in self.service_levels if level.property.lower() == lowered), None)


def without_places(contract: Contract) -> Contract:
    """*contract* without what says where it is written: two that are equal then say the same."""
    return replace(
        contract,
        path="",
        api_version="",
        written=True,
        tables=tuple(_table(table) for table in contract.tables),
        service_levels=tuple(replace(level, pointer="") for level in contract.service_levels),
    )


def _table(table: Table) -> Table:
    return replace(
        table,
        pointer="",
        columns=tuple(_column(column) for column in table.columns),
        quality=tuple(replace(rule, pointer="") for rule in table.quality),
        relationships=tuple(replace(one, pointer="") for one in table.relationships),
    )


def _column(column: Column) -> Column:
    return replace(
        column,
        pointer="",
        quality=tuple(replace(rule, pointer="") for rule in column.quality),
        relationships=tuple(replace(one, pointer="") for one in column.relationships),
        properties=tuple(_column(inner) for inner in column.properties),
        items=_column(column.items) if column.items is not None else None,
    )
