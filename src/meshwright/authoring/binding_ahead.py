"""Products that are not written yet, bound as if they were: what columns their queries yield, and what would be wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from meshwright.model.product import Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshwright.build.effective import EffectiveMesh
    from meshwright.model.findings import Finding
    from meshwright.model.product import Product
    from meshwright.workspace.loading import Workspace


@dataclass(frozen=True, slots=True)
class Pin:
    """Where the data of an input is now, or (without a *base*) what columns it has."""

    path: str
    base: Path | None = None
    original: str = ""
    options: Mapping[str, Any] | None = None
    columns: Mapping[str, str] | None = None


def looked_at(pins: Mapping[str, Pin]) -> dict[str, dict[str, Any]]:
    """What each of *pins* (by path) is, as inputs.lock.yaml would say it; what cannot be read is left out."""
    import duckdb

    from meshwright.model.errors import MeshwrightError
    from meshwright.sources import files

    found: dict[str, dict[str, Any]] = {}
    with duckdb.connect(":memory:") as connection, TemporaryDirectory() as unpacked:
        for path, pin in pins.items():
            if pin.base is None:
                if pin.columns:
                    found[path] = {"path": path, "format": "parquet", "options": {}, "columns": dict(pin.columns)}
                continue
            source = Source(path=pin.original, options=dict(pin.options or {}))
            try:
                sample = files.sample(pin.base, source, connection, unpacked=Path(unpacked))
            except MeshwrightError:
                continue
            columns = {name: str(kind) for name, kind in sample.columns}
            found[path] = {"path": path, "format": sample.format, "options": sample.options, "columns": columns}
    return found


def bound(
    workspace: Workspace, products: Mapping[str, Mapping[str, str]], pins: Mapping[str, dict[str, Any]]
) -> tuple[EffectiveMesh, list[Finding]]:
    """The mesh of *workspace* with *products* added: their files' texts by path within `domains/<domain>/<product>`.

    *pins* says what the inputs' files hold, by path. The findings are those of the files themselves.
    """
    from meshwright.analysis.binding import Binder
    from meshwright.build.analysis_cache import AnalysisCache
    from meshwright.build.effective import effective
    from meshwright.build.source_columns import SourceColumns
    from meshwright.workspace.product_folder import Contents, read_product

    added: dict[str, Product] = {}
    locks: dict[str, dict[str, Any]] = {}
    findings: list[Finding] = []
    for folder, files in products.items():
        _, domain, name = folder.split("/")
        contents = Contents(folder, {path: text.encode() for path, text in files.items()})
        record = read_product(workspace.root, domain, name, contents)
        findings += [one for one in record.findings if one.code != "missing-source"]
        if record.product is not None:
            added[record.product.id] = record.product
            locks[record.product.id] = {"inputs": _pinned(record.product, pins)}
    mesh = replace(workspace.mesh, products={**workspace.mesh.products, **added})
    ahead = replace(workspace, mesh=mesh, findings=(), locks={**workspace.locks, **locks}, fingerprints={})
    sources = SourceColumns(workspace.root, dict(ahead.locks))
    found = effective(ahead, published={}, cache=AnalysisCache(), sources=sources, binder=Binder())
    return found, findings


def _pinned(product: Product, pins: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The pins of a product's inputs. A file that is not there yet is looked for in the product's folder first."""
    found = {}
    for port in product.input_ports:
        if port.source is not None:
            pin = pins.get(port.source.path) or pins.get(port.source.path.removeprefix(f"{product.folder}/"))
            if pin is not None:
                found[port.name] = {**pin, "path": port.source.path}
    return found
