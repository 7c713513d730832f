"""Relationships of a contract → checks that every value is found where it points to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meshwright.quality.checks import Check, ReferenceCheck, uncheckable
from meshwright.quality.comparison import Uncheckable
from meshwright.quality.places import whole_column

if TYPE_CHECKING:
    from meshwright.model.contract import Column, Relationship
    from meshwright.quality import Dataset
    from meshwright.quality.drafting import Drafting
    from meshwright.quality.places import Place


def compile_relationship(
    relationship: Relationship, column: Column | None, place: Place | None, draft: Drafting
) -> Check:
    """The check of one *relationship*, of a column's values at *place* or (None) of the table's own."""
    path = place.path if place is not None else "(" + ", ".join(relationship.columns) + ")"
    asked = "to " + ", ".join(relationship.to)
    about = draft.about("relationship", column, path, asked=asked, custom=relationship.custom)
    if relationship.pointer:
        about = replace(about, pointer=relationship.pointer)
    try:
        keys, columns = _keys(relationship, place, draft)
        target, names = _target(relationship, draft)
    except Uncheckable as error:
        return uncheckable(about, str(error))
    if len(names) != len(keys):
        return uncheckable(about, f"{len(keys)} columns point to {len(names)}: write as many on both sides")
    return ReferenceCheck(about=about, keys=keys, target=target, target_keys=names, columns=columns)


def _keys(relationship: Relationship, place: Place | None, draft: Drafting) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The values that point, as SQL, and the columns that they are."""
    if place is not None:
        if place.lists:
            message = "a relationship of values inside a list is not evaluated: write a `sql` rule"
            raise Uncheckable(message)
        return (place.sql,), (place.plain,) if place.plain else ()
    found = [draft.data.column(name.rsplit(".", 1)[-1].rsplit("/", 1)[-1]) for name in relationship.columns]
    missing = [name for name, column in zip(relationship.columns, found, strict=True) if column is None]
    if missing:
        message = f"there is no column '{missing[0]}' to point from"
        raise Uncheckable(message)
    places = [whole_column(*column) for column in found if column is not None]
    return tuple(at.sql for at in places), tuple(at.root for at in places)


def _target(relationship: Relationship, draft: Drafting) -> tuple[Dataset, tuple[str, ...]]:
    """Where the relationship points to, and the columns there as the data spells them. Raises Uncheckable."""
    parts = [reference(to) for to in relationship.to]
    tables = {table for table, _ in parts}
    if len(tables) != 1:
        message = f"the targets {', '.join(relationship.to)} are in several tables: a key is in one"
        raise Uncheckable(message)
    table = tables.pop()
    target = _dataset(table, draft)
    if target is None:
        message = f"it points to '{table}', which is not known here: write table.column or domain.product[.port].column, and build that product first"
        raise Uncheckable(message)
    names = []
    for _, name in parts:
        found = target.column(name)
        if found is None:
            message = f"it points to '{table}.{name}', but there is no such column in '{table}'"
            raise Uncheckable(message)
        names.append(found[0])
    return target, tuple(names)


def _dataset(table: str, draft: Drafting) -> Dataset | None:
    own = {"", draft.table.name.lower(), draft.table.physical_name.lower()}
    return draft.data if table.lower() in own else draft.references(table)


def reference(to: str) -> tuple[str, str]:
    """The table and the column that *to* names: `table.column`, `domain.product.column` or `schema/table/properties/column`.

    A bare column is one of the same table ("").
    """
    path = to.rsplit("#", 1)[-1].strip("/")
    if "/" in path:
        parts = path.split("/")
        return parts[1] if len(parts) > 1 else "", parts[-1]
    table, _, column = path.rpartition(".")
    return table, column
