"""A tiny append: one CSV file of ten rows lands, and the product that collects them is built, tested and published.

Measured inside one process that stays, as a node does: reading the mesh's files, planning, reading the new file, testing
the contract, committing to Iceberg, syncing to disk, publishing. The median after 10 and after 1,000 earlier publications
must be the same; the floor is one durable Parquet file and one durable SQLite transaction. All files stay where they
landed. The contract's rules are about rows; a last line shows what a unique column adds, which every append must compare
with all that came before.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from bench import meshes
from bench.measuring import BENCH, PYTHON, ROOT, Row, at_most, figure, run

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = ROOT / "bench" / "programs" / "appending.py"
# Medians over this many appends.
WINDOW = 20


def rows(*, quick: bool) -> list[Row]:
    """The table of this benchmark."""
    count = 100 if quick else 1000
    inner = append("append", count)
    early, late = inner["early_ms"], inner["late_ms"]
    return [
        at_most("append after 10 publications: p50", early, 60, "ms"),
        at_most(f"append after {count:,} publications: p50", late, 60, "ms"),
        at_most(f"p50 after {count:,} publications beside after 10", late / early, 1.3, "×"),
        figure("of the first: planning", inner["early_plan_ms"], "ms"),
        figure("of the last: planning", inner["late_plan_ms"], "ms"),
        figure("durable floor: Parquet and SQLite, both synced", inner["floor_ms"], "ms"),
        at_most("snapshots in Iceberg's own history at the end", inner["history"], 100, "snapshots"),
        figure("warehouse and registry at the end", inner["disk_mb"], "MB"),
        figure(
            "with a unique column, after 100 publications: p50",
            append("append-unique", 100, unique=True)["late_ms"],
            "ms",
        ),
    ]


def append(name: str, count: int, *, unique: bool = False) -> dict[str, float]:
    """What the program says of *count* appends to a new mesh."""
    root = BENCH / name
    shutil.rmtree(root, ignore_errors=True)
    write_mesh(root, unique=unique)
    return run([PYTHON, str(PROGRAM), str(root), str(count), str(WINDOW)], env={"PYTHONPATH": str(ROOT)}).inner


def write_mesh(root: Path, *, unique: bool = False) -> None:
    """One product that appends what lands."""
    folder = root / "domains" / "sensors" / "readings"
    meshes.write(root / "mesh.yaml", "name: landing\nengine: {memory: 1GB, threads: 2}\n")
    meshes.write(folder.parent / "domain.yaml", "description: What sensors say.\nteam: {name: sensors}\n")
    meshes.write(
        folder / "product.yaml",
        """apiVersion: v1.1.0
kind: DataProduct
id: sensors.readings
name: Readings
version: 1.0.0
status: active
inputPorts:
  - name: landed
    customProperties:
      - {property: mesh.path, value: landing/*.csv}
      - {property: mesh.format, value: csv}
      - property: mesh.options
        value: {header: true, delimiter: ",", columns: {id: BIGINT, sensor: VARCHAR, value: DOUBLE, measured_at: TIMESTAMP}}
outputPorts:
  - name: readings
    version: 1.0.0
    contractId: contract-readings
    customProperties:
      - {property: mesh.materialization, value: append}
""",
    )
    meshes.write(folder / "transform" / "readings.sql", "SELECT id, sensor, value, measured_at FROM landed__changes\n")
    meshes.write(
        folder / "contracts" / "readings.yaml",
        f"""apiVersion: v3.2.0
kind: DataContract
id: contract-readings
name: Readings
version: 1.0.0
status: active
schema:
  - name: readings
    physicalType: table
    properties:
      - {{name: id, logicalType: integer, physicalType: BIGINT, required: true, unique: {str(unique).lower()}}}
      - {{name: sensor, logicalType: string, physicalType: VARCHAR, required: true}}
      - {{name: value, logicalType: number, physicalType: DOUBLE, logicalTypeOptions: {{minimum: 0}}}}
      - {{name: measured_at, logicalType: timestamp, physicalType: TIMESTAMP}}
""",
    )
