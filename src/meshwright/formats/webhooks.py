"""`webhooks` of mesh.yaml ⇄ `model.webhook`. What may be a secret is never repeated in a finding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from meshwright.formats.yaml_text import pointer
from meshwright.model.connection import is_reference, secret_in_url
from meshwright.model.findings import Finding
from meshwright.model.webhook import TOLD, Webhook

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KEY: Final = "webhooks"
BY_REFERENCE: Final = "write a reference: {env: NAME}, {file: PATH} or {exec: COMMAND}"
TEXT: Final = {"type": "string", "minLength": 1}
SCHEMA: Final[dict[str, Any]] = {
    "type": "array",
    "description": "Who is told when a product becomes late, failing, blocked, or well again.",
    "items": {
        "type": "object",
        "required": ["url"],
        "additionalProperties": False,
        "properties": {
            "url": {"type": ["string", "object"], "description": f"Where to POST; to keep it secret, {BY_REFERENCE}."},
            "on": {
                "type": "array",
                "description": "What to tell; default: everything.",
                "minItems": 1,
                "items": {"enum": list(TOLD)},
            },
            "domains": {
                "type": "array",
                "description": "Of which domains; default: all.",
                "minItems": 1,
                "items": TEXT,
            },
            "secret": {"type": ["object", "string"], "description": f"Signs messages; {BY_REFERENCE}."},
        },
    },
}


def read(document: Mapping[str, Any], path: str) -> tuple[tuple[Webhook, ...], list[Finding]]:
    """The webhooks that a schema-valid *document* declares, without those that something is wrong with, and what is."""
    found, findings = [], []
    for index, entry in enumerate(document.get(KEY) or ()):
        problems = list(_check(entry, (KEY, str(index)), path))
        findings += problems
        if not problems:
            webhook = Webhook(
                name=f"{KEY}[{index}]",
                url=entry["url"],
                on=tuple(entry.get("on", TOLD)),
                domains=tuple(entry.get("domains", ())),
                secret=entry.get("secret"),
            )
            found.append(webhook)
    return tuple(found), findings


def _check(entry: Mapping[str, Any], here: tuple[str, ...], path: str) -> Iterator[Finding]:
    url, secret = entry["url"], entry.get("secret")
    if isinstance(url, dict):
        if not is_reference(url):
            yield _finding("The url of a webhook is no reference", path, (*here, "url"), BY_REFERENCE)
    elif problem := _problem(url):
        yield _finding("The url of a webhook cannot be used", path, (*here, "url"), problem)
    if secret is not None and not is_reference(secret):
        what = "is no reference" if isinstance(secret, dict) else "stands in the file for everyone to read"
        yield _finding(f"The secret of a webhook {what}", path, (*here, "secret"), BY_REFERENCE)


def _problem(url: str) -> str:
    """What to write instead of *url*; "" when it will do."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "write a URL such as https://hooks.example.com/mesh"
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return f"write a URL such as https://hooks.example.com/mesh, or {BY_REFERENCE.removeprefix('write ')}"
    where = secret_in_url(url)
    return f"it has a secret in it ({where}): {BY_REFERENCE}" if where else ""


def _finding(message: str, path: str, place: tuple[str, ...], hint: str) -> Finding:
    return Finding(code="wrong-value", message=message, path=path, hint=hint, pointer=pointer(*place))
