"""What to write into mesh.yaml so that tables of a database can be read."""

from __future__ import annotations

from typing import Final

# What is spoken on the wire, by the dialect of the database.
TYPES: Final = {"postgres": "postgresql", "redshift": "postgresql", "postgresql": "postgresql", "sqlite": "sqlite"}
SETTINGS: Final = {
    "postgresql": "host: …, database: …, user: …, password: {{env: {name}_PASSWORD}}",
    "sqlite": "path: …",
}


def connection_advice(name: str, dialect: str, tables: int) -> str:
    """How to declare the connection *name* to a database of *dialect*, through which so many *tables* are read."""
    count = f"{tables} table{'s are' if tables != 1 else ' is'} read through it"
    kind = TYPES.get(dialect)
    if kind is None:
        return (
            f"the connection '{name}' cannot be declared: {dialect} is not read here, and {count}; "
            "have the tables exported to files, and name those in mesh.path"
        )
    settings = SETTINGS[kind].format(name=name.upper())
    return f"declare the connection in mesh.yaml, {count}: connections: {{{name}: {{type: {kind}, {settings}}}}}"


def table_advice(name: str, dialect: str) -> str:
    """What to do about one table that is read through the connection *name*."""
    if dialect in TYPES:
        return f"declare the connection '{name}' in mesh.yaml, or name a file in mesh.path"
    return "have it exported to files, and name those in mesh.path"
