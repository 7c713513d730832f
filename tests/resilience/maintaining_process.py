"""A process that calls one `mesh` command again and again until the file STOP is there.

Arguments: the mesh's folder, the file STOP, then the command. Prints one JSON object per command: its exit code, its output.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from mesh_folder import MeshFolder


def main(root: str, stop: str, *command: str) -> None:
    mesh = MeshFolder.__new__(MeshFolder)
    mesh.root = Path(root)
    while not Path(stop).exists():
        answer = mesh.mesh(*command)
        told = {"command": command, "code": answer.code, "out": answer.out, "err": answer.err}
        print(json.dumps(told), flush=True)  # noqa: T201 - read by the test that started this process


if __name__ == "__main__":
    main(*sys.argv[1:])
    # As `mesh` itself ends.
    os._exit(0)
