"""Conditions: what the expressions of policies, in Cedar's JSON, ask and of what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from meshwright.governance.residuals import ANY, PRESENCE, Inexpressible, row_filter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

RESOURCE: Final = {"Var": "resource"}
CONTEXT: Final = {"Var": "context"}
VARIABLES: Final = frozenset({"principal", "context"})
# What compares text with whole text.
WHOLE: Final = frozenset({"==", "!=", "contains"})
# What a row itself can be asked: its attributes, and where it belongs.
OF_ROWS: Final = frozenset({".", "has", "in", "is", "==", "!="})
PLACES: Final = frozenset({"in", "is", "==", "!="})
# A value that only a reader has.
SOMETHING: Final = {"Value": "something"}
LITERALS: Final = frozenset({"Value", "Set"})


def asked_attributes(node: object, is_asked: Callable[[object], bool]) -> Iterable[str]:
    """The attributes that a policy's conditions ask, by `.` or by `has`, of any expression that *is_asked* means."""
    for one in _every(node):
        for asked in (one.get("."), one.get("has")) if isinstance(one, dict) else ():
            if isinstance(asked, dict) and is_asked(asked.get("left")):
                yield str(asked.get("attr"))


def is_resource(node: object) -> bool:
    """Whether an expression is the resource itself."""
    return node == RESOURCE


def may_be_principal(node: object) -> bool:
    """Whether an expression may come to somebody who acts: the principal, its agent or one who is named has a part in it."""
    return node != CONTEXT and any(
        one.get("Var") in VARIABLES or "__entity" in one for one in _every(node) if isinstance(one, dict)
    )


def asks_a_name(node: object) -> bool:
    """Whether an expression asks the name of what is read."""
    return any(isinstance(one, dict) and _is_name(one.get(".")) for one in _every(node))


def _is_name(asked: object) -> bool:
    return isinstance(asked, dict) and asked.get("attr") == "name" and _reaches_the_row(asked)


def names_compared(node: object) -> Iterator[str]:
    """The names with which a policy compares that of what is read, written out and whole."""
    for one in _every(node):
        if isinstance(one, dict):
            for operator in sorted(one.keys() & WHOLE):
                sides = one[operator]
                if any(isinstance(side, dict) and _is_name(side.get(".")) for side in sides.values()):
                    yield from (text for inner in _every(sides) for text in _texts(inner))


def _texts(node: object) -> Iterator[str]:
    value = node.get("Value") if isinstance(node, dict) else None
    yield from (text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str))


def entities_named(node: object) -> list[tuple[str, str]]:
    """The entities that a policy names, by type and id, but for actions."""
    found = [
        (str(one["type"]), str(one["id"]))
        for one in _every(node)
        if isinstance(one, dict) and {"type", "id"} == one.keys()
    ]
    return [one for one in dict.fromkeys(found) if one[0] != "Action"]


def hides_the_row(node: object) -> bool:
    """Whether an expression reaches the resource otherwise than by asking it directly: of what, is then not seen."""
    if isinstance(node, dict):
        return node == RESOURCE or any(
            hides_the_row({name: inner for name, inner in value.items() if not is_resource(inner)})
            if key in OF_ROWS and isinstance(value, dict)
            else hides_the_row(value)
            for key, value in node.items()
        )
    return isinstance(node, list) and any(hides_the_row(value) for value in node)


def why_not_of_rows(conditions: Iterable[Mapping[str, Any]]) -> str:
    """Why *conditions* on a row are none that its columns can be asked, whoever reads it; "" when they are."""
    try:
        body = [{**part, "body": _assumed(part["body"], is_asked=True)} for part in conditions]
        names = {name: (0, ANY) for part in body for name in _unknown(part["body"])}
        row_filter({"it": {"effect": "forbid", "conditions": body}}, names)
    except Inexpressible as error:
        return str(error)
    return ""


def _assumed(node: Any, *, is_asked: bool) -> Any:  # noqa: ANN401 - a JSON value
    """*node* as partial evaluation leaves it, for a reader of whom nothing speaks against it; *is_asked*: it is yes or no."""
    if not _reaches_the_row(node):
        return {"Value": True} if is_asked else node if set(node) <= LITERALS else SOMETHING
    ((operator, value),) = node.items()
    if operator in {".", "has"} and is_resource(value["left"]):
        prefix = PRESENCE if operator == "has" else ""
        return {"unknown": [{"Value": f"{prefix}{value['attr']}"}]}
    if operator in PLACES and any(map(is_resource, value.values())):
        return {"Value": True}
    if operator in {"&&", "||", "!"}:
        return {operator: {side: _assumed(inner, is_asked=True) for side, inner in value.items()}}
    if operator == "if-then-else":
        is_known = not _reaches_the_row(value["if"])
        chosen = {side: _assumed(value[side], is_asked=is_asked) for side in ("then", "else")}
        if is_known and not is_asked:
            return chosen["then"] if "unknown" in chosen["then"] else chosen["else"]
        return {operator: {"if": _assumed(value["if"], is_asked=True), **chosen}}
    if operator == "contains" and not _reaches_the_row(value["left"]):
        held = value["left"] if set(value["left"]) <= LITERALS else {"Value": ["something"]}
        return {operator: {"left": held, "right": _assumed(value["right"], is_asked=False)}}
    if isinstance(value, dict) and "left" in value:
        sides = {side: _assumed(value[side], is_asked=False) for side in ("left", "right") if side in value}
        return {operator: {**value, **sides}}
    raise Inexpressible(f"'{operator}' cannot be asked of a row")


def _reaches_the_row(node: object) -> bool:
    return any(map(is_resource, _every(node)))


def _unknown(node: object) -> Iterator[str]:
    for one in _every(node):
        if isinstance(one, dict) and "unknown" in one:
            yield str(one["unknown"][0]["Value"]).removeprefix(PRESENCE)


def _every(node: object) -> Iterator[object]:
    """*node* and everything in it."""
    yield node
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _every(inner)
