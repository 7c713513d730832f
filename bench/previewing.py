"""`mesh preview` on the example mesh of real flights, and a shell's completion there: whole commands.

Everything is published before. Products of which the whole has to be computed (a window over every flight; a model that is
trained) are previewed on a sample, too.
"""

from __future__ import annotations

import runpy
import shutil
from typing import TYPE_CHECKING

from bench.measuring import BENCH, MESH, ROOT, Row, Usage, at_most, figure, median, run

if TYPE_CHECKING:
    from pathlib import Path

SQL = (
    "network.airlines",
    "network.routes",
    "operations.flights",
    "operations.daily_punctuality",
    "weather.hourly",
    "fleet.aircraft_status",
    "fleet.utilisation",
    "passenger_experience.airline_scorecard",
    "planning.delay_model.features",
)


def rows(*, quick: bool) -> list[Row]:
    """The table of this benchmark."""
    root = _mesh()
    times = 2 if quick else 5

    def preview(port: str, *options: str) -> Usage:
        command = [MESH, "-C", str(root), "preview", port, *options]
        return median([run(command) for _ in range(times)])

    every = {port: preview(port).wall for port in SQL}
    slowest = max(every, key=lambda port: every[port])
    completing = {"_MESH_COMPLETE": "bash_complete", "COMP_CWORD": "4"}
    completing["COMP_WORDS"] = f"mesh -C {root} read operations.d"
    run([MESH], env=completing)
    completed = median([run([MESH], env=completing) for _ in range(times)])
    return [
        at_most(f"slowest of {len(SQL)} ports and steps in SQL ({slowest}): wall", every[slowest], 1),
        figure("their mean: wall", sum(every.values()) / len(every)),
        figure("a window over every flight (planning.delay_causes): wall", preview("planning.delay_causes").wall),
        at_most("the same, 5 % of the flights: wall", preview("planning.delay_causes", "--sample", "5%").wall, 1),
        figure("Python with polars (weather.daily): wall", preview("weather.daily").wall),
        at_most("a completion: wall", completed.wall, 0.2),
    ]


def _mesh() -> Path:
    """The example, built."""
    root = BENCH / "previewing"
    shutil.rmtree(root, ignore_errors=True)
    skipped = shutil.ignore_patterns(".mesh", "data", "__pycache__", "*.lock.yaml")
    shutil.copytree(ROOT / "examples" / "flights", root, ignore=skipped)
    runpy.run_path(str(root / "fetch_data.py"))["fetch"](root)
    run([MESH, "-C", str(root), "build", "--json"])
    return root
