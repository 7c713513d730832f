"""`mesh build` of a product that takes 6 million rows (TPC-H lineitem, SF1) from Parquet, under the contract of 29 rules.

The floor is DuckDB's bare COPY of the same rows with the same compression, one process, plus `mesh test --contract` on what
it wrote, another. What a build adds is the source's fingerprint, faithful casts, each column's content version, syncing,
the Iceberg commit and the publication.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from bench import lineitem, meshes
from bench.measuring import BENCH, MESH, PYTHON, Row, Usage, against, in_turns, run

if TYPE_CHECKING:
    from pathlib import Path

PLACE = BENCH / "full_build"
COPY = """
import sys, duckdb
duckdb.execute(f"COPY (SELECT * FROM read_parquet('{sys.argv[1]}')) TO '{sys.argv[2]}' (FORMAT parquet, COMPRESSION zstd)")
"""


def rows(*, quick: bool) -> list[Row]:
    """The table of this benchmark."""
    root = mesh()
    source, copied = root / "data" / "lineitem.parquet", PLACE / "copied.parquet"
    contract = root / "domains" / "sales" / "lineitem" / "contracts" / "lineitem.yaml"

    def ours() -> Usage:
        shutil.rmtree(root / ".mesh", ignore_errors=True)
        return run([MESH, "-C", str(root), "build", "--json"])

    found = in_turns(
        {
            "ours": ours,
            "copy": lambda: run([PYTHON, "-c", COPY, str(source), str(copied)]),
            "tests": lambda: run([MESH, "test", "--contract", str(contract), str(copied), "--json"]),
        },
        1 if quick else 5,
    )
    build, copy, tests = found["ours"], found["copy"], found["tests"]
    memory = max(copy.rss_mb, tests.rss_mb)
    return [
        against("6 M rows: wall", build.wall, "COPY + tests", copy.wall + tests.wall, 1.5),
        against("6 M rows: CPU", build.cpu, "COPY + tests", copy.cpu + tests.cpu, 1.5),
        against("6 M rows: memory", build.rss_mb, "the larger", memory, None, "MB"),
    ]


def mesh() -> Path:
    """A mesh with lineitem as its one product, not built."""
    root = PLACE / "mesh"
    folder = root / "domains" / "sales" / "lineitem"
    source = root / "data" / "lineitem.parquet"
    source.parent.mkdir(parents=True, exist_ok=True)
    if not source.exists():
        os.link(lineitem.tables(1) / "lineitem.parquet", source)
    meshes.write(root / "mesh.yaml", "name: tpch\nengine: {memory: 4GB, threads: 2}\n")
    meshes.write(folder.parent / "domain.yaml", "description: TPC-H.\nteam: {name: sales}\n")
    meshes.write(
        folder / "product.yaml",
        """apiVersion: v1.1.0
kind: DataProduct
id: sales.lineitem
name: Line items
version: 1.0.0
status: active
inputPorts:
  - name: source
    customProperties:
      - {property: mesh.path, value: data/lineitem.parquet}
      - {property: mesh.format, value: parquet}
outputPorts:
  - name: lineitem
    version: 1.0.0
    contractId: lineitem-sf1
""",
    )
    meshes.write(folder / "transform" / "lineitem.sql", "SELECT * FROM source\n")
    meshes.write(folder / "contracts" / "lineitem.yaml", lineitem.contract("", 1, alone=True))
    return root
