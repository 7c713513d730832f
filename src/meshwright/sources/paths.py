"""Which files a source means: globs expanded, zip members listed, nothing outside the root."""

from __future__ import annotations

import fnmatch
import os
import re
import stat
import zipfile
from contextlib import suppress
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from meshwright.model.errors import InvalidInput, NotFound, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from meshwright.model.product import Source

MEMBER: Final = "!"
STATE: Final = ".mesh"
GLOB: Final = re.compile(r"[*?\[]")


def files(root: Path, source: Source) -> list[str]:
    """The files that *source* means, relative to *root*, sorted; members of an archive as `archive.zip!member`.

    Raises NotFound when there is none; InvalidInput when the path, or a symbolic link on it, leaves *root*.
    """
    path = source.path
    archive, _, member = path.partition(MEMBER)
    _check_inside(archive)
    # What the mesh keeps for itself is no source: it would be read past all policies.
    found = {name: plain for name, plain in sorted(_matches(root, archive)) if name.partition("/")[0] != STATE}
    if not found:
        raise NotFound(
            f"{path}: no such file{' matches' if is_glob(path) else ''} below {root}; correct the input port's mesh.path"
        )
    inside: set[str] = set()
    for name, is_plain in found.items():
        if not is_plain or name.rpartition("/")[0] not in inside:
            _check_links(root, name, inside, is_plain=is_plain)
    return [
        one for name in found for one in (_members(root, name, member) if name.lower().endswith(".zip") else [name])
    ]


def with_members(paths: Iterable[Path]) -> list[str]:
    """*paths*, which are absolute, as names of files; of an archive its members. Raises as `files` does."""
    root = Path("/")
    return [
        one
        for path in paths
        for one in (_members(root, str(path), "") if path.suffix.lower() == ".zip" else [str(path)])
    ]


def is_glob(path: str) -> bool:
    """Whether *path* may mean several files."""
    return GLOB.search(path) is not None


def _check_inside(path: str) -> None:
    parts = PurePosixPath(path)
    if not path or parts.is_absolute() or ".." in parts.parts or "\0" in path or "\\" in path:
        raise InvalidInput(f"'{path}' leaves the mesh: write a path below its root, with / between parts")


def _check_links(root: Path, name: str, inside: set[str], *, is_plain: bool) -> None:
    """Refuse what is no file of the mesh. *inside* gathers folders that lie in it: their plain files do, too.

    *is_plain* says that the file was found to be one, neither a link nor a folder.
    """
    folder = name.rpartition("/")[0]
    try:
        is_plain = is_plain or stat.S_ISREG(os.lstat(f"{root}/{name}").st_mode)
        if is_plain and folder in inside:
            return
        real = (root / name).resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise Unavailable(f"{name}: cannot be read: {error}") from error
    if not real.is_relative_to(root.resolve()):
        raise InvalidInput(f"{name} is a symbolic link that leaves the mesh: copy the file into the mesh")
    if not real.is_file():
        raise InvalidInput(f"{name} is a folder or a device: name a file, or a glob such as {name}/*.csv")
    if is_plain:
        inside.add(folder)


def _matches(root: Path, path: str) -> Iterator[tuple[str, bool]]:
    """The names that *path* means, each with whether it is known already to be a plain file."""
    if not is_glob(path) or (root / path).is_file():
        if (root / path).exists() or (root / path).is_symlink():
            yield PurePosixPath(path).as_posix(), False
        return
    yield from _glob(root, path)


def _glob(root: Path, path: str) -> Iterator[tuple[str, bool]]:
    """The files that match *path*. A pattern for names in one folder needs no more than its list, however long.

    Hidden files are editors' and downloads' leftovers unless they are asked for by name.
    """
    folder, _, last = path.rpartition("/")
    is_hidden = last.startswith(".")
    if is_glob(folder) or "**" in last:
        prefix = f"{root.as_posix().rstrip('/')}/"
        for found in root.glob(path):
            if found.is_file() and (is_hidden or not found.name.startswith(".")):
                yield found.as_posix().removeprefix(prefix), False
        return
    matches = re.compile(fnmatch.translate(last)).match
    before = f"{folder}/" if folder else ""
    with suppress(OSError), os.scandir(root / folder) as entries:
        for one in entries:
            name = one.name
            if matches(name) and (is_hidden or name[0] != "."):
                # The folder's list says so itself: a thousand files need not be looked at one by one.
                if one.is_file(follow_symlinks=False):
                    yield before + name, True
                elif one.is_file():
                    yield before + name, False


def _members(root: Path, archive: str, pattern: str) -> list[str]:
    path = root / archive
    status = path.stat()
    names = [name for name in _names(str(path), status.st_size, status.st_mtime_ns) if _is_data(name)]
    chosen = [name for name in names if not pattern or pattern_of(pattern).fullmatch(name)]
    if not chosen:
        what = (
            f"no member matches {pattern}; it has {', '.join(names[:10])}" if pattern and names else "it has no files"
        )
        raise NotFound(f"{archive}: {what}")
    return [f"{archive}{MEMBER}{name}" for name in sorted(chosen)]


@lru_cache(maxsize=64)
def _names(path: str, size: int, mtime_ns: int) -> tuple[str, ...]:  # noqa: ARG001 - size and time are the cache's key
    try:
        with zipfile.ZipFile(path) as archive:
            return tuple(info.filename for info in archive.infolist() if not info.is_dir())
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise InvalidInput(f"{path}: not a whole zip archive ({error}); copy or download it again") from error
    except OSError as error:
        raise Unavailable(f"{path}: {error}") from error


def _is_data(name: str) -> bool:
    last = PurePosixPath(name).name
    return not last.startswith(".") and not name.startswith("__MACOSX/")


def pattern_of(glob: str) -> re.Pattern[str]:
    """A regular expression for *glob* over `/`-separated names; `**` crosses folders."""
    text = ""
    for part in re.findall(r"\*\*/?|\*|\?|\[[^\]]+\]|.", glob):
        if part.startswith("**"):
            text += ".*"
        elif part in "*?":
            text += "[^/]" + ("*" if part == "*" else "")
        elif part.startswith("[") and part.endswith("]"):
            text += part.replace("[!", "[^")
        else:
            text += re.escape(part)
    return re.compile(text)
