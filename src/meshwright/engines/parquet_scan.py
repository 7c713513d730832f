"""SELECTs over a table's Parquet files that follow columns by field id, not by name."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from meshwright.model.datatype import DataType, literal, quote
from meshwright.model.fields import nested_count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from meshwright.model.publication import DataFile, Field


def scan_sql(files: Sequence[DataFile], schema: tuple[Field, ...], locate: Callable[[str], str]) -> str:
    """A SELECT that yields the columns of *schema* from *files*, in file order and each file's row order.

    *locate* turns a file's path into the one DuckDB opens. A column that a file calls otherwise is found by its id,
    one that a file lacks is NULL, one that was widened since is cast.
    """
    if not files:
        return f"SELECT {', '.join(f'CAST(NULL AS {f.type}) AS {quote(f.name)}' for f in schema)} WHERE false"
    runs = [(have, [locate(file.path) for file in run]) for have, run in groupby(files, key=lambda file: file.schema)]
    return " UNION ALL ".join(
        f"SELECT {', '.join(_column(field, have) for field in schema)} FROM {parquet(paths)}" for have, paths in runs
    )


def parquet(paths: Sequence[str]) -> str:
    """`read_parquet(…)` over exactly these files: no globs, no columns made up from folder names."""
    return f"read_parquet({sql_list([exact(path) for path in paths])}, hive_partitioning = false)"


def sql_list(texts: Sequence[str]) -> str:
    """*texts* as a SQL list of string literals."""
    return f"[{', '.join(literal(text) for text in texts)}]"


def exact(path: str) -> str:
    """*path* as a DuckDB file pattern that matches only itself."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in path)


def _column(field: Field, have: tuple[Field, ...]) -> str:
    found = next((other for other in have if other.id == field.id), None)
    if found is None:
        return f"CAST(NULL AS {field.type}) AS {quote(field.name)}"
    if (found.name, found.type, found.nested_ids) == (field.name, field.type, field.nested_ids):
        return quote(field.name)
    value = _value(quote(found.name), (found.type, iter(found.nested_ids)), (field.type, iter(field.nested_ids)))
    return f"{value} AS {quote(field.name)}"


def _value(
    value: str, have: tuple[DataType, Iterator[int]], want: tuple[DataType, Iterator[int]], depth: int = 0
) -> str:
    """*value*, of type *have*, as type *want*: nested values are matched by the ids that go with each type."""
    old, old_ids = list(_parts(*have)), {}
    for name, kind, number, nested in old:
        old_ids[number] = (name, kind, nested)
    new = list(_parts(*want))
    kind = want[0]
    if [(name, part, number, nested) for name, part, number, nested in new] == old:
        return value if have[0] == kind else f"CAST({value} AS {kind})"
    if kind.name == "STRUCT":
        members = []
        for name, part, number, nested in new:
            if number in old_ids:
                old_name, old_kind, old_nested = old_ids[number]
                inner = f"struct_extract({value}, {literal(old_name)})"
                inner = _value(inner, (old_kind, iter(old_nested)), (part, iter(nested)), depth)
            else:
                inner = f"CAST(NULL AS {part})"
            members.append(f"{quote(name)} := {inner}")
        return f"CASE WHEN {value} IS NULL THEN NULL ELSE struct_pack({', '.join(members)}) END"
    turned = [
        _value(f"x{depth}.{label}" if label else f"x{depth}", (a[1], iter(a[3])), (b[1], iter(b[3])), depth + 1)
        for a, b, label in zip(old, new, ("",) if kind.name == "LIST" else ("key", "value"), strict=True)
    ]
    if kind.name == "LIST":
        return f"list_transform({value}, lambda x{depth}: {turned[0]})"
    entries = f"list_transform(map_entries({value}), lambda x{depth}: struct_pack(k := {turned[0]}, v := {turned[1]}))"
    return f"map_from_entries({entries})"


def _parts(kind: DataType, ids: Iterator[int]) -> Iterator[tuple[str, DataType, int, tuple[int, ...]]]:
    """Each value directly inside *kind*: name, type, id and the ids inside it."""
    for name, inner in kind.fields:
        number = next(ids)
        yield name, inner, number, tuple(next(ids) for _ in range(nested_count(inner)))
