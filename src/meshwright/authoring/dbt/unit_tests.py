"""dbt's unit tests → cases of a product's `tests/*.yaml`: rows given to its inputs, rows expected of a port or step."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from meshwright.authoring.dbt.configs import listed
from meshwright.authoring.dbt.macros import NotRendered
from meshwright.authoring.dbt.references import reference

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from meshwright.authoring.dbt.project import DbtUnitTest


def written_case(
    test: DbtUnitTest, *, port: str, root: Path, name_of: Callable[[str, str, str], str]
) -> dict[str, Any]:
    """*test* as a case about *port*; *name_of(kind, name, version or table)* is what the product calls a table.

    Raises NotRendered for what a case cannot say.
    """
    if test.overrides:
        raise NotRendered(f"it overrides {', '.join(str(key) for key in test.overrides)}")
    given = {}
    for entry in test.given:
        given[_input(str(entry.get("input", "")), name_of)] = _rows(entry, root)
    return {"name": test.name, "port": port, "given": given, "expect": _rows(test.expect, root)}


def _input(text: str, name_of: Callable[[str, str, str], str]) -> str:
    found = reference(text)
    if found is None:
        raise NotRendered(f"it gives rows to {text}")
    return name_of(*found)


def _rows(entry: dict[str, Any], root: Path) -> list[dict[str, Any]]:
    kind = str(entry.get("format") or "dict")
    rows = entry.get("rows")
    if kind == "sql":
        raise NotRendered("its rows are written as SQL")
    if kind == "csv":
        if entry.get("fixture"):
            file = next(iter(sorted(root.glob(f"**/fixtures/{entry['fixture']}.csv"))), None)
            if file is None:
                raise NotRendered(f"its fixture {entry['fixture']} is not there")
            rows = file.read_text(encoding="utf-8-sig")
        text = str(rows or "").strip()
        return [{key: _value(value) for key, value in row.items()} for row in csv.DictReader(io.StringIO(text))]
    if not all(isinstance(row, dict) for row in listed(rows)):
        raise NotRendered("its rows are no mappings")
    return [{str(key): _plain(value) for key, value in row.items()} for row in listed(rows)]


def _value(text: str | None) -> Any:  # noqa: ANN401 - a cell
    if text is None or text.strip() in {"", "null", "NULL"}:
        return None
    return text.strip()


def _plain(value: Any) -> Any:  # noqa: ANN401 - a cell
    return value if value is None or isinstance(value, bool | int | float | list | dict) else str(value)
