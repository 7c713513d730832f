"""What the inputs from outside hold now, as a plan may know it: files by content, remote sources by what they tell cheaply."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshwright.build.python_modules import imported_modules
from meshwright.build.reuse import SourceState
from meshwright.model.errors import MeshwrightError
from meshwright.sources import files

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshwright.build.effective import EffectiveMesh
    from meshwright.build.source_columns import SourceColumns
    from meshwright.model.product import InputPort, Product


def source_state(sources: SourceColumns, mesh: EffectiveMesh) -> SourceState:
    """The content of every file that each file input reads; files that are gone are a problem of their reader only.

    Remote sources are asked what is cheap to know, all at once; one that does not answer may have changed.
    """
    root = sources.root
    paths: dict[str, list[str]] = {}
    readings: dict[str, str] = {}
    problems: dict[str, str] = {}
    remote = []
    for bound in mesh.products.values():
        for port in bound.product.input_ports:
            if port.source is None or port.name not in bound.inputs:
                continue
            name = f"{bound.product.id}:{port.name}"
            readings[name] = sources.reading(bound.product, port)
            if port.source.is_remote:
                remote.append((name, bound.product, port))
                continue
            try:
                paths[name] = files.files(root, port.source)
            except MeshwrightError as error:
                problems[bound.product.id] = f"input {port.name}: {error}"
    every = sorted({path for found in paths.values() for path in found})
    prints = files.fingerprints(root, every, cache=sources.cache) if every else {}
    fingerprints: dict[str, Mapping[str, str]] = {
        name: {path: prints[path] for path in found} for name, found in paths.items()
    }
    glanced, unknown = _glances(sources, remote)
    modules = {name: imported_modules(root, bound) for name, bound in mesh.products.items()}
    return SourceState(
        fingerprints=fingerprints | glanced, readings=readings, modules=modules, problems=problems, unknown=unknown
    )


def _glances(
    sources: SourceColumns, remote: list[tuple[str, Product, InputPort]]
) -> tuple[dict[str, Mapping[str, str]], dict[str, str]]:
    if not remote:
        # What reads them is not even imported: most plans are of files.
        return {}, {}
    from meshwright.build.remote_inputs import glances

    return glances(sources, remote)
