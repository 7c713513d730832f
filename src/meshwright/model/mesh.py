"""A mesh: its settings, its domains and their data products."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from meshwright.model.connection import Connection  # noqa: TC001 - decoders read the annotation when they run
from meshwright.model.issuer import Issuer  # noqa: TC001 - likewise
from meshwright.model.maintenance import Maintenance
from meshwright.model.product import Product  # noqa: TC001 - decoders read the annotation when they run
from meshwright.model.webhook import Webhook  # noqa: TC001 - likewise


@dataclass(frozen=True, slots=True, kw_only=True)
class Governed:
    """What `mesh.yaml` says of governed reads: the room for their copies, and what one query of SQL may take.

    `unsafe` runs other people's SQL where the operating system cannot lock its process down.
    """

    copies_mb: int = 10_240
    seconds: int = 60
    memory_mb: int = 2048
    result_mb: int = 1024
    at_once: int = 4
    unsafe: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What `mesh.yaml` says.

    `registry` is a database URL, `warehouse` a folder or the URL of an object store, both relative to the mesh's root;
    `stores` says what opens them, where more is to be said: a connection called `registry`, one called `warehouse`.
    """

    name: str
    owner: str = ""
    description: str = ""
    registry: str = "sqlite:///.mesh/registry.db"
    warehouse: str = ".mesh/warehouse"
    stores: dict[str, Connection] = field(default_factory=dict)
    memory_mb: int = 0
    threads: int = 0
    python_seconds: int = 600
    python_memory_mb: int = 4096
    environments: tuple[str, ...] = ("prod",)
    connections: dict[str, Connection] = field(default_factory=dict)
    webhooks: tuple[Webhook, ...] = ()
    issuers: tuple[Issuer, ...] = ()
    maintenance: Maintenance = field(default_factory=Maintenance)
    governed: Governed = field(default_factory=Governed)
    # Beside the usual ones, each with the wider one that it is a part of, "" for none.
    purposes: dict[str, str] = field(default_factory=dict)
    custom: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """A business unit with an owning team; it owns data products.

    `connections` are its own, beside the mesh's; `warehouse` ("" the mesh's), `memory_mb` and `threads` (0 the mesh's) are
    what its products are stored in and built with; `quota_bytes` and `quota_rows` (None: no limit) what they may serve.
    """

    name: str
    description: str = ""
    team: str = ""
    members: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    path: str = ""
    connections: dict[str, Connection] = field(default_factory=dict)
    warehouse: str = ""
    memory_mb: int = 0
    threads: int = 0
    quota_bytes: int | None = None
    quota_rows: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Who is known where no identity provider is asked: the members of each group, and attributes by name.

    Names are as `model.principal.listed_name` gives them. `errors` are the places in people/ where something is wrong: who
    anybody is is not known then.
    """

    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    attributes: dict[str, dict[str, str | int | bool | tuple[str, ...]]] = field(default_factory=dict)
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mesh:
    """Everything that a checkout says: settings, domains by name, products by id."""

    settings: Settings
    domains: dict[str, Domain]
    products: dict[str, Product]
    people: People = field(default_factory=People)

    def connection(self, name: str, *, domain: str, environment: str) -> Connection | None:
        """The connection that *domain* calls *name*, its own before the mesh's, as it is in *environment*."""
        own = self.domains[domain].connections if domain in self.domains else {}
        found = own.get(name) or self.settings.connections.get(name)
        return found.within(environment) if found is not None else None

    def connection_names(self, domain: str) -> list[str]:
        """The names of the connections that products of *domain* may use, sorted."""
        own = self.domains[domain].connections if domain in self.domains else {}
        return sorted({*own, *self.settings.connections})
