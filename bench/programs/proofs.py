"""The lineitem contract by hand, as cheaply as it is known how to prove it: the floor for contract tests.

Footer statistics prove what is bare; one scan looks at lists of values; a sorted run proves the key unique, a bitmap that
every order is known; the pattern is matched by DuckDB, or by polars when called so. Arguments: FOLDER duckdb|polars.
"""

from __future__ import annotations

import sys

import duckdb
import numpy as np
from bench.lineitem import COLUMNS, PATTERN, RANGES, VALUES

# pyarrow imports pandas, where there is one, to turn numbers into numpy's: a second that proves nothing.
sys.modules["pandas"] = None  # type: ignore[assignment]

folder, engine = sys.argv[1:]
lineitem, orders = (f"read_parquet('{folder}/{table}.parquet')" for table in ("lineitem", "orders"))
connection = duckdb.connect()

physical = {row[0]: row[1] for row in connection.execute(f"DESCRIBE SELECT * FROM {lineitem}").fetchall()}
assert physical == {name: kind for name, (_, kind) in COLUMNS.items()}, physical


def one(query: str) -> tuple[object, ...]:
    return connection.execute(query).fetchall()[0]


bare = [f"count({name})" for name in COLUMNS] + [f"{end}({name})" for name in RANGES for end in ("min", "max")]
total, *facts = one(f"SELECT count(*), {', '.join(bare)}, max(l_shipdate) FROM {lineitem}")
assert all(count == total for count in facts[: len(COLUMNS)])

lists = [f"count_if({name} NOT IN ({', '.join(map(repr, known))}))" for name, known in VALUES.items()]
if engine == "polars":
    import polars as pl

    broken = one(f"SELECT {', '.join(lists)} FROM {lineitem}")
    frame = pl.scan_parquet(f"{folder}/lineitem.parquet")
    mismatched = frame.select((~pl.col("l_comment").str.contains(PATTERN)).sum()).collect(engine="streaming").item()
else:
    pattern = PATTERN.replace("'", "''")
    *broken, mismatched = one(
        f"SELECT {', '.join(lists)}, count_if(NOT regexp_matches(l_comment, '{pattern}')) FROM {lineitem}"
    )
assert not any(broken)
assert not mismatched

keys = f"SELECT l_orderkey * 8 + l_linenumber AS k, lag(l_orderkey * 8 + l_linenumber) OVER () AS p FROM {lineitem}"
assert one(f"SELECT count_if(k <= p) FROM ({keys})") == (0,)

known = connection.sql(f"SELECT o_orderkey FROM {orders}").to_arrow_table()["o_orderkey"].to_numpy()
highest = int(known.max())
bits = np.zeros(highest + 2, dtype=bool)
bits[known] = True
unknown = 0
for batch in connection.sql(f"SELECT l_orderkey FROM {lineitem}").to_arrow_reader(1 << 20):
    unknown += int((~bits[np.minimum(batch.column(0).to_numpy(), highest + 1)]).sum())
assert not unknown
