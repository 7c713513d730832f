"""Read 6 million rows (all 16 columns of lineitem) to Arrow through the SDK, against bare DuckDB over the same files.

Both run inside one process that has imported everything, taken in turns; opening the mesh is part of each read.
"""

from __future__ import annotations

from bench import full_build
from bench.measuring import MESH, PYTHON, ROOT, Row, against, run

PROGRAM = ROOT / "bench" / "programs" / "reading_rows.py"


def rows(*, quick: bool) -> list[Row]:
    """The table of this benchmark."""
    root = full_build.mesh()
    run([MESH, "-C", str(root), "build", "--json"])
    inner = run([PYTHON, str(PROGRAM), str(root), "3" if quick else "9"], env={"PYTHONPATH": str(ROOT)}).inner
    return [
        against("6 M rows to an Arrow table: wall", inner["ours"], "DuckDB", inner["duckdb"], 1.1),
        against("6 M rows to an Arrow table: CPU", inner["ours_cpu"], "DuckDB", inner["duckdb_cpu"], 1.1),
        against("6 M rows, batch by batch: wall", inner["ours_batches"], "DuckDB", inner["duckdb_batches"], 1.1),
        against("one column of 6 M rows: wall", inner["ours_column"], "DuckDB", inner["duckdb_column"], 1.1),
    ]
