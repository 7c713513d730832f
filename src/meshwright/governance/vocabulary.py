"""The words of policies: Cedar's entity types and actions, and values as Cedar spells them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from meshwright.model import issuer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshwright.model.datatype import DataType
    from meshwright.model.principal import Attribute

# What each action is asked of.
ACTIONS: Final = {
    "discover": ("Product", "Port"),
    "read": ("Port",),
    "readClear": ("Column",),
    "readMasked": ("Column",),
    "readRow": ("Row",),
    "publish": ("Product",),
    "promote": ("Product",),
    "rollback": ("Product",),
    "approve": ("Product", "Port"),
    "administer": ("Domain", "Mesh"),
}
PRINCIPALS: Final = ("Person", "Service", "Agent", "DataProduct")
# Types of columns that a row policy can speak of. Cedar has no other values that SQL compares alike.
ROW_TYPES: Final = {
    "VARCHAR": "String",
    "BOOLEAN": "Bool",
    "TINYINT": "Long",
    "SMALLINT": "Long",
    "INTEGER": "Long",
    "BIGINT": "Long",
    "UTINYINT": "Long",
    "USMALLINT": "Long",
    "UINTEGER": "Long",
}

# The Cedar type of a claim, by what mesh.yaml says it is.
CLAIM_TYPES: Final = {issuer.TEXT: "String", issuer.NUMBER: "Long", issuer.BOOLEAN: "Bool", issuer.TEXTS: "Set<String>"}
# The type of an attribute that policies ask for and were not checked with, or two versions with two types: no value is of
# it, so whoever has one is denied until they are published anew.
CONTRADICTION: Final = "Mesh"
FIXED: Final = """
entity Mesh;
entity Group;
entity Purpose in [Purpose];
entity Domain in [Mesh] { name: String, tags: Set<String> };
entity Product in [Domain] { name: String, domain: Domain, tags: Set<String>, status: String, owner: String };
entity Port in [Product] { name: String, domain: Domain, tags: Set<String>, status: String, version: Long };
entity Column in [Port] { name: String, domain: Domain, tags: Set<String>, classifications: Set<String>, type: String };
"""


def row_types(columns: Mapping[str, DataType]) -> dict[str, str]:
    """The Cedar type of each column that a row policy can speak of."""
    return {name: ROW_TYPES[kind.name] for name, kind in columns.items() if kind.name in ROW_TYPES}


def schema(rows: Mapping[str, str], attributes: Mapping[str, str]) -> str:
    """The Cedar schema of a mesh whose rows have the columns *rows* and whose principals the *attributes*, by Cedar type.

    All of both are optional: a policy must ask `has` before it looks.
    """
    principal = _record({**attributes})
    parts = [FIXED, f"entity Row in [Port] {_record(rows)};"]
    parts += [f"entity {name} in [Group, Domain] {principal};" for name in PRINCIPALS]
    context = "{ purpose: Purpose, now: datetime, environment: String, agent?: Agent }"
    parts += [
        f"action {name} appliesTo {{ principal: [{', '.join(PRINCIPALS)}], resource: [{', '.join(resources)}], "
        f"context: {context} }};"
        for name, resources in ACTIONS.items()
    ]
    return "\n".join(parts)


def _record(types: Mapping[str, str]) -> str:
    return "{ " + ", ".join(f"{quoted(name)}?: {kind}" for name, kind in sorted(types.items())) + " }"


def quoted(text: str) -> str:
    """*text* as Cedar writes it: its escapes are not JSON's."""
    return '"' + "".join(letter if _is_plain(letter) else f"\\u{{{ord(letter):x}}}" for letter in text) + '"'


def _is_plain(letter: str) -> bool:
    return letter.isprintable() and letter not in '"\\'


def attribute_type(value: Attribute) -> str:
    """The Cedar type of a principal's attribute."""
    if isinstance(value, bool):
        return "Bool"
    return {int: "Long", tuple: "Set<String>"}.get(type(value), "String")


def entity(
    kind: str, name: str, parents: tuple[tuple[str, str], ...] = (), attributes: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """An entity as Cedar's JSON has it."""
    return {
        "uid": {"type": kind, "id": name},
        "attrs": {key: list(value) if isinstance(value, tuple) else value for key, value in (attributes or {}).items()},
        "parents": [{"type": parent, "id": identifier} for parent, identifier in parents],
    }


def unknown(name: str) -> dict[str, Any]:
    """An attribute whose value only the row knows: what depends on it is left over by partial evaluation."""
    return {"__extn": {"fn": "unknown", "arg": name}}
