"""The physical schema check: whether the data holds the columns and stored types that the contract promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshwright.model.datatype import DataType, Unstorable, stored

if TYPE_CHECKING:
    from meshwright.model.contract import Column, Table
    from meshwright.quality import Dataset


def differences(table: Table, data: Dataset) -> dict[str, str]:
    """What is wrong with each column, by its name in lower case: missing, extra, or of another type."""
    found: dict[str, str] = {}
    kinds = {name.lower(): kind for name, kind in data.columns}
    promised = {column.name.lower() for column in table.columns}
    for column in table.columns:
        held = kinds.get(column.name.lower())
        problem = f"the column '{column.name}' is missing" if held is None else _type_problem(column, held)
        if problem:
            found[column.name.lower()] = problem
    for name, kind in data.columns:
        if name.lower() not in promised:
            found[name.lower()] = f"the column '{name}' ({kind}) is not in the contract"
    return found


def _type_problem(column: Column, held: DataType) -> str:
    try:
        wanted = stored(column.type)
    except Unstorable as error:
        return f"the column '{column.name}': {error}"
    if fits(held, wanted) or fits(held, column.type):
        return ""
    return f"the column '{column.name}' is {held}, the contract says {wanted}"


def fits(held: DataType, wanted: DataType) -> bool:
    """Whether data of type *held* is of the type *wanted*; a struct without members is any struct."""
    if held.name != wanted.name:
        return False
    if held.name == "STRUCT":
        if not wanted.fields:
            return True
        mine = {name.lower(): kind for name, kind in held.fields}
        theirs = {name.lower(): kind for name, kind in wanted.fields}
        return mine.keys() == theirs.keys() and all(fits(mine[name], theirs[name]) for name in mine)
    if held.is_nested:
        pairs = zip(held.fields, wanted.fields, strict=True)
        return len(held.fields) == len(wanted.fields) and all(fits(mine[1], theirs[1]) for mine, theirs in pairs)
    return (held.precision, held.scale) == (wanted.precision, wanted.scale)
