"""Read a port under restrictions; says how long that took. Arguments: copies|first ROOT."""

from __future__ import annotations

import shutil
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
from bench.measuring import report

from meshwright.model.restriction import SHA_256_GLOBAL, FilterColumn, Predicate, Restriction
from meshwright.node import Node
from meshwright.reading.masks import Keys
from meshwright.reading.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from meshwright.reading.resolve import ResolvedPort

PORT = "sales.orders"
EMAIL, CONTACT, REGION = 2, 3, 4
TIMES = 9
COPIED_TIMES = 5
node = Node(Path(sys.argv[2]))


class Fixed:
    """A guard that always leaves the same."""

    reader = "somebody"

    def __init__(self, restriction: Restriction) -> None:
        self.restriction = restriction

    def restrict(self, resolved: ResolvedPort) -> Restriction:
        del resolved
        return self.restriction

    def used(
        self, columns: Sequence[tuple[ResolvedPort, Sequence[str]]], *, rows: int, size: int, seconds: float
    ) -> None: ...


def reader(restriction: Restriction, *, gated: bool = False) -> Reader:
    """A reader under *restriction*."""
    return Reader(
        registry=node.registry,
        warehouse=node.warehouse,
        guard=Fixed(restriction),
        keys=Keys(pseudonym=b"key"),
        copies=node.copies,
        gate=node.sql_gate if gated else None,
    )


def copied(restriction: Restriction) -> float:
    """The seconds that it takes to make the copies for *restriction*: the median of a few times."""
    taken = []
    for _ in range(COPIED_TIMES):
        shutil.rmtree(node.cache / "governed", ignore_errors=True)
        one = reader(restriction)
        one.read(PORT, limit=0)
        started = time.perf_counter()
        assert one.warm(PORT) >= 1
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def in_turns(ways: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """The median of each way, taken in turns."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(TIMES):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            taken[name].append(time.perf_counter() - started)
            # Another process gets ready meanwhile, as it does where somebody stays.
            time.sleep(0.5 if name == "gate" else 0)
    return {name: statistics.median(found) for name, found in taken.items()}


def measure_copies() -> None:
    """What copies cost, and what they serve."""
    one, two = (
        Restriction(actions={EMAIL: SHA_256_GLOBAL}),
        Restriction(actions={EMAIL: SHA_256_GLOBAL, CONTACT: SHA_256_GLOBAL}),
    )
    one_mask = copied(one)
    two_masks = copied(two)
    paths = [str(path) for path in (node.cache / "governed/files").rglob("*.parquet")]
    node.sql_gate.spare = 1
    point = f"select * from {PORT} where id = 12345"
    gated = reader(two, gated=True)
    assert gated.query(point).to_arrow().num_rows == 1
    time.sleep(1)
    found = in_turns(
        {
            "ours": lambda: reader(two).read(PORT).to_arrow(),
            "duckdb": lambda: duckdb.connect(config={"threads": 2}).sql(f"FROM read_parquet({paths})").to_arrow_table(),
            "inside": lambda: reader(two).query(point).to_arrow(),
            "gate": lambda: gated.query(point).to_arrow(),
        }
    )
    report(one_mask=one_mask, two_masks=two_masks, **found)


def measure_first() -> None:
    """The first query of somebody for whom there is no copy."""
    restriction = Restriction(
        row_filter=Predicate("contains", (("EU", "US"), FilterColumn(REGION))), actions={EMAIL: SHA_256_GLOBAL}
    )
    shutil.rmtree(node.cache / "governed", ignore_errors=True)
    one = reader(restriction, gated=True)
    started = time.perf_counter()
    found = one.query(f"select region, sum(amount) as amount from {PORT} group by region").to_arrow()
    assert found.num_rows == 2
    report(first=time.perf_counter() - started)


(measure_copies if sys.argv[1] == "copies" else measure_first)()
node.sql_gate.close()
