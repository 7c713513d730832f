"""What was read of each product, kept between loads and trusted only while nothing can have changed.

An entry is trusted by its files' signatures when all of them are older than the cache by `RACY_NANOSECONDS`: a file
written in the same instant as it was read could change without its time changing (git calls such an entry racily clean).
Everything else is read again; when the contents turn out the same, so is the record.
"""

from __future__ import annotations

import os
from contextlib import suppress
from hashlib import blake2b
from threading import get_ident
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from meshwright.model.findings import Finding  # noqa: TC001 - decoders read the annotation when they run
from meshwright.model.release import __version__
from meshwright.workspace.folders import Signature  # noqa: TC001 - decoders read the annotation when they run
from meshwright.workspace.product_folder import Record
from meshwright.workspace.source_paths import exists

if TYPE_CHECKING:
    from pathlib import Path

    from meshwright.workspace.folders import Listing

T = TypeVar("T")
RACY_NANOSECONDS: Final = 2_000_000_000
FILE: Final = "workspace.msgpack"
# The code whose results are kept: another one, even of the same version, may read the same files otherwise.
ROOMS: Final = ("model", "formats", "workspace")


class Entry(msgspec.Struct, array_like=True, frozen=True):
    """One product's folder: its folders and files as they were, when the newest of them changed, and its record."""

    folders: list[Signature]
    files: list[Signature]
    newest: int
    fingerprint: str
    listed: list[Finding]
    probes: dict[str, bool]
    record: msgspec.Raw


class SmallFile(msgspec.Struct, array_like=True, frozen=True):
    """What one of the mesh's own files says: the hash of its content, its value, and what is wrong with it."""

    content: str
    value: msgspec.Raw
    findings: list[Finding]


class Kept(msgspec.Struct, array_like=True, frozen=True):
    """The whole cache; `written` is the time in nanoseconds before which the files were looked at."""

    key: str
    written: int
    entries: dict[str, Entry]
    small: dict[str, SmallFile]


def key() -> str:
    """What the cache depends on besides the mesh's files: the version of Meshwright and its reading code."""
    package = os.path.dirname(os.path.dirname(__file__))  # noqa: PTH120 - a load has milliseconds
    states = [
        f"{entry.name} {entry.stat().st_size} {entry.stat().st_mtime_ns}"
        for room in ROOMS
        for entry in os.scandir(f"{package}/{room}")
        if entry.name.endswith(".py")
    ]
    return f"{__version__} {blake2b(' '.join(sorted(states)).encode(), digest_size=16).hexdigest()}"


_ENCODER: Final = msgspec.msgpack.Encoder()
_KEPT: Final = msgspec.msgpack.Decoder(Kept)
_RECORD: Final = msgspec.msgpack.Decoder(Record)


def read_cache(folder: Path) -> Kept:
    """The cache in *folder*; an empty one when there is none, it is damaged, or of another version."""
    expected = key()
    try:
        kept = _KEPT.decode((folder / FILE).read_bytes())
    except (OSError, msgspec.MsgspecError, ValueError, RecursionError):
        return Kept(expected, 0, {}, {})
    return kept if kept.key == expected else Kept(expected, 0, {}, {})


def write_cache(folder: Path, kept: Kept) -> None:
    """Write the cache, whole or not at all; that it cannot be written costs only time."""
    draft = folder / f".{FILE}.{os.getpid()}.{get_ident()}"
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            draft.write_bytes(_ENCODER.encode(kept))
            draft.replace(folder / FILE)
        finally:
            draft.unlink(missing_ok=True)


def small_value(kept: SmallFile | None, content: str, kind: type[T]) -> tuple[T | None, list[Finding]] | None:
    """What a small file said when it had the same *content* (a hash); None when that is not known."""
    if kept is None or kept.content != content:
        return None
    try:
        return msgspec.msgpack.decode(kept.value, type=kind | None), kept.findings
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def new_small(content: str, value: object, findings: list[Finding]) -> SmallFile | None:
    """What is kept of a small file; None when its value cannot be kept."""
    try:
        return SmallFile(content, msgspec.Raw(_ENCODER.encode(value)), findings)
    except (msgspec.MsgspecError, OverflowError, ValueError, TypeError):
        return None


def is_unchanged(root: str, folder: str, entry: Entry, written: int) -> bool:
    """Whether the folder's files certainly are as they were when *entry* was made, going by their signatures alone."""
    if entry.newest > written - RACY_NANOSECONDS:
        return False
    base = f"{root}/{folder}/"
    stat, lstat = os.stat, os.lstat
    try:
        for path, _, changed, inode, _ in entry.folders:
            # A folder's size says nothing, and some file systems change it at will.
            found = stat(base + path)
            if found.st_mtime_ns != changed or found.st_ino != inode:
                return False
        for path, size, changed, inode, touched in entry.files:
            found = lstat(base + path)
            if (
                found.st_mtime_ns != changed
                or found.st_size != size
                or found.st_ctime_ns != touched
                or found.st_ino != inode
            ):
                return False
    except OSError:
        return False
    return not entry.probes or has_same_probes(root, entry)


def has_same_probes(root: str | Path, entry: Entry) -> bool:
    """Whether the sources of the product's inputs are found where they were."""
    return all(exists(root, path) == was_there for path, was_there in entry.probes.items())


def new_entry(listing: Listing, fingerprint: str, record: Record) -> Entry | None:
    """The entry for a *record*; None when it holds a value that cannot be kept, such as a number of 30 digits."""
    files = list(listing.files.values())
    newest = max(max(kept[2], kept[4]) for kept in [*listing.folders, *files])
    try:
        raw = msgspec.Raw(_ENCODER.encode(record))
        # Keys that are no text, and the like, are noticed now rather than at the next load.
        _RECORD.decode(raw)
    except (msgspec.MsgspecError, OverflowError, ValueError, TypeError):
        return None
    return Entry(listing.folders, files, newest, fingerprint, listing.findings, record.probes, raw)


def decoded_record(entry: Entry) -> Record | None:
    """The record of an *entry*; None when it is damaged."""
    try:
        return _RECORD.decode(entry.record)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
