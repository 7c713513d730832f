"""An environment of 300 published products: created, every product built anew in it, promoted, dropped.

Figures are of whole processes. Before promoting, every query is edited so that all products differ: the worst case.
"""

from __future__ import annotations

import shutil

from bench import meshes
from bench.measuring import BENCH, MESH, Row, at_most, figure, run

PLACE = BENCH / "environments"


def rows(*, quick: bool) -> list[Row]:
    """The table of this benchmark."""
    count = 60 if quick else 300
    root = PLACE / f"mesh-{count}"
    shutil.rmtree(root, ignore_errors=True)
    meshes.write_mesh(root, count, rows=1000)
    mesh = [MESH, "-C", str(root)]
    run([*mesh, "build", "--json"])
    created = run([*mesh, "env", "create", "trial"])
    for number in range(count):
        path = meshes.folder(root, number) / "transform" / f"{meshes.name(number)}.sql"
        path.write_text(f"SELECT * FROM ({path.read_text().rstrip().rstrip(';')}) WHERE 1 = 1")
    built = run([*mesh, "build", "--env", "trial", "--json"])
    promoted = run([*mesh, "env", "promote", "trial", "--json"])
    dropped = run([*mesh, "env", "drop", "trial", "--json"])
    return [
        at_most(f"create an environment of {count} products: wall", created.wall, 1),
        figure(f"build all {count} in it: wall", built.wall),
        at_most(f"promote all {count}: wall", promoted.wall, 2),
        figure("drop it: wall", dropped.wall),
    ]
