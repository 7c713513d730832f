"""Field ids of stored columns: which column of a table's history a column is, whatever it is called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meshwright.model.publication import Field

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshwright.model.datatype import DataType

# Iceberg's legal promotions between types without parameters: every old value means the same in the new type.
PROMOTIONS: Final = {("INTEGER", "BIGINT"), ("FLOAT", "DOUBLE")}


def is_promotion(old: DataType, new: DataType) -> bool:
    """Whether Iceberg reads values written as *old* as *new*: int → bigint, float → double, decimal with more digits."""
    if old.name == new.name == "DECIMAL":
        return old.scale == new.scale and old.precision <= new.precision
    return old == new or (old.name, new.name) in PROMOTIONS


def fields(
    columns: tuple[tuple[str, DataType], ...], previous: tuple[Field, ...] = (), last_id: int = 0
) -> tuple[tuple[Field, ...], int]:
    """*columns* (name, stored type) as fields with ids, and the highest id ever used in the table.

    A column keeps the id of the *previous* one with its name (in any case) when its type is equal or a legal Iceberg
    promotion; structs, lists and maps are compared value by value, so a struct keeps its id when members come or go.
    Anything else gets a new id above *last_id*: ids are never reused. Nested ids are depth-first.
    """
    ids = _Ids(max(last_id, max((number for field in previous for number in (field.id, *field.nested_ids)), default=0)))
    known = {field.name.lower(): field for field in previous}
    found = []
    for name, kind in columns:
        old = known.get(name.lower())
        if old is not None and _is_readable(old.type, kind):
            nested = _kept(kind, old.type, iter(old.nested_ids), ids)
            found.append(Field(id=old.id, name=name, type=kind, nested_ids=tuple(nested)))
        else:
            number = ids.next()
            found.append(Field(id=number, name=name, type=kind, nested_ids=tuple(_new(kind, ids))))
    return tuple(found), ids.last


def nested_count(kind: DataType) -> int:
    """How many nested ids a value of *kind* has."""
    return sum(1 + nested_count(inner) for _, inner in kind.fields)


class _Ids:
    """Hands out ids in order."""

    def __init__(self, last: int) -> None:
        self.last = last

    def next(self) -> int:
        self.last += 1
        return self.last


def _is_readable(old: DataType, new: DataType) -> bool:
    """Whether a column of type *new* can still show what was written as *old*."""
    if not new.is_nested:
        return is_promotion(old, new)
    if old.name != new.name or new.name == "UNION":
        return False
    if new.name == "STRUCT":
        members = {name.lower() for name, _ in old.fields}
        return any(name.lower() in members for name, _ in new.fields)
    return all(_is_readable(was, now) for (_, was), (_, now) in zip(old.fields, new.fields, strict=True))


def _new(kind: DataType, ids: _Ids) -> Iterator[int]:
    for _, inner in kind.fields:
        yield ids.next()
        yield from _new(inner, ids)


def _kept(new: DataType, old: DataType, numbers: Iterator[int], ids: _Ids) -> Iterator[int]:
    """The nested ids of *new*, kept from *old* (whose ids *numbers* yields) where the nested value is still readable."""
    known: dict[str, tuple[DataType, int, list[int]]] = {}
    for position, (name, inner) in enumerate(old.fields):
        number = next(numbers)
        key = name.lower() if old.name == "STRUCT" else str(position)
        known[key] = (inner, number, [next(numbers) for _ in range(nested_count(inner))])
    for position, (name, inner) in enumerate(new.fields):
        was = known.get(name.lower() if new.name == "STRUCT" else str(position))
        if was is not None and _is_readable(was[0], inner):
            yield was[1]
            yield from _kept(inner, was[0], iter(was[2]), ids)
        else:
            yield ids.next()
            yield from _new(inner, ids)
