"""A process that builds a mesh again and again, now and then rolling a product back.

Arguments: the mesh's folder, how many commands, the seed, the share of rollbacks, then the products to roll back. Prints one JSON
object per command: what was called, its exit code, its output.
"""

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path

from mesh_folder import MeshFolder


def main(root: str, times: str, seed: str, rollbacks: str, *products: str) -> None:
    mesh = MeshFolder.__new__(MeshFolder)
    mesh.root = Path(root)
    draw = random.Random(int(seed))
    for _ in range(int(times)):
        command = ("rollback", draw.choice(products)) if draw.random() < float(rollbacks) else ("build", "--json")
        answer = mesh.mesh(*command)
        told = {"command": command, "code": answer.code, "out": answer.out, "err": answer.err}
        print(json.dumps(told), flush=True)  # noqa: T201 - read by the test that started this process


if __name__ == "__main__":
    main(*sys.argv[1:])
    # As `mesh` itself ends.
    os._exit(0)
