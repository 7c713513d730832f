"""Policies as text: Cedar files read, each policy with its name and line, and everything that is wrong with them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from meshwright.governance.conditions import asked_attributes, hides_the_row, is_resource, why_not_of_rows
from meshwright.governance.residuals import PRESENCE
from meshwright.model.findings import Finding
from meshwright.model.restriction import MASKS, is_mask

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

# A comment, a string, or a word: where the next policy begins is told by words alone.
TOKEN: Final = re.compile(r'//[^\n]*|"(?:[^"\\]|\\.)*"|[@A-Za-z_][A-Za-z0-9_]*|[(){};]')
EFFECTS: Final = frozenset({"permit", "forbid"})
SCOPED: Final = ("principal", "action", "resource")
ARITHMETIC: Final = frozenset({"+", "-", "*", "neg"})
GLOBAL: Final = ""
MASK: Final = "mask"
ROW_ACTION: Final = "readRow"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFile:
    """A file of policies. `domain` is the one that it may speak of, "" for a global file."""

    path: str
    text: str
    domain: str = GLOBAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One policy: `id` is its `@id` within its file's path, `body` its parsed form (Cedar's JSON)."""

    id: str
    domain: str
    path: str
    line: int
    body: Mapping[str, Any]

    @property
    def annotations(self) -> Mapping[str, str | None]:
        """What is said with `@name("…")`; None for a name without a value."""
        found: Mapping[str, str | None] = self.body.get("annotations") or {}
        return found


def parse(file: PolicyFile) -> tuple[list[Policy], list[Finding]]:
    """The policies of *file*, and what keeps it from being one: then there are none."""
    import cedarpy

    try:
        document = json.loads(cedarpy.policies_to_json_str(file.text))
    except ValueError as error:
        line = _line_of(str(error), file.text)
        message = f"This is not Cedar: {_plain(error)}"
        hint = "every policy is permit (…) or forbid (…), ended by a semicolon"
        return [], [Finding(code="policy-syntax", message=message, path=file.path, line=line, hint=hint)]
    if document.get("templates"):
        message = "Templates with ?principal or ?resource are not used here"
        return [], [Finding(code="policy-syntax", message=message, path=file.path, hint="write the policy out")]
    bodies = document["staticPolicies"]
    lines = list(_lines(file.text))
    policies, findings, seen = [], [], set[str]()
    for number in range(len(bodies)):
        body = bodies[f"policy{number}"]
        line = lines[number] if number < len(lines) else 1
        name = (body.get("annotations") or {}).get("id") or _unnamed(line, seen)
        if name in seen:
            hint = "give each policy an @id of its own: decisions name them"
            findings.append(
                Finding(
                    code="policy-id",
                    message="Two policies have one id",
                    path=file.path,
                    line=line,
                    value=name,
                    hint=hint,
                )
            )
        seen.add(name)
        policies.append(Policy(id=f"{file.path}#{name}", domain=file.domain, path=file.path, line=line, body=body))
    return policies, findings


def _unnamed(line: int, seen: set[str]) -> str:
    """What a policy without an @id is called: its line, and its place there where there are several."""
    names = (f"line {line}" if number == 1 else f"line {line}.{number}" for number in count(1))
    return next(name for name in names if name not in seen)


def check(policies: Iterable[Policy], schema: str) -> list[Finding]:
    """What is wrong with *policies* by the Cedar *schema* and by the rules of a mesh."""
    findings: list[Finding] = []
    for policy in policies:
        findings += _invalid(policy, schema)
        findings += _beyond_its_domain(policy)
        findings += _unknown_mask(policy)
        findings += _arithmetic(policy)
        findings += _unprintable(policy)
        findings += unseen_rows(policy) or _inexpressible(policy)
    return findings


def _invalid(policy: Policy, schema: str) -> Iterator[Finding]:
    import cedarpy

    text = cedarpy.policies_from_json_str(json.dumps(document([policy])))
    for error in cedarpy.validate_policies(text, schema).errors:
        message = f"The policy does not fit the mesh: {_plain(error.error)}"
        hint = (
            "`mesh policy schema` prints what policies can speak of; ask `has` before an attribute that may be missing"
        )
        yield Finding(
            code="policy-invalid", message=message, path=policy.path, line=policy.line, value=policy.id, hint=hint
        )


def _beyond_its_domain(policy: Policy) -> Iterator[Finding]:
    if not policy.domain:
        return
    scope = policy.body.get("resource", {})
    entity = scope.get("entity") or (scope.get("in") or {}).get("entity") or {}
    own = entity.get("type") == "Domain" and entity.get("id") == policy.domain
    address = str(entity.get("id", ""))
    own = own or (entity.get("type") in {"Product", "Port", "Column"} and address.partition(".")[0] == policy.domain)
    if not own:
        message = f"A policy of the domain {policy.domain} may speak of that domain only"
        hint = f'write resource in Domain::"{policy.domain}", or move the policy to policies/, which binds everybody'
        yield Finding(
            code="policy-scope", message=message, path=policy.path, line=policy.line, value=policy.id, hint=hint
        )


def _unknown_mask(policy: Policy) -> Iterator[Finding]:
    for name, value in policy.annotations.items():
        if name.lower() != MASK:
            continue
        message = hint = ""
        if name != MASK:
            message, hint = f"@{name} means nothing", f"write @{MASK}"
        elif not is_mask(value or ""):
            message, hint = "There is no such mask", f"use one of {', '.join(MASKS)}:10 or :month"
        elif policy.body["effect"] != "forbid" or not applies(policy, "readClear"):
            message = "A mask is of a policy that forbids readClear; here it means nothing"
            hint = 'write forbid (principal, action == Action::"readClear", resource is Column)'
        if message:
            yield Finding(
                code="policy-mask", message=message, path=policy.path, line=policy.line, value=value or "", hint=hint
            )


def applies(policy: Policy, action: str) -> bool:
    """Whether a policy's scope lets it have a say about *action*."""
    scope = policy.body.get("action", {})
    entities = scope.get("entities") or ([scope["entity"]] if "entity" in scope else [])
    return scope.get("op") == "All" or any(entity.get("id") == action for entity in entities)


def speaks_of(policy: Policy, action: str) -> bool:
    """Whether a policy is about *action* alone, and not about whatever is asked."""
    scope = policy.body.get("action", {})
    entities = scope.get("entities") or ([scope["entity"]] if "entity" in scope else [])
    return bool(entities) and all(entity.get("id") == action for entity in entities)


def _arithmetic(policy: Policy) -> Iterator[Finding]:
    if policy.body["effect"] == "forbid" and any(operator in ARITHMETIC for operator in operators(policy.body)):
        message = "A forbid must not calculate: a number that is too large would make it err"
        hint = "compare with a literal instead"
        yield Finding(
            code="policy-arithmetic", message=message, path=policy.path, line=policy.line, value=policy.id, hint=hint
        )


def unseen_rows(policy: Policy) -> list[Finding]:
    """What keeps one from seeing which columns a row policy asks: it would be decided as if no row had them."""
    if not applies(policy, ROW_ACTION):
        return []
    conditions = policy.body.get("conditions", ())
    reserved = [name for name in asked_attributes(conditions, is_resource) if name.startswith(PRESENCE)]
    if not reserved and not any(map(hides_the_row, conditions)):
        return []
    message = f"No column can be called {reserved[0]!r}" if reserved else "A row has to be asked directly"
    hint = "write resource.COLUMN and resource has COLUMN, with no other expression around resource"
    return [
        Finding(code="policy-rows", message=message, path=policy.path, line=policy.line, value=policy.id, hint=hint)
    ]


def _inexpressible(policy: Policy) -> Iterator[Finding]:
    why = why_not_of_rows(policy.body.get("conditions", ())) if speaks_of(policy, ROW_ACTION) else ""
    if why:
        message = f"The condition is none that a row can be asked: {why}"
        hint = "compare columns with ==, != or <, by like or [...].contains(resource.COLUMN); join with &&, || and !"
        yield Finding(
            code="policy-rows", message=message, path=policy.path, line=policy.line, value=policy.id, hint=hint
        )


def _unprintable(policy: Policy) -> Iterator[Finding]:
    if not policy.id.isprintable():
        message = "The @id of a policy has letters that cannot be printed"
        hint = "decisions name it: write it in one line"
        yield Finding(
            code="policy-id", message=message, path=policy.path, line=policy.line, value=repr(policy.id), hint=hint
        )


def operators(node: object) -> Iterator[str]:
    """Every operator in the conditions of a policy."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield key
            if key != "Value":
                yield from operators(value)
    elif isinstance(node, list):
        for value in node:
            yield from operators(value)


def document(policies: Iterable[Policy]) -> dict[str, Any]:
    """*policies* as one Cedar JSON document, each under its id."""
    return {"staticPolicies": {policy.id: policy.body for policy in policies}, "templates": {}, "templateLinks": []}


def _lines(text: str) -> Iterator[int]:
    """The line on which each policy begins, its annotations included."""
    start, depth = None, 0
    for match in TOKEN.finditer(text):
        word = match.group()
        if word.startswith(("//", '"')):
            continue
        if word in "(){}":
            depth += 1 if word in "({" else -1
        if depth == 0 and start is None and (word.startswith("@") or word in EFFECTS):
            start = match.start()
        if word == ";" and depth == 0 and start is not None:
            yield text.count("\n", 0, start) + 1
            start = None


def _line_of(error: str, text: str) -> int:
    found = re.search(r"line (\d+)", error)
    return min(int(found.group(1)), text.count("\n") + 1) if found else 1


def _plain(error: object) -> str:
    return " ".join(str(error).split()).rstrip(".")
