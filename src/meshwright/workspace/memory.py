"""The products and small files of one load: taken from the cache where nothing changed, read where something did."""

from __future__ import annotations

import time
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, TypeVar

from meshwright.formats.yaml_text import parse, placed
from meshwright.model.findings import Finding
from meshwright.model.names import is_name
from meshwright.workspace import cache
from meshwright.workspace.files import read_bytes, unreadable
from meshwright.workspace.folders import CODE, DESCRIPTOR, SUBFOLDERS, list_product
from meshwright.workspace.product_folder import Record, read_contents, read_product

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from meshwright.workspace.folders import Listing

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ReadFolder:
    """What a folder turned out to be: `record` is None when it is no product; `listed` is wrong with its files' names."""

    record: Record | None
    fingerprint: str = ""
    listed: tuple[Finding, ...] = ()


class Memory:
    """Reads for one load of the mesh at *root*; with a *folder*, what earlier loads kept there is used and renewed."""

    def __init__(self, root: Path, folder: Path | None) -> None:
        self._root = root
        self._base = str(root)
        self._folder = folder
        self._kept: cache.Kept | None = None
        self._entries: dict[str, cache.Entry] = {}
        self._small: dict[str, cache.SmallFile] = {}
        self._is_stale = False
        if folder is not None:
            self._kept = cache.read_cache(folder)
        # Taken before any file is looked at: what changes later is newer than the cache.
        self._looked_at = time.time_ns()

    @property
    def mark(self) -> str:
        """What tells the kept state of the mesh from every other; "" when nothing is kept."""
        return f"{self._kept.key} {self._kept.written}" if self._kept is not None and self._kept.written else ""

    def holds(self, folders: Iterable[str]) -> bool:
        """Whether the mesh consists of the products in *folders* and of the small files read so far, all as they were kept."""
        kept = self._kept
        if (
            kept is None
            or self._is_stale
            or kept.entries.keys() != set(folders)
            or kept.small.keys() != self._small.keys()
        ):
            return False
        return all(
            cache.is_unchanged(self._base, folder, entry, kept.written) for folder, entry in kept.entries.items()
        )

    def save(self) -> None:
        """Keep what this load read, if it differs from what was kept."""
        if self._folder is None or self._kept is None:
            return
        if (
            self._is_stale
            or self._entries.keys() != self._kept.entries.keys()
            or self._small.keys() != self._kept.small.keys()
        ):
            self._kept = cache.Kept(self._kept.key, self._looked_at, self._entries, self._small)
            cache.write_cache(self._folder, self._kept)

    def small(
        self, path: str, kind: type[T], reader: Callable[[Any, str], tuple[T | None, list[Finding]]]
    ) -> tuple[T | None, list[Finding]]:
        """What *reader* makes of the YAML file at *path*, and what is wrong with it, each with its line."""
        content, findings = read_bytes(self._root, path)
        if content is None:
            return None, findings
        if self._kept is None:
            return _read_small(content, path, reader)
        key = blake2b(content, digest_size=16).hexdigest()
        known = self._kept.small.get(path)
        remembered = cache.small_value(known, key, kind)
        if remembered is not None and known is not None:
            self._small[path] = known
            return remembered
        self._is_stale = True
        value, findings = _read_small(content, path, reader)
        fresh = cache.new_small(key, value, findings)
        if fresh is not None:
            self._small[path] = fresh
        return value, findings

    def product(self, folder: str, domain: str, name: str) -> ReadFolder:
        """The product *name* in *folder*."""
        kept = self._kept
        known = None if kept is None else kept.entries.get(folder)
        if known is not None and kept is not None and cache.is_unchanged(self._base, folder, known, kept.written):
            record = cache.decoded_record(known)
            if record is not None:
                self._entries[folder] = known
                return ReadFolder(record, known.fingerprint, tuple(known.listed))
        try:
            listing = list_product(self._root, folder, name)
        except OSError as error:
            return ReadFolder(None, listed=(unreadable(folder, error.strerror or str(error)),))
        if DESCRIPTOR not in listing.files:
            return ReadFolder(None, listed=(*listing.findings, *_without_descriptor(listing)))
        if not is_name(name):
            return ReadFolder(None, listed=(bad_folder(folder, "product"),))
        return self._read(listing, domain, name, known)

    def _read(self, listing: Listing, domain: str, name: str, known: cache.Entry | None) -> ReadFolder:
        contents = read_contents(self._root, listing)
        record = None
        if known is not None and known.fingerprint == contents.fingerprint:
            record = cache.decoded_record(known) if cache.has_same_probes(self._root, known) else None
        record = record or read_product(self._root, domain, name, contents)
        if self._kept is not None and not listing.has_links:
            entry = cache.new_entry(listing, contents.fingerprint, record)
            if entry is not None:
                self._is_stale = True
                self._entries[listing.folder] = entry
        return ReadFolder(record, contents.fingerprint, tuple(listing.findings))


def _read_small(
    content: bytes, path: str, reader: Callable[[Any, str], tuple[T | None, list[Finding]]]
) -> tuple[T | None, list[Finding]]:
    document, findings = parse(content, path)
    if findings:
        return None, findings
    value, findings = reader(document, path)
    return value, placed(findings, content) if findings else []


def _without_descriptor(listing: Listing) -> list[Finding]:
    """A finding when the folder looks like a product; a folder of notes or data is none."""
    if len(listing.folders) == 1 and not any(file.endswith(CODE) for file in listing.files):
        return []
    return [
        Finding(
            code="missing-file",
            message=f"The folder holds {', '.join(SUBFOLDERS)} or SQL, but no {DESCRIPTOR}",
            path=f"{listing.folder}/{DESCRIPTOR}",
            hint="write the three lines apiVersion, kind and id, or run 'mesh new product'",
        )
    ]


def bad_folder(path: str, what: str) -> Finding:
    """The finding for a folder that is to be a domain or product and cannot be called so."""
    return Finding(
        code="bad-name",
        message=f"The folder's name cannot name a {what}; nothing in it was read",
        path=path,
        value=path.rpartition("/")[2],
        hint="rename it: a-z, 0-9 and _, starting with a letter, at most 63 characters",
    )
