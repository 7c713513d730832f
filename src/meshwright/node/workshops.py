"""Workshops: a build's engines, stores and identity put together, as large as this machine allows."""

from __future__ import annotations

import os
import secrets
import threading
from typing import TYPE_CHECKING

from meshwright.node.stores import STATE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from meshwright.build.events import Event
    from meshwright.build.source_columns import SourceColumns
    from meshwright.build.workshop import Workshop
    from meshwright.model.mesh import Domain
    from meshwright.node.stores import Stores


def equipped(
    stores: Stores,
    *,
    domains: Mapping[str, Domain],
    environment: str,
    run: str,
    staging: Path,
    sources: SourceColumns,
    emit: Callable[[Event], None],
) -> Workshop:
    """The workshop of one *run* with *staging* as its own folder; *domains* may have engines of their own."""
    from meshwright.build.environments import find_environment
    from meshwright.build.workshop import Workshop
    from meshwright.engines.duckdb_engine import DuckDBEngine
    from meshwright.storage.iceberg import IcebergTables

    settings = stores.settings
    spill = stores.root / STATE / "spill"
    engines = {
        name: DuckDBEngine(
            memory_mb=domain.memory_mb or settings.memory_mb,
            threads=domain.threads or settings.threads,
            temp=spill / name,
        )
        for name, domain in domains.items()
        if domain.memory_mb or domain.threads
    }
    return Workshop(
        root=stores.root,
        settings=settings,
        environment=environment,
        below=find_environment(stores.registry, environment, settings.environments).base,
        run=run,
        staging=staging,
        trace_id=trace_id(),
        principal=stores.principal,
        engine=DuckDBEngine(memory_mb=settings.memory_mb, threads=settings.threads, temp=spill),
        engines=engines,
        domain_tags={name: domain.tags for name, domain in domains.items()},
        registry=stores.registry,
        tables=IcebergTables(stores.warehouse),
        warehouse=stores.warehouse,
        sources=sources,
        cache=stores.cache,
        emit=emit,
        workers=settings.threads or _processors(),
        now=stores.now,
        python_slots=threading.Semaphore(max(1, _memory_mb() // 2 // max(1, settings.python_memory_mb))),
    )


def trace_id() -> str:
    """The caller's W3C trace id when it gives one as TRACEPARENT, else a new one: 32 hexadecimal digits."""
    parts = os.environ.get("TRACEPARENT", "").split("-")
    if len(parts) == 4 and len(parts[1]) == 32:  # noqa: PLR2004 - version, trace id, parent id, flags
        return parts[1]
    return secrets.token_hex(16)


def _processors() -> int:
    # What this process may use where the system says so, as Linux does; else all there are.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory_mb() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
