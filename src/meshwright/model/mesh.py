"""A mesh: its settings, its domains and their data products."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from meshwright.model.product import Product  # noqa: TC001 - decoders read the annotation when they run


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What `mesh.yaml` says. `registry` is a database URL, `warehouse` a folder, both relative to the mesh's root."""

    name: str
    owner: str = ""
    description: str = ""
    registry: str = "sqlite:///.mesh/registry.db"
    warehouse: str = ".mesh/warehouse"
    memory_mb: int = 0
    threads: int = 0
    python_seconds: int = 600
    python_memory_mb: int = 4096
    environments: tuple[str, ...] = ("prod",)
    custom: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """A business unit with an owning team; it owns data products."""

    name: str
    description: str = ""
    team: str = ""
    members: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mesh:
    """Everything that a checkout says: settings, domains by name, products by id."""

    settings: Settings
    domains: dict[str, Domain]
    products: dict[str, Product]
    people: dict[str, tuple[str, ...]] = field(default_factory=dict)
