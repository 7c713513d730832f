"""JSON Schema validation whose errors speak to people: findings with a pointer, the value and a near miss."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from meshwright.formats.schema_errors import OPTIONS_MAX, TYPES, near_miss, plain, spoken, wrong_type
from meshwright.formats.yaml_text import pointer
from meshwright.model.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator


class Checker:
    """Checks documents against one schema. The schema is read and compiled at its first use, once per process."""

    def __init__(self, schema: Callable[[], dict[str, Any]]) -> None:
        self._schema = schema
        self._known_keys: dict[tuple[str | int, ...], frozenset[str]] = {}

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The JSON schema."""
        return self._schema()

    @cached_property
    def _validator(self) -> Any:  # noqa: ANN401 - jsonschema_rs is imported where it is used
        import jsonschema_rs

        return jsonschema_rs.validator_for(self.schema)

    def accepts(self, document: Any) -> bool:  # noqa: ANN401 - any document
        """Whether `check` finds nothing in *document*; does not look for what is wrong."""
        try:
            return bool(self._validator.is_valid(document))
        except ValueError:
            return False

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
        explained = {finding.pointer for finding in findings}
        explained |= _ancestors(explained)
        return findings + [finding for error in errors for finding in self._misplaced_keys(error, explained, path)]

    def _misplaced_keys(self, error: Any, explained: set[str], path: str) -> Iterator[Finding]:  # noqa: ANN401 - a ValidationError
        """Keys that exist, but not in this kind of object; nothing when another finding explains the refusal."""
        if error.kind.name != "unevaluatedProperties" or pointer(*error.instance_path) in explained:
            return
        for key in error.kind.unexpected:
            yield Finding(
                code="unknown-key",
                message=f"'{key}' does not belong into {spoken(error.instance_path)}",
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
                where = f" in {spoken(error.instance_path)}" if error.instance_path else ""
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
                yield plain(error, path)

    def _unknown_keys(self, error: Any, path: str) -> Iterator[Finding]:  # noqa: ANN401 - a ValidationError
        known = self._keys_at(tuple(error.schema_path[:-1]))
        for key in error.kind.unexpected:
            if key in known and error.kind.name == "unevaluatedProperties":
                # Known, but its own branch failed: the finding of that branch says what is wrong.
                continue
            close = near_miss(key, known)
            where = f" in {spoken(error.instance_path)}" if error.instance_path else ""
            hint = f"did you mean '{close}'?" if close else _instead(known)
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
                message=f"One of these keys is needed in {spoken(error.instance_path)}",
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
            yield wrong_type(error, path, types)
            return
        yield plain(error, path)

    def _keys_at(self, schema_path: tuple[str | int, ...]) -> frozenset[str]:
        """The keys that the subschema at *schema_path* knows, in whichever of its branches."""
        if schema_path in self._known_keys:
            return self._known_keys[schema_path]
        node: Any = self.schema
        for part in schema_path:
            if isinstance(node, dict) and part not in node and "$ref" in node:
                node = self._resolved(node["$ref"])
            node = self._resolved(node["$ref"]) if part == "$ref" else node[part]
        self._known_keys[schema_path] = frozenset(self._keys(node, set()))
        return self._known_keys[schema_path]

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


def _impossible(value: Any, place: tuple[str | int, ...], path: str) -> Iterator[Finding]:  # noqa: ANN401 - any document
    """Findings for keys that are not text."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                yield Finding(
                    code="wrong-type",
                    message=f"A key in {spoken(place)} must be text",
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
    explained = _ancestors(finding.pointer for finding in findings)
    return [finding for finding in findings if finding.code != "wrong-value" or finding.pointer not in explained]


def _ancestors(pointers: Iterable[str]) -> set[str]:
    """Every pointer that leads to, but not as far as, one of *pointers*."""
    found: set[str] = set()
    for text in pointers:
        parent = text.rpartition("/")[0]
        while parent not in found and text:
            found.add(parent)
            parent, text = parent.rpartition("/")[0], parent  # noqa: PLW2901 - climbs from the pointer
    return found


def _instead(known: Collection[str]) -> str:
    """What to write instead of a key that is none of *known*, all there are in our own files."""
    if not known or "customProperties" in known:
        return "put what the standard has no field for into customProperties"
    listed = sorted(known)
    return f"the keys here are {', '.join(listed[:OPTIONS_MAX])}{' …' if len(listed) > OPTIONS_MAX else ''}"
