"""What an adopted port promises, gathered rule by rule until its contract can be written."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from meshwright.model.contract import Column, QualityRule, Relationship, ServiceLevel
from meshwright.model.datatype import DataType, Unstorable, stored

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(slots=True)
class ColumnPromise:
    """What is promised of one column."""

    required: bool = False
    unique: bool = False
    primary_key: int = 0
    description: str = ""
    classification: str = ""
    tags: tuple[str, ...] = ()
    custom: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    relationships: list[Relationship] = field(default_factory=list)
    quality: list[QualityRule] = field(default_factory=list)


@dataclass(slots=True)
class Promises:
    """Everything promised of one table, by lower-case column name where it is of one column."""

    columns: dict[str, ColumnPromise] = field(default_factory=dict)
    quality: list[QualityRule] = field(default_factory=list)
    relationships: list[Relationship] = field(default_factory=list)
    service_levels: list[ServiceLevel] = field(default_factory=list)

    def column(self, name: str) -> ColumnPromise:
        """What is promised of the column *name*."""
        return self.columns.setdefault(name.strip('"`').lower(), ColumnPromise())


def written_column(name: str, kind: DataType, promise: ColumnPromise | None) -> Column:
    """The contract's column of a table that stores *kind*, with what is promised of it."""
    try:
        kept = stored(kind)
    except Unstorable:
        kept = kind
    column = Column(name=name, type=kept, physical_type=str(kept), **inner(kept))
    if promise is None:
        return column
    return replace(
        column,
        description=promise.description,
        required=promise.required or bool(promise.primary_key),
        unique=promise.unique,
        primary_key=bool(promise.primary_key),
        primary_key_position=promise.primary_key or -1,
        classification=promise.classification,
        tags=promise.tags,
        custom=promise.custom,
        options=_fitting(promise.options, kept),
        relationships=tuple(promise.relationships),
        quality=tuple(promise.quality),
    )


def inner(kind: DataType) -> Mapping[str, Any]:
    """The members or items of a nested type, as a column has them."""
    if kind.name == "LIST":
        return {"items": Column(name="", type=kind.element, physical_type=str(kind.element), **inner(kind.element))}
    if kind.name == "STRUCT":
        members = (Column(name=name, type=of, physical_type=str(of), **inner(of)) for name, of in kind.fields)
        return {"properties": tuple(members)}
    return {}


def _fitting(options: dict[str, Any], kind: DataType) -> dict[str, Any]:
    """*options* with allowed values in the column's own type: dbt compares them as text."""
    allowed = options.get("enum")
    if allowed is None:
        return options
    if kind.name == "VARCHAR":
        return {**options, "enum": [str(value) for value in allowed]}
    if kind.name in {"INTEGER", "BIGINT"}:
        return {**options, "enum": [int(value) if str(value).lstrip("-").isdecimal() else value for value in allowed]}
    return options
