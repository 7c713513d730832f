"""Tables that grow: which of their rows are new, told by a column whose values only get higher."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshwright.model.datatype import quote
from meshwright.model.errors import InvalidInput
from meshwright.sources import highest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from meshwright.sources.adbc import AdbcSession


def check_names(names: Sequence[str], incremental: str, where: str) -> None:
    """Raise InvalidInput when a column comes twice, or when the one to go by is not among them."""
    lowered = [name.lower() for name in names]
    twice = sorted({name for name in lowered if lowered.count(name) > 1})
    if twice:
        raise InvalidInput(f"{where}: column {', '.join(twice)} comes twice; name each once in the query")
    if incremental and incremental.lower() not in lowered:
        known = ", ".join(names[:20])
        raise InvalidInput(f"{where}: there is no column {incremental} (mesh.incremental); it has {known}")


def new_rows(column: str, beyond: str, now: str, literal: Callable[[str], str]) -> str:
    """The end of a SELECT of the rows after what is recorded in *beyond*, up to what is recorded in *now*, lowest first.

    *literal* spells a recorded value in the database's SQL.
    """
    before = highest(column)
    bounds = [
        f"{quote(column)} {sign} {literal(bound.removeprefix(before))}"
        for sign, bound in ((">", beyond), ("<=", now))
        if bound.removeprefix(before)
    ]
    return f" WHERE {' AND '.join(bounds)} ORDER BY {quote(column)}" if bounds else " WHERE 1 = 0"


def refuse_nulls(session: AdbcSession, target: str, column: str, where: str) -> None:
    """Raise InvalidInput when a row has no value to go by: nobody could say whether it is new."""
    if session.rows(f"SELECT 1 FROM {target} WHERE {quote(column)} IS NULL LIMIT 1"):
        advice = "choose a column that always has a value (mesh.incremental), or leave such rows out by mesh.query"
        raise InvalidInput(f"{where}: column {column} has NULLs, so rows cannot be told to be new by it; {advice}")
