"""The fence around transformations: a query is made of known nodes and calls known functions, or it is refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from meshwright.analysis.functions import ALLOWED, TABLE_FUNCTIONS, VOLATILE
from meshwright.analysis.grammar import NODES, PARTS, REFUSED
from meshwright.analysis.problem import Problem
from meshwright.analysis.query import NOWHERE
from meshwright.analysis.sql_text import character_offset, opaque_spans, position, with_plain_spaces

if TYPE_CHECKING:
    from meshwright.analysis.query import Query

__all__ = ["Problem", "check", "volatile_functions"]
# Most queries name no such function anywhere, and need not be walked.
VOLATILE_WORD = re.compile(rf"\b(?:{'|'.join(sorted(VOLATILE))})\b", re.IGNORECASE)

Node = dict[str, Any]

SYSTEM_SCHEMAS = frozenset({"information_schema", "pg_catalog"})
SYSTEM_TABLES = re.compile(r"(?:duckdb|pragma|sqlite|pg)_\w+\Z", re.IGNORECASE)
SYSTEM_PREFIXES = frozenset({"system", "main", "temp", "memory"})
# Nothing below them is a node.
LEAVES = frozenset({"COLUMN_REF", "CONSTANT", "POSITIONAL_REFERENCE"})
ONE_QUERY = "a transformation is one SELECT over its inputs"


def check(query: Query) -> list[Problem]:
    """Everything in *query* that a transformation may not contain, in the order of the text; empty when it may run.

    Which tables it may read is the caller's to decide (`query.references`), but for the system's own.
    """
    walk = _Walk(query)
    walk.run()
    return sorted(walk.problems, key=lambda problem: (problem.line, problem.column))


def volatile_functions(query: Query) -> tuple[str, ...]:
    """The functions in *query* that give another value at each call (`now`, `random`), sorted."""
    if VOLATILE_WORD.search(query.text) is None:
        return ()
    found: set[str] = set()
    stack: list[Any] = [query.tree]
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, dict):
            names = {item.get("function_name"), *(item.get("column_names") or ())[-1:]}
            found |= {name.lower() for name in names if isinstance(name, str)} & VOLATILE
            stack.extend(item.values())
    return tuple(sorted(found))


class _Walk:
    """One pass over the tree. Each item carries the place of the nearest node above that has one."""

    def __init__(self, query: Query) -> None:
        self.query = query
        self.problems: list[Problem] = []
        self.stack: list[tuple[Any, int]] = [(query.tree, NOWHERE)]

    def run(self) -> None:
        stack = self.stack
        while stack:
            item, place = stack.pop()
            if type(item) is list:
                stack.extend([(child, place) for child in item if type(child) is dict or type(child) is list])
                continue
            own = item.get("query_location", NOWHERE)
            place = own if own != NOWHERE else place
            if self.is_known(item, place) and item.get("class") not in LEAVES:
                stack.extend([(child, place) for child in item.values() if child and type(child) in (dict, list)])

    def is_known(self, node: Node, place: int) -> bool:
        """Whether to look below *node*; a problem is noted where it is refused."""
        kind = node.get("type")
        if type(kind) is not str:
            return self.is_known_part(node, place)
        keys = NODES.get((node.get("class", ""), kind))
        if keys is None:
            self.refuse_node(node, kind, place)
            return False
        if not node.keys() <= keys:
            unknown = ", ".join(sorted(node.keys() - keys))
            self.refuse(f"{kind} with {unknown} is not known to Meshwright", place, value=unknown)
            return False
        rule = RULES.get(node.get("class", kind))
        return rule is None or rule(self, node, place)

    def is_known_part(self, node: Node, place: int) -> bool:
        if frozenset(node) not in PARTS:
            unknown = ", ".join(sorted(node))
            self.refuse(f"this part of SQL is not known to Meshwright: {unknown}", place, value=unknown)
            return False
        if node.get("pivot_enum"):
            self.refuse("PIVOT needs a list of its values", place, value=node["pivot_enum"], hint="write IN ('a', 'b')")
        return "seed" not in node or self.sample(node, place)

    def sample(self, node: Node, place: int) -> bool:
        if node["seed"] < 0:
            hint = "write e.g. USING SAMPLE reservoir(100 ROWS) REPEATABLE (42)"
            self.refuse("a sample without a seed gives other rows at each build", place, value="SAMPLE", hint=hint)
        return False

    def refuse_node(self, node: Node, kind: str, place: int) -> None:
        message, word = REFUSED.get(kind, (f"{kind} is not allowed in a transformation", ""))
        if kind == "VALUE_PARAMETER":
            self.refuse(message, place, value=f"${node.get('identifier', '')}", hint="write the value itself")
            return
        if word and place == NOWHERE:
            place = self.place_of(word)
        self.refuse(message, place, value=word.upper() or kind)

    def place_of(self, word: str) -> int:
        """The byte offset of the keyword *word*, for nodes that DuckDB gives no place."""
        text = with_plain_spaces(self.query.text)
        spans = opaque_spans(text)
        for match in re.finditer(rf"\b{word}\b", text, re.IGNORECASE):
            if not any(start <= match.start() < end for start, end in spans):
                return len(text[: match.start()].encode())
        return NOWHERE

    def refuse(self, message: str, place: int, *, value: str = "", hint: str = ONE_QUERY) -> None:
        text = self.query.text
        line, column = (1, 1) if place == NOWHERE else position(text, character_offset(text, place))
        self.problems.append(
            Problem(code="sql-refused", message=message, value=value, hint=hint, line=line, column=column)
        )

    def base_table(self, node: Node, place: int) -> bool:
        path = node["qualified_name"]["path"]
        dotted = ".".join(path)
        if node["at_clause"] is not None:
            hint = "inputs are read as the plan pinned them; drop the AT clause"
            self.refuse("a table cannot be read as of another time here", place, value=dotted, hint=hint)
        if node["query_location"] == NOWHERE:
            self.refuse(f"TABLE {dotted} is not allowed here", place, value=dotted, hint=f"write FROM {dotted}")
        elif _is_systems([part.lower() for part in path]):
            hint = "read only the product's inputs and steps"
            self.refuse("the system's own tables cannot be read here", place, value=dotted, hint=hint)
        return node["sample"] is not None

    def table_function(self, node: Node, place: int) -> bool:
        function = node["function"]
        name = function.get("function_name", "").lower()
        if name not in TABLE_FUNCTIONS:
            hint = "name an input port, or a file as FROM 'data/file.csv'"
            self.refuse(f"the table function {name} is not allowed in a transformation", place, value=name, hint=hint)
        keys = NODES["FUNCTION", "FUNCTION"]
        if not function.keys() <= keys:
            self.refuse(f"the call of {name} is not known to Meshwright", place, value=name)
        children = [value for key, value in function.items() if key not in LOCAL_TO_CALL]
        self.stack.extend([(child, place) for child in children if child and type(child) in (dict, list)])
        if node["sample"] is not None:
            self.stack.append((node["sample"], place))
        return False

    def function(self, node: Node, place: int) -> bool:
        name = node["function_name"].lower()
        if name not in ALLOWED:
            hint = "transformations compute from their inputs only"
            self.refuse(f"the function {name} is not allowed in a transformation", place, value=name, hint=hint)
        return True

    def column(self, node: Node, place: int) -> bool:
        if node["column_names"][-1].lower() == "rowid":
            hint = "number them: row_number() OVER (ORDER BY …); rename a column of this name with * RENAME"
            self.refuse("rows have no number of their own", place, value="rowid", hint=hint)
        return True

    def type_name(self, node: Node, place: int) -> bool:
        if node["schema"] or node["catalog"]:
            dotted = ".".join(node["qualified_name"]["path"])
            self.refuse("only DuckDB's own types exist here", place, value=dotted, hint="write e.g. BIGINT or VARCHAR")
        return True


def _is_systems(path: list[str]) -> bool:
    """Whether *path* (lower case) names one of DuckDB's own tables, qualified or not."""
    if SYSTEM_SCHEMAS & set(path[:-1]):
        return True
    return SYSTEM_PREFIXES.issuperset(path[:-1]) and SYSTEM_TABLES.match(path[-1]) is not None


LOCAL_TO_CALL = frozenset({"qualified_name", "type", "class", "function_name"})
RULES = {
    "BASE_TABLE": _Walk.base_table,
    "COLUMN_REF": _Walk.column,
    "TABLE_FUNCTION": _Walk.table_function,
    "FUNCTION": _Walk.function,
    "WINDOW": _Walk.function,
    "TYPE": _Walk.type_name,
}
