"""`registry` and `warehouse` of mesh.yaml ⇄ model: a URL, or a mapping of it and of what opens it.

What may be a secret is written as a reference, and never repeated in a finding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from meshwright.formats import connections, quantities
from meshwright.formats.connections import Setting
from meshwright.formats.yaml_text import pointer
from meshwright.model.connection import Connection, is_reference, is_secret
from meshwright.model.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

S3: Final = connections.TYPES["s3"]
STORES: Final[dict[str, dict[str, Setting]]] = {
    "registry": {
        "url": Setting("text", "sqlite:///path relative to the mesh, or postgresql://user@host/database?schema=mesh."),
        "password": connections.TYPES["postgresql"]["password"],
    },
    "warehouse": {
        "url": Setting("text", "A folder relative to the mesh, or s3://bucket/folder."),
        **{name: S3[name] for name in ("endpoint", "region", "access_key_id", "secret_access_key", "session_token")},
        "timeout": S3["timeout"],
        "cache": Setting("text", "How much of an S3 warehouse is kept on this machine; default 10GB."),
    },
}
TYPE_OF: Final = {"registry": "postgresql", "warehouse": "s3"}
KINDS: Final = {
    "registry": "Database of what is published; default sqlite:///.mesh/registry.db",
    "warehouse": "Folder or object store of the tables; default .mesh/warehouse",
}


def schema(store: str) -> dict[str, Any]:
    """The JSON schema of *store*; its settings' values are checked by `read`, which repeats no secrets."""
    listed = {name: {"description": setting.meaning} for name, setting in STORES[store].items()}
    return {
        "type": ["string", "object"],
        "description": f"{KINDS[store]}.",
        "required": ["url"],
        "additionalProperties": False,
        "properties": {**listed, "url": {"type": "string", "minLength": 1, **listed["url"]}},
    }


def read(document: dict[str, Any], path: str) -> tuple[dict[str, str], dict[str, Connection], list[Finding]]:
    """The URLs of the stores that a schema-valid *document* names, what opens them, and what is wrong with that."""
    urls: dict[str, str] = {}
    opened: dict[str, Connection] = {}
    findings: list[Finding] = []
    for store, kind in TYPE_OF.items():
        entry = document.get(store)
        if isinstance(entry, str):
            urls[store] = entry
        elif entry is not None:
            settings = {name: value for name, value in entry.items() if name != "url"}
            findings += _checked(store, settings, path)
            urls[store] = entry["url"]
            opened[store] = Connection(name=store, type=kind, settings=_parsed(settings), path=path)
    return urls, opened, findings


def literal_secrets(document: Any, path: str) -> list[Finding]:  # noqa: ANN401 - any document
    """Findings for literal secrets in the stores of any *document*, valid or not; values are not repeated."""
    found: list[Finding] = []
    for store in STORES:
        entry = document.get(store) if isinstance(document, dict) else None
        if not isinstance(entry, dict):
            found += connections.literal_in_url(entry, (store,), path)
            continue
        found += connections.literal_in_url(entry.get("url"), (store, "url"), path)
        found += [
            _finding("literal-secret", f"'{name}' of the {store} is a literal secret", (store, name), path, hint=connections.BY_REFERENCE)
            for name, value in entry.items()
            if is_secret(str(name)) and value is not None and not isinstance(value, dict)
        ]  # fmt: skip
    return found


def _checked(store: str, settings: dict[str, Any], path: str) -> Iterator[Finding]:
    for name, value in settings.items():
        problem = connections.unfitting(STORES[store][name].kind, value)
        if name == "cache" and not problem:
            try:
                quantities.megabytes(value)
            except ValueError as error:
                problem = str(error)
        if problem:
            message = f"The value of '{name}' is not understood"
            shown = "" if is_secret(name) or is_reference(value) else str(value)
            yield _finding("wrong-value", message, (store, name), path, value=shown, hint=problem)


def _parsed(settings: dict[str, Any]) -> dict[str, Any]:
    """*settings* with the cache's size in bytes, as far as it is understood."""
    found = connections.parsed(settings)
    if "cache" in found:
        try:
            found["cache"] = quantities.megabytes(found["cache"]) * 2**20
        except (ValueError, TypeError):
            found.pop("cache")
    return found


def _finding(code: str, message: str, place: tuple[str, ...], path: str, *, value: str = "", hint: str) -> Finding:
    return Finding(code=code, message=message, path=path, value=value, hint=hint, pointer=pointer(*place))
