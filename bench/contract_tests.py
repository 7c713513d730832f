"""29 rules on TPC-H lineitem: `mesh test --contract` against the same promises proved by hand, Soda 4, datacontract-cli.

The floor is whichever hand-written program is faster, with DuckDB's or with polars' pattern matching. Every figure is of a
whole process; the contract, the bad-value rules and the files are the same for all.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from bench import lineitem
from bench.measuring import MESH, PYTHON, ROOT, Row, against, at_most, in_turns, run
from bench.peers import QUIET, command

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.measuring import Usage

# How often each scale is measured; peers only once where that takes minutes.
SCALES = {1: 5, 10: 3}
# datacontract-cli copies the table into memory: at SF10 it is measured where there is so much to spare.
COPY_MEMORY_GB = 22


def rows(*, quick: bool) -> list[Row]:
    """The table of this benchmark."""
    found = _tiny(3 if quick else 9)
    for scale, times in SCALES.items():
        if scale == 1 or not quick:
            found += _scale(scale, 1 if quick else times)
    return found


def ours(folder: Path) -> Callable[[], Usage]:
    """The measured command on the files in *folder*."""
    contract = ["--contract", str(folder / "lineitem.odcs.yaml"), "--schema", "lineitem"]
    files = ["--reference", f"orders={folder}/orders.parquet", str(folder / "lineitem.parquet")]
    return partial(run, [MESH, "test", *contract, *files, "--json"])


def floors(folder: Path) -> dict[str, Callable[[], Usage]]:
    """The hand-written proofs, by what matches the pattern."""
    program = [PYTHON, str(ROOT / "bench" / "programs" / "proofs.py"), str(folder)]
    return {name: partial(run, [*program, name], env={"PYTHONPATH": str(ROOT)}) for name in ("duckdb", "polars")}


def peers(folder: Path, scale: int) -> dict[str, Callable[[], Usage]]:
    """Soda and datacontract-cli, ready to be run."""
    source, contract = lineitem.soda(folder, scale)
    soda = [command("soda", "soda"), "contract", "verify", "-ds", str(source), "-c", str(contract)]
    datacontract = [command("datacontract", "datacontract"), "test", str(folder / "lineitem.odcs.yaml")]
    return {"Soda": partial(run, soda, env=QUIET), "datacontract-cli": partial(run, datacontract, env=QUIET)}


def _tiny(times: int) -> list[Row]:
    folder = lineitem.tiny()
    lineitem.odcs(folder, 0)
    runs = {"ours": ours(folder), **floors(folder), **peers(folder, 0)}
    found = in_turns(runs, times)
    rows = [at_most("1,000 rows, whole process: wall", found["ours"].wall, 0.45)]
    for name in ("duckdb", "Soda", "datacontract-cli"):
        label = "proofs" if name == "duckdb" else name
        rows.append(against("1,000 rows, whole process: wall", found["ours"].wall, label, found[name].wall, None))
    return rows


def _scale(scale: int, times: int) -> list[Row]:
    folder = lineitem.tables(scale)
    lineitem.odcs(folder, scale)
    found = in_turns({"ours": ours(folder), **floors(folder)}, times)
    others = peers(folder, scale)
    if scale > 1 and available_gb() < COPY_MEMORY_GB:
        del others["datacontract-cli"]
    slow = in_turns({"ours": ours(folder), **others}, 1 if scale > 1 else min(times, 3))
    mesh, title = found["ours"], f"SF{scale}"
    best = min((found["duckdb"], found["polars"]), key=lambda usage: usage.cpu)
    rows = [
        against(f"{title}: wall", mesh.wall, "proofs", best.wall, 1.25),
        against(f"{title}: CPU", mesh.cpu, "proofs", best.cpu, 1.25),
        against(f"{title}: memory", mesh.rss_mb, "proofs", best.rss_mb, 1.5, "MB"),
    ]
    for name, limit in (("Soda", 0.5), ("datacontract-cli", 0.333)):
        if name not in slow:
            continue
        rows.append(against(f"{title}: wall", slow["ours"].wall, name, slow[name].wall, limit))
        rows.append(against(f"{title}: CPU", slow["ours"].cpu, name, slow[name].cpu, limit))
        rows.append(against(f"{title}: memory", slow["ours"].rss_mb, name, slow[name].rss_mb, None, "MB"))
    return rows


def available_gb() -> float:
    """The memory that is free for new programs."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES") / 2**30
