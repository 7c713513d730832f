"""`mesh plan` of 1,000 products with three inputs each, against `dbt parse` of the same graph; then ten times as many.

Cold: nothing published, no cache, as `dbt parse` without its target folder. Nothing changed and one SQL edited: the same
mesh, built and published once before, with whatever the last plan cached. Figures are of whole processes.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from bench import meshes
from bench.measuring import BENCH, MESH, Row, against, at_most, figure, in_turns, run
from bench.peers import QUIET, command

if TYPE_CHECKING:
    from pathlib import Path

    from bench.measuring import Usage

PLACE = BENCH / "plan"


def rows(*, quick: bool) -> list[Row]:
    """The table of this benchmark."""
    times = 1 if quick else 3
    found = _cold(1000, times)
    found += _warm(1000, 3 if quick else 5)
    if not quick:
        found += _linear()
    return found


def mesh_of(count: int, *, rows: int = 5, name: str = "") -> Path:
    """A mesh of *count* products, written once."""
    root = PLACE / (name or f"mesh-{count}")
    if not (root / "mesh.yaml").exists():
        meshes.write_mesh(root, count, rows=rows)
    return root


def _cold(count: int, times: int) -> list[Row]:
    root, dbt = mesh_of(count), PLACE / f"dbt-{count}"
    if not dbt.exists():
        meshes.write_dbt(dbt, count, rows=5)
    parse = [command("dbt", "dbt"), "parse", "--profiles-dir", "."]

    def ours() -> Usage:
        return cold_plan(root)

    def theirs() -> Usage:
        shutil.rmtree(dbt / "target", ignore_errors=True)
        return run(parse, cwd=dbt, env=QUIET)

    found = in_turns({"mesh": ours, "dbt": theirs}, times)
    mesh, peer = found["mesh"], found["dbt"]
    return [
        at_most(f"plan {count:,} products, cold: CPU", mesh.cpu, 4),
        against(f"plan {count:,} products, cold: CPU", mesh.cpu, "dbt parse", peer.cpu, 0.4),
        against(f"plan {count:,} products, cold: wall", mesh.wall, "dbt parse", peer.wall, None),
        against(f"plan {count:,} products, cold: memory", mesh.rss_mb, "dbt parse", peer.rss_mb, None, "MB"),
    ]


def cold_plan(root: Path) -> Usage:
    """`mesh plan` of a mesh in which nothing was ever planned."""
    shutil.rmtree(root / ".mesh", ignore_errors=True)
    return run([MESH, "-C", str(root), "plan", "--json"])


def _warm(count: int, times: int) -> list[Row]:
    root = mesh_of(count, name=f"published-{count}")
    run([MESH, "-C", str(root), "build", "--json"])
    run([MESH, "-C", str(root), "plan", "--json"])
    middle = count // 2
    path = meshes.folder(root, middle) / "transform" / f"{meshes.name(middle)}.sql"
    before = path.read_text()
    edits = iter(range(times))

    def unchanged() -> Usage:
        run([MESH, "-C", str(root), "plan", "--json"])
        return run([MESH, "-C", str(root), "plan", "--json"])

    def edited() -> Usage:
        path.write_text(before.replace("* 1.01", f"* {2 + next(edits)}.5"))
        try:
            return run([MESH, "-C", str(root), "plan", "--json"])
        finally:
            path.write_text(before)

    found = in_turns({"unchanged": unchanged, "edited": edited}, times)
    return [
        at_most(f"plan {count:,} products, nothing changed: wall", found["unchanged"].wall, 0.7),
        figure(f"plan {count:,} products, nothing changed: CPU", found["unchanged"].cpu),
        at_most(f"plan {count:,} products, one SQL edited: wall", found["edited"].wall, 1.0),
        figure(f"plan {count:,} products, one SQL edited: CPU", found["edited"].cpu),
    ]


def _linear() -> list[Row]:
    """Ten times the products: linear is ten times the time and the memory; a fifth is allowed for noise."""
    small, large = mesh_of(1000), mesh_of(10000)
    found = in_turns({"small": lambda: cold_plan(small), "large": lambda: cold_plan(large)}, 1)
    again = run([MESH, "-C", str(large), "plan", "--json"])
    return [
        against("plan 10,000 products, cold: CPU", found["large"].cpu, "1,000", found["small"].cpu, 12),
        against("plan 10,000 products, cold: memory", found["large"].rss_mb, "1,000", found["small"].rss_mb, 12, "MB"),
        figure("plan 10,000 products, planned before: wall", again.wall),
    ]
