"""`target/catalog.json`: the columns that dbt found in the database, for tables that nobody here can look at."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from meshwright.authoring.dbt.project import DbtProject


def read_catalog(project: DbtProject, target: Path) -> None:
    """Add the columns and types of `catalog.json`, which `dbt docs generate` wrote into *target*, if it is there."""
    file = target / "catalog.json"
    if not file.is_file():
        return
    catalog = json.loads(file.read_text(encoding="utf-8"))
    for section in ("nodes", "sources"):
        for name, node in (catalog.get(section) or {}).items():
            parts = name.split(".")
            key = ".".join(parts[2:])
            found = node.get("columns", {}).values()
            # Snowflake spells in capitals what nobody wrote so.
            project.types[key] = {_spelled(column["name"]): column["type"] for column in found}


def _spelled(name: str) -> str:
    return name.lower() if name.isupper() else name
