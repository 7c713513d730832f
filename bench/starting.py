"""A product from data: `mesh new product --from` a CSV file of 100 MB, plain and as a German office exports it; and the
way from an empty folder to a query of one's own product, command by command.

The floor is DuckDB alone reading the same file once into a table, its own sniffer looking at every row.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from bench.measuring import BENCH, MESH, PYTHON, Row, Usage, against, at_most, in_turns, run

if TYPE_CHECKING:
    from pathlib import Path

PLACE = BENCH / "starting"
ROWS = 1_000_000
# Both come to 100 MB, give or take a few percent.
PLAIN = """
SELECT i AS order_id, 'user' || (i * 7919 % 200000) || '@example.com' AS customer_email,
    TIMESTAMP '2026-01-01' + INTERVAL (i * 31 % 500000) MINUTE AS ordered_at,
    ['new', 'paid', 'sent', 'returned'][i % 4 + 1] AS status,
    CAST(i * 37 % 999999 / 100 AS DECIMAL(10, 2)) AS amount, i % 9 + 1 AS quantity,
    ['DE', 'FR', 'US', 'GB'][i % 4 + 1] AS country, lpad(CAST(i * 13 % 99999 AS VARCHAR), 5, '0') AS zip,
    'some words, number ' || (i % 9973) AS note, i % 3 = 0 AS is_gift
FROM range(1, {rows} + 1) t(i)
"""
GERMAN = """
SELECT i AS "Auftrag Nr", 'user' || (i * 7919 % 200000) || '@example.com' AS "E-Mail",
    strftime(DATE '2026-01-01' + INTERVAL (i * 31 % 340) DAY, '%d.%m.%Y') AS "Bestelldatum",
    replace(replace(replace(format('{{:,.2f}}', i * 37 % 999999 / 100), ',', '#'), '.', ','), '#', '.') || ' €' AS "Betrag",
    replace(CAST(i % 1000 / 10 AS VARCHAR), '.', ',') || ' %' AS "Anteil",
    CASE WHEN i % 50 = 0 THEN 'n/a' ELSE CAST(i % 9 + 1 AS VARCHAR) END AS "Menge",
    lpad(CAST(i * 13 % 99999 AS VARCHAR), 5, '0') AS "PLZ", ['ja', 'nein'][i % 2 + 1] AS "aktiv",
    'ein paar Wörter, Nummer ' || (i % 9973) AS "Notiz"
FROM range(1, {rows} + 1) t(i)
"""
WRITE = """
import sys, duckdb
duckdb.execute(f"COPY ({sys.argv[1]}) TO '{sys.argv[2]}' (FORMAT csv, DELIMITER '{sys.argv[3]}')")
"""
READ = """
import sys, duckdb
duckdb.execute(f"CREATE TABLE t AS FROM read_csv('{sys.argv[1]}', sample_size = -1)")
"""


def rows(*, quick: bool) -> list[Row]:
    """The table of this benchmark."""
    count = ROWS // 10 if quick else ROWS
    found = []
    for name, query, delimiter in (("plain", PLAIN, ","), ("German", GERMAN, ";")):
        file = _file(name, query.format(rows=count), delimiter, count)
        measured = in_turns(
            {
                "ours": lambda file=file: _new_product(file),  # type: ignore[misc]
                "read": lambda file=file: run([PYTHON, "-c", READ, str(file)]),  # type: ignore[misc]
            },
            1 if quick else 5,
        )
        size = f"{file.stat().st_size / 1e6:.0f} MB, {name}"
        ours, read = measured["ours"], measured["read"]
        found.append(at_most(f"new product --from {size}: wall", ours.wall, 5))
        found.append(against("  the same", ours.wall, "DuckDB reads it", read.wall, None))
        found.append(against("  CPU", ours.cpu, "DuckDB", read.cpu, None))
        found.append(against("  memory", ours.rss_mb, "DuckDB", read.rss_mb, None, "MB"))
        # What was written is worth its time only if it can be built.
        run([MESH, "-C", str(PLACE / "mesh"), "build", "--json"])
    first = in_turns({"ours": _first_product}, 1 if quick else 5)["ours"]
    return [*found, at_most("mesh init … mesh query, five commands: wall", first.wall, 10)]


def _file(name: str, query: str, delimiter: str, count: int) -> Path:
    file = PLACE / "files" / f"{name.lower()}-{count}.csv"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_suffix(".new")
        run([PYTHON, "-c", WRITE, query, str(new), delimiter])
        new.replace(file)
    return file


def _new_product(file: Path) -> Usage:
    """What writing a product from *file* takes in a fresh mesh, copying it there included."""
    root = PLACE / "mesh"
    shutil.rmtree(root, ignore_errors=True)
    run([MESH, "init", str(root)])
    run([MESH, "-C", str(root), "new", "domain", "sales"])
    return run([MESH, "-C", str(root), "new", "product", "sales/orders", "--from", str(file)])


def _first_product() -> Usage:
    """What the five commands from nothing to a query take together, on a file of a thousand rows."""
    root = PLACE / "first"
    shutil.rmtree(root, ignore_errors=True)
    file = _file("small", PLAIN.format(rows=1000), ",", 1000)
    mesh = [MESH, "-C", str(root)]
    commands = (
        [MESH, "init", str(root)],
        [*mesh, "new", "domain", "sales"],
        [*mesh, "new", "product", "sales/orders", "--from", str(file)],
        [*mesh, "build"],
        [*mesh, "query", "select status, sum(amount) from sales.orders group by status"],
    )
    usages = [run(command) for command in commands]
    return Usage(sum(one.wall for one in usages), sum(one.cpu for one in usages), max(one.rss_mb for one in usages))
