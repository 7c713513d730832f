"""What a build works with: engine, stores and clock, chosen by the node and handed down."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from meshwright.build.admission import Admission
    from meshwright.build.events import Event
    from meshwright.build.source_columns import SourceColumns
    from meshwright.engines.duckdb_engine import DuckDBEngine
    from meshwright.model.mesh import Settings
    from meshwright.storage import Registry, Tables, Warehouse


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True, kw_only=True)
class Workshop:
    """Engine, stores and settings of one build. `run` names the build; `trace_id` follows it through every record."""

    root: Path
    settings: Settings
    environment: str
    # The environment that this one stands on, "" none.
    below: str
    run: str
    trace_id: str
    principal: str
    engine: DuckDBEngine
    registry: Registry
    tables: Tables
    warehouse: Warehouse
    sources: SourceColumns
    cache: Path
    # This run's own folder, on the same disk as the tables.
    staging: Path
    emit: Callable[[Event], None]
    # How many products are built at a time.
    workers: int = 1
    now: Callable[[], datetime] = _now
    stopped: threading.Event = field(default_factory=threading.Event)
    # Engines of domains that have their own, by domain.
    engines: Mapping[str, DuckDBEngine] = field(default_factory=dict)
    # The tags of each domain, which are published with its products.
    domain_tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # Whoever holds a domain to its quota is alone until it has published.
    measuring: threading.Lock = field(default_factory=threading.Lock)
    # What policies leave products to read; None while no policies are published.
    admission: Admission | None = None
    # Python transformations take memory outside the engine's limit, so only so many run at a time.
    python_slots: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(1))

    def within(self, domain: str) -> Workshop:
        """The workshop as products of *domain* use it: with the domain's own engine, if it has one."""
        own = self.engines.get(domain)
        return replace(self, engine=own) if own is not None else self

    def stop(self) -> None:
        """Let no more be begun, and stop every statement that runs now."""
        self.stopped.set()
        for engine in (self.engine, *self.engines.values()):
            engine.interrupt()

    def close(self) -> None:
        """Give back the engines' memory and temporary files."""
        for engine in (self.engine, *self.engines.values()):
            engine.close()

    def discard(self) -> None:
        """Close it and remove what it staged, of which nothing is published any more: its run is over."""
        self.close()
        self.warehouse.discard_staging(self.run)
        self.warehouse.end(self.run)

    def locate(self, path: str) -> str:
        """A warehouse path as the engine takes it."""
        return str(self.warehouse.locate(path))
