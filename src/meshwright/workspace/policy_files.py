"""The policy files of a mesh: global ones in policies/, each domain's in its own policies/ folder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from meshwright.model.policy_version import WHOLE_MESH
from meshwright.workspace.files import decoded, is_inside, leaves_mesh, read_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from meshwright.model.findings import Finding

FOLDER: Final = "policies"
CEDAR: Final = ".cedar"
CASES: Final = "tests"


def policy_files(root: Path, domains: Iterable[str]) -> tuple[dict[str, dict[str, str]], list[Finding]]:
    """The text of every policy file by scope ("" for the whole mesh, else a domain) and path, and what cannot be read."""
    found: dict[str, dict[str, str]] = {WHOLE_MESH: {}}
    findings: list[Finding] = []
    for scope in (WHOLE_MESH, *domains):
        texts = found.setdefault(scope, {})
        for path in _listed(root, folder_of(scope), CEDAR):
            if not is_inside(root, root / path):
                findings.append(leaves_mesh(path, os.readlink(root / path)))  # noqa: PTH115 - a text for a message
                continue
            content, wrong = read_bytes(root, path)
            text, undecoded = decoded(content, path) if content is not None else (None, [])
            findings += [*wrong, *undecoded]
            if text is not None:
                texts[path] = text
    return found, findings


def case_files(root: Path, domains: Iterable[str]) -> list[str]:
    """The paths of the files with policy cases."""
    return [path for scope in (WHOLE_MESH, *domains) for path in _listed(root, f"{folder_of(scope)}/{CASES}", ".yaml")]


def folder_of(scope: str) -> str:
    """The folder of a scope's policies, relative to the mesh's root."""
    return FOLDER if scope == WHOLE_MESH else f"domains/{scope}/{FOLDER}"


def _listed(root: Path, folder: str, ending: str) -> list[str]:
    try:
        names = sorted(entry.name for entry in os.scandir(root / folder) if not entry.name.startswith("."))
    except OSError:
        return []
    return [f"{folder}/{name}" for name in names if name.endswith(ending)]
