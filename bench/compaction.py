"""`mesh maintain` makes 1,000 small files, 6 million rows of TPC-H lineitem (SF1), into files of a good size.

The floor is one rewrite of the same files by DuckDB's COPY with the same compression, a process of its own as ours is. What
maintenance adds is looking through registry and warehouse, each column's content hash, syncing, the Iceberg commit and the
publication. A second line says what a run costs that finds nothing to do.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from bench import lineitem, meshes
from bench.measuring import BENCH, MESH, PYTHON, ROOT, Row, Usage, against, figure, in_turns, run

if TYPE_CHECKING:
    from pathlib import Path

PLACE = BENCH / "compaction"
PROGRAM = ROOT / "bench" / "programs" / "small_files.py"
FILES = 1000
COPY = """
import glob, sys, duckdb
files = sorted(glob.glob(f"{sys.argv[1]}/**/data/*.parquet", recursive=True))
connection = duckdb.connect(config={"memory_limit": "4GB", "threads": 2})
connection.execute("SET preserve_insertion_order = true")
connection.execute(f"COPY (SELECT * FROM read_parquet({files})) TO '{sys.argv[2]}' (FORMAT parquet, COMPRESSION zstd)")
"""


def rows(*, quick: bool) -> list[Row]:
    """The table of this benchmark."""
    made = mesh(FILES // 10 if quick else FILES)
    warehouse, root = made / ".mesh" / "warehouse", PLACE / "maintained"

    def ours() -> Usage:
        _copy(made, root)
        return run([MESH, "-C", str(root), "maintain", "--json"])

    def copy() -> Usage:
        return run([PYTHON, "-c", COPY, str(warehouse), str(PLACE / "copied.parquet")])

    found = in_turns({"ours": ours, "copy": copy}, 1 if quick else 5)
    idle = in_turns({"idle": lambda: run([MESH, "-C", str(root), "maintain", "--json"])}, 1 if quick else 5)["idle"]
    small = sum(1 for _ in warehouse.rglob("*.parquet"))
    return [
        against(f"{small:,} files: wall", found["ours"].wall, "one COPY", found["copy"].wall, 2),
        against(f"{small:,} files: CPU", found["ours"].cpu, "one COPY", found["copy"].cpu, None),
        against(f"{small:,} files: memory", found["ours"].rss_mb, "one COPY", found["copy"].rss_mb, None, "MB"),
        figure("a run that finds nothing to do", idle.wall),
    ]


def mesh(files: int) -> Path:
    """A mesh whose one product has as many *files*, made once."""
    root = PLACE / f"mesh-{files}"
    if (root / "made").exists():
        return root
    shutil.rmtree(root, ignore_errors=True)
    folder = root / "domains" / "sales" / "lineitem"
    meshes.write(root / "mesh.yaml", "name: tpch\nengine: {memory: 4GB, threads: 2}\n")
    meshes.write(folder.parent / "domain.yaml", "description: TPC-H.\nteam: {name: sales}\n")
    meshes.write(
        folder / "product.yaml",
        """apiVersion: v1.1.0
kind: DataProduct
id: sales.lineitem
inputPorts:
  - {name: source, customProperties: [{property: mesh.path, value: data/*.parquet}]}
outputPorts:
  - {name: lineitem, customProperties: [{property: mesh.materialization, value: append}]}
""",
    )
    meshes.write(folder / "transform" / "lineitem.sql", "SELECT * FROM source__changes\n")
    source = lineitem.tables(1) / "lineitem.parquet"
    run([PYTHON, str(PROGRAM), str(root), str(source), str(files)], env={"PYTHONPATH": str(ROOT)})
    (root / "made").touch()
    return root


def _copy(source: Path, target: Path) -> None:
    """The mesh *source* at *target*; data files are never written to, so they are linked."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, copy_function=_link)


def _link(source: str, target: str) -> None:
    if source.endswith(".parquet"):
        os.link(source, target)
    else:
        shutil.copy2(source, target)
