"""Reading the files of a mesh safely: regular files only, below the mesh's root, of a bearable size."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any, Final

from meshwright.formats.yaml_text import BYTES_MAX, empty_file, not_utf8, parse, too_large
from meshwright.model.findings import Finding

if TYPE_CHECKING:
    from pathlib import Path

KINDS: Final = {stat.S_ISDIR: "a folder", stat.S_ISFIFO: "a pipe", stat.S_ISSOCK: "a socket"}


def read_bytes(root: Path, path: str) -> tuple[bytes | None, list[Finding]]:
    """The content of the file at *path* (relative to *root*), or None and why it was not read.

    Neither follows a link out of the mesh nor opens anything but a regular file of at most `BYTES_MAX` bytes.
    """
    file = os.path.join(root, path)  # noqa: PTH118 - called for every file of a mesh
    try:
        status = os.lstat(file)
        if stat.S_ISLNK(status.st_mode):
            if not is_inside(root, file):
                return None, [leaves_mesh(path, os.readlink(file))]  # noqa: PTH115 - likewise
            status = os.stat(file)  # noqa: PTH116 - likewise
        if not stat.S_ISREG(status.st_mode):
            what = next((name for is_kind, name in KINDS.items() if is_kind(status.st_mode)), "no regular file")
            return None, [unreadable(path, f"it is {what}")]
        if status.st_size > BYTES_MAX:
            return None, [too_large(path, status.st_size, BYTES_MAX)]
        with open(file, "rb") as handle:  # noqa: PTH123 - likewise
            return handle.read(), []
    except OSError as error:
        return None, [unreadable(path, error.strerror or str(error))]


def read_document(root: Path, path: str) -> tuple[Any, bytes, list[Finding]]:
    """The YAML document at *path*, its content, and what is wrong with it (the document is then None)."""
    content, findings = read_bytes(root, path)
    if content is None:
        return None, b"", findings
    document, findings = parse(content, path)
    return document, content, findings


def decoded(content: bytes, path: str) -> tuple[str | None, list[Finding]]:
    """The text of a transformation, or None when it is not UTF-8 or says nothing."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return None, [not_utf8(path, content, error)]
    if not text.strip():
        return None, [empty_file(path)]
    return text, []


def is_inside(root: Path, file: str | Path) -> bool:
    """Whether *file*, all links followed, lies below *root*."""
    top = os.path.realpath(root)
    real = os.path.realpath(file)
    return real == top or real.startswith(top.rstrip(os.sep) + os.sep)


def leaves_mesh(path: str, value: str, pointer: str = "") -> Finding:
    """The finding for a path or link that leads out of the mesh."""
    return Finding(
        code="leaves-mesh",
        message="This leads out of the mesh's folder, and is not followed",
        path=path,
        value=value,
        hint="put the file below the mesh's root; what lies elsewhere cannot be versioned with it",
        pointer=pointer,
    )


def unreadable(path: str, reason: str) -> Finding:
    """The finding for a file that is there and cannot be read."""
    return Finding(
        code="unreadable",
        message=f"The file cannot be read: {reason}",
        path=path,
        hint="make it a file that you may read",
    )
