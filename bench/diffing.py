"""The difference of two publications of a port of 1 million rows in 6 columns, beside DuckDB's full outer join of them.

Twice: where the rows are one file that was written anew (0.3 % of them differ), and where one of 110 files differs, as
after an append. Ours finds the publications, tells added, removed and changed rows by key, counts changed values by
column and takes samples; the join counts the same of the same files (in the second case of all, as it knows of none in
common). In one process that has imported everything, in turns; the last lines are the whole command.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from bench import meshes
from bench.measuring import BENCH, MESH, PYTHON, ROOT, Row, against, at_most, figure, median, run

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = ROOT / "bench" / "programs" / "comparing.py"
COLUMNS = """
      - {name: id, logicalType: integer, physicalType: BIGINT, required: true, primaryKey: true}
      - {name: customer, logicalType: string, physicalType: VARCHAR, required: true}
      - {name: day, logicalType: date, physicalType: DATE}
      - {name: amount, logicalType: number, physicalType: DOUBLE}
      - {name: region, logicalType: integer, physicalType: INTEGER}
      - {name: note, logicalType: string, physicalType: VARCHAR}
"""


def rows(*, quick: bool) -> list[Row]:
    """The table of this benchmark."""
    root = BENCH / "diffing"
    shutil.rmtree(root, ignore_errors=True)
    write_mesh(root)
    inner = run([PYTHON, str(PROGRAM), str(root), "3" if quick else "9"], env={"PYTHONPATH": str(ROOT)}).inner
    commands = {
        name: median([run([MESH, "-C", str(root), "diff", port]) for _ in range(2 if quick else 5)])
        for name, port in (("one file", "ledger.snapshot"), ("one of 110 files", "ledger.entries"))
    }
    return [
        at_most("1 M × 6 rows in one file", inner["snapshot"], 1),
        against("beside the join", inner["snapshot"], "DuckDB", inner["snapshot_join"], None),
        at_most("1 M × 6 rows, one of 110 files differs", inner["entries"], 0.3),
        against("beside the join", inner["entries"], "DuckDB", inner["entries_join"], None),
        *(figure(f"mesh diff, the whole command: {name}", one.wall) for name, one in commands.items()),
    ]


def write_mesh(root: Path) -> None:
    """One port that is replaced as a whole, one that takes what lands."""
    meshes.write(root / "mesh.yaml", "name: ledger\nengine: {memory: 2GB, threads: 2}\n")
    meshes.write(root / "domains/ledger/domain.yaml", "description: A ledger.\nteam: {name: ledger}\n")
    _write_product(root, "snapshot", "SELECT * FROM landed", "")
    append = "\n    customProperties:\n      - {property: mesh.materialization, value: append}"
    _write_product(root, "entries", "SELECT * FROM landed__changes", append)


def _write_product(root: Path, name: str, query: str, setting: str) -> None:
    folder = root / "domains" / "ledger" / name
    meshes.write(
        folder / "product.yaml",
        f"""apiVersion: v1.1.0
kind: DataProduct
id: ledger.{name}
version: 1.0.0
status: active
inputPorts:
  - name: landed
    customProperties:
      - {{property: mesh.path, value: {name}/*.parquet}}
      - {{property: mesh.format, value: parquet}}
outputPorts:
  - name: {name}
    version: 1.0.0
    contractId: contract-{name}{setting}
""",
    )
    meshes.write(folder / "transform" / f"{name}.sql", f"{query}\n")
    meshes.write(
        folder / "contracts" / f"{name}.yaml",
        f"apiVersion: v3.2.0\nkind: DataContract\nid: contract-{name}\nversion: 1.0.0\nstatus: active\n"
        f"schema:\n  - name: {name}\n    properties:{COLUMNS}",
    )
