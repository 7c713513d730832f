"""What a JSON Schema validator refuses, said to a person: the place, what was found, what was meant."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from meshwright.formats.yaml_text import pointer
from meshwright.model.findings import Finding
from meshwright.model.names import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

VALUE_LENGTH_MAX: Final = 80
OPTIONS_MAX: Final = 12

TYPES: Final = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}


@lru_cache(maxsize=256)
def near_miss(word: str, known: frozenset[str]) -> str | None:
    """The near miss, remembered: a mistake is seldom made once, and looking is slow."""
    return nearest(word, sorted(known))


def plain(error: Any, path: str) -> Finding:  # noqa: ANN401 - a ValidationError
    """The finding for an *error* that has no alternatives: a wrong type, choice or value."""
    kind = error.kind
    if kind.name == "type":
        return wrong_type(error, path, [TYPES.get(str(name), str(name)) for name in kind.types])
    if kind.name in {"enum", "const"}:
        return _wrong_choice(error, path)
    if kind.name == "oneOf" and isinstance(error.instance, dict):
        operators = [key for key in error.instance if key.startswith("must")]
        if len(operators) > 1:
            return Finding(
                code="wrong-value",
                message="A quality rule makes several comparisons: " + ", ".join(operators),
                path=path,
                pointer=pointer(*error.instance_path, operators[1]),
                hint="keep one, use mustBeBetween, or write a second rule",
            )
    return Finding(
        code="wrong-value",
        message=f"The value of {spoken(error.instance_path)} is not allowed: {_reason(kind)}",
        path=path,
        value=shown(error.instance),
        pointer=pointer(*error.instance_path),
    )


REASONS: Final = {
    "pattern": "it does not match the pattern {pattern}",
    "minItems": "it needs at least {limit} items",
    "maxItems": "it may have at most {limit} items",
    "minLength": "it needs at least {limit} characters",
    "maxLength": "it may have at most {limit} characters",
    "minimum": "it must be at least {limit}",
    "maximum": "it must be at most {limit}",
    "exclusiveMinimum": "it must be greater than {limit}",
    "exclusiveMaximum": "it must be less than {limit}",
    "uniqueItems": "an item is repeated",
    "not": "this key does not belong here",
    "oneOf": "it must match exactly one of the alternatives that the standard gives",
    "anyOf": "it matches none of the alternatives that the standard gives",
    "minProperties": "it needs at least {limit} keys",
}


def _reason(kind: Any) -> str:  # noqa: ANN401 - a ValidationErrorKind
    text = REASONS.get(kind.name, f"the schema's '{kind.name}' is not met")
    return text.format(pattern=getattr(kind, "pattern", ""), limit=getattr(kind, "limit", ""))


def wrong_type(error: Any, path: str, expected: list[str]) -> Finding:  # noqa: ANN401 - a ValidationError
    """The finding for a value that is none of the *expected* kinds."""
    names = list(dict.fromkeys(expected))
    if TYPES["number"] in names and TYPES["integer"] in names:
        names.remove(TYPES["integer"])
    got = kind_of(error.instance)
    hint = ""
    if "text" in names and got in {"a number", "a whole number", "true or false"}:
        hint = f'write it in quotes: "{shown(error.instance)}"'
    elif "true or false" in names and str(error.instance).lower() in {"yes", "no", "on", "off"}:
        hint = "write true or false"
    elif "a list" in names and got == "a mapping":
        hint = "start each entry with '- '"
    return Finding(
        code="wrong-type",
        message=f"{spoken(error.instance_path)} must be {' or '.join(names)}, not {got}",
        path=path,
        value=shown(error.instance),
        hint=hint,
        pointer=pointer(*error.instance_path),
    )


def _wrong_choice(error: Any, path: str) -> Finding:  # noqa: ANN401 - a ValidationError
    kind = error.kind
    options = kind.options if kind.name == "enum" else [kind.expected_value]
    texts = [str(option) for option in options]
    close = near_miss(str(error.instance), frozenset(texts))
    listed = ", ".join(texts[:OPTIONS_MAX]) + (" …" if len(texts) > OPTIONS_MAX else "")
    return Finding(
        code="wrong-value",
        message=f"{spoken(error.instance_path)} has a value that does not exist there",
        path=path,
        value=shown(error.instance),
        hint=f"did you mean '{close}'? Allowed: {listed}" if close else f"write one of {listed}",
        pointer=pointer(*error.instance_path),
    )


def spoken(path: Sequence[str | int]) -> str:
    """The place as people write it: schema[0].properties[2].name, say."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".") or "the document"


def kind_of(value: Any) -> str:  # noqa: ANN401 - any document
    """What a person would call *value*: text, a list, a mapping and so on."""
    names = {bool: "boolean", str: "string", int: "integer", float: "number", list: "array", dict: "object"}
    return TYPES[names.get(type(value), "null")]


def shown(value: Any) -> str:  # noqa: ANN401 - any document
    """*value* on one line, cut to a readable length; "" for lists and mappings."""
    if isinstance(value, (list, dict)):
        return ""
    text = (
        {None: "nothing", True: "true", False: "false"}[value]
        if value is None or value is True or value is False
        else str(value)
    )
    text = " ".join(text.split())
    return text if len(text) <= VALUE_LENGTH_MAX else text[: VALUE_LENGTH_MAX - 1] + "…"
