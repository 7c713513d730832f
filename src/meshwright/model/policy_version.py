"""A published version of policies: what binds, from when, and who said so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

# The scope of what binds the whole mesh; any other is a domain's name.
WHOLE_MESH: Final = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyVersion:
    """One version of one scope's policy files: `files` has their texts by path.

    `purposes` are those that the mesh declares beside the usual ones, each with the wider one that it is a part of ("" none).
    `attributes` are those of principals that its policies ask for, by the Cedar type that they were checked with.
    """

    scope: str
    version: int
    published_at: str
    published_by: str
    files: dict[str, str] = field(default_factory=dict)
    purposes: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
