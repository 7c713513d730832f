"""What analysis found out, kept by content: a product is parsed and bound again only when something of it changed."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meshwright.build.bound import BoundProduct  # noqa: TC001 - the decoder reads the annotations
from meshwright.build.outline import Outline  # noqa: TC001 - likewise
from meshwright.model.release import __version__

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(slots=True)
class Record:
    """One product's analysis: its outline for the files' fingerprint, its binding for the inputs' digest."""

    outline_key: str
    outline: Outline
    bound_key: str = ""
    bound: BoundProduct | None = None


@dataclass(slots=True)
class Kept:
    """The cache file: written by one version of Meshwright, ignored by any other."""

    version: str
    records: dict[str, Record] = field(default_factory=dict)


def _plain(value: object) -> str:
    """Rewritten SQL as plain text: what it knows of the original is only asked for errors."""
    if isinstance(value, str):
        return "".join(value)
    raise NotImplementedError(f"{type(value).__name__} cannot be kept")


class AnalysisCache:
    """Analysis kept in *path* (None: for this process only). A damaged or foreign file is as good as none."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.changed = False
        self.records = self._load()

    def outline(self, product: str, key: str) -> Outline | None:
        """The outline of *product* whose files' fingerprint is *key*, when it is known."""
        record = self.records.get(product)
        return record.outline if record is not None and key and record.outline_key == key else None

    def keep_outline(self, product: str, key: str, outline: Outline) -> None:
        """Remember an outline. One with findings is not kept: what was missing may be there next time."""
        self.changed = True
        self.records[product] = Record("" if outline.findings else key, outline)

    def bound(self, product: str, key: str) -> BoundProduct | None:
        """The binding of *product* over inputs whose digest is *key*, when it is known."""
        record = self.records.get(product)
        return record.bound if record is not None and record.outline_key and record.bound_key == key else None

    def keep_bound(self, product: str, key: str, bound: BoundProduct) -> None:
        """Remember a binding for as long as its outline stays."""
        self.changed = True
        record = self.records[product]
        record.bound_key, record.bound = key, bound
        if bound.findings:
            # Places of errors are told from the text as it was parsed, which the cache does not keep.
            record.outline_key = ""

    def save(self) -> None:
        """Write the cache when something in it is new; a cache that cannot be written is no error."""
        if self.path is None or not self.changed:
            return
        import msgspec

        content = msgspec.msgpack.encode(Kept(__version__, self.records), enc_hook=_plain)
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            draft = self.path.with_suffix(f".{os.getpid()}.tmp")
            draft.write_bytes(content)
            draft.replace(self.path)
            self.changed = False

    def _load(self) -> dict[str, Record]:
        if self.path is None:
            return {}
        import msgspec

        try:
            kept = msgspec.msgpack.decode(self.path.read_bytes(), type=Kept)
        except (OSError, msgspec.MsgspecError):
            return {}
        return kept.records if kept.version == __version__ else {}
