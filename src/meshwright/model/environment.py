"""Environments: `prod`, and named branches of the mesh that stand on another environment until they differ from it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from meshwright.model.publication import Publication

PROD: Final = "prod"
LENGTH_MAX: Final = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """An environment: what it has not built itself it serves as `base` does ("": it stands on nothing)."""

    name: str
    base: str = ""
    created_at: str = ""
    created_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """One product's move from an environment to the one it stands on.

    `publications` are to be recorded there, oldest first, the last to be served; none: it is served no more. `head` is
    what is served there now, `source` what the environment serves.
    """

    product: str
    publications: tuple[Publication, ...]
    head: int | None
    source: int | None


def environment_name(branch: str) -> str:
    """The name of the environment for the git *branch*: `feature/New-Model` is `feature_new_model`; "" for no branch."""
    name = re.sub(r"[^a-z0-9]+", "_", branch.lower()).strip("_")[:LENGTH_MAX].rstrip("_")
    return f"b_{name}"[:LENGTH_MAX] if name[:1].isdigit() else name
