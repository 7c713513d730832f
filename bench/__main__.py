"""Measure Meshwright against peers and floors: `python -m bench [NAME…] [--quick]`."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

from bench.measuring import MESH, ROOT, show

# Name → what it measures; each is a module of this folder with rows(quick=…).
BENCHMARKS = {
    "startup": "mesh --version and --help",
    "starting": "a product from a CSV file of 100 MB, and from an empty folder to a query",
    "plan": "plan 1,000 and 10,000 products, against dbt parse",
    "one_change": "build a mesh of 1,000 products in which one has changed",
    "contracts": "load and validate 10,000 contracts",
    "build": "build 300 products with 600 tests, against dbt build",
    "contract_tests": "29 rules on TPC-H lineitem, against hand-written proofs, Soda and datacontract-cli",
    "append": "a tiny append after 10 and 1,000 publications",
    "environments": "create, change and promote an environment of 300 products",
    "full_build": "build 6 million rows, against DuckDB's COPY and the tests alone",
    "diffing": "the difference of two publications of 1 million rows, against DuckDB's full outer join",
    "adopting": "import a dbt project of 500 models",
    "compaction": "make 1,000 small files, 6 million rows, into few, against one rewrite of the data",
    "previewing": "mesh preview on the example mesh, and completion",
    "decisions": "decide about a read by 1,000 policies",
    "governed": "copies of what readers may see, reading them, and SQL in a process of its own",
    "reading": "read 6 million rows to Arrow, against DuckDB over the same files",
}


def main() -> int:
    """Run the benchmarks named on the command line, or all. The exit code is 1 when a target was missed."""
    listed = "\n".join(f"  {name:16}{what}" for name, what in BENCHMARKS.items())
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=f"{__doc__}\n\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[[], *BENCHMARKS])
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, smaller data: to see that it runs")
    asked = parser.parse_args()
    os.chdir(ROOT)
    _warm_up()
    print(machine())
    missed = 0
    for name in asked.names or BENCHMARKS:
        started = time.monotonic()
        found = importlib.import_module(f"bench.{name}").rows(quick=asked.quick)
        show(f"{name}: {BENCHMARKS[name]} ({time.monotonic() - started:.0f} s)", found)
        missed += sum(row.met is False for row in found)
    return 1 if missed else 0


def _warm_up() -> None:
    """Compile all bytecode, as an installation does."""
    subprocess.run([sys.executable, "-m", "compileall", "-q", "src"], check=False)
    subprocess.run([MESH, "--version"], check=True, stdout=subprocess.DEVNULL)


def machine() -> str:
    """What the figures were taken on."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    return (
        f"{len(os.sched_getaffinity(0))} cores of {model}, {memory:.0f} GB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}; load before: {load}"
    )


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text().splitlines() if file.exists() else []


if __name__ == "__main__":
    sys.exit(main())
