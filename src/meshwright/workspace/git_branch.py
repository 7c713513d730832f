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
