"""`identity` of mesh.yaml ⇄ `model.issuer`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from meshwright.formats.yaml_text import pointer
from meshwright.model import issuer
from meshwright.model.findings import Finding
from meshwright.model.issuer import ALGORITHMS, SKEW_SECONDS_MAX, SUBJECTS, Claim, Issuer
from meshwright.model.principal import PERSON, SERVICE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KEY: Final = "identity"
TEXT: Final = {"type": "string", "minLength": 1}
TEXTS: Final = {"type": "array", "minItems": 1, "items": TEXT}
TYPES: Final = (issuer.TEXT, issuer.NUMBER, issuer.BOOLEAN, issuer.TEXTS)
KINDS: Final = {"person": PERSON, "service": SERVICE}
ISSUER: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["url", "audiences"],
    "additionalProperties": False,
    "properties": {
        "url": {**TEXT, "description": "What its tokens have as `iss`."},
        "audiences": {**TEXTS, "description": "A token must be for one of them (`aud`)."},
        "subject": {"enum": list(SUBJECTS), "description": "The claim that says who acts; default: sub."},
        "subjects": {**TEXTS, "description": "Where that claim has several values: the ones that count."},
        "kind": {"enum": list(KINDS), "description": "Who comes with its tokens; default: person."},
        "own": {
            "type": "boolean",
            "description": "Its names are the mesh's own. Others' end with @ and the issuer's name; default: false.",
        },
        "groups": {**TEXT, "description": "The claim with groups; default: none."},
        "attributes": {
            "type": "object",
            "description": "Attributes that policies ask for, each with its claim; dots for claims in claims.",
            "additionalProperties": {
                "anyOf": [
                    TEXT,
                    {
                        "type": "object",
                        "required": ["claim"],
                        "additionalProperties": False,
                        "properties": {"claim": TEXT, "type": {"enum": list(TYPES)}},
                    },
                ]
            },
        },
        "algorithms": {
            "type": "array",
            "minItems": 1,
            "items": {"enum": list(ALGORITHMS)},
            "description": "Which signatures are accepted; default: RS256, ES256.",
        },
        "jwks": {**TEXT, "description": "Where its keys are; default: as its discovery document says."},
        "skew": {
            "type": "integer",
            "minimum": 0,
            "maximum": SKEW_SECONDS_MAX,
            "description": "By how many seconds its clock may differ; default: 60.",
        },
    },
}
SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "description": "Who tells who somebody is, where it is not the owner of a mesh on one machine.",
    "additionalProperties": False,
    "properties": {
        "issuers": {
            "type": "object",
            "description": "OpenID Connect providers by name.",
            "propertyNames": {"pattern": "^[a-z][a-z0-9_-]{0,62}$"},
            "additionalProperties": ISSUER,
        }
    },
}


def read(document: Mapping[str, Any], path: str) -> tuple[tuple[Issuer, ...], list[Finding]]:
    """The issuers that a schema-valid *document* names, none when something is wrong with one, and what is."""
    declared = (document.get(KEY) or {}).get("issuers") or {}
    findings = [finding for name, entry in declared.items() for finding in _check(name, entry, path)]
    owns = [name for name, entry in declared.items() if entry.get("own")]
    if len(owns) > 1:
        message = (
            f"Issuers {', '.join(owns)} cannot both give the mesh's own names: one could speak for the other's people"
        )
        findings.append(_finding(message, path, (KEY, "issuers", owns[1], "own"), "leave out own for all but one"))
    urls: dict[str, str] = {}
    for name, entry in declared.items():
        first = urls.setdefault(entry["url"], name)
        if first != name:
            message = f"Issuer {name} has the url of {first}"
            findings.append(_finding(message, path, (KEY, "issuers", name, "url"), "name each provider once"))
    if findings:
        # Half of what is trusted is not what somebody meant to trust.
        return (), findings
    return tuple(_issuer(name, entry) for name, entry in declared.items()), []


def _issuer(name: str, entry: Mapping[str, Any]) -> Issuer:
    defaults = Issuer(name=name, url=entry["url"], audiences=tuple(entry["audiences"]))
    return Issuer(
        name=name,
        url=entry["url"],
        audiences=tuple(entry["audiences"]),
        subject=entry.get("subject", defaults.subject),
        subjects=tuple(entry.get("subjects", ())),
        kind=KINDS[entry.get("kind", "person")],
        own=entry.get("own", False),
        groups=entry.get("groups", ""),
        attributes={
            name: Claim(said) if isinstance(said, str) else Claim(said["claim"], said.get("type", issuer.TEXT))
            for name, said in entry.get("attributes", {}).items()
        },
        algorithms=tuple(entry.get("algorithms", defaults.algorithms)),
        jwks=entry.get("jwks", ""),
        skew_seconds=entry.get("skew", defaults.skew_seconds),
    )


def _check(name: str, entry: Mapping[str, Any], path: str) -> Iterator[Finding]:
    for key in ("url", "jwks"):
        if key in entry and (problem := _problem(entry[key])):
            yield _finding(f"The {key} of issuer {name} cannot be used", path, (KEY, "issuers", name, key), problem)
    if entry.get("subject") == "groups" and not entry.get("subjects"):
        hint = "add subjects: [GROUP, …]"
        yield _finding(
            f"Issuer {name} has groups as subject, but not which", path, (KEY, "issuers", name, "subject"), hint
        )


def _problem(url: str) -> str:
    """What to write instead of *url*; "" when it will do."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "write a URL such as https://login.example.com/realms/main"
    is_near = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if not parts.hostname or parts.username or parts.password or parts.fragment:
        return "write a URL such as https://login.example.com/realms/main"
    if parts.scheme != "https" and not (parts.scheme == "http" and is_near):
        return "write https: keys that come over a line which others can write to prove nothing"
    return ""


def _finding(message: str, path: str, place: tuple[str, ...], hint: str) -> Finding:
    return Finding(code="wrong-value", message=message, path=path, hint=hint, pointer=pointer(*place))
