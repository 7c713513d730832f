"""What analysis found out, kept by content: a product is parsed and bound again only when something of it changed."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from meshwright.build.bound import BoundProduct, Columns
from meshwright.build.outline import Outline, ParsedTransformation
from meshwright.build.used_columns import UsedColumns
from meshwright.model.contract import Contract  # noqa: TC001 - the decoder reads the annotation
from meshwright.model.findings import Finding  # noqa: TC001 - likewise
from meshwright.model.product import InputPort  # noqa: TC001 - likewise
from meshwright.model.release import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from meshwright.analysis.binding import Binder
    from meshwright.model.product import Product


@dataclass(slots=True)
class Binding:
    """What binding adds to an outline. `drafts` are the contracts of ports without a written one, by place."""

    key: str
    drafts: dict[int, Contract]
    columns: dict[str, Columns]
    # None until somebody asked.
    used: dict[str, tuple[str, ...]] | None
    findings: tuple[Finding, ...]


@dataclass(slots=True)
class Record:
    """What analysis adds to a product's files, whose fingerprint is `key`; the product itself is the workspace's."""

    key: str
    inputs: tuple[InputPort, ...]
    transformations: tuple[ParsedTransformation, ...]
    findings: tuple[Finding, ...]
    references: tuple[str, ...]
    binding: Binding | None = None


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
        # What may still be asked of products whose used columns no record knows.
        self._asked: dict[str, UsedColumns] = {}

    def outline(self, product: Product, key: str) -> Outline | None:
        """The outline of *product* whose files' fingerprint is *key*, when it is known."""
        record = self.records.get(product.id)
        if record is None or not key or record.key != key:
            return None
        # Where a declared input's files are may have changed since: of the record only what the text implies is taken.
        declared = {port.name for port in product.input_ports}
        implied = (port for port in record.inputs if port.name not in declared)
        product = replace(product, input_ports=(*product.input_ports, *implied))
        return Outline(
            product=product,
            transformations=record.transformations,
            findings=record.findings,
            references=record.references,
        )

    def keep_outline(self, key: str, outline: Outline) -> None:
        """Remember an outline. One with findings is not kept: what was missing may be there next time."""
        self.changed = True
        key = "" if outline.findings else key
        self.records[outline.product.id] = Record(
            key, outline.product.input_ports, outline.transformations, outline.findings, outline.references
        )

    def bound(self, outline: Outline, key: str, inputs: Mapping[str, Columns], binder: Binder) -> BoundProduct | None:
        """*outline* bound over *inputs*, whose digest is *key*, when that is known; *binder* answers what is not."""
        record = self.records.get(outline.product.id)
        known = record.binding if record is not None and record.key else None
        if known is None or known.key != key:
            return None
        product = outline.product
        if known.drafts:
            ports = [
                replace(port, contract=known.drafts[place]) if place in known.drafts else port
                for place, port in enumerate(product.output_ports)
            ]
            product = replace(product, output_ports=tuple(ports))
        columns = known.columns
        used = UsedColumns(outline.transformations, inputs=inputs, columns=columns, binder=binder, known=known.used)
        if known.used is None:
            self._asked[product.id] = used
        return BoundProduct(
            product=product,
            transformations=outline.transformations,
            inputs=dict(inputs),
            columns=columns,
            used=used,
            findings=known.findings,
        )

    def keep_bound(self, key: str, bound: BoundProduct) -> None:
        """Remember a binding for as long as its outline stays."""
        self.changed = True
        drafts = {
            place: port.contract
            for place, port in enumerate(bound.product.output_ports)
            if port.contract is not None and not port.contract.written
        }
        # Which queries did not bind is not kept, so what the others read is asked at once.
        used = dict(bound.used) if bound.findings else None
        self.records[bound.product.id].binding = Binding(key, drafts, bound.columns, used, bound.findings)
        if isinstance(bound.used, UsedColumns):
            self._asked[bound.product.id] = bound.used

    def save(self) -> None:
        """Write the cache when something in it is new; a cache that cannot be written is no error."""
        for product, used in self._asked.items():
            binding = self.records[product].binding
            if used.known is not None and binding is not None and binding.used is None:
                binding.used, self.changed = dict(used.known), True
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
