"""The policy files of a mesh: global ones in policies/, each domain's in its own policies/ folder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from meshwright.model.policy_version import WHOLE_MESH
from meshwright.workspace.files import decoded, is_inside, leaves_mesh, read_bytes, unreadable
from meshwright.workspace.folders import may_lie_beside, unread

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from meshwright.model.findings import Finding

FOLDER: Final = "policies"
CEDAR: Final = ".cedar"
CASES: Final = "tests"
CASES_ENDING: Final = ".yaml"


def policy_files(root: Path, domains: Iterable[str]) -> tuple[dict[str, dict[str, str]], list[Finding]]:
    """The text of every policy file by scope ("" for the whole mesh, else a domain) and path, and what cannot be or is not read."""
    found: dict[str, dict[str, str]] = {WHOLE_MESH: {}}
    findings: list[Finding] = []
    for scope in (WHOLE_MESH, *domains):
        texts = found.setdefault(scope, {})
        paths, unread_ones = _listed(root, folder_of(scope), CEDAR)
        findings += unread_ones
        findings += _listed(root, _cases_of(scope), CASES_ENDING)[1]
        for path in paths:
            content, wrong = read_bytes(root, path)
            text, undecoded = decoded(content, path) if content is not None else (None, [])
            findings += [*wrong, *undecoded]
            if text is not None:
                texts[path] = text
    return found, findings


def case_files(root: Path, domains: Iterable[str]) -> tuple[list[str], list[Finding]]:
    """The paths of the files with policy cases, and what lies beside them and is not read."""
    listed = [_listed(root, _cases_of(scope), CASES_ENDING) for scope in (WHOLE_MESH, *domains)]
    return [path for paths, _ in listed for path in paths], [one for _, findings in listed for one in findings]


def folder_of(scope: str) -> str:
    """The folder of a scope's policies, relative to the mesh's root."""
    return FOLDER if scope == WHOLE_MESH else f"domains/{scope}/{FOLDER}"


def _cases_of(scope: str) -> str:
    return f"{folder_of(scope)}/{CASES}"


def _listed(root: Path, folder: str, ending: str) -> tuple[list[str], list[Finding]]:
    """The files in *folder* with *ending*, and a finding for everything that somebody may take for one and that is not read."""
    place = root / folder
    try:
        entries = sorted(os.scandir(place), key=lambda entry: entry.name)
    except FileNotFoundError:
        # A link that leads nowhere is there.
        return [], [unreadable(folder, "it leads nowhere")] if place.is_symlink() else []
    except OSError as error:
        return [], [unreadable(folder, error.strerror or str(error))]
    if not is_inside(root, place):
        return [], [leaves_mesh(folder, str(place.resolve()))]
    paths, findings = [], []
    for entry in entries:
        path = f"{folder}/{entry.name}"
        if entry.name.endswith(ending) and not entry.name.startswith("."):
            paths.append(path)
        elif not may_lie_beside(entry.name) and (ending, entry.name) != (CEDAR, CASES):
            findings.append(unread(path, ending, is_folder=entry.is_dir()))
    return paths, findings
