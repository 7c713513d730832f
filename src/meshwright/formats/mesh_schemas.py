"""JSON Schemas of the files that are ours: mesh.yaml, domain.yaml, people/*.yaml, tests/*.yaml."""

from __future__ import annotations

from typing import Any, Final

from meshwright.formats import connections, identity, stores, webhooks

DIALECT: Final = "https://json-schema.org/draft/2019-09/schema"
TEXT: Final = {"type": "string"}
TAGS: Final = {"type": "array", "items": TEXT}
CUSTOM_PROPERTIES: Final = {
    "type": "array",
    "description": "Keys of your own and of other tools.",
    "items": {
        "type": "object",
        "required": ["property", "value"],
        "additionalProperties": False,
        "properties": {"property": TEXT, "value": {}, "description": TEXT, "vendor": TEXT, "id": TEXT},
    },
}


def _amount(description: str) -> dict[str, Any]:
    return {"type": ["string", "number"], "description": description}


def _mapping(description: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "description": description, "additionalProperties": False, "properties": properties}


MESH: Final[dict[str, Any]] = {
    "$schema": DIALECT,
    "title": "mesh.yaml",
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "minLength": 1, "description": "What the mesh is called."},
        "owner": {"type": "string", "description": "Who answers for the mesh as a whole."},
        "description": TEXT,
        "registry": stores.schema("registry"),
        "warehouse": stores.schema("warehouse"),
        "engine": _mapping(
            "What the embedded engine may use.",
            {
                "memory": _amount("Such as 4GB; default: most of the machine's."),
                "threads": {"type": "integer", "minimum": 1, "description": "Default: one for each processor."},
            },
        ),
        "python": _mapping(
            "What one Python transformation may use, unless its product says otherwise.",
            {"timeout": _amount("Such as 10min, the default."), "memory": _amount("Such as 4GB, the default.")},
        ),
        "connections": connections.schema(),
        "maintenance": _mapping(
            "What `mesh maintain` keeps.",
            {
                "history": _amount(
                    "How long what was served stays readable, unless its product says otherwise; default 30d."
                ),
                "publications": {
                    "type": "integer",
                    "minimum": 1,
                    "description": "The newest stay in any case; default 10.",
                },
                "grace": _amount("How long a file stays after the last one who needs it is gone; default 1h."),
            },
        ),
        "governed": _mapping(
            "What reads that policies restrict may take.",
            {
                "copies": _amount("Room on this machine for copies of what readers may see; default 10GB."),
                "timeout": _amount("How long one SQL query may run; default 1min."),
                "memory": _amount("What one may hold in memory; default 2GB."),
                "result": _amount("How large its result may be; default 1GB."),
                "atOnce": {
                    "type": "integer",
                    "minimum": 1,
                    "description": "How many of one reader run at once; default 4.",
                },
                "unsafe": {
                    "type": "boolean",
                    "description": "Run other people's SQL even where its process cannot be locked down; default false.",
                },
            },
        ),
        "environments": {
            "type": "object",
            "description": "The environments of the mesh by name; default: prod.",
            "additionalProperties": {"type": ["object", "null"], "additionalProperties": False},
        },
        "purposes": {
            "type": "object",
            "description": "What data is read for, beside the usual purposes: the name, and the wider one it is a part of. "
            "Binds when policies are published.",
            "propertyNames": {"pattern": "^[A-Z][A-Za-z0-9]*$"},
            "additionalProperties": {"type": ["string", "null"]},
        },
        "webhooks": webhooks.SCHEMA,
        "identity": identity.SCHEMA,
        "customProperties": CUSTOM_PROPERTIES,
    },
}

TEAM: Final[dict[str, Any]] = {
    "type": "object",
    "description": "The owning team, as ODPS writes teams.",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "minLength": 1},
        "description": TEXT,
        "members": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["username"],
                "additionalProperties": False,
                "properties": {
                    "id": TEXT,
                    "username": TEXT,
                    "name": TEXT,
                    "description": TEXT,
                    "role": TEXT,
                    "dateIn": TEXT,
                    "dateOut": TEXT,
                    "replacedByUsername": TEXT,
                    "tags": TAGS,
                    "customProperties": CUSTOM_PROPERTIES,
                },
            },
        },
        "tags": TAGS,
        "customProperties": CUSTOM_PROPERTIES,
    },
}

DOMAIN: Final[dict[str, Any]] = {
    "$schema": DIALECT,
    "title": "domain.yaml",
    "type": "object",
    "required": ["team"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "description": "Optional; the folder's name."},
        "description": TEXT,
        "team": TEAM,
        "approvers": {"type": "array", "items": TEXT, "description": "Usernames or groups that approve requests."},
        "tags": TAGS,
        "connections": connections.schema(),
        "warehouse": {"type": "string", "description": "Folder of the domain's tables; default: the mesh's."},
        "engine": _mapping(
            "What an engine of the domain's own may use; default: it shares the mesh's.",
            {
                "memory": _amount("Such as 2GB."),
                "threads": {"type": "integer", "minimum": 1, "description": "Such as 2."},
            },
        ),
        "quota": _mapping(
            "What the domain's products may serve together, in each environment.",
            {
                "bytes": _amount("Such as 10GB."),
                "rows": {"type": "integer", "minimum": 0, "description": "Such as 1000000."},
            },
        ),
        "customProperties": CUSTOM_PROPERTIES,
    },
}

PEOPLE: Final[dict[str, Any]] = {
    "$schema": DIALECT,
    "title": "people/*.yaml",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "groups": {
            "type": "object",
            "description": "Who is in each group: USERNAME, service:NAME, agent:NAME or product:DOMAIN.PRODUCT.",
            "additionalProperties": {"type": "array", "items": TEXT},
        },
        "attributes": {
            "type": "object",
            "description": "By name, as in groups, what policies can ask of them: region, clearance and the like.",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": {
                    "anyOf": [
                        {"type": "string"},
                        {"type": "integer"},
                        {"type": "boolean"},
                        {"type": "array", "items": {"type": "string"}},
                    ]
                },
            },
        },
    },
}

ROWS: Final[dict[str, Any]] = {"type": "array", "items": {"type": "object", "description": "A row: column and value."}}
CASES: Final[dict[str, Any]] = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "required": ["name", "given", "expect"],
        "additionalProperties": False,
        "properties": {
            "name": {"type": "string", "minLength": 1, "description": "What the test shows, as a sentence."},
            "port": {"type": "string", "description": "The output port or step; default: named like the product."},
            "given": {"type": "object", "description": "Rows of each input.", "additionalProperties": ROWS},
            "expect": ROWS,
            "ordered": {"type": "boolean", "description": "Whether the order of rows matters; default false."},
        },
    },
}

TESTS: Final[dict[str, Any]] = {
    "$schema": DIALECT,
    "title": "tests/*.yaml",
    "oneOf": [
        CASES,
        {"type": "object", "required": ["tests"], "additionalProperties": False, "properties": {"tests": CASES}},
    ],
}

POLICY_CASES: Final[dict[str, Any]] = {
    "$schema": DIALECT,
    "title": "policies/tests/*.yaml",
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "required": ["name", "as", "port", "expect"],
        "additionalProperties": False,
        "properties": {
            "name": TEXT,
            "as": {**TEXT, "description": "Who reads: a username, service:NAME, agent:NAME/PERSON or product:ID."},
            "port": {**TEXT, "description": "The port's address."},
            "purpose": TEXT,
            "expect": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "allowed": {"type": "boolean"},
                    "columns": {
                        "type": "object",
                        "description": "By column: clear, absent, or the name of the mask.",
                        "additionalProperties": TEXT,
                    },
                    "rows": {"enum": ["all", "none", "filtered"]},
                    "policies": {"type": "array", "description": "Policies that must have had a say.", "items": TEXT},
                    "reasons": {
                        "type": "array",
                        "description": "Texts that must each be in the reasons, as `mesh policy explain` gives them.",
                        "items": TEXT,
                    },
                },
            },
        },
    },
}
