"""Schema drift: what a source has now beside what is expected of it, column by column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshwright.engines.casts import CHECKED, Lossy, conversion
from meshwright.model.errors import Refused
from meshwright.model.names import nearest

if TYPE_CHECKING:
    from collections.abc import Collection

    from meshwright.engines import Columns
    from meshwright.model.datatype import DataType

ACCEPT = (
    "Correct the source, or take its columns as they are: delete the input's entry in inputs.lock.yaml, or correct the types "
    "under mesh.options columns"
)


class SchemaDrift(Refused):
    """A source no longer has the columns that are pinned or declared for it; nothing was read."""


def drift(expected: Columns, found: Columns, *, strict: bool = False, declared: Collection[str] = ()) -> list[str]:
    """What is different in *found*, one phrase per column; [] when every expected column is there and can be read.

    Columns that came are told beside others only: nobody reads them yet. *strict* (databases) takes a type that could
    only be read value by value for another one, too, but for the columns whose types are *declared* by hand. A lost and a
    new column of one type are guessed to be renamed.
    """
    now = {name.lower(): (name, kind) for name, kind in found}
    wanted = {name.lower() for name, _ in expected}
    lost = [(name, kind) for name, kind in expected if name.lower() not in now]
    came = [(name, kind) for name, kind in found if name.lower() not in wanted]
    phrases = []
    for name, kind in lost:
        guess = _renamed(name, kind, came, count=len(lost))
        if guess:
            came = [one for one in came if one[0] != guess]
            phrases.append(f"column {name} is gone (renamed to {guess}?)")
        else:
            phrases.append(f"column {name} is gone")
    for name, kind in expected:
        have = now.get(name.lower())
        if have is not None and not _readable(have[1], kind, strict=strict and name not in declared):
            phrases.append(f"column {name} is {have[1]} now, {kind} is expected")
    return phrases + [f"column {name} ({kind}) is new" for name, kind in came] if phrases else []


def drift_told(expected: Columns, found: Columns) -> str:
    """The drift as the rest of a sentence that says what is wrong with one column already; "" when that says it all."""
    phrases = drift(expected, found)
    return f". Its schema changed: {'; '.join(phrases)}. {ACCEPT}" if phrases else ""


def refuse_drift(
    where: str, expected: Columns, found: Columns, *, strict: bool = False, declared: Collection[str] = ()
) -> None:
    """Raise SchemaDrift naming every column of *where* that is different."""
    phrases = drift(expected, found, strict=strict, declared=declared)
    if phrases:
        raise SchemaDrift(f"{where}: its schema changed: {'; '.join(phrases)}. {ACCEPT}")


def _readable(kind: DataType, expected: DataType, *, strict: bool) -> bool:
    try:
        how = conversion(kind, expected)
    except Lossy:
        return False
    return how != CHECKED or not strict


def _renamed(name: str, kind: DataType, came: Columns | list[tuple[str, DataType]], *, count: int) -> str:
    """The new column that may be the lost one: a close name, or the only other of its type."""
    alike = [other for other, its in came if its == kind]
    if close := nearest(name, alike):
        return close
    return alike[0] if len(alike) == 1 == count else ""
