"""What a query plan reads: the columns of each table scan, from DuckDB's EXPLAIN in JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from meshwright.analysis.sql_text import unquoted

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA: Final = "memory.main."


@dataclass(frozen=True, slots=True)
class Scans:
    """The columns that a plan reads of each table, and how many window operators sort its rows."""

    columns: dict[str, frozenset[str]]
    windows: int


def scans_of(plan: str, tables: Mapping[str, list[str]]) -> Scans:
    """What the physical plan *plan* (EXPLAIN's JSON) reads of *tables*, which map a name to its columns."""
    import msgspec

    found: dict[str, frozenset[str]] = {}
    windows = 0
    stack: list[dict[str, Any]] = list(msgspec.json.decode(plan))
    while stack:
        node = stack.pop()
        stack.extend(node["children"])
        windows += "WINDOW" in node["name"]
        table = node.get("extra_info", {}).get("Table")
        if table is None:
            continue
        name = _table_name(table)
        if name not in tables:
            # A scan that cannot be told: everything is read.
            return Scans({known: frozenset(columns) for known, columns in tables.items()}, -1)
        used = _projected(node["extra_info"].get("Projections"), tables[name])
        found[name] = found.get(name, frozenset()) | used
    return Scans(found, windows)


def _table_name(label: str) -> str:
    bare = label.removeprefix(SCHEMA)
    return unquoted(bare) if bare else bare


def _projected(projections: object, columns: list[str]) -> frozenset[str]:
    """The columns that a scan's projections name; `s.x` is a field of the column s. All of them when in doubt."""
    everything = frozenset(columns)
    if projections is None or any("\n" in column for column in columns):
        return everything
    listed = [str(item) for item in projections] if isinstance(projections, list) else [str(projections)]
    used: set[str] = set()
    for item in filter(None, listed):
        matching = [column for column in columns if item == column or item.startswith(f"{column}.")]
        if not matching:
            return everything
        used.update(matching)
    return frozenset(used)
