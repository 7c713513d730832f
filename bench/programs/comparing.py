"""Publish two states of each port of the mesh in ROOT and compare them TIMES times, ours and DuckDB's join in turns.

Arguments: ROOT TIMES.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
from bench.measuring import report

from meshwright.build.planning import PlanRequest
from meshwright.node import Node

if TYPE_CHECKING:
    from collections.abc import Callable

root, times = Path(sys.argv[1]), int(sys.argv[2])
ROWS, FILES = 1_000_000, 110
COLUMNS = ("customer", "day", "amount", "region", "note")
MADE = """SELECT CAST(i AS BIGINT) AS id, 'customer ' || (i * 7919 % 100000) AS customer,
    DATE '2024-01-01' + CAST(i % 700 AS INTEGER) AS day, (i * 37 % 10000) / 100.0 AS amount,
    CAST(i % 50 AS INTEGER) AS region, CASE WHEN i % 3 <> 0 THEN 'note ' || i END AS note
    FROM range({first}, {last}) AS t(i)"""
EDITED = """SELECT id, customer, day, CASE WHEN id % 1000 = 1 THEN amount + 1 ELSE amount END AS amount, region,
    CASE WHEN id % 500 = 3 THEN 'edited' ELSE note END AS note FROM ({made}) WHERE id % 10000 <> 7"""


def land(path: str, query: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    duckdb.execute(f"COPY ({query}) TO '{file}' (FORMAT parquet)")


def publish(name: str) -> None:
    node = Node(root)
    ended = node.build(node.plan(PlanRequest(environment="prod", select=[name])), lambda _: None)
    assert [one.outcome for one in ended] == ["published"], ended


def prepare() -> None:
    made = MADE.format(first=0, last=ROWS)
    land("snapshot/all.parquet", made)
    publish("ledger.snapshot")
    land("snapshot/all.parquet", EDITED.format(made=made))
    publish("ledger.snapshot")
    step = ROWS // FILES
    for number in range(FILES):
        land(f"entries/{number:04d}.parquet", MADE.format(first=number * step, last=(number + 1) * step))
        publish("ledger.entries")


def ours(port: str) -> int:
    found = Node(root).reader("prod").diff(port).rows
    assert found is not None
    return found.added + found.removed + found.changed


def join(port: str) -> int:
    files = []
    for number in (numbers[port] - 1, numbers[port]):
        resolved = reader.resolve(port, str(number))
        files.append(f"read_parquet({[str(reader.warehouse.locate(file.path)) for file in resolved.files]})")
    counts = ", ".join(f"count(*) FILTER (o.{name} IS DISTINCT FROM n.{name})" for name in COLUMNS)
    differs = " OR ".join(f"o.{name} IS DISTINCT FROM n.{name}" for name in COLUMNS)
    with duckdb.connect(config={"threads": 2}) as connection:
        row = connection.execute(
            f"SELECT count(*) FILTER (o.id IS NULL OR n.id IS NULL OR {differs}), {counts} "
            f"FROM {files[0]} AS o FULL JOIN {files[1]} AS n ON o.id = n.id"
        ).fetchone()
    assert row is not None
    return int(row[0])


prepare()
reader = Node(root).reader("prod")
numbers = {port: reader.resolve(port).publication.sequence for port in ("ledger.snapshot", "ledger.entries")}
taken: dict[str, list[float]] = {}
for _ in range(times):
    for port in numbers:
        name, found = port.partition(".")[2], []
        ways: dict[str, Callable[[str], int]] = {name: ours, f"{name}_join": join}
        for way, run in ways.items():
            started = time.perf_counter()
            found.append(run(port))
            taken.setdefault(way, []).append(time.perf_counter() - started)
        assert found[0] == found[1] > 0, found
report(**{name: statistics.median(found) for name, found in taken.items()})
