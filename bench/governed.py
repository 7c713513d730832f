"""Governed reads: making copies, reading them against DuckDB over the same files, SQL in its own process against ours.

The port has 10 columns: two addresses of 20 letters, a region, numbers and times. The largest has 100 million rows.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from bench.measuring import BENCH, MESH, PYTHON, ROOT, Row, against, at_least, at_most, run

if TYPE_CHECKING:
    from pathlib import Path

PLACE = BENCH / "governed"
PROGRAM = ROOT / "bench" / "programs" / "governed_reads.py"
MILLION = 1_000_000
SOURCE = """
import sys, duckdb
duckdb.execute("SET preserve_insertion_order = false")
duckdb.execute(f'''COPY (
    SELECT range AS id, printf('p%07d@example.org', hash(range) % 5000000) AS email,
        printf('q%07d@example.net', hash(range + 1) % 5000000) AS contact,
        ['EU', 'US', 'APAC', 'LATAM'][(1 + hash(range + 2) % 4)::INTEGER] AS region, (hash(range + 3) % 100000)::INTEGER AS amount,
        (hash(range + 4) % 1000)::INTEGER AS quantity, (hash(range + 5) % 90)::INTEGER AS age,
        TIMESTAMP '2025-01-01' + to_seconds((range // 10)::BIGINT) AS at, (hash(range + 6) % 500)::INTEGER AS article,
        (hash(range + 7) % 2 = 0) AS is_new
    FROM range({sys.argv[2]})) TO '{sys.argv[1]}' (FORMAT parquet)''')
"""


def rows(*, quick: bool) -> list[Row]:
    """The table of this benchmark."""
    few, many = (MILLION, 5 * MILLION) if quick else (4 * MILLION, 100 * MILLION)
    small = run([PYTHON, str(PROGRAM), "copies", str(mesh(few))], env={"PYTHONPATH": str(ROOT)}).inner
    large = run([PYTHON, str(PROGRAM), "first", str(mesh(many))], env={"PYTHONPATH": str(ROOT)}).inner
    return [
        at_least("governed copy, two sha-256 masks", few / small["two_masks"] / MILLION, 1.5, "M rows/s"),
        at_least("governed copy, one sha-256 mask", few / small["one_mask"] / MILLION, 2.5, "M rows/s"),
        against("all rows of a warm copy: wall", small["ours"], "DuckDB", small["duckdb"], 1.15),
        at_most("point query by the gate, over in process", 1000 * (small["gate"] - small["inside"]), 30, "ms"),
        at_most(f"first governed query of {many // MILLION} M rows", large["first"], 3),
    ]


def mesh(count: int) -> Path:
    """A mesh whose one product has *count* rows, built once."""
    root = PLACE / str(count)
    if (root / ".built").exists():
        return root
    shutil.rmtree(root, ignore_errors=True)
    folder = root / "domains" / "sales" / "orders"
    folder.mkdir(parents=True)
    (root / "data").mkdir()
    run([PYTHON, "-c", SOURCE, str(root / "data" / "orders.parquet"), str(count)])
    (root / "mesh.yaml").write_text("name: governed\n")
    (folder / "orders.sql").write_text("select * from 'data/orders.parquet'\n")
    (folder.parent / "domain.yaml").write_text("team: {name: sales}\n")
    descriptor = "apiVersion: v1.1.0\nkind: DataProduct\nid: sales.orders\n"
    (folder / "product.yaml").write_text(descriptor)
    run([MESH, "-C", str(root), "build", "--json"])
    (root / ".built").touch()
    return root
