"""Read the mesh's lineitem TIMES times through the SDK and with bare DuckDB, in turns. Arguments: ROOT TIMES."""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
from bench.measuring import report

import meshwright
from meshwright.node import Node

if TYPE_CHECKING:
    from collections.abc import Callable

root, times = sys.argv[1], int(sys.argv[2])
PORT = "sales.lineitem"


def connect() -> Any:
    return meshwright.connect(root)


reader = Node(Path(root)).reader("prod")
paths = [str(reader.warehouse.locate(file.path)) for file in reader.resolve(PORT).files]
RAW = f"FROM read_parquet({paths})"


def bare(columns: str) -> Any:
    connection = duckdb.connect(config={"threads": 2})
    return connection.sql(f"SELECT {columns} {RAW}")


def count(reader: pa.RecordBatchReader) -> int:
    return sum(batch.num_rows for batch in reader)


WAYS: dict[str, Callable[[], int]] = {
    "ours": lambda: connect().read(PORT).to_arrow().num_rows,
    "duckdb": lambda: bare("*").to_arrow_table().num_rows,
    "ours_batches": lambda: count(connect().read(PORT).batches()),
    "duckdb_batches": lambda: count(pa.RecordBatchReader.from_stream(bare("*"))),
    "ours_column": lambda: connect().read(PORT, columns=["l_extendedprice"]).to_arrow().num_rows,
    "duckdb_column": lambda: bare("l_extendedprice").to_arrow_table().num_rows,
}
taken: dict[str, list[tuple[float, float]]] = {name: [] for name in WAYS}
for _ in range(times):
    for name, way in WAYS.items():
        wall, cpu = time.perf_counter(), time.process_time()
        assert way() > 6_000_000
        taken[name].append((time.perf_counter() - wall, time.process_time() - cpu))
report(
    **{name: statistics.median(wall for wall, _ in found) for name, found in taken.items()},
    **{f"{name}_cpu": statistics.median(cpu for _, cpu in found) for name, found in taken.items()},
)
