"""Commands run as whole processes, their medians, and the table of figures that a benchmark prints."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
# Everything that benchmarks write: data, peers, meshes.
BENCH = ROOT / ".bench"
# The command as a user starts it: a script in the environment that runs this benchmark.
MESH = str(Path(sys.executable).parent / "mesh")
PYTHON = sys.executable


@dataclass(frozen=True, slots=True)
class Usage:
    """What one whole process took: seconds of wall and CPU (user and system), peak resident memory in MB.

    `inner` is what the process said of itself: numbers in a JSON object on a line that begins with @@.
    """

    wall: float
    cpu: float
    rss_mb: float
    inner: dict[str, float] = field(default_factory=dict)


def run(
    command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None, ok: Sequence[int] = (0,)
) -> Usage:
    """Run *command* to its end. Raises RuntimeError with the end of its output when its exit code is not in *ok*."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=cwd, env={**os.environ, **(env or {})}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    output = process.stdout.read().decode(errors="replace")
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in ok:
        raise RuntimeError(f"{' '.join(command)[:200]} exited with {process.returncode}:\n{output[-2000:]}")
    return Usage(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, _inner(output))


def _inner(output: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for line in output.splitlines():
        if line.startswith("@@"):
            found |= json.loads(line[2:])
    return found


def report(**figures: Any) -> None:
    """Tell the process that measures this one its inner *figures*."""
    print("@@" + json.dumps(figures), flush=True)


def median(usages: Sequence[Usage]) -> Usage:
    """The median of each figure."""
    return Usage(
        statistics.median(one.wall for one in usages),
        statistics.median(one.cpu for one in usages),
        statistics.median(one.rss_mb for one in usages),
        {name: statistics.median(one.inner[name] for one in usages) for name in usages[0].inner},
    )


def in_turns(runs: Mapping[str, Callable[[], Usage]], times: int) -> dict[str, Usage]:
    """The median of each of *runs*, taken in turns so that a noisy machine is noisy for all of them."""
    found: dict[str, list[Usage]] = {name: [] for name in runs}
    for _ in range(times):
        for name, one in runs.items():
            found[name].append(one())
    return {name: median(usages) for name, usages in found.items()}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a benchmark's table. `met` is None for a figure that has no target."""

    what: str
    ours: str
    against: str = ""
    ratio: str = ""
    target: str = ""
    met: bool | None = None


def at_most(what: str, value: float, limit: float, unit: str = "s") -> Row:
    """A row for a figure with an absolute target."""
    return Row(what, _number(value, unit), target=f"≤ {limit:g} {unit}", met=value <= limit)


def at_least(what: str, value: float, limit: float, unit: str = "s") -> Row:
    """A row for a figure that must not be lower than *limit*."""
    return Row(what, _number(value, unit), target=f"≥ {limit:,g} {unit}", met=value >= limit)


def against(what: str, ours: float, name: str, theirs: float, limit: float | None, unit: str = "s") -> Row:
    """A row for a ratio to a peer or floor, whose target is at most *limit* (None: no target)."""
    ratio = ours / theirs if theirs else float("inf")
    target, met = ("", None) if limit is None else (f"≤ {limit:g}×", ratio <= limit)
    return Row(what, _number(ours, unit), f"{name} {_number(theirs, unit)}", f"{ratio:.2f}×", target, met)


def figure(what: str, value: float, unit: str = "s", note: str = "") -> Row:
    """A row for a figure that has no target."""
    return Row(what, _number(value, unit), note)


def _number(value: float, unit: str) -> str:
    return f"{value:.3g} {unit}" if value < 1000 else f"{value:,.0f} {unit}"


def show(name: str, rows: Sequence[Row]) -> None:
    """Print a benchmark's table."""
    head = Row("", "ours", "peer or floor", "ratio", "target", None)
    cells = [_cells(row) for row in (head, *rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(6)]
    print(f"\n{name}", flush=True)
    for line in cells:
        print(
            "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip(), flush=True
        )


def _cells(row: Row) -> tuple[str, ...]:
    verdict = "" if row.met is None else "met" if row.met else "MISSED"
    return row.what, row.ours, row.against, row.ratio, row.target, verdict
