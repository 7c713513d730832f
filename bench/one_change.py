"""One changed product in a mesh of 1,000 that is built: `mesh build` from end to end, as a whole process.

The product in the middle is edited: a factor in its query, so one column has other values. What reads that column is built, too,
and everything else is reused. Then the same with a product that nobody reads, and with nothing changed.
"""

from __future__ import annotations

import itertools
import json
import re
import subprocess
from typing import TYPE_CHECKING

from bench import meshes
from bench.measuring import MESH, at_most, figure, in_turns, run
from bench.plan import mesh_of

if TYPE_CHECKING:
    from pathlib import Path

    from bench.measuring import Row, Usage

COUNT = 1000
FACTORS = itertools.count(2)


def rows(*, quick: bool) -> list[Row]:
    """The table of this benchmark."""
    root = mesh_of(COUNT, name=f"published-{COUNT}")
    command = [MESH, "-C", str(root), "build"]
    run(command)
    run(command)
    built = {number: _published(root, number) for number in (COUNT // 2, COUNT - 1)}

    def changed(number: int) -> Usage:
        _edit(root, number)
        return run(command)

    cases = {
        "middle": lambda: changed(COUNT // 2),
        "last": lambda: changed(COUNT - 1),
        "nothing": lambda: run(command),
    }
    found = in_turns(cases, 3 if quick else 7)
    middle = f"build {COUNT:,} products, one changed, {built[COUNT // 2]} built"
    return [
        at_most(f"{middle}: wall", found["middle"].wall, 2),
        figure(f"{middle}: CPU", found["middle"].cpu),
        figure(f"build {COUNT:,} products, one changed that nobody reads: wall", found["last"].wall),
        figure(f"build {COUNT:,} products, nothing changed: wall", found["nothing"].wall),
    ]


def _edit(root: Path, number: int) -> None:
    path = meshes.folder(root, number) / "transform" / f"{meshes.name(number)}.sql"
    path.write_text(re.sub(r"amount \* [0-9.]+", f"amount * {next(FACTORS)}.5", path.read_text()))


def _published(root: Path, number: int) -> int:
    """How many products an edit of *number* builds."""
    _edit(root, number)
    done = subprocess.run([MESH, "-C", str(root), "build", "--json"], check=True, capture_output=True, text=True)
    count: int = json.loads(done.stdout.splitlines()[-1])["outcomes"]["published"]
    return count
