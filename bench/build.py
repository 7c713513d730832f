"""`mesh build` of 300 small products (sources of 1,000 rows) with 600 tests, each product an Iceberg publication with its
lineage and fingerprints, against `dbt build` of the same models and tests to tables in DuckDB. Then again, unchanged."""

from __future__ import annotations

import shutil

from bench import meshes
from bench.measuring import BENCH, MESH, Row, Usage, against, at_most, figure, in_turns, run
from bench.peers import QUIET, command

PLACE = BENCH / "build"
ROWS = 1000


def rows(*, quick: bool) -> list[Row]:
    """The table of this benchmark."""
    count = 60 if quick else 300
    root, dbt = PLACE / f"mesh-{count}", PLACE / f"dbt-{count}"
    if not root.exists():
        meshes.write_mesh(root, count, rows=ROWS)
        meshes.write_dbt(dbt, count, rows=ROWS)
    mesh = [MESH, "-C", str(root), "build", "--json"]
    build = [command("dbt", "dbt"), "build", "--profiles-dir", "."]

    def ours() -> Usage:
        shutil.rmtree(root / ".mesh", ignore_errors=True)
        return run(mesh)

    def theirs() -> Usage:
        shutil.rmtree(dbt / "target", ignore_errors=True)
        (dbt / "synth.duckdb").unlink(missing_ok=True)
        return run(build, cwd=dbt, env=QUIET)

    found = in_turns({"mesh": ours, "again": lambda: run(mesh), "dbt": theirs}, 1 if quick else 3)
    first, again, peer = found["mesh"], found["again"], found["dbt"]
    return [
        against(f"build {count} products: CPU", first.cpu, "dbt build", peer.cpu, 0.5),
        against(f"build {count} products: wall", first.wall, "dbt build", peer.wall, None),
        against(f"build {count} products: memory", first.rss_mb, "dbt build", peer.rss_mb, None, "MB"),
        at_most(f"build {count} products, nothing changed: wall", again.wall, 1.5),
        figure(f"build {count} products, nothing changed: CPU", again.cpu),
    ]
