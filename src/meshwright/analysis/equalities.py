"""Which columns of which tables a query holds equal, traced through its CTEs, subqueries and `*`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from meshwright.analysis.query import Query

Node = dict[str, Any]
# A table and one of its columns.
Origin = tuple[str, str]
EQUAL: Final = frozenset({"COMPARE_EQUAL", "COMPARE_NOT_DISTINCT_FROM"})
# Deeper than anybody writes; a recursive CTE would go on for ever.
DEPTH_MAX: Final = 60


@dataclass(slots=True)
class _Scope:
    """What a FROM clause offers: relations by lower-case alias, CTEs by name, and the query around it."""

    ctes: Mapping[str, tuple[Node, Mapping[str, Any]]]
    relations: dict[str, _Relation] = field(default_factory=dict)
    parent: _Scope | None = None


@dataclass(frozen=True, slots=True)
class _Relation:
    """A table by its name, or a query with the CTEs that it sees."""

    table: str = ""
    query: Node | None = None
    ctes: Mapping[str, Any] = field(default_factory=dict)


class Equalities:
    """Traces columns of *query*, whose tables have *columns*, both by the names that its text uses."""

    def __init__(self, query: Query, columns: Mapping[str, Collection[str]]) -> None:
        self.tree = query.tree
        self.columns = {table: {name.lower(): name for name in names} for table, names in columns.items()}

    def origins(self, column: str) -> set[Origin]:
        """Where an output column comes from unchanged: no place when it is computed."""
        return self._output(self.tree, {}, column.lower(), 0)

    def pairs(self) -> list[tuple[Origin, Origin]]:
        """Columns that a join or a condition holds equal, as it is written."""
        found: list[tuple[Origin, Origin]] = []
        for one, two in self._equal(self.tree, {}, None, 0):
            found += [(left, right) for left in sorted(one) for right in sorted(two) if left != right]
        return list(dict.fromkeys(found))

    def _equal(
        self, node: Node, ctes: Mapping[str, Any], parent: _Scope | None, depth: int
    ) -> Iterator[tuple[set[Origin], set[Origin]]]:
        """The equalities of a query and of all in it."""
        if depth > DEPTH_MAX:
            return
        ctes = _with_ctes(node, ctes)
        for query, seen in list(ctes.values()):
            if any(query is entry["value"]["query_node"] for entry in node.get("cte_map", {}).get("map", ())):
                yield from self._equal(query, seen, parent, depth + 1)
        if node["type"] == "SET_OPERATION_NODE":
            for child in _sides(node):
                yield from self._equal(child, ctes, parent, depth + 1)
        if node["type"] != "SELECT_NODE":
            return
        scope = _Scope(ctes=ctes, parent=parent)
        yield from self._from(node.get("from_table"), scope, depth)
        yield from self._condition(node.get("where_clause"), scope)
        for query in _subqueries([node.get("select_list"), node.get("where_clause"), node.get("from_table")]):
            yield from self._equal(query, ctes, scope, depth + 1)

    def _from(self, node: Node | None, scope: _Scope, depth: int) -> Iterator[tuple[set[Origin], set[Origin]]]:
        """Add what a FROM clause names to *scope*, and yield what its joins hold equal."""
        if node is None:
            return
        if node["type"] != "JOIN":
            _add(node, scope)
            return
        sides = []
        for side in ("left", "right"):
            inner = _Scope(ctes=scope.ctes)
            yield from self._from(node[side], inner, depth)
            scope.relations |= inner.relations
            sides.append(inner)
        for name in node.get("using_columns") or ():
            yield self._named(name, sides[0]), self._named(name, sides[1])
        yield from self._condition(node.get("condition"), scope)

    def _condition(self, node: Node | None, scope: _Scope) -> Iterator[tuple[set[Origin], set[Origin]]]:
        if not node:
            return
        if node.get("type") == "CONJUNCTION_AND":
            for child in node["children"]:
                yield from self._condition(child, scope)
        elif node.get("type") in EQUAL and node["left"]["class"] == node["right"]["class"] == "COLUMN_REF":
            yield (
                self._referred(node["left"]["column_names"], scope, 0),
                self._referred(node["right"]["column_names"], scope, 0),
            )

    def _referred(self, names: list[str], scope: _Scope | None, depth: int) -> set[Origin]:
        """Where a column as it is written comes from; a qualifier may be of the query around."""
        if len(names) == 1:
            return self._named(names[0], scope, depth) if scope is not None else set()
        while scope is not None:
            relation = scope.relations.get(names[-2].lower())
            if relation is not None:
                return self._of(relation, names[-1].lower(), depth)
            scope = scope.parent
        return set()

    def _named(self, name: str, scope: _Scope, depth: int = 0) -> set[Origin]:
        return {one for relation in scope.relations.values() for one in self._of(relation, name.lower(), depth)}

    def _of(self, relation: _Relation, column: str, depth: int) -> set[Origin]:
        if relation.query is not None:
            return self._output(relation.query, relation.ctes, column, depth + 1)
        known = self.columns.get(relation.table, {})
        return {(relation.table, known[column])} if column in known else set()

    def _output(self, node: Node, ctes: Mapping[str, Any], column: str, depth: int) -> set[Origin]:
        if depth > DEPTH_MAX:
            return set()
        ctes = _with_ctes(node, ctes)
        if node["type"] == "SET_OPERATION_NODE":
            return {one for child in _sides(node) for one in self._output(child, ctes, column, depth + 1)}
        if node["type"] != "SELECT_NODE":
            return set()
        scope = _Scope(ctes=ctes)
        for _ in self._from(node.get("from_table"), scope, depth):
            pass
        found: set[Origin] = set()
        for item in node["select_list"]:
            if item["class"] == "STAR":
                found |= self._star(item, column, scope, depth)
            elif (item["alias"] or (item.get("column_names") or [""])[-1]).lower() == column:
                return self._referred(item["column_names"], scope, depth) if item["class"] == "COLUMN_REF" else set()
        return found

    def _star(self, item: Node, column: str, scope: _Scope, depth: int) -> set[Origin]:
        if column in repr([item.get("exclude_list"), item.get("replace_list"), item.get("rename_list")]).lower():
            return set()
        only = item.get("relation_name", "").lower()
        chosen = [relation for name, relation in scope.relations.items() if only in {"", name}]
        return {one for relation in chosen for one in self._of(relation, column, depth)}


def _with_ctes(node: Node, ctes: Mapping[str, Any]) -> Mapping[str, Any]:
    """*ctes* and those of *node*, each with what it sees itself."""
    found = dict(ctes)
    for entry in node.get("cte_map", {}).get("map", ()):
        found[entry["key"].lower()] = (entry["value"]["query_node"], dict(found))
    return found


def _sides(node: Node) -> list[Node]:
    """The queries that a set operation combines."""
    return [*(node[side] for side in ("left", "right") if node.get(side)), *(node.get("children") or ())]


def _add(node: Node, scope: _Scope) -> None:
    if node["type"] == "BASE_TABLE":
        path = node["qualified_name"]["path"]
        name = path[-1]
        query, seen = scope.ctes.get(name.lower(), (None, {})) if len(path) == 1 else (None, {})
        relation = _Relation(query=query, ctes=seen) if query is not None else _Relation(table=name)
        scope.relations[(node["alias"] or name).lower()] = relation
    elif node["type"] == "SUBQUERY":
        alias = node["alias"].lower() or f"subquery {len(scope.relations)}"
        scope.relations[alias] = _Relation(query=node["subquery"]["node"], ctes=scope.ctes)


def _subqueries(value: Any) -> Iterator[Node]:  # noqa: ANN401 - JSON
    """The outermost queries in a part of a tree."""
    if isinstance(value, list):
        for item in value:
            yield from _subqueries(item)
    elif isinstance(value, dict):
        if "cte_map" in value:
            yield value
        else:
            for item in value.values():
                yield from _subqueries(item)
