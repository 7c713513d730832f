"""Columns of file inputs: declared, pinned in the product's lock file, or sampled once and pinned then."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshwright.build.input_resolution import Columns, PortColumns, digest_of
from meshwright.model.connection import DATABASES
from meshwright.model.datatype import DataType
from meshwright.model.errors import InvalidInput, MeshwrightError, Unavailable
from meshwright.model.findings import Finding
from meshwright.model.names import nearest
from meshwright.sources import files
from meshwright.workspace.source_paths import SourcePlace, exists, resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from meshwright.model.connection import Connection
    from meshwright.model.product import InputPort, Product, Source
    from meshwright.sources import Remote

# What the rows of a database are kept as here.
TABLE_FORMAT = "parquet"


@dataclass(slots=True)
class SourceColumns:
    """Knows the columns of every input from outside the mesh at *root*.

    `locks` is what is pinned, by product; `pinned` what is new. `cache` keeps what is fetched; `connection` gives the
    connection that a domain calls by a name, None when it knows none.
    """

    root: Path
    locks: dict[str, dict[str, Any]]
    pinned: dict[str, dict[str, object]] = field(default_factory=dict)
    cache: Path | None = None
    connection: Callable[[str, str], Connection | None] = lambda domain, name: None  # noqa: ARG005 - nothing is known
    connection_names: Callable[[str], Sequence[str]] = lambda domain: ()  # noqa: ARG005 - likewise

    def locate(self, folder: str, path: str) -> SourcePlace:
        """Where a literal *path* of the product in *folder* leads; its findings are to be placed by the caller."""
        return resolve(self.root, folder, path, where=folder)

    def is_there(self, source: Source) -> bool:
        """Whether the files of a located *source* still are; what is elsewhere is asked when it is read."""
        return source.is_remote or exists(self.root, source.path)

    def columns(self, product: Product, port: InputPort) -> tuple[PortColumns | None, Finding | None]:
        """The columns of a file input, or the finding that says why it cannot be read."""
        assert port.source is not None  # noqa: S101 - only called for file inputs
        if (unknown := self._unknown_connection(product, port.source)) is not None:
            return None, unknown
        declared = port.source.options.get("columns")
        if declared and (port.source.format or self.is_table(product, port.source)):
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
        if declared and self.is_table(product, port.source):
            return replace(port.source, format=TABLE_FORMAT), _typed(declared)
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
        if not (declared and (kind or self.is_table(product, port.source))):
            pinned = self._pin(product, port) or {}
            declared, kind = pinned["columns"], pinned.get("format", kind)
            options = {**pinned.get("options", {}), **options}
        parts = [kind, options, list(declared.items())]
        parts += [port.source.query, port.source.incremental] if port.source.query or port.source.incremental else []
        return json.dumps(parts, sort_keys=True, default=str)

    def reader(self, product: Product, source: Source) -> Remote:
        """The reader of a remote *source*. Raises InvalidInput, and Unavailable when a secret is not there."""
        assert self.cache is not None  # noqa: S101 - whoever reads has a place for copies
        connection = self.connection(product.domain, source.connection) if source.connection else None
        if connection is None and source.connection:
            raise InvalidInput(f"{source.address}: there is no connection '{source.connection}' in this environment")
        from meshwright.sources import opening

        return opening.remote(source, root=self.root, cache=self.cache, connection=connection)

    def is_table(self, product: Product, source: Source) -> bool:
        """Whether *source* is a table or query of a database, which is new as a whole whenever it changed."""
        connection = self.connection(product.domain, source.connection) if source.connection else None
        return connection is not None and connection.type in DATABASES

    def _unknown_connection(self, product: Product, source: Source) -> Finding | None:
        if not source.connection or self.connection(product.domain, source.connection) is not None:
            return None
        known = self.connection_names(product.domain)
        close = nearest(source.connection, known)
        hint = (
            f"did you mean '{close}'?"
            if close
            else f"known here: {', '.join(known) or 'none'}; declare it under connections"
        )
        message = f"There is no connection '{source.connection}', or it has errors"
        return Finding(
            code="unknown-connection", message=message, path=product.path, value=source.connection, hint=hint
        )

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
                if port.source.is_remote:
                    from meshwright.sources import opening

                    reader = self.reader(product, port.source)
                    sample = opening.sample_remote(port.source, reader, connection, Path(unpacked))
                else:
                    sample = files.sample(self.root, port.source, connection, unpacked=Path(unpacked))
        except MeshwrightError as error:
            is_down = port.source.is_remote and isinstance(error, Unavailable)
            hint = "check the path, or declare mesh.format and mesh.options on the input port"
            return Finding(
                code="source-unavailable" if is_down else "source-unreadable",
                message=str(error),
                path=product.path,
                value=port.source.address,
                hint="run again when it answers; nothing is known of it yet" if is_down else hint,
            )
        pin: dict[str, Any] = {
            "path": _identity(port.source),
            "format": sample.format,
            "options": sample.options,
            "columns": {name: str(kind) for name, kind in sample.columns},
        }
        lock = self.pinned.setdefault(product.id, {"inputs": dict(self.locks.get(product.id, {}).get("inputs", {}))})
        lock["inputs"][port.name] = pin  # type: ignore[index]
        return pin


def _identity(source: Source) -> str:
    """What was looked at: another one is looked at anew."""
    return f"{source.address}{source.query}" if source.query else source.address


def _fits(pinned: dict[str, Any], source: Source) -> bool:
    """Whether what was pinned was sniffed of this path under the options that are declared now."""
    if pinned.get("path") != _identity(source) or source.format not in {"", pinned.get("format")}:
        return False
    sniffed = pinned.get("options", {})
    return all(sniffed.get(name) == value for name, value in source.options.items() if name != "columns")


def _port_columns(port: InputPort, declared: dict[str, str]) -> PortColumns:
    columns = _typed(declared)
    return PortColumns(product="", port=port.name, major=0, version="", columns=columns, digest=digest_of(columns))


def _typed(declared: dict[str, Any]) -> Columns:
    return tuple((name, DataType.parse(str(kind))) for name, kind in declared.items())
