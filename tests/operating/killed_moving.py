"""Kills `mesh export --all` or `mesh import --all` at chosen points, and tells what is there afterwards.

Arguments: the mesh's folder, `export` or `import`, the archive, a seed and how many kills. A mesh that imports is emptied,
an archive removed, before each kill. Prints one JSON object per kill: where, whether it died, the publications that are
there then, and the answer of the same command once more.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
from pathlib import Path
from typing import Any

from meshwright.cli.main import run
from meshwright.node import Node
from resilience.killed_build import Points, forked, mesh, warm


def publications(root: Path) -> int:
    node = Node(root)
    found = sum(len(node.registry.publications("prod", product)) for product in node.registry.head_sequences("prod"))
    node.registry.close()
    return found


class Job:
    def __init__(self, root: str, verb: str, archive: str) -> None:
        self.root, self.verb, self.archive = Path(root), verb, Path(archive)
        self.said, self.note = self.root.parent / "said", self.root.parent / "note"
        self.command = [verb, "--all", archive]

    def prepare(self) -> None:
        if self.verb == "import":
            shutil.rmtree(self.root / ".mesh", ignore_errors=True)
        else:
            self.archive.unlink(missing_ok=True)

    def count(self) -> int:
        def counted() -> int:
            points = Points()
            points.watch()
            assert mesh(self.root, self.command)["code"] == 0
            return points.stop()

        self.prepare()
        return int(forked(counted, self.said)[1])

    def kill(self, point: int, of: int) -> dict[str, Any]:
        self.prepare()
        self.note.unlink(missing_ok=True)

        def work() -> None:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            Points(point, self.note).watch()
            run(["-C", str(self.root), *self.command])

        status, _ = forked(work, self.said)
        told: dict[str, Any] = {"point": f"{point} of {of}", "killed": os.WIFSIGNALED(status)}
        told["at"] = self.note.read_text() if self.note.exists() else ""
        told["archive"] = self.archive.exists()
        _, told["publications"] = forked(lambda: publications(self.root), self.said)
        _, told["again"] = forked(lambda: mesh(self.root, self.command), self.said)
        return told


def main(root: str, verb: str, archive: str, seed: str, kills: str) -> None:
    warm()
    job, draw = Job(root, verb, archive), random.Random(int(seed))
    points = job.count()
    for _ in range(int(kills)):
        print(json.dumps(job.kill(draw.randint(1, points), points)), flush=True)  # noqa: T201 - read by the test


if __name__ == "__main__":
    main(*sys.argv[1:])
