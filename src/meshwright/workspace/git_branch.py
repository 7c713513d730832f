"""The git branch that a mesh's checkout is on, read from git's own files: starting git takes longer than planning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

HEAD: Final = "ref: refs/heads/"
POINTER: Final = "gitdir: "


def current_branch(folder: Path) -> str:
    """The branch checked out in the repository around *folder*; "" outside any, or when no branch is checked out."""
    place = folder.resolve()
    for candidate in (place, *place.parents):
        git = candidate / ".git"
        try:
            if git.is_file():
                # A worktree or submodule: the file says where its own folder is.
                git = candidate / git.read_text(encoding="utf-8").strip().removeprefix(POINTER)
            head = (git / "HEAD").read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            continue
        return head.removeprefix(HEAD) if head.startswith(HEAD) else ""
    return ""


def repository_root(folder: Path) -> Path | None:
    """The root of the git checkout around *folder*; None outside any."""
    place = folder.resolve()
    return next((one for one in (place, *place.parents) if (one / ".git").exists()), None)


def default_branch(folder: Path) -> str:
    """The branch that others are merged into: the remote's, as the clone saw it; else the one checked out; else main."""
    root = repository_root(folder)
    if root is None:
        return "main"
    try:
        head = (root / ".git/refs/remotes/origin/HEAD").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return current_branch(folder) or "main"
    return head.removeprefix("ref: refs/remotes/origin/")
