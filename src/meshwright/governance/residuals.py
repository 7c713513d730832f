"""Residuals: what partial evaluation leaves of row policies, compiled to a predicate over the port's columns.

Only what SQL answers as Cedar does is compiled; anything else raises, and its reader gets no row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from meshwright.model.restriction import FALSE, TRUE, FilterColumn, Literal, Predicate

if TYPE_CHECKING:
    from collections.abc import Mapping

COMPARISONS: Final = frozenset({"==", "<", "<="})
# `a != b` is `!(a == b)`, and so on: every operator is one of the above, perhaps turned round or negated.
NEGATED: Final = {"!=": "==", ">": "<=", ">=": "<"}
DEPTH_MAX: Final = 100
# The name of the unknown that stands for `resource has column`: a NULL is a column that the row does not have.
PRESENCE: Final = "has "


# By name: the field id, and the type in Cedar's words.
Columns: TypeAlias = "Mapping[str, tuple[int, str]]"
# The type of a column of which nothing is known.
ANY: Final = ""
TYPES: Final = {str: "String", int: "Long", bool: "Bool"}


class Inexpressible(ValueError):
    """A condition on rows that no predicate over one row's columns says."""


def row_filter(residuals: Mapping[str, Mapping[str, Any]], columns: Columns) -> Predicate:
    """The rows that *residuals* permit, none of which they forbid; *columns* are those that a policy can ask for, by name: field id and Cedar's type.

    Raises Inexpressible.
    """
    permits: list[Predicate] = []
    forbids: list[Predicate] = []
    for policy in residuals.values():
        body = _all(tuple(_condition(part, columns) for part in policy.get("conditions", ())))
        (forbids if policy["effect"] == "forbid" else permits).append(body)
    return _all((_any(tuple(permits)), _not(_any(tuple(forbids)))))


def _condition(part: Mapping[str, Any], columns: Columns) -> Predicate:
    body = _predicate(part["body"], columns, 0)
    return _not(body) if part.get("kind") == "unless" else body


def _predicate(node: Mapping[str, Any], columns: Columns, depth: int = 0) -> Predicate:
    if depth > DEPTH_MAX or len(node) != 1:
        raise Inexpressible("a condition is too deep or malformed")
    ((operator, value),) = node.items()

    def part(name: str) -> Predicate:
        return _predicate(value[name], columns, depth + 1)

    match operator:
        case "Value" if isinstance(value, bool):
            found = TRUE if value else FALSE
        case "unknown":
            found = _known(node, columns)
        case "&&":
            found = _all((part("left"), part("right")))
        case "||":
            found = _any((part("left"), part("right")))
        case "!":
            found = _not(part("arg"))
        case "if-then-else":
            found = _any((_all((part("if"), part("then"))), _all((_not(part("if")), part("else")))))
        case _:
            found = _asked(operator, value, columns)
    return found


def _known(node: Mapping[str, Any], columns: Columns) -> Predicate:
    """A boolean column by itself, or whether a row has a value in a column."""
    name = node["unknown"][0].get("Value")
    if isinstance(name, str) and name.startswith(PRESENCE):
        return Predicate("known", (_column({"unknown": [{"Value": name.removeprefix(PRESENCE)}]}, columns),))
    column = _column(node, columns)
    _require_alike(column, (True,), columns)
    return Predicate("==", (column, True))


def _asked(operator: str, value: Mapping[str, Any], columns: Columns) -> Predicate:
    if operator in COMPARISONS:
        return _comparison(operator, value, columns)
    if operator in NEGATED:
        return _not(_comparison(NEGATED[operator], value, columns))
    if operator == "contains":
        return _contains(value, columns)
    if operator == "like":
        column = _column(value["left"], columns)
        _require_alike(column, ("",), columns)
        return Predicate("like", (column, _pattern(value["pattern"])))
    raise Inexpressible(f"'{operator}' cannot be asked of a row")


def _comparison(operator: str, sides: Mapping[str, Any], columns: Columns) -> Predicate:
    left, right = _operand(sides["left"], columns), _operand(sides["right"], columns)
    if not isinstance(left, FilterColumn) and not isinstance(right, FilterColumn):
        raise Inexpressible("a comparison without a column")
    _require_alike(left, (right,), columns)
    return Predicate(operator, (left, right))


def _contains(sides: Mapping[str, Any], columns: Columns) -> Predicate:
    held = sides["left"]
    if "Set" in held:
        values = tuple(_literal(one) for one in held["Set"])
    elif isinstance(held.get("Value"), list):
        values = tuple(_plain(one) for one in held["Value"])
    else:
        raise Inexpressible("only a set of literals can be asked whether it contains a column")
    column = _column(sides["right"], columns)
    _require_alike(column, values, columns)
    return Predicate("contains", (values, column)) if values else FALSE


def _require_alike(one: FilterColumn | Literal, others: tuple[FilterColumn | Literal, ...], columns: Columns) -> None:
    """Raise Inexpressible for values of two types: to Cedar they are never equal, SQL would turn one into the other."""
    types = dict(columns.values())
    kinds = {types[value.id] if isinstance(value, FilterColumn) else TYPES[type(value)] for value in (one, *others)}
    if len(kinds - {ANY}) > 1:
        raise Inexpressible(f"a comparison of {' and '.join(sorted(kinds))}")


def _operand(node: Mapping[str, Any], columns: Columns) -> FilterColumn | Literal:
    return _column(node, columns) if "unknown" in node else _literal(node)


def _column(node: Mapping[str, Any], columns: Columns) -> FilterColumn:
    try:
        (argument,) = node["unknown"]
        return FilterColumn(columns[argument["Value"]][0])
    except (KeyError, TypeError, ValueError):
        raise Inexpressible("what is asked of a row is no column of the port") from None


def _literal(node: Mapping[str, Any]) -> Literal:
    if set(node) != {"Value"}:
        raise Inexpressible("a value that is no text, whole number or boolean")
    return _plain(node["Value"])


def _plain(value: object) -> Literal:
    if isinstance(value, str | int | bool):
        return value
    raise Inexpressible("a value that is no text, whole number or boolean")


def _pattern(parts: list[Any]) -> str:
    """Cedar's pattern as SQL's: its wildcard is `%`, everything else means itself."""
    text = []
    for part in parts:
        if part == "Wildcard":
            text.append("%")
        elif isinstance(part, dict) and isinstance(part.get("Literal"), str):
            text.append("".join(f"\\{letter}" if letter in "\\%_" else letter for letter in part["Literal"]))
        else:
            raise Inexpressible("a pattern that is not understood")
    return "".join(text)


def _all(parts: tuple[Predicate, ...]) -> Predicate:
    if FALSE in parts:
        return FALSE
    kept = tuple(part for part in parts if part != TRUE)
    return kept[0] if len(kept) == 1 else Predicate("and", kept) if kept else TRUE


def _any(parts: tuple[Predicate, ...]) -> Predicate:
    if TRUE in parts:
        return TRUE
    kept = tuple(part for part in parts if part != FALSE)
    return kept[0] if len(kept) == 1 else Predicate("or", kept) if kept else FALSE


def _not(part: Predicate) -> Predicate:
    if part == TRUE:
        return FALSE
    if part == FALSE:
        return TRUE
    if part.operator == "not":
        (inner,) = part.arguments
        assert isinstance(inner, Predicate)  # noqa: S101 - as made below
        return inner
    return Predicate("not", (part,))
