"""Which names in a query's FROM clauses are tables, and which are CTEs in scope there.

The rules are DuckDB's: a CTE sees those written before it and the query around it, never itself unless it is
recursive, and then only in its recursive part; only a bare name can be a CTE; letter case does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

Node = dict[str, Any]


@dataclass(slots=True)
class Frame:
    """The tables of one FROM clause, as indexes into `Tables.nodes`, and the frame of the query around it.

    `names` are the lower-case names and aliases of everything in it.
    """

    parent: Frame | None
    tables: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Tables:
    """The base tables of a query that are no CTEs, and its dotted column references with the frame they stand in."""

    nodes: list[Node] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    dotted: list[tuple[Node, Frame]] = field(default_factory=list)


def tables_of(tree: Node) -> Tables:
    """The tables that the query *tree* names, in the order of the tree (CTEs first)."""
    found = Tables()
    _Walk(found).visit(tree, frozenset(), Frame(None))
    return found


class _Walk:
    """One pass over the tree; `ctes` are the lower-case names of the CTEs in scope."""

    def __init__(self, found: Tables) -> None:
        self.found = found

    def visit(self, value: Any, ctes: frozenset[str], frame: Frame) -> None:  # noqa: ANN401 - JSON
        if type(value) is list:
            self.visit_all(value, ctes, frame)
            return
        kind = value.get("type")
        if kind == "COLUMN_REF":
            if len(value["column_names"]) > 1:
                self.found.dotted.append((value, frame))
        elif "cte_map" in value:
            self.query(value, ctes, Frame(frame))
        elif kind != "CONSTANT":
            if kind == "BASE_TABLE":
                self.table(value, ctes, frame)
            elif value.get("alias") and "class" not in value:
                frame.names.append(value["alias"].lower())
            self.visit_all(value.values(), ctes, frame)

    def visit_all(self, values: Iterable[Any], ctes: frozenset[str], frame: Frame) -> None:
        for child in values:
            if child and (type(child) is dict or type(child) is list):
                self.visit(child, ctes, frame)

    def table(self, node: Node, ctes: frozenset[str], frame: Frame) -> None:
        path = node["qualified_name"]["path"]
        name = path[-1].lower()
        frame.names.append(node["alias"].lower() or name)
        if name in ctes and len(path) == 1:
            return
        # USING KEY: the recursive part reads the last round's rows as recurring.<cte>.
        if len(path) == 2 and path[0].lower() == "recurring" and f"recurring.{name}" in ctes:  # noqa: PLR2004
            return
        frame.tables.append(len(self.found.nodes))
        self.found.nodes.append(node)
        self.found.frames.append(frame)

    def query(self, node: Node, ctes: frozenset[str], frame: Frame) -> None:
        for entry in node["cte_map"].get("map", ()):
            self.visit(entry["value"], ctes, frame)
            ctes |= {entry["key"].lower()}
        recursive = node.get("type") == "RECURSIVE_CTE_NODE"
        name = node["cte_name"].lower() if recursive else ""
        for key, child in node.items():
            if key == "cte_map" or not (type(child) is dict or type(child) is list):
                continue
            inner = ctes | {name, f"recurring.{name}"} if recursive and key == "right" else ctes
            self.visit(child, inner, frame)
