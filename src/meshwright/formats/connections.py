"""`connections` of mesh.yaml and domain.yaml ⇄ `model.connection`. What may be a secret is never repeated in a finding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from meshwright.formats import quantities
from meshwright.formats.yaml_text import pointer
from meshwright.model.connection import REFERENCES, Connection, is_reference, is_secret, secret_in_url
from meshwright.model.findings import Finding
from meshwright.model.names import is_name, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KEY: Final = "connections"
SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
BY_REFERENCE: Final = "write a reference instead: {env: NAME}, {file: PATH} or {exec: COMMAND}; and give out a new secret, this one is in the file's history"


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting of a connection: `kind` is text, number, duration, flag, secret, headers or sslmode."""

    kind: str
    meaning: str
    required: bool = False


TIMEOUT: Final = Setting("duration", "How long to wait for an answer; default 30s.")
TYPES: Final[dict[str, dict[str, Setting]]] = {
    "postgresql": {
        "host": Setting("text", "Host name, or the folder of a Unix socket."),
        "port": Setting("number", "Default 5432."),
        "database": Setting("text", "The database's name."),
        "user": Setting("text", "Who reads; give it SELECT and nothing else."),
        "password": Setting("secret", "Its password, by reference."),
        "url": Setting("secret", "All of these in one URL, by reference, instead of the settings above."),
        "sslmode": Setting("sslmode", "One of " + ", ".join(SSL_MODES) + "; libpq's default is prefer."),
        "sslrootcert": Setting("text", "The file of the certificate authorities to trust."),
        "timeout": TIMEOUT,
    },
    "sqlite": {
        "path": Setting("text", "The database file, relative to the mesh's root.", required=True),
        "timeout": TIMEOUT,
    },
    "http": {
        "url": Setting("text", "What addresses are appended to, such as https://api.example.com/v1/.", required=True),
        "headers": Setting("headers", "Headers by name; those that prove who asks are references."),
        "user": Setting("text", "For basic authentication."),
        "password": Setting("secret", "For basic authentication, by reference."),
        "token": Setting("secret", "A bearer token, by reference."),
        "timeout": TIMEOUT,
    },
    "s3": {
        "endpoint": Setting("text", "The store's URL; default: AWS."),
        "region": Setting("text", "The region; default: as the environment says."),
        "bucket": Setting("text", "The bucket that addresses are in; without it an address begins with the bucket."),
        "access_key_id": Setting("text", "Who reads; without it the environment's credentials."),
        "secret_access_key": Setting("secret", "Its key, by reference."),
        "session_token": Setting("secret", "The token of temporary credentials, by reference."),
        "anonymous": Setting("flag", "Read as nobody, from a public bucket."),
        "timeout": TIMEOUT,
    },
}


def schema() -> dict[str, Any]:
    """The JSON schema of `connections`; what each type takes is checked by `read`, which repeats no secrets."""
    every = {name: setting for settings in TYPES.values() for name, setting in settings.items()}
    listed = {name: {"description": setting.meaning} for name, setting in every.items()}
    return {
        "type": "object",
        "description": "Databases, web servers and object stores that input ports read, by name.",
        "additionalProperties": {
            "type": "object",
            "required": ["type"],
            "properties": {
                "type": {"enum": list(TYPES), "description": "What is at the other end."},
                "environments": {
                    "type": "object",
                    "description": "Settings that are different in an environment, by its name.",
                    "additionalProperties": {"type": "object", "properties": listed},
                },
                **listed,
            },
        },
    }


def read(document: Mapping[str, Any], path: str) -> tuple[dict[str, Connection], list[Finding]]:
    """The connections that a schema-valid *document* declares, and what is wrong with them."""
    found: dict[str, Connection] = {}
    findings: list[Finding] = []
    for name, entry in (document.get(KEY) or {}).items():
        here = (KEY, name)
        if not is_name(name):
            hint = "use a-z, 0-9 and _, starting with a letter"
            findings.append(_finding("bad-name", "The name of a connection cannot be used", path, here, name, hint))
        shared = {key: value for key, value in entry.items() if key not in {"type", "environments"}}
        findings += _checked(shared, entry["type"], here, path)
        environments = entry.get("environments") or {}
        for environment, own in environments.items():
            findings += _checked(own, entry["type"], (*here, "environments", environment), path)
            if not is_name(environment):
                place = (*here, "environments", environment)
                hint = "use a-z, 0-9 and _, starting with a letter"
                message = "The name of an environment cannot be used"
                findings.append(_finding("bad-name", message, path, place, environment, hint))
        findings += _incomplete(entry["type"], shared, environments, here, path)
        found[name] = Connection(
            name=name, type=entry["type"], settings=parsed(shared), path=path,
            environments={environment: parsed(own) for environment, own in environments.items()},
        )  # fmt: skip
    return found, findings


def literal_secrets(document: Any, path: str) -> list[Finding]:  # noqa: ANN401 - any document
    """Findings for literal secrets under `connections` of any *document*, valid or not; values are not repeated."""
    entries = document.get(KEY) if isinstance(document, dict) else None
    return list(_literals(entries, (KEY,), path)) if isinstance(entries, dict) else []


def literal_in_url(text: Any, place: tuple[str, ...], path: str) -> list[Finding]:  # noqa: ANN401 - a value of a document
    """The finding for a URL or DSN at *place* that has a secret in it."""
    where = secret_in_url(text) if isinstance(text, str) else ""
    return [_literal(f"The URL has a literal secret in it ({where})", place, path)] if where else []


def _literals(value: Any, place: tuple[str, ...], path: str) -> Iterator[Finding]:  # noqa: ANN401 - a value of a document
    if value is None or is_reference(value):
        return
    if len(place) > 2 and is_secret(place[-1]):  # noqa: PLR2004 - connections, its name
        yield _literal(f"'{place[-1]}' of the connection '{place[1]}' is a literal secret", place, path)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _literals(inner, (*place, str(key)), path)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _literals(inner, (*place, str(index)), path)
    else:
        yield from literal_in_url(value, place, path)


def _literal(message: str, place: tuple[str, ...], path: str) -> Finding:
    return _finding("literal-secret", message, path, place, "", BY_REFERENCE)


def _checked(settings: Mapping[str, Any], kind: str, here: tuple[str, ...], path: str) -> Iterator[Finding]:
    known = TYPES[kind]
    for name, value in settings.items():
        place = (*here, name)
        if name not in known:
            close = nearest(name, known)
            hint = f"did you mean '{close}'?" if close else f"{kind} takes {', '.join(known)}"
            yield _finding("unknown-key", f"A connection of type {kind} has no setting '{name}'", path, place, "", hint)
        elif problem := unfitting(known[name].kind, value):
            yield _finding("wrong-value", f"The value of '{name}' is not understood", path, place, "", problem)


def unfitting(kind: str, value: Any) -> str:  # noqa: ANN401 - a value of a document
    """What to write instead of *value*, "" when it will do. A literal secret has its own finding."""
    if isinstance(value, dict) and kind != "headers":
        if not is_reference(value):
            return f"a reference is one of {{{': …}, {'.join(REFERENCES)}: …}}"
        return "" if kind in {"text", "secret"} else "write the value itself: it is no secret"
    if kind == "secret":
        return ""
    if kind == "duration":
        try:
            quantities.seconds(value)
        except ValueError as error:
            return str(error)
        return ""
    if kind == "headers":
        fits = isinstance(value, dict) and all(isinstance(one, str) or is_reference(one) for one in value.values())
        return "" if fits else "write a mapping of header to text, or to a reference"
    accepts = {
        "text": isinstance(value, str) and bool(value),
        "number": isinstance(value, int) and not isinstance(value, bool),
        "flag": isinstance(value, bool),
        "sslmode": value in SSL_MODES,
    }
    words = {"number": "write a whole number", "flag": "write true or false", "text": "write text"}
    return "" if accepts[kind] else words.get(kind, f"write one of {', '.join(SSL_MODES)}")


def _incomplete(
    kind: str, shared: Mapping[str, Any], environments: Mapping[str, Any], here: tuple[str, ...], path: str
) -> Iterator[Finding]:
    required = [name for name, setting in TYPES[kind].items() if setting.required]
    if kind == "postgresql" and "url" not in shared:
        required = ["host", "database", "user"]
    for name in required:
        # What each environment says for itself need not be said for all.
        if name not in shared and not (
            environments and all(name in one or "url" in one for one in environments.values())
        ):
            message = f"'{name}' is missing in the connection '{here[-1]}'"
            yield _finding("missing-key", message, path, here, "", f"add '{name}: …': {TYPES[kind][name].meaning}")


def parsed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """*settings* with durations in seconds, as far as they are understood."""
    found = dict(settings)
    if "timeout" in found:
        try:
            found["timeout"] = quantities.seconds(found["timeout"])
        except ValueError:
            found.pop("timeout")
    return found


def _finding(code: str, message: str, path: str, place: tuple[str, ...], value: str, hint: str) -> Finding:
    return Finding(code=code, message=message, path=path, value=value, hint=hint, pointer=pointer(*place))


def reference() -> str:
    """The reference page of connections, as Markdown."""
    lines = [
        "# Connections",
        "",
        "What stands below a name under `connections` of `mesh.yaml` or `domain.yaml`. Settings that hold a secret are",
        "references: `{env: NAME}`, `{file: PATH}` or `{exec: COMMAND}`; any other text may be one, too. `environments` takes,",
        "by the name of an environment, settings that are different there. The [guide](../guide/sources.md) has examples.",
    ]
    for kind, settings in TYPES.items():
        lines += ["", f"## `type: {kind}`", "", "| setting | value | meaning |", "|---|---|---|"]
        for name, one in settings.items():
            value = {"secret": "reference", "headers": "mapping", "sslmode": "text"}.get(one.kind, one.kind)
            lines.append(f"| `{name}` | {value}{', required' if one.required else ''} | {one.meaning} |")
    return "\n".join(lines)
