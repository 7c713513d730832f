"""What the last validation said, kept for as long as no file of the mesh changes: only that it was valid is kept."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from meshwright.model.release import __version__
from meshwright.workspace.source_paths import exists

if TYPE_CHECKING:
    from pathlib import Path

FILE: Final = "validated.msgpack"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A mesh in which nothing at all was found wrong, in the state of its files that `mark` names.

    `sources` are the files and globs that its products read, as far as something was there; `policies` is a digest of the
    policy files.
    """

    mark: str
    products: int
    domains: tuple[str, ...]
    sources: tuple[str, ...] = ()
    policies: str = ""
    version: str = __version__


def read_verdict(cache: Path) -> Verdict | None:
    """The verdict kept in *cache*; None when there is none, it is damaged, or of another version."""
    try:
        found = msgspec.msgpack.decode((cache / FILE).read_bytes(), type=Verdict)
    except (OSError, msgspec.MsgspecError, ValueError):
        return None
    return found if found.version == __version__ else None


def still_holds(verdict: Verdict, root: Path) -> bool:
    """Whether what products read is still there; whether the files of the mesh are as they were is not asked here."""
    return all(exists(root, path) for path in verdict.sources)


def keep_verdict(cache: Path, verdict: Verdict) -> None:
    """Keep *verdict*; that it cannot be kept costs only time."""
    if not verdict.mark:
        return
    draft = cache / f".{FILE}.{os.getpid()}"
    with contextlib.suppress(OSError):
        draft.write_bytes(msgspec.msgpack.encode(verdict))
        draft.replace(cache / FILE)
