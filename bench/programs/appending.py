"""Append COUNT times to the mesh in ROOT, one file each; says how long it took at the beginning and at the end.

Arguments: ROOT COUNT WINDOW. Every append is a new node on the same files, as a scheduler would start it, in this process.
"""

from __future__ import annotations

import os
import sqlite3
import statistics
import sys
import time
from pathlib import Path

from bench.measuring import report

from meshwright.build.planning import PlanRequest
from meshwright.node import Node

root, count, window = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
landing = root / "landing"
landing.mkdir()


def append(number: int) -> tuple[float, float]:
    """Seconds to plan and publish the next file, and those of them that planning took."""
    lines = [f"{number * 10 + row},s{row},{row}.5,2026-01-01 00:00:00" for row in range(10)]
    (landing / f"{number:06d}.csv").write_text("id,sensor,value,measured_at\n" + "\n".join(lines) + "\n")
    started = time.perf_counter()
    node = Node(root)
    planned = node.plan(PlanRequest(environment="prod"))
    planning = time.perf_counter() - started
    ended = node.build(planned, lambda _: None)
    assert [one.outcome for one in ended] == ["published"], ended
    return time.perf_counter() - started, planning


def floor(times: int) -> float:
    """The median milliseconds of a durable Parquet file beside a durable transaction."""
    import duckdb

    folder = root / "floor"
    folder.mkdir()
    engine = duckdb.connect()
    database = sqlite3.connect(folder / "registry.db")
    database.executescript(
        "PRAGMA journal_mode=wal; PRAGMA synchronous=full; CREATE TABLE heads(id INTEGER PRIMARY KEY, text)"
    )
    taken = []
    for number in range(times):
        started = time.perf_counter()
        path = folder / f"{number}.parquet"
        engine.execute(f"COPY (SELECT range AS id FROM range(10)) TO '{path}' (FORMAT parquet)")
        file = os.open(path, os.O_RDONLY)
        os.fsync(file)
        os.close(file)
        database.execute("INSERT INTO heads(text) VALUES (?)", ("x" * 2000,))
        database.commit()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken) * 1000


def milliseconds(taken: list[tuple[float, float]], part: int) -> float:
    return statistics.median(one[part] for one in taken) * 1000


def history() -> int:
    """How many snapshots the newest Iceberg metadata of the table lists."""
    import json

    found = sorted((root / ".mesh").rglob("*.metadata.json"), key=lambda path: path.stat().st_mtime_ns)
    return len(json.loads(found[-1].read_bytes())["snapshots"])


taken = [append(number) for number in range(count + window)]
early, late = taken[10 : 10 + window], taken[-window:]
report(
    early_ms=milliseconds(early, 0),
    late_ms=milliseconds(late, 0),
    early_plan_ms=milliseconds(early, 1),
    late_plan_ms=milliseconds(late, 1),
    floor_ms=floor(50),
    history=history(),
    disk_mb=sum(path.stat().st_size for path in (root / ".mesh").rglob("*") if path.is_file()) / 1e6,
)
