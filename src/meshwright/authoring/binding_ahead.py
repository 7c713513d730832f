"""Products that are not written yet, bound as if they were: what columns their queries yield, and what would be wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from meshwright.model.connection import remote_address
from meshwright.model.errors import NotFound
from meshwright.model.product import Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from duckdb import DuckDBPyConnection

    from meshwright.build.effective import EffectiveMesh
    from meshwright.model.product import InputPort, Product
    from meshwright.workspace.loading import Workspace

CACHE: Final = ".mesh/cache"


@dataclass(frozen=True, slots=True)
class Pin:
    """Where the data of an input is now, or (without a *base*) what columns it has."""

    path: str
    base: Path | None = None
    original: str = ""
    options: Mapping[str, Any] | None = None
    columns: Mapping[str, str] | None = None


def looked_at(workspace: Workspace, domain: str, pins: Mapping[str, Pin]) -> dict[str, dict[str, Any]]:
    """What each of *pins* (by path) is, as inputs.lock.yaml would say it; what cannot be read is left out.

    Tables of databases are looked at through the connections that the *domain* has; one that does not answer is asked once.
    """
    import duckdb

    from meshwright.model.errors import MeshwrightError, Unavailable

    found: dict[str, dict[str, Any]] = {}
    down: set[str] = set()
    with duckdb.connect(":memory:") as connection, TemporaryDirectory() as unpacked:
        for path, pin in pins.items():
            if pin.columns:
                found[path] = {"format": "parquet", "options": {}, "columns": dict(pin.columns)}
                continue
            remote = remote_address(path)
            host = remote.connection or urlsplit(remote.path).netloc if remote is not None else ""
            try:
                if host not in down and (pin.base is not None or remote is not None):
                    found[path] = _sampled(workspace, domain, pin, connection, Path(unpacked))
            except Unavailable:
                down.add(host)
            except MeshwrightError:
                continue
    return found


def _sampled(
    workspace: Workspace, domain: str, pin: Pin, connection: DuckDBPyConnection, unpacked: Path
) -> dict[str, Any]:
    from meshwright.sources import files, opening

    if pin.base is not None:
        source = Source(path=pin.original, options=dict(pin.options or {}))
        sample = files.sample(pin.base, source, connection, unpacked=unpacked)
    else:
        address = remote_address(pin.path)
        assert address is not None  # noqa: S101 - looked at by the caller
        through = workspace.mesh.connection(address.connection, domain=domain, environment="prod")
        if address.connection and through is None:
            raise NotFound(address.connection)
        source = Source(path=address.path, connection=address.connection)
        reader = opening.remote(source, root=workspace.root, cache=workspace.root / CACHE, connection=through)
        sample = opening.sample_remote(source, reader, connection, unpacked)
    columns = {name: str(kind) for name, kind in sample.columns}
    return {"format": sample.format, "options": sample.options, "columns": columns}


def bound(
    workspace: Workspace, products: Mapping[str, Mapping[str, str]], pins: Mapping[str, dict[str, Any]]
) -> EffectiveMesh:
    """The mesh of *workspace* with *products* added: their files' texts by path within `domains/<domain>/<product>`.

    *pins* says what the inputs hold, by path; nothing else is looked at.
    """
    from meshwright.analysis.binding import Binder
    from meshwright.build.analysis_cache import AnalysisCache
    from meshwright.build.effective import effective
    from meshwright.build.source_columns import SourceColumns
    from meshwright.workspace.product_folder import Contents, read_product

    added: dict[str, Product] = {}
    for folder, files in products.items():
        _, domain, name = folder.split("/")
        contents = Contents(folder, {path: text.encode() for path, text in files.items()})
        product = read_product(workspace.root, domain, name, contents).product
        if product is not None:
            ports = tuple(_with_columns(port, folder, pins) for port in product.input_ports)
            added[product.id] = replace(product, input_ports=ports)
    mesh = replace(workspace.mesh, products={**workspace.mesh.products, **added})
    ahead = replace(workspace, mesh=mesh, findings=(), fingerprints={})
    sources = SourceColumns(workspace.root, dict(ahead.locks))
    return effective(ahead, published={}, cache=AnalysisCache(), sources=sources, binder=Binder())


def _with_columns(port: InputPort, folder: str, pins: Mapping[str, dict[str, Any]]) -> InputPort:
    """*port* as a source whose columns are declared, so that nobody looks for them; unknown ones stay unknown."""
    if port.source is None:
        return port
    address = port.source.address
    # A file that is not there yet is looked for in the product's folder first.
    pin = pins.get(address) or pins.get(address.removeprefix(f"{folder}/"))
    if pin is None:
        return replace(port, source=Source(path="not-known"))
    return replace(port, source=Source(path=address, format=pin["format"], options={"columns": pin["columns"]}))
