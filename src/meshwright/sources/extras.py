"""Libraries that only some meshes need, and what to install when one is missing."""

from __future__ import annotations

import importlib
from typing import Any

from meshwright.model.errors import Unavailable


def required(module: str, *, extra: str, what: str) -> Any:  # noqa: ANN401 - a module
    """The *module* of the optional dependency *extra*. Raises Unavailable naming the command that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise Unavailable(f"{what} needs one more library: pip install 'meshwright[{extra}]'") from error
