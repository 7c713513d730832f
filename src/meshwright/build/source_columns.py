"""Columns of file inputs: declared, pinned in the product's lock file, or sampled once and pinned then."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshwright.build.input_resolution import Columns, PortColumns, digest_of
from meshwright.model.datatype import DataType
from meshwright.model.errors import MeshwrightError
from meshwright.model.findings import Finding
from meshwright.sources import files
from meshwright.workspace.source_paths import SourcePlace, resolve

if TYPE_CHECKING:
    from meshwright.model.product import InputPort, Product, Source


@dataclass(slots=True)
class SourceColumns:
    """Knows the columns of every file input below *root*; `locks` is what is pinned, by product; `pinned` what is new."""

    root: Path
    locks: dict[str, dict[str, Any]]
    pinned: dict[str, dict[str, object]] = field(default_factory=dict)

    def locate(self, folder: str, path: str) -> SourcePlace:
        """Where a literal *path* of the product in *folder* leads; its findings are to be placed by the caller."""
        return resolve(self.root, folder, path, where=folder)

    def columns(self, product: Product, port: InputPort) -> tuple[PortColumns | None, Finding | None]:
        """The columns of a file input, or the finding that says why it cannot be read."""
        assert port.source is not None  # noqa: S101 - only called for file inputs
        declared = port.source.options.get("columns")
        if declared and port.source.format:
            return _port_columns(port, {str(name): str(kind) for name, kind in declared.items()}), None
        pinned = self._pin(product, port)
        if pinned is not None and _fits(pinned, port.source):
            return _port_columns(port, pinned["columns"]), None
        found = self._sample(product, port)
        return (None, found) if isinstance(found, Finding) else (_port_columns(port, found["columns"]), None)

    def source(self, product: Product, port: InputPort) -> tuple[Source, Columns]:
        """How a file input is read, every option explicit, and its columns. Call `columns` first."""
        assert port.source is not None  # noqa: S101 - only called for file inputs
        declared = port.source.options.get("columns")
        if declared and port.source.format:
            return port.source, _typed(declared)
        pinned = self._pin(product, port) or {}
        options = {**pinned.get("options", {}), **port.source.options}
        return replace(port.source, format=pinned.get("format", port.source.format), options=options), _typed(
            pinned["columns"]
        )

    def reading(self, product: Product, port: InputPort) -> str:
        """How a file input is read, as text: equal texts turn equal files into equal rows. Call `columns` first."""
        assert port.source is not None  # noqa: S101 - only called for file inputs
        declared, kind, options = port.source.options.get("columns"), port.source.format, port.source.options
        if not (declared and kind):
            pinned = self._pin(product, port) or {}
            declared, kind = pinned["columns"], pinned.get("format", kind)
            options = {**pinned.get("options", {}), **options}
        return json.dumps([kind, options, list(declared.items())], sort_keys=True, default=str)

    def _pin(self, product: Product, port: InputPort) -> dict[str, Any] | None:
        new: dict[str, Any] = self.pinned.get(product.id, {}).get("inputs", {})  # type: ignore[assignment]
        kept: dict[str, Any] = self.locks.get(product.id, {}).get("inputs", {})
        found: dict[str, Any] | None = new.get(port.name) or kept.get(port.name)
        return found

    def _sample(self, product: Product, port: InputPort) -> dict[str, Any] | Finding:
        import duckdb

        assert port.source is not None  # noqa: S101 - only called for file inputs
        try:
            with duckdb.connect(":memory:") as connection, tempfile.TemporaryDirectory() as unpacked:
                sample = files.sample(self.root, port.source, connection, unpacked=Path(unpacked))
        except MeshwrightError as error:
            hint = "check the path, or declare mesh.format and mesh.options on the input port"
            return Finding(
                code="source-unreadable", message=str(error), path=product.path, value=port.source.path, hint=hint
            )
        pin: dict[str, Any] = {
            "path": port.source.path,
            "format": sample.format,
            "options": sample.options,
            "columns": {name: str(kind) for name, kind in sample.columns},
        }
        lock = self.pinned.setdefault(product.id, {"inputs": dict(self.locks.get(product.id, {}).get("inputs", {}))})
        lock["inputs"][port.name] = pin  # type: ignore[index]
        return pin


def _fits(pinned: dict[str, Any], source: Source) -> bool:
    """Whether what was pinned was sniffed of this path under the options that are declared now."""
    if pinned.get("path") != source.path or source.format not in {"", pinned.get("format")}:
        return False
    sniffed = pinned.get("options", {})
    return all(sniffed.get(name) == value for name, value in source.options.items() if name != "columns")


def _port_columns(port: InputPort, declared: dict[str, str]) -> PortColumns:
    columns = _typed(declared)
    return PortColumns(product="", port=port.name, major=0, version="", columns=columns, digest=digest_of(columns))


def _typed(declared: dict[str, Any]) -> Columns:
    return tuple((name, DataType.parse(str(kind))) for name, kind in declared.items())
