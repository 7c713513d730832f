"""Where an input's files are: below the product's folder, else below the mesh's root, never outside."""

from __future__ import annotations

import fnmatch
import glob
import os
import posixpath
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from meshwright.model.connection import Address, remote_address, sheet_of
from meshwright.model.findings import Finding
from meshwright.workspace.files import is_inside, leaves_mesh
from meshwright.workspace.new_files import STATE
from meshwright.workspace.remote_sources import check_address

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from meshwright.model.product import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePlace:
    """A declared path, resolved.

    `path` is relative to the mesh's root with `/` between parts, or a URL, or what a `connection` leads to; `sheet` is that of
    a workbook; `probes` says of each place that was tried whether
    something was there: as long as the answers stay the same, so does the place.
    """

    path: str
    connection: str = ""
    sheet: str = ""
    findings: tuple[Finding, ...] = ()
    probes: dict[str, bool] = field(default_factory=dict)

    def complete(self, source: Source) -> Source:
        """*source*, as it was declared, at this place."""
        options = {"sheet": self.sheet, **source.options} if self.sheet else source.options
        return replace(source, path=self.path, connection=self.connection or source.connection, options=options)


def place_of(root: Path, folder: str, source: Source, *, where: str, pointer: str = "") -> SourcePlace:
    """Where a declared *source* is: as `resolve`, but that its connection and its query say so, too."""
    if not source.connection and not source.query:
        return resolve(root, folder, source.path, where=where, pointer=pointer)
    address = Address(source.connection, source.path or "query")
    findings = tuple(check_address(address, where=where, pointer=pointer))
    return SourcePlace(path=source.path, connection=source.connection, findings=findings)


def resolve(root: Path, folder: str, declared: str, *, where: str, pointer: str = "") -> SourcePlace:
    """The place of the *declared* path (or glob) of a product in *folder*; findings are on the file *where*.

    Tries the product's folder, then the mesh's root. A path that leaves the mesh, by `..`, as an absolute path or through
    a link, is a finding, as is one where nothing is found.
    """
    if remote := remote_address(declared):
        findings = check_address(remote, where=where, pointer=pointer)
        return SourcePlace(path=remote.path, connection=remote.connection, findings=tuple(findings))
    declared, sheet = sheet_of(declared)
    slashed = declared.replace("\\", "/")
    candidates = [posixpath.normpath(posixpath.join(folder, slashed)), posixpath.normpath(slashed)]
    inside = [path for path in dict.fromkeys(candidates) if not _escapes(path)]
    if _escapes(candidates[0]) or slashed.startswith("/"):
        return SourcePlace(path=slashed, findings=(leaves_mesh(where, declared, pointer),))
    probes: dict[str, bool] = {}
    for path in inside:
        probes[path] = exists(root, path)
        if probes[path]:
            outside = () if _stays(root, path) else (leaves_mesh(where, declared, pointer),)
            return SourcePlace(path=path, sheet=sheet, findings=outside, probes=probes)
    missing = Finding(
        code="missing-source",
        message="There is no such file" if not glob.has_magic(slashed) else "No file matches the pattern",
        path=where,
        value=declared,
        hint="tried " + " and ".join(inside),
        pointer=pointer,
    )
    return SourcePlace(path=inside[0], findings=(missing,), probes=probes)


def exists(root: Path | str, path: str) -> bool:
    """Whether a file (or for a glob, any) is at *path*, relative to *root*."""
    if glob.has_magic(path):
        folder, _, last = path.rpartition("/")
        if glob.has_magic(folder) or "**" in last:
            return next(_matches(root, path), None) is not None
        return _any_in(os.path.join(root, folder), last)  # noqa: PTH118 - likewise
    return os.path.exists(os.path.join(root, path))  # noqa: PTH110, PTH118 - called for every input of a mesh


def _any_in(folder: str, pattern: str) -> bool:
    """Whether a name in *folder* matches: the first that does is enough, however many there are."""
    matches = re.compile(fnmatch.translate(pattern)).match
    hidden = pattern.startswith(".")
    try:
        with os.scandir(folder) as entries:
            return any(matches(one.name) and (hidden or not one.name.startswith(".")) for one in entries)
    except OSError:
        return False


def _matches(root: Path | str, pattern: str) -> Iterator[str]:
    return glob.iglob(pattern, root_dir=root, recursive=True)  # noqa: PTH207 - Path.glob follows no link to a folder


def _escapes(path: str) -> bool:
    # What the mesh keeps for itself is no source: it would be read past all policies.
    return path in {"..", STATE} or path.startswith(("../", "/", f"{STATE}/"))


def _stays(root: Path, path: str) -> bool:
    found = _matches(root, path) if glob.has_magic(path) else [path]
    return all(is_inside(root, os.path.join(root, name)) for name in found)  # noqa: PTH118 - likewise
