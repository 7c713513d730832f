"""Other schedulers, each installed once into an environment of its own below .bench, which is no part of the repository."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from uv import find_uv_bin

CACHE = Path(__file__).parents[2] / ".bench" / "schedulers"
# What their own dependencies resolve to is theirs: with the newest ones an export must work.
REQUIREMENTS = {"airflow": "apache-airflow-core>=3.1,<4", "dagster": "dagster>=1.12,<2"}
INSTALL_SECONDS = 400


def python(scheduler: str) -> Path:
    """The Python of the environment that *scheduler* is installed in. Fails when it cannot be installed."""
    requirement = REQUIREMENTS[scheduler]
    key = hashlib.sha256(f"{requirement}{sys.version_info[:2]}".encode()).hexdigest()[:8]
    folder = CACHE / f"{scheduler}-{key}"
    done = folder / ".installed"
    if not done.exists():
        _uv("venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
        _uv("pip", "install", "--quiet", "--python", str(folder / "bin/python"), requirement)
        done.touch()
    return folder / "bin/python"


def run(scheduler: str, script: str, *arguments: str, home: Path) -> str:
    """What *script* prints on its standard output, run by *scheduler*'s Python with `mesh` on the PATH."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "DAGSTER"))},
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "DAGSTER_HOME": str(home),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
    }
    command = [str(python(scheduler)), "-c", script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def _uv(*arguments: str) -> None:
    done = subprocess.run(
        [find_uv_bin(), *arguments], capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
    )
    assert done.returncode == 0, f"these tests need other schedulers in environments of their own: {done.stderr}"
