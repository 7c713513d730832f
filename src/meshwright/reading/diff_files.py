"""Which data files two states of a port have in common: their rows need not be read to compare the states."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from meshwright.reading.changes import differing_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshwright.model.publication import DataFile, Field
    from meshwright.model.restriction import Restriction
    from meshwright.reading.resolve import ResolvedPort

# A column that a file was written without; it reads NULL.
ABSENT = "absent"


def files_to_compare(
    before: ResolvedPort,
    after: ResolvedPort,
    pairs: list[tuple[Field, Field]],
    limits: tuple[Restriction, Restriction],
) -> tuple[Sequence[DataFile], Sequence[DataFile]]:
    """The files of each state that the other has not, told by what *pairs* of columns hold in them.

    A row may have moved from one of them to another: they are compared all together. What restrictions leave of a file
    in common is only the same where the restrictions are, and the columns that they may speak of.
    """
    same_columns = before.port.schema == after.port.schema
    if limits[0] != limits[1] or not (limits[0].is_all or same_columns):
        return before.files, after.files
    old, new = before.files, after.files
    if after.port.continues(before.port):
        old, new = differing_files(old, new)
    contents = [_content(file, [one for one, _ in pairs]) for file in old]
    others = [_content(file, [two for _, two in pairs]) for file in new]
    return _only(old, contents, others), _only(new, others, contents)


def _content(file: DataFile, columns: list[Field]) -> tuple[object, ...]:
    """What *columns* hold in *file*, as hashes of their bytes in row order: equal ones, equal rows."""
    found: list[object] = [file.rows]
    for column in columns:
        statistics = file.columns.get(column.id)
        if statistics is None:
            known = any(one.id == column.id for one in file.schema)
            found.append(f"{file.path}#{column.id}" if known else ABSENT)
        else:
            found.append(statistics.content or f"{file.path}#{column.id}")
    return tuple(found)


def _only(
    files: Sequence[DataFile], contents: list[tuple[object, ...]], others: list[tuple[object, ...]]
) -> list[DataFile]:
    """The *files* whose content is not among the *others*, one for one."""
    left = Counter(others)
    found = []
    for file, content in zip(files, contents, strict=True):
        if left[content]:
            left[content] -= 1
        else:
            found.append(file)
    return found
