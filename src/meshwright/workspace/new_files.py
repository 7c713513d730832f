"""New files of a mesh, written all or none, and never over existing ones."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from meshwright.model.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

STATE: Final = ".mesh"
SHOWN_MAX: Final = 5


def write_all(root: Path, files: Mapping[str, str | Path]) -> list[Path]:
    """Write *files* below *root*, by path: text, or a file to copy. All of them appear, or none; the paths written.

    They are written aside first, so that a full disk or an unreadable original leaves nothing behind. Raises InvalidInput
    when one is there already, Unavailable when one cannot be written.
    """
    taken = [path for path in files if os.path.lexists(root / path)]
    if taken:
        more = f" and {len(taken) - SHOWN_MAX} more" if len(taken) > SHOWN_MAX else ""
        are = "is" if len(taken) == 1 else "are"
        message = f"{', '.join(taken[:SHOWN_MAX])}{more} {are} there already; nothing was written: remove what is there, or choose another name"
        raise InvalidInput(message)
    aside = root / STATE / f"new-{secrets.token_hex(8)}"
    placed: list[Path] = []
    try:
        for number, content in enumerate(files.values()):
            _write(aside / str(number), content)
        for number, path in enumerate(files):
            _place(aside / str(number), root / path, placed)
    except BaseException as error:
        _take_back(placed)
        if isinstance(error, FileExistsError):
            message = f"{error.filename2 or error.filename} appeared meanwhile; nothing was written"
            raise InvalidInput(message) from error
        if isinstance(error, OSError):
            message = f"{error.filename2 or error.filename} cannot be written: {error.strerror}; nothing was written"
            raise Unavailable(message) from error
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        with contextlib.suppress(OSError):
            aside.parent.rmdir()  # only when it was made for this, and is empty
    return [root / path for path in files]


def _write(file: Path, content: str | Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, Path):
        shutil.copyfile(content, file)
    else:
        file.write_text(content, encoding="utf-8")


def _place(aside: Path, file: Path, placed: list[Path]) -> None:
    """Give *aside* its name, which nothing may have; what is made on the way is added to *placed*."""
    missing = [folder for folder in file.parents if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        placed.append(folder)
    try:
        # A link fails where a name is taken, a renaming would replace what is there.
        os.link(aside, file)
    except FileExistsError:
        raise
    except OSError:
        # File systems without hard links.
        with file.open("xb") as target, aside.open("rb") as source:
            shutil.copyfileobj(source, target)
    placed.append(file)


def _take_back(placed: list[Path]) -> None:
    for path in reversed(placed):
        with contextlib.suppress(OSError):
            path.rmdir() if path.is_dir() else path.unlink()
