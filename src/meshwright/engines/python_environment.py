"""Environments for transformations with inline dependencies (PEP 723): made by uv once, then kept."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import uuid
from importlib.metadata import version
from typing import TYPE_CHECKING

from meshwright.model.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# What the runner itself needs, at the versions of this process: Arrow data passes between both.
RUNNER_NEEDS = ("duckdb", "pyarrow")
INSTALL_SECONDS_MAX = 900


def interpreter(dependencies: Sequence[str], environments: Path) -> str:
    """The Python that has *dependencies*: this one when there are none, else one of a cached environment.

    Raises InvalidInput when uv finds no versions that go together, Unavailable when it cannot install.
    """
    if not dependencies:
        return sys.executable
    wanted = [*(f"{name}=={version(name)}" for name in RUNNER_NEEDS), *sorted(dependencies)]
    key = hashlib.sha256("\n".join([sys.version, *wanted]).encode()).hexdigest()[:16]
    folder = environments / key
    python = folder / "bin" / "python"
    if (folder / "complete").exists():
        return str(python)
    import fcntl

    try:
        environments.mkdir(parents=True, exist_ok=True)
        with (environments / f"{key}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / "complete").exists():
                # Environments hold absolute paths, so they are made in place and marked when they are whole.
                shutil.rmtree(folder, ignore_errors=True)
                _uv(["venv", "--quiet", "--python", sys.executable, str(folder)], dependencies)
                _uv(["pip", "install", "--quiet", "--python", str(python), *wanted], dependencies)
                mark = folder / f"complete-{uuid.uuid4().hex}"
                mark.touch()
                mark.rename(folder / "complete")
    except OSError as error:
        raise Unavailable(f"the environment for {', '.join(dependencies)} cannot be made: {error}") from error
    return str(python)


def _uv(arguments: Sequence[str], dependencies: Sequence[str]) -> None:
    from uv import find_uv_bin

    listed = ", ".join(dependencies)
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    try:
        done = subprocess.run(  # noqa: S603 - uv's own binary; the requirements are arguments, not shell text
            [find_uv_bin(), *arguments],
            capture_output=True,
            text=True,
            env=environment,
            timeout=INSTALL_SECONDS_MAX,
            check=False,
        )
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"uv could not install {listed}: {error}") from error
    if done.returncode:
        message = f"uv could not install {listed}:\n{done.stderr.strip()[-2000:]}"
        if (
            "No solution found" in done.stderr
            or "Failed to parse" in done.stderr
            or "not found in the package registry" in done.stderr
        ):
            raise InvalidInput(f"{message}\ncorrect the dependencies in the script's header")
        raise Unavailable(f"{message}\ncheck the network and the package index, then build again")
