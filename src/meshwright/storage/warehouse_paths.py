"""What may be the path of a file in a warehouse, and the name of a run that stages files for it."""

from __future__ import annotations

import re
from typing import Final

from meshwright.model.errors import InvalidInput

RUN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


def check_path(path: str, warehouse: str) -> None:
    """Raise InvalidInput unless *path* plainly lies inside the *warehouse*, as messages call it."""
    parts = path.split("/")
    if not path or "\0" in path or "\\" in path or any(part in {"", ".", ".."} for part in parts):
        raise InvalidInput(f"'{path}' is no path in the warehouse: write it relative to {warehouse}, without '..'")


def check_run(run: str) -> None:
    """Raise InvalidInput unless *run* can name a folder."""
    if not RUN.fullmatch(run):
        raise InvalidInput(f"'{run}' cannot name a run; use letters, digits, '.', '_' and '-'")
