"""Local copies of remote files, kept from one build to the next with what the other end said of them.

Each is a folder named by what was asked for; a copy is named by its content, so a build that reads one is never disturbed by
another that brings a newer. All of it can be removed at any time: it is fetched again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from meshwright.model.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

# What is fetched comes in pieces of this size.
CHUNK_BYTES: Final = 1 << 20
FOLDER: Final = "sources"
RECORD: Final = "copy.json"
SEEN: Final = "seen.json"
# Nobody writes a draft and is silent for so long.
ABANDONED_SECONDS: Final = 86_400


def receive(chunks: Iterable[bytes], path: Path, *, stopped: Callable[[], bool], where: str) -> tuple[str, int]:
    """Write *chunks* to *path*; their SHA-256 and size. Raises Unavailable once *stopped*, naming *where*."""
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)
            digest.update(chunk)
            size += len(chunk)
            if stopped():
                raise Unavailable(f"{where}: stopped")
    return digest.hexdigest(), size


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One copy: a file name that tells its format, its content's SHA-256 and size, and how the other end tells versions."""

    name: str
    sha256: str
    bytes: int
    etag: str = ""
    modified: str = ""


class KeptCopies:
    """Copies below *cache*; safe to use from several threads and processes."""

    def __init__(self, cache: Path) -> None:
        self.folder = cache / FOLDER

    def find(self, key: str) -> Copy | None:
        """The last copy of *key*, None when there is none or it was damaged."""
        import msgspec

        place = self._place(key)
        try:
            copy = msgspec.json.decode((place / RECORD).read_bytes(), type=Copy)
            whole = (place / copy.sha256).stat().st_size == copy.bytes
        except (OSError, msgspec.MsgspecError):
            return None
        return copy if whole else None

    @contextlib.contextmanager
    def draft(self) -> Iterator[Path]:
        """A path for a file in the making; gone afterwards unless it was kept."""
        path = self.folder / f"draft-{uuid.uuid4().hex}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._clear()
        except OSError as error:
            raise Unavailable(f"{self.folder}: cannot be written: {error.strerror or error}") from error
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _clear(self) -> None:
        """Remove drafts that a process which was killed left behind."""
        for draft in self.folder.glob("draft-*"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - draft.stat().st_mtime > ABANDONED_SECONDS:
                    draft.unlink()

    def keep(self, key: str, copy: Copy, draft: Path) -> None:
        """Make *draft* the copy of *key*; the one before goes."""
        import msgspec

        place = self._place(key)
        before = self.find(key)
        try:
            place.mkdir(parents=True, exist_ok=True)
            draft.replace(place / copy.sha256)
            record = place / f"{RECORD}.{uuid.uuid4().hex}"
            record.write_bytes(msgspec.json.encode(copy))
            record.replace(place / RECORD)
            if before is not None and before.sha256 != copy.sha256:
                (place / before.sha256).unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(f"{place}: cannot be written: {error.strerror or error}") from error

    def take(self, key: str, copy: Copy, folder: Path) -> Path:
        """The *copy* of *key* as a file in *folder*: a build's own, whatever becomes of what is kept."""
        place = folder / hashlib.sha256(key.encode()).hexdigest()[:16]
        target = place / copy.name
        source = self._place(key) / copy.sha256
        try:
            place.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            try:
                os.link(source, target)
            except OSError:
                shutil.copyfile(source, target)
        except FileNotFoundError:
            raise Unavailable(
                f"{copy.name}: another build brought a newer copy at the same moment; run again"
            ) from None
        except OSError as error:
            raise Unavailable(f"{target}: cannot be written: {error.strerror or error}") from error
        return target

    def remember(self, key: str, *, version: str, content: str) -> None:
        """Keep what *version* of *key*, of which there is no copy, held: its *content*'s fingerprint."""
        import msgspec

        place = self._place(key)
        new = place / f"{SEEN}.{uuid.uuid4().hex}"
        with contextlib.suppress(OSError):
            # Without it the next plan does not know; that is slower, not wrong.
            place.mkdir(parents=True, exist_ok=True)
            new.write_bytes(msgspec.json.encode({"version": version, "content": content}))
            new.replace(place / SEEN)

    def recall(self, key: str, *, version: str) -> str:
        """The fingerprint of what *version* of *key* held, "" when that is not known."""
        import msgspec

        try:
            seen = msgspec.json.decode((self._place(key) / SEEN).read_bytes(), type=dict[str, str])
        except (OSError, msgspec.MsgspecError):
            return ""
        return seen.get("content", "") if seen.get("version") == version else ""

    def _place(self, key: str) -> Path:
        return self.folder / hashlib.sha256(key.encode()).hexdigest()[:32]
