"""What a decision about a read costs: a port of 30 columns, 1,000 policies in 50 domains, 1,000 people.

Uncached is the first time that somebody asks for the port, by policies that are compiled already; cached every time after
that, until policies change. Measured in one process.
"""

from __future__ import annotations

from bench.measuring import PYTHON, ROOT, Row, at_least, at_most, figure, run

PROGRAM = ROOT / "bench" / "programs" / "deciding.py"


def rows(*, quick: bool) -> list[Row]:
    """The table of this benchmark."""
    people = 200 if quick else 1000
    inner = run([PYTHON, str(PROGRAM), str(people)], env={"PYTHONPATH": str(ROOT)}).inner
    return [
        at_most("uncached: p50", inner["p50_ms"], 3, "ms"),
        at_most("uncached: p99", inner["p99_ms"], 8, "ms"),
        at_least("cached", inner["cached_per_second"], 20_000, "/s"),
        figure("compiling 1,000 policies", inner["compile_ms"], "ms"),
        figure("policies in all", inner["policies"], ""),
    ]
