"""The files of one product, listed with what tells whether they changed."""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from meshwright.model.findings import Finding
from meshwright.workspace.files import is_inside, leaves_mesh

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

DESCRIPTOR: Final = "product.yaml"
LOCK: Final = "inputs.lock.yaml"
CONTRACTS: Final = "contracts"
TRANSFORM: Final = "transform"
TESTS: Final = "tests"
SUBFOLDERS: Final = (CONTRACTS, TRANSFORM, TESTS)
CODE: Final = (".sql", ".py")
# Names that are nearly right are the ones whose silence would cost hours.
NEARLY: Final = {".yml": ".yaml", ".json": ".yaml"}
# Endings of what may lie where everything else is read: notes, and what editors and version control leave.
BESIDE: Final = (".md", ".bak", ".orig", ".rej", ".swp", ".tmp")

# (path, size, mtime_ns, inode, ctime_ns) of a file; size is 0 for a folder.
Signature = tuple[str, int, int, int, int]


@dataclass(slots=True)
class Listing:
    """What a product's folder holds. `files` maps a path within the folder to its signature."""

    folder: str
    files: dict[str, Signature] = field(default_factory=dict)
    folders: list[Signature] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    # Links make "unchanged" undecidable by looking at the folder alone.
    has_links: bool = False

    def below(self, subfolder: str, *endings: str) -> list[str]:
        """The files directly in *subfolder* that end so, sorted."""
        prefix = subfolder + "/"
        return sorted(path for path in self.files if path.startswith(prefix) and path.endswith(endings))


def is_hidden(name: str) -> bool:
    """Whether a file or folder is none of ours: editors', Python's, version control's."""
    return name.startswith((".", "~")) or name.endswith("~") or name == "__pycache__"


def may_lie_beside(name: str) -> bool:
    """Whether nobody expects a file or folder to be read: notes, and what is hidden or left by editors."""
    return is_hidden(name) or name.startswith("#") or name.lower().endswith(BESIDE)


def unread(path: str, ending: str, *, is_folder: bool) -> Finding:
    """The finding for something that lies where every file with *ending* is read, and is not read itself."""
    folder, _, name = path.rpartition("/")
    stem = os.path.splitext(name)[0].removesuffix(ending)  # noqa: PTH122 - a name as text
    return Finding(
        code="unexpected-file",
        message="A folder here is not read" if is_folder else "A file with this ending is not read",
        path=path,
        hint=f"move the files in it up into {folder}/"
        if is_folder
        else f"name it '{stem}{ending}', or move it elsewhere",
    )


def list_product(root: Path, folder: str, name: str) -> Listing:
    """The files that make the product *name* in *folder*: descriptor, contracts, transformations, tests and lock."""
    listing = Listing(folder)
    base = os.path.join(root, folder)  # noqa: PTH118 - called for every product of a mesh
    listing.folders.append(signature("", os.stat(base)))  # noqa: PTH116 - likewise
    own = {DESCRIPTOR, LOCK, *(f"{name}{ending}" for ending in CODE)}
    names: list[str] = []
    for entry in os.scandir(base):
        if is_hidden(entry.name):
            continue
        names.append(entry.name)
        if entry.name in SUBFOLDERS:
            _list_subfolder(root, entry, listing)
        elif entry.name in own or (entry.name.startswith(f"{name}@") and entry.name.endswith(CODE)):
            _add(entry, entry.name, listing)
        elif entry.name in {"product.yml", "product.json"}:
            listing.findings.append(_unexpected(f"{folder}/{entry.name}", DESCRIPTOR))
    listing.findings += case_collisions(names, folder)
    return listing


def _list_subfolder(root: Path, folder: os.DirEntry[str], listing: Listing) -> None:
    if folder.is_symlink():
        listing.has_links = True
        if not is_inside(root, folder.path):
            place = f"{listing.folder}/{folder.name}"
            listing.findings.append(leaves_mesh(place, os.readlink(folder.path)))  # noqa: PTH115 - an entry has its path as text
            return
    if not folder.is_dir():
        return
    listing.folders.append(signature(folder.name, folder.stat()))
    endings = CODE if folder.name == TRANSFORM else (".yaml",)
    names: list[str] = []
    for entry in os.scandir(folder.path):
        if is_hidden(entry.name):
            continue
        names.append(entry.name)
        stem, ending = os.path.splitext(entry.name)  # noqa: PTH122 - likewise
        if ending in endings:
            _add(entry, f"{folder.name}/{entry.name}", listing)
        elif ending in NEARLY and folder.name != TRANSFORM:
            place = f"{listing.folder}/{folder.name}/{entry.name}"
            listing.findings.append(_unexpected(place, stem + NEARLY[ending]))
    listing.findings += case_collisions(names, f"{listing.folder}/{folder.name}")


def _add(entry: os.DirEntry[str], path: str, listing: Listing) -> None:
    listing.has_links |= entry.is_symlink()
    listing.files[path] = signature(path, entry.stat(follow_symlinks=False))


def signature(path: str, status: os.stat_result) -> Signature:
    """What changes when the file or folder does."""
    return path, status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns


def _unexpected(path: str, instead: str) -> Finding:
    return Finding(
        code="unexpected-file",
        message="A file with this ending is not read",
        path=path,
        hint=f"name it '{instead}'",
    )


def case_collisions(names: Iterable[str], folder: str) -> list[Finding]:
    """Findings for names that some file systems cannot tell apart: by letter case, or by how an accent is encoded."""
    return [
        Finding(
            code="case-collision",
            message=f"Some file systems cannot tell this from '{first}'",
            path=f"{folder}/{second}" if folder else second,
            value=second,
            hint="rename one of the two",
        )
        for first, second in _collisions(sorted(names))
    ]


def _collisions(names: list[str]) -> Iterator[tuple[str, str]]:
    seen: dict[str, str] = {}
    for name in names:
        same = name if name.isascii() and name.islower() else unicodedata.normalize("NFKC", name).casefold()
        if same in seen:
            yield seen[same], name
        seen.setdefault(same, name)
