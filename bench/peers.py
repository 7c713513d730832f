"""Other tools to measure against: each in an environment of its own below .bench/peers, installed when first needed.

Soda 4 is under the Elastic licence: it is run here to be compared with, and never a dependency of Meshwright.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench.measuring import BENCH

PACKAGES = {
    "dbt": ["dbt-core==1.11.*", "dbt-duckdb"],
    "soda": ["soda-core>=4", "soda-duckdb>=4"],
    "datacontract": ["datacontract-cli[duckdb]"],
    "tpchgen": ["tpchgen-cli"],
}
# No peer may spend its time on telemetry, nor wait for a network that is not there.
QUIET = {
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "DO_NOT_TRACK": "1",
    "OTEL_SDK_DISABLED": "true",
    "SODA_CORE_TELEMETRY_ENABLED": "false",
}


def command(peer: str, name: str) -> str:
    """The path of the command *name* of *peer*, which is installed first when it is not there."""
    folder = BENCH / "peers" / peer
    done = folder / "installed"
    if not done.exists():
        print(f"installing {', '.join(PACKAGES[peer])} in {folder.relative_to(BENCH.parent)}", flush=True)
        uv = str(Path(sys.executable).parent / "uv")
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], check=True)
        # Without bytecode every start of a peer would compile it again, which no user's does.
        install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(folder / "bin" / "python")]
        subprocess.run([*install, *PACKAGES[peer]], check=True)
        done.touch()
    return str(folder / "bin" / name)
