"""What changed in a port between two publications: inserted, updated and deleted rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshwright.model.datatype import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from meshwright.model.publication import DataFile, Field

CHANGE_COLUMN = "_change_type"


def differing_files(old: Sequence[DataFile], new: Sequence[DataFile]) -> tuple[list[DataFile], list[DataFile]]:
    """The files only in *old* and only in *new*; rows in files common to both cannot have changed."""
    before, after = {file.path for file in old}, {file.path for file in new}
    return [file for file in old if file.path not in after], [file for file in new if file.path not in before]


def new_rows_sql(
    old: Sequence[DataFile],
    new: Sequence[DataFile],
    schema: tuple[Field, ...],
    scan: Callable[[Sequence[DataFile]], str],
    *,
    read: Collection[str],
) -> str:
    """A SELECT of the rows of *new* that were not in *old*: inserted rows, and updated ones as they are now.

    *scan* selects the columns of *schema* from files.

    Rows that differ only in columns that nobody will *read* are the same; where rows must be compared, those columns are
    NULL.
    """
    removed, added = differing_files(old, new)
    if not removed or not added:
        return scan(added)
    kept = tuple(field for field in schema if field.name in read) or schema
    names = ", ".join(quote(field.name) for field in kept) or "*"
    different = f"(SELECT {names} FROM ({scan(added)})) EXCEPT ALL (SELECT {names} FROM ({scan(removed)}))"
    if kept == schema:
        return different
    columns = (quote(one.name) if one in kept else f"CAST(NULL AS {one.type}) AS {quote(one.name)}" for one in schema)
    return f"SELECT {', '.join(columns)} FROM ({different})"


def changes_sql(removed: str, added: str, names: Sequence[str], *, key: Sequence[str]) -> str:
    """A SELECT of the differences, as `_change_type` (insert, update_before, update_after, delete) and the columns *names*.

    *removed* and *added* are SELECTs of the rows in differing files, as the reader sees them. With a *key*, a row whose key
    stays is an update; without one it is a delete and an insert. Rows are compared as a multiset, so a row that appears
    twice and then once is one delete. They come in the order of the key, else of all their values: in no other order, as
    how an engine happens to go through files may follow from rows that the reader does not see.
    """
    gone, come = f"({removed}) EXCEPT ALL ({added})", f"({added}) EXCEPT ALL ({removed})"
    columns = ", ".join(quote(name) for name in names)
    if not key:
        return (
            f"SELECT 'delete' AS {CHANGE_COLUMN}, {columns} FROM ({gone}) "
            f"UNION ALL SELECT 'insert' AS {CHANGE_COLUMN}, {columns} FROM ({come}) ORDER BY ALL"
        )
    same = " AND ".join(f"g.{quote(name)} IS NOT DISTINCT FROM c.{quote(name)}" for name in key)
    order = ", ".join(quote(name) for name in key)
    others = "".join(f", {quote(name)}" for name in names if name not in key)
    return (
        f"WITH g AS MATERIALIZED ({gone}), c AS MATERIALIZED ({come}) SELECT * FROM ("
        f"SELECT CASE WHEN EXISTS (SELECT 1 FROM c WHERE {same}) THEN 'update_before' ELSE 'delete' END "
        f"AS {CHANGE_COLUMN}, {columns} FROM g UNION ALL "
        f"SELECT CASE WHEN EXISTS (SELECT 1 FROM g WHERE {same}) THEN 'update_after' ELSE 'insert' END "
        f"AS {CHANGE_COLUMN}, {columns} FROM c) ORDER BY {order}, {CHANGE_COLUMN} DESC{others}"
    )
