"""One set of columns for several files, by name; contradictions name the files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meshwright.model.datatype import DataType
from meshwright.model.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from meshwright.engines import Columns

# Types that are read as the wider one of both without loss.
WIDER = {
    frozenset({"BIGINT", "DOUBLE"}): DataType("DOUBLE"),
    frozenset({"INTEGER", "BIGINT"}): DataType("BIGINT"),
    frozenset({"FLOAT", "DOUBLE"}): DataType("DOUBLE"),
    frozenset({"DATE", "TIMESTAMP"}): DataType("TIMESTAMP"),
}


def union(found: Mapping[str, Columns], empty: Mapping[str, AbstractSet[str]] | None = None) -> Columns:
    """The columns of all files (by file name) in the order they first appear.

    *empty* has, by file, the columns that hold only NULL there: they take any other file's type. Raises InvalidInput
    naming two files whose types for one column do not go together.
    """
    kinds: dict[str, tuple[str, DataType, str, bool]] = {}
    for file, columns in found.items():
        for name, kind in columns:
            key, nothing = name.lower(), name in (empty or {}).get(file, ())
            known = kinds.get(key)
            if known is None or (known[3] and not nothing):
                kinds[key] = (name if known is None else known[0], kind, file, nothing)
            elif not nothing and kind != known[1]:
                wider = WIDER.get(frozenset({kind.name, known[1].name}))
                if wider is None:
                    raise InvalidInput(
                        f"column {name} is {known[1]} in {known[2]} and {kind} in {file}; make them alike, or declare its type (mesh.options columns)"
                    )
                kinds[key] = (known[0], wider, known[2], False)
    return tuple((name, kind) for name, kind, _, _ in kinds.values())


def declared(columns: Columns, types: Mapping[str, Any], where: str) -> Columns:
    """*columns* with the *types* that are declared for some. Raises InvalidInput for unknown columns and types."""
    known = {name.lower() for name, _ in columns}
    wanted = {}
    for name, text in types.items():
        if name.lower() not in known:
            raise InvalidInput(
                f"{where}: there is no column '{name}' to declare; it has {', '.join(n for n, _ in columns[:20])}"
            )
        try:
            wanted[name.lower()] = DataType.parse(str(text))
        except ValueError as error:
            raise InvalidInput(f"{where}: column {name}: {error}") from error
    return tuple((name, wanted.get(name.lower(), kind)) for name, kind in columns)
