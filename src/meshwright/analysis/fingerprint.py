"""Fingerprints of a query: of the whole, and of what computes each output column.

They rest on the parse tree without its places, so comments, spaces, line breaks and the case of keywords are free.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from meshwright.analysis.functions import AGGREGATES, ROW_MAKERS, VOLATILE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshwright.analysis.query import Query

Node = dict[str, Any]

PLACES = frozenset({"query_location", "query_location_length"})
# What tells rows apart, beside the select list.
ROW_CLAUSES = ("where_clause", "group_expressions", "having", "qualify", "modifiers")
# The rows may come in another order when one of these is added or taken away.
REORDERING = frozenset({"WINDOW", "SUBQUERY"})
UNSEPARABLE_CLASSES = frozenset({"STAR", "POSITIONAL_REFERENCE"})
UNSEPARABLE_FUNCTIONS = ROW_MAKERS | VOLATILE


def fingerprint(query: Query) -> str:
    """The SHA-256 (hexadecimal) of what *query* says, whatever its layout."""
    return _hash(query.tree)


def definitions(query: Query) -> dict[str, str]:
    """Output column → fingerprint of what computes it; under "" that of what determines the rows and their order.

    Two versions of a query with equal "" give the same rows (in the same order where the query gives one), and equal
    values in each column whose fingerprint is equal. Where columns cannot be told apart soundly (`*`, DISTINCT, set operations, LIMIT, ordinals, generated rows,
    volatile functions …) there is only "", over the whole query.
    """
    node = query.tree
    items = _items(node)
    if items is None or _whole_counts(node):
        return {"": _hash(query.tree)}
    own = {name: _hash(item) for name, item in items.items()}
    named = {name: _names(item) & items.keys() for name, item in items.items()}
    closed = {name: _combined(own, _reachable(name, named)) for name in items}
    rows = _hash(*(value for key, value in sorted(node.items()) if key != "select_list"))
    deciding = _reachable_all(_names([node[clause] for clause in ROW_CLAUSES]) & items.keys(), named)
    deciding |= {name for name, item in items.items() if _classes(item) & REORDERING}
    aggregated = any(_functions(item) & AGGREGATES for item in items.values())
    # Column names as written: two spellings of one name are two names here, which is only more careful.
    written = {name: str(item.get("alias") or item["column_names"][-1]) for name, item in items.items()}
    result = {written[name]: value for name, value in closed.items()}
    return result | {"": _hash_text([rows, str(aggregated), *(own[name] for name in sorted(deciding))])}


def _items(node: Node) -> dict[str, Node] | None:
    """The select list by lower-case output name; None when a name is not written or comes twice."""
    if node["type"] != "SELECT_NODE":
        return None
    items: dict[str, Node] = {}
    for item in node["select_list"]:
        name = item["alias"] or (item["column_names"][-1] if item["class"] == "COLUMN_REF" else "")
        if not name or name.lower() in items:
            return None
        items[name.lower()] = item
    return items


def _whole_counts(node: Node) -> bool:
    """Whether some clause ties all columns together."""
    if node["aggregate_handling"] != "STANDARD_HANDLING" or node["sample"] is not None:
        return True
    if any(modifier["type"] != "ORDER_MODIFIER" for modifier in node["modifiers"]):
        return True
    lists = [node["select_list"], *(node[clause] for clause in ROW_CLAUSES)]
    if _classes(lists) & UNSEPARABLE_CLASSES or _functions(lists) & UNSEPARABLE_FUNCTIONS:
        return True
    orders = [order["expression"] for modifier in node["modifiers"] for order in modifier["orders"]]
    return any(expression["class"] == "CONSTANT" for expression in [*orders, *node["group_expressions"]])


def _reachable(name: str, named: dict[str, set[str]]) -> set[str]:
    return _reachable_all({name}, named)


def _reachable_all(names: Iterable[str], named: dict[str, set[str]]) -> set[str]:
    """*names* and every column that they name, directly or not: an item may use another one's alias."""
    found = set(names)
    waiting = list(found)
    while waiting:
        new = named[waiting.pop()] - found
        found |= new
        waiting.extend(new)
    return found


def _combined(own: dict[str, str], names: set[str]) -> str:
    return _hash_text([f"{name}={own[name]}" for name in sorted(names)])


def _names(value: Any) -> set[str]:  # noqa: ANN401 - JSON
    """Every part of every column name in *value*, lower case; a method call keeps its column in schema and catalog."""
    found: set[str] = set()
    for node in _nodes(value):
        found |= {part.lower() for part in node.get("column_names", ())}
        if node.get("class") in {"FUNCTION", "WINDOW"}:
            found |= {str(node[key]).lower() for key in ("schema", "catalog")}
        if node.get("class") == "STAR":
            found.add(node["relation_name"].lower())
    return found


def _classes(value: Any) -> set[str]:  # noqa: ANN401 - JSON
    return {node["class"] for node in _nodes(value) if "class" in node}


def _functions(value: Any) -> set[str]:  # noqa: ANN401 - JSON
    """The functions called in *value*; a name without brackets may be one, too (`current_date`)."""
    called = {str(node["function_name"]).lower() for node in _nodes(value) if "function_name" in node}
    return called | {
        node["column_names"][0].lower() for node in _nodes(value) if len(node.get("column_names", ())) == 1
    }


def _nodes(value: Any) -> Iterable[Node]:  # noqa: ANN401 - JSON
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, dict):
            yield item
            stack.extend(item.values())


def _hash(*values: Any) -> str:  # noqa: ANN401 - JSON
    """The SHA-256 of the values without their places, key by key in the parser's order; no recursion, trees are deep."""
    parts: list[str] = []
    stack: list[Any] = [list(values)]
    while stack:
        item = stack.pop()
        if type(item) is dict:
            kept = [key for key in item if key not in PLACES]
            parts.append(f"{{{kept}")
            stack.extend([item[key] for key in kept])
        elif type(item) is list:
            parts.append(f"[{len(item)}")
            stack.extend(item)
        else:
            parts.append(repr(item))
    return _hash_text(parts)


def _hash_text(parts: list[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
