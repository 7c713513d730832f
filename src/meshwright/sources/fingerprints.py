"""The content of source files, by SHA-256, and whether it changed while it was read."""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from meshwright.model.errors import Unavailable
from meshwright.sources.paths import MEMBER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# A file that was written this shortly before it was looked at may be written again within the same clock tick.
SETTLED_NS: Final = 2_000_000_000
CACHE_NAME: Final = "source-fingerprints.json"
Stat = tuple[int, int, int]
# Size, time of change in nanoseconds, inode, when it was looked at, SHA-256.
Entry = tuple[int, int, int, int, str]


def fingerprints(root: Path, paths: Sequence[str], cache: Path | None = None) -> dict[str, str]:
    """The SHA-256 of each file of *paths* (relative to *root*), in hex; a member of an archive has its archive's.

    With *cache* (a folder) a file is hashed again only when its size, time or inode changed, or when it was so new at
    its last look that a change could hide in the clock's tick. Raises Unavailable when a file cannot be read.
    """
    known = _load(cache)
    found: dict[str, str] = {}
    entries: dict[str, Entry] = {}
    base = f"{root.absolute()}/"
    look = os.stat
    for path in paths:
        name = path.partition(MEMBER)[0] if MEMBER in path else path
        key = base + name
        try:
            # Written out: of thousands of files nearly all are as they were.
            seen = look(key)
            entry = known.get(key)
            if (
                entry is None
                or entry[0] != seen.st_size
                or entry[1] != seen.st_ctime_ns
                or entry[2] != seen.st_ino
                or entry[3] - entry[1] < SETTLED_NS
            ):
                entry = entries.get(key) or _looked_at(key)
                entries[key] = entry
        except OSError as error:
            raise Unavailable(f"{name}: cannot be read: {error}") from error
        found[path] = entry[4]
    if cache is not None and any(_tells_more(entry, known.get(key)) for key, entry in entries.items()):
        _save(cache, {**known, **entries})
    return found


def verify_unchanged(root: Path, before: Mapping[str, str], cache: Path | None = None) -> None:
    """Raise Unavailable, naming every file whose content is no longer what *before* (path to SHA-256) says.

    With *cache*, as in `fingerprints`, files with the same size, time and inode are not read again.
    """
    try:
        now = fingerprints(root, list(before), cache)
    except Unavailable:
        # One at a time, to name every file that went away.
        now = {path: _or_nothing(root, path, cache) for path in before}
    changed = [path for path, digest in before.items() if now[path] != digest]
    if changed:
        raise Unavailable(f"{', '.join(changed)} changed while being read; build again when nobody writes there")


def _or_nothing(root: Path, path: str, cache: Path | None) -> str:
    try:
        return fingerprints(root, [path], cache)[path]
    except Unavailable:
        return ""


def _looked_at(file: str) -> Entry:
    stat = _stat(file)
    return (*stat, time.time_ns(), _sha256(file))


def _stat(file: str) -> Stat:
    stat = os.stat(file)  # noqa: PTH116 - a third of the time, for thousands of files
    # Tools may set the time of a file's content to what they like; that of its last change is the system's own.
    return stat.st_size, stat.st_ctime_ns, stat.st_ino


def _sha256(file: str) -> str:
    with Path(file).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _is_settled(entry: Entry) -> bool:
    return entry[3] - entry[1] >= SETTLED_NS


def _tells_more(entry: Entry, known: Entry | None) -> bool:
    """Whether to remember *entry*: nobody is told anything new by another look at what must be hashed again anyway."""
    return known is None or entry[:3] != known[:3] or entry[4] != known[4] or _is_settled(entry)


def _load(cache: Path | None) -> Mapping[str, Entry]:
    if cache is None:
        return {}
    path = f"{cache}/{CACHE_NAME}"
    try:
        return _decoded(path, _stat(path))
    except OSError:
        return {}


@lru_cache(maxsize=4)
def _decoded(path: str, stat: Stat) -> Mapping[str, Entry]:  # noqa: ARG001 - what tells one cache from the next
    """The cache in the file *path*, which is never written in place: one build looks several times."""
    import msgspec

    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=dict[str, Entry])
    except (ValueError, msgspec.MsgspecError):
        return {}


def _save(cache: Path, entries: Mapping[str, Entry]) -> None:
    """Written whole under another name first: two builds at once leave one of both, never half of one."""
    import msgspec

    new = cache / f"{CACHE_NAME}.{uuid.uuid4().hex}"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        new.write_bytes(msgspec.json.encode(entries))
        new.replace(cache / CACHE_NAME)
    except OSError:
        # Without its cache the next build hashes again; that is slower, not wrong.
        new.unlink(missing_ok=True)
