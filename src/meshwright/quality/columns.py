"""A contract's columns → checks: required, unique, options, metrics and relationships, nested values included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meshwright.quality import metrics, options, relationships
from meshwright.quality.checks import Check, RowCheck, UniqueCheck, uncheckable
from meshwright.quality.comparison import Uncheckable
from meshwright.quality.options import Value
from meshwright.quality.places import row_check

if TYPE_CHECKING:
    from meshwright.model.contract import Column
    from meshwright.quality.drafting import Drafting
    from meshwright.quality.places import Place


def compile_column(column: Column, place: Place, draft: Drafting) -> list[Check]:
    """Every check that *column* asks for, what is nested in it included, in the order a contract writes them."""
    checks: list[Check] = []
    if column.required:
        checks.append(_required(column, place, draft))
    if column.unique:
        checks.append(_unique(column, place, draft))
    checks += _promised(column, place, draft)
    for option, asked in column.options.items():
        check = _option(column, place, draft, option, asked)
        checks += [check] if check is not None else []
    for rule in column.quality:
        checks += [metrics.compile_rule(rule, column, place, draft)]
    for relationship in column.relationships:
        checks.append(relationships.compile_relationship(relationship, column, place, draft))
    return checks + _nested(column, place, draft)


def _nested(column: Column, place: Place, draft: Drafting) -> list[Check]:
    checks: list[Check] = []
    if column.items is not None and place.type.name in {"LIST", "VARCHAR"}:
        checks += compile_column(column.items, place.items(), draft)
    if place.type.name == "STRUCT":
        known = {name.lower(): (name, kind) for name, kind in place.type.fields}
        for inner in column.properties:
            # What is missing has failed the physical schema check already.
            if inner.name.lower() in known:
                checks += compile_column(inner, place.member(*known[inner.name.lower()]), draft)
    if place.type.name == "VARCHAR":
        for inner in column.properties:
            checks += compile_column(inner, place.member(inner.name, inner.type), draft)
    if place.type.name == "MAP":
        for inner in column.properties:
            checks += compile_column(inner, place.entries(inner.name), draft)
    return checks


def _required(column: Column, place: Place, draft: Drafting) -> Check:
    about = draft.about("required", column, place.path)
    inside = f"{place.parent} IS NOT NULL AND " if place.parent and not place.path.endswith("[]") else ""
    not_null = (place.plain,) if place.plain else ()
    return RowCheck(
        about=about,
        broken=place.of_row(f"({inside}{place.sql} IS NULL)"),
        columns=(place.root,),
        not_null=not_null,
    )


def _unique(column: Column, place: Place, draft: Drafting) -> Check:
    about = draft.about("unique", column, place.path)
    if place.lists:
        return uncheckable(about, "unique inside a list is not evaluated: write uniqueItems, or a `sql` rule")
    return UniqueCheck(about=about, keys=(place.sql,), columns=(place.plain,) if place.plain else ())


def _promised(column: Column, place: Place, draft: Drafting) -> list[Check]:
    """That text kept for a JSON or UUID column is JSON, or a UUID."""
    tests = {
        "JSON": f"NOT json_valid({place.sql})",
        "UUID": f"({place.sql} IS NOT NULL AND TRY_CAST({place.sql} AS UUID) IS NULL)",
    }
    if column.type.name not in tests or place.type.name != "VARCHAR":
        return []
    kind = column.type.name.lower()
    broken = place.of_row(tests[column.type.name])
    return [RowCheck(about=draft.about(kind, column, place.path), broken=broken, columns=(place.root,))]


def _option(column: Column, place: Place, draft: Drafting, option: str, asked: Any) -> Check | None:  # noqa: ANN401
    about = draft.about(option, column, place.path, asked=asked)
    if asked is None:
        return None
    at = Value(place.sql, place.type, column.logical_type or "", place.plain)
    try:
        found = options.broken(at, option, asked, column.options)
    except Uncheckable as error:
        return uncheckable(about, str(error))
    return None if found is None else row_check(about, place, found)
