"""The words that people type of a mesh (ids, ports, columns, environments), kept in one small file for completion."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from meshwright.model.release import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from meshwright.model.mesh import Mesh
    from meshwright.model.names import PortAddress
    from meshwright.model.publication import Publication

FILE: Final = "words.json"
# The registry of a shared mesh may change without any file here doing so.
AGE_SECONDS_MAX: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What can be named: products, ports and steps with their columns, domains, tags and environments, each sorted."""

    products: list[str] = field(default_factory=list)
    published: list[str] = field(default_factory=list)
    ports: dict[str, list[str]] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)
    domains: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    environments: list[str] = field(default_factory=list)


def words_of(mesh: Mesh, published: Mapping[str, Publication], environments: Iterable[str]) -> Words:
    """The words of a checkout and of what is published; a port's columns as published, else as contracted."""
    ports: dict[str, list[str]] = {}
    steps = []
    for product in mesh.products.values():
        for port in product.output_ports:
            columns = port.contract.table.columns if port.contract is not None and port.contract.tables else ()
            ports[_address(product.id, port.name)] = [column.name for column in columns]
        steps += [f"{product.id}.{step.name}" for step in product.steps]
    for name, head in published.items():
        for served in head.ports:
            ports[_address(name, served.name)] = [one.name for one in served.schema]
    domains = {*mesh.domains, *(name.partition(".")[0] for name in published)}
    return Words(
        products=sorted({*mesh.products, *published}),
        published=sorted(published),
        ports=dict(sorted(ports.items())),
        steps=sorted(steps),
        domains=sorted(domains),
        tags=sorted({tag for product in mesh.products.values() for tag in product.tags}),
        environments=sorted(environments),
    )


def words_of_ports(ports: Iterable[PortAddress], environments: Iterable[str]) -> Words:
    """The words of *ports* alone, without columns: for who is told of nothing else."""
    known = list(ports)
    products = sorted({port.product_id for port in known})
    return Words(
        products=products,
        published=products,
        ports={address: [] for address in sorted({_address(port.product_id, port.port) for port in known})},
        domains=sorted({port.domain for port in known}),
        environments=sorted(environments),
    )


def _address(product: str, port: str) -> str:
    return product if product.partition(".")[2] == port else f"{product}.{port}"


def kept_words(root: Path, cache: Path) -> Words | None:
    """What is kept of the mesh at *root*, when nothing has changed since; None when it must be worked out."""
    try:
        kept = json.loads((cache / FILE).read_bytes())
        if kept["key"] != _key(root) or not 0 <= time.time() - kept["at"] < AGE_SECONDS_MAX:
            return None
        return Words(**kept["words"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep_words(root: Path, cache: Path, words: Words) -> None:
    """Keep *words*; that they cannot be kept costs only time."""
    content = json.dumps({"key": _key(root), "at": time.time(), "words": asdict(words)}, ensure_ascii=False)
    draft = cache / f".{FILE}.{os.getpid()}"
    with suppress(OSError):
        cache.mkdir(parents=True, exist_ok=True)
        draft.write_text(content, encoding="utf-8")
        draft.replace(cache / FILE)


def _key(root: Path) -> list[Any]:
    """What the words rest on: the files of the checkout by when their folders changed, and the registry beside it.

    A column that was added to a file that was there is seen later: at the next build, or when the words are too old.
    """
    places = ["mesh.yaml", "domains", ".mesh/registry.db", ".mesh/registry.db-wal"]
    with suppress(OSError), os.scandir(root / "domains") as entries:
        places += sorted(f"domains/{entry.name}" for entry in entries if entry.is_dir())
    return [__version__, *(_state(root / place) for place in places)]


def _state(path: Path) -> list[int]:
    try:
        found = path.stat()
    except OSError:
        return []
    # SQLite makes an empty log while a registry is open, also to read.
    return [found.st_mtime_ns, found.st_size] if found.st_size else []
