"""What a build works with: engine, stores and clock, chosen by the node and handed down."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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
    # Python transformations take memory outside the engine's limit, so only so many run at a time.
    python_slots: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(1))

    def locate(self, path: str) -> str:
        """A warehouse path as the engine takes it."""
        return str(self.warehouse.locate(path))
