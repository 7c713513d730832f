"""What an adopted port promises, gathered rule by rule until its contract can be written."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from meshwright.model.contract import Column, QualityRule, Relationship, ServiceLevel
from meshwright.model.datatype import DataType, Unstorable, literal, quote, stored

if TYPE_CHECKING:
    from collections.abc import Mapping

BOUNDS: Final = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}


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


def written_column(name: str, kind: DataType, promise: ColumnPromise | None) -> tuple[Column, list[QualityRule]]:
    """The contract's column of a table that stores *kind*, with what is promised of it, and rules about it that are SQL.

    A bound, pattern or list of values for which the column's type has no option becomes a rule of the table.
    """
    try:
        kept = stored(kind)
    except Unstorable:
        kept = kind
    column = Column(name=name, type=kept, physical_type=str(kept), **inner(kept))
    if promise is None:
        return column, []
    options, conditions = _fitting(name, promise.options, kept)
    rules = [
        QualityRule(
            kind="sql",
            name=f"{name}_{what}",
            query=f"SELECT count(*) FROM ${{table}} WHERE {condition}",
            comparisons={"mustBe": 0},
        )
        for what, condition in conditions.items()
    ]
    written = replace(
        column,
        description=promise.description,
        required=promise.required or bool(promise.primary_key),
        unique=promise.unique,
        primary_key=bool(promise.primary_key),
        primary_key_position=promise.primary_key or -1,
        classification=promise.classification,
        tags=promise.tags,
        custom=promise.custom,
        options=options,
        relationships=tuple(promise.relationships),
        quality=tuple(promise.quality),
    )
    return written, rules


def inner(kind: DataType) -> Mapping[str, Any]:
    """The members or items of a nested type, as a column has them."""
    if kind.name == "LIST":
        return {"items": Column(name="", type=kind.element, physical_type=str(kind.element), **inner(kind.element))}
    if kind.name == "STRUCT":
        members = (Column(name=name, type=of, physical_type=str(of), **inner(of)) for name, of in kind.fields)
        return {"properties": tuple(members)}
    return {}


def _fitting(name: str, options: dict[str, Any], kind: DataType) -> tuple[dict[str, Any], dict[str, str]]:
    """The *options* that a column of *kind* can have, and what no row may fulfil instead of the others, by option."""
    kept: dict[str, Any] = {}
    broken: dict[str, str] = {}
    text = f"CAST({quote(name)} AS VARCHAR)"
    for option, value in options.items():
        if option == "enum" and kind.name in {"VARCHAR", "INTEGER", "BIGINT"}:
            kept["enum"] = _values(value, kind)
        elif option == "enum":
            broken["enum"] = f"{text} NOT IN ({', '.join(literal(_spelled(one)) for one in value)})"
        elif option in BOUNDS and kind.name != "VARCHAR":
            kept[option] = value
        elif option in BOUNDS:
            broken[option] = f"NOT (TRY_CAST({quote(name)} AS DOUBLE) {BOUNDS[option]} {value})"
        elif kind.name == "VARCHAR":
            kept[option] = value
        elif option == "pattern":
            broken["pattern"] = f"NOT regexp_matches({text}, {literal(value)})"
        else:
            broken[option] = f"length({text}) {'<' if option == 'minLength' else '>'} {value}"
    return kept, broken


def _values(allowed: list[Any], kind: DataType) -> list[Any]:
    """*allowed* values in the column's own type: dbt compares them as text."""
    if kind.name == "VARCHAR":
        return [str(value) for value in allowed]
    return [int(value) if str(value).lstrip("-").isdecimal() else value for value in allowed]


def _spelled(value: Any) -> str:  # noqa: ANN401 - a value of a test
    return str(value).lower() if isinstance(value, bool) else str(value)
