"""JSON Schema validation whose errors speak to people: findings with a pointer, the value and a near miss."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from meshwright.formats.yaml_text import pointer
from meshwright.model.findings import Finding
from meshwright.model.names import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

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


class Checker:
    """Checks documents against one schema. The schema is read and compiled at its first use, once per process."""

    def __init__(self, schema: Callable[[], dict[str, Any]]) -> None:
        self._schema = schema

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The JSON schema."""
        return self._schema()

    @cached_property
    def _validator(self) -> Any:  # noqa: ANN401 - jsonschema_rs is imported where it is used
        import jsonschema_rs

        return jsonschema_rs.validator_for(self.schema)

    def check(self, document: Any, path: str) -> list[Finding]:  # noqa: ANN401 - any document
        """Everything in *document* that the schema does not allow, in the document's order; each has a pointer."""
        try:
            errors = list(self._validator.iter_errors(document))
        except ValueError:
            return list(_impossible(document, (), path))
        found: dict[tuple[str, str, str], Finding] = {}
        for error in errors:
            for finding in self._findings(error, path):
                found.setdefault((finding.code, finding.pointer, finding.message), finding)
        findings = _outermost(list(found.values()))
        findings += [finding for error in errors for finding in self._misplaced_keys(error, findings, path)]
        return findings

    def _misplaced_keys(self, error: Any, others: list[Finding], path: str) -> Iterator[Finding]:  # noqa: ANN401 - a ValidationError
        """Keys that exist, but not in this kind of object; nothing when another finding explains why they were refused."""
        if error.kind.name != "unevaluatedProperties":
            return
        here = pointer(*error.instance_path)
        if any(other.pointer == here or other.pointer.startswith(here + "/") for other in others):
            return
        for key in error.kind.unexpected:
            yield Finding(
                code="unknown-key",
                message=f"'{key}' does not belong into {_spoken(error.instance_path)}",
                path=path,
                pointer=pointer(*error.instance_path, key),
                hint="this kind of entry has no such key: remove it, or correct the entry's type",
            )

    def _findings(self, error: Any, path: str) -> Iterator[Finding]:  # noqa: ANN401 - a ValidationError
        kind = error.kind
        match kind.name:
            case "additionalProperties" | "unevaluatedProperties":
                yield from self._unknown_keys(error, path)
            case "required":
                where = f" in {_spoken(error.instance_path)}" if error.instance_path else ""
                yield Finding(
                    code="missing-key",
                    message=f"'{kind.property}' is missing{where}",
                    path=path,
                    pointer=pointer(*error.instance_path),
                    hint=f"add '{kind.property}: …'",
                )
            case "anyOf" | "oneOf":
                yield from self._alternatives(error, path)
            case _:
                yield _plain(error, path)

    def _unknown_keys(self, error: Any, path: str) -> Iterator[Finding]:  # noqa: ANN401 - a ValidationError
        known = self._keys_at(error.schema_path[:-1])
        for key in error.kind.unexpected:
            if key in known and error.kind.name == "unevaluatedProperties":
                # Known, but its own branch failed: the finding of that branch says what is wrong.
                continue
            close = nearest(key, known)
            where = f" in {_spoken(error.instance_path)}" if error.instance_path else ""
            hint = (
                f"did you mean '{close}'?" if close else "put what the standard has no field for into customProperties"
            )
            if key == "<<":
                hint = "merge keys ('<<') are not part of YAML 1.2: write the values out"
            yield Finding(
                code="unknown-key",
                message=f"Unknown key '{key}'{where}",
                path=path,
                pointer=pointer(*error.instance_path, key),
                hint=hint,
            )

    def _alternatives(self, error: Any, path: str) -> Iterator[Finding]:  # noqa: ANN401 - a ValidationError
        branches: list[list[Any]] = getattr(error.kind, "context", None) or []
        here = len(error.instance_path)
        lacking = [branch[0].kind.property for branch in branches if branch and branch[0].kind.name == "required"]
        if len(lacking) == len(branches) > 1:
            yield Finding(
                code="missing-key",
                message=f"One of these keys is needed in {_spoken(error.instance_path)}",
                path=path,
                pointer=pointer(*error.instance_path),
                hint="add one of " + ", ".join(lacking),
            )
            return
        # The alternative that was meant is the one whose own kind of value fits: its errors lie deeper or are not of type.
        meant = [
            branch
            for branch in branches
            if branch and not any(len(e.instance_path) == here and e.kind.name == "type" for e in branch)
        ]
        if len(meant) == 1:
            for inner in meant[0]:
                yield from self._findings(inner, path)
            return
        types = [
            TYPES.get(str(name), str(name))
            for branch in branches
            for e in branch
            if e.kind.name == "type"
            for name in e.kind.types
        ]
        if branches and len(types) == len(branches):
            yield _wrong_type(error, path, types)
            return
        yield _plain(error, path)

    def _keys_at(self, schema_path: Sequence[str | int]) -> set[str]:
        node: Any = self.schema
        for part in schema_path:
            if isinstance(node, dict) and part not in node and "$ref" in node:
                node = self._resolved(node["$ref"])
            node = self._resolved(node["$ref"]) if part == "$ref" else node[part]
        return self._keys(node, set())

    def _keys(self, node: Any, seen: set[int]) -> set[str]:  # noqa: ANN401 - a subschema
        if not isinstance(node, dict) or id(node) in seen:
            return set()
        seen.add(id(node))
        found = set(node.get("properties", {}))
        if "$ref" in node:
            found |= self._keys(self._resolved(node["$ref"]), seen)
        for word in ("allOf", "anyOf", "oneOf"):
            for branch in node.get(word, ()):
                found |= self._keys(branch, seen)
        for word in ("then", "else"):
            found |= self._keys(node.get(word), seen)
        return found

    def _resolved(self, reference: str) -> Any:  # noqa: ANN401 - a subschema
        node: Any = self.schema
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
        return node


def _plain(error: Any, path: str) -> Finding:  # noqa: ANN401 - a ValidationError
    kind = error.kind
    if kind.name == "type":
        return _wrong_type(error, path, [TYPES.get(str(name), str(name)) for name in kind.types])
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
        message=f"The value of {_spoken(error.instance_path)} is not allowed: {_reason(kind)}",
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


def _wrong_type(error: Any, path: str, expected: list[str]) -> Finding:  # noqa: ANN401 - a ValidationError
    names = list(dict.fromkeys(expected))
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
        message=f"{_spoken(error.instance_path)} must be {' or '.join(names)}, not {got}",
        path=path,
        value=shown(error.instance),
        hint=hint,
        pointer=pointer(*error.instance_path),
    )


def _wrong_choice(error: Any, path: str) -> Finding:  # noqa: ANN401 - a ValidationError
    kind = error.kind
    options = kind.options if kind.name == "enum" else [kind.expected_value]
    texts = [str(option) for option in options]
    close = nearest(str(error.instance), texts)
    listed = ", ".join(texts[:OPTIONS_MAX]) + (" …" if len(texts) > OPTIONS_MAX else "")
    return Finding(
        code="wrong-value",
        message=f"{_spoken(error.instance_path)} has a value that does not exist there",
        path=path,
        value=shown(error.instance),
        hint=f"did you mean '{close}'? Allowed: {listed}" if close else f"write one of {listed}",
        pointer=pointer(*error.instance_path),
    )


def _spoken(path: Sequence[str | int]) -> str:
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


def _impossible(value: Any, place: tuple[str | int, ...], path: str) -> Iterator[Finding]:  # noqa: ANN401 - any document
    """Findings for keys that are not text."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                yield Finding(
                    code="wrong-type",
                    message=f"A key in {_spoken(place)} must be text",
                    path=path,
                    value=str(key),
                    hint=f'write it in quotes: "{key}"',
                    pointer=pointer(*place),
                )
            else:
                yield from _impossible(inner, (*place, key), path)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _impossible(inner, (*place, index), path)


def _outermost(findings: list[Finding]) -> list[Finding]:
    """Without "not allowed" findings on a value inside of which another finding already says why."""
    vague = {"wrong-value"}
    return [
        finding
        for finding in findings
        if finding.code not in vague
        or not any(other.pointer.startswith(finding.pointer + "/") and other is not finding for other in findings)
    ]
