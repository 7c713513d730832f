"""TPC-H lineitem, the contract that it is held to, and the same promises in the words of Soda and of datacontract-cli.

29 rules: 16 columns required, key unique, order known, three ranges, three lists of values, a pattern, freshness, a number
of rows, and the physical schema.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from bench.measuring import BENCH
from bench.peers import command

if TYPE_CHECKING:
    from pathlib import Path

DATA = BENCH / "data"
PATTERN = "^[A-Za-z0-9 .,;:!?'-]*$"
INTEGER, NUMBER, TEXT, DATE = (
    ("integer", "BIGINT"),
    ("number", "DECIMAL(15,2)"),
    ("string", "VARCHAR"),
    ("date", "DATE"),
)
COLUMNS = {
    "l_orderkey": INTEGER,
    "l_partkey": INTEGER,
    "l_suppkey": INTEGER,
    "l_linenumber": ("integer", "INTEGER"),
    "l_quantity": NUMBER,
    "l_extendedprice": NUMBER,
    "l_discount": NUMBER,
    "l_tax": NUMBER,
    "l_returnflag": TEXT,
    "l_linestatus": TEXT,
    "l_shipdate": DATE,
    "l_commitdate": DATE,
    "l_receiptdate": DATE,
    "l_shipinstruct": TEXT,
    "l_shipmode": TEXT,
    "l_comment": TEXT,
}
RANGES = {"l_quantity": (1, 50), "l_discount": (0, 0.1), "l_tax": (0, 0.08)}
VALUES = {
    "l_returnflag": ["A", "N", "R"],
    "l_linestatus": ["F", "O"],
    "l_shipmode": ["AIR", "FOB", "MAIL", "RAIL", "REG AIR", "SHIP", "TRUCK"],
}


def tables(scale: int) -> Path:
    """The folder with lineitem.parquet and orders.parquet of TPC-H at *scale*, generated once."""
    folder = DATA / f"sf{scale}"
    if not (folder / "orders.parquet").exists():
        generate = [command("tpchgen", "tpchgen-cli"), "parquet", "-s", str(scale), "--tables", "lineitem,orders"]
        subprocess.run([*generate, "--output-dir", str(folder), "--overwrite"], check=True)
    return folder


def tiny() -> Path:
    """The folder with the first 1,000 rows of lineitem, and all orders of which they are."""
    folder = DATA / "tiny"
    if not (folder / "orders.parquet").exists():
        import duckdb  # not at the top: a large measuring process would be counted as its children's memory

        folder.mkdir(parents=True, exist_ok=True)
        for table in ("lineitem", "orders"):
            rows = f"SELECT * FROM read_parquet('{tables(1)}/{table}.parquet') LIMIT 1000"
            duckdb.sql(f"COPY ({rows}) TO '{folder}/{table}.parquet' (FORMAT parquet)")
    return folder


def row_bounds(scale: int) -> tuple[int, int]:
    """How many rows there must be, at least and at most; *scale* 0 is the 1,000 rows."""
    return (5_900_000 * scale, 6_100_000 * scale) if scale else (999, 1001)


def odcs(folder: Path, scale: int) -> Path:
    """The contract as ODCS, which datacontract-cli reads as Meshwright does."""
    path = folder / "lineitem.odcs.yaml"
    path.write_text(contract(str(folder), scale))
    return path


def contract(folder: str, scale: int, *, alone: bool = False) -> str:
    """The contract's text; *alone* without orders, which a port's contract has no place for."""
    low, high = row_bounds(scale)
    servers = f"servers:\n- {{server: local, type: local, path: '{folder}/{{model}}.parquet', format: parquet}}\n"
    orders = "- name: orders\n  physicalType: table\n  properties:\n  - {name: o_orderkey, logicalType: integer, physicalType: BIGINT}\n"
    properties = "".join(_property(name, alone=alone) for name in COLUMNS)
    return f"""apiVersion: v3.1.0
kind: DataContract
id: lineitem-sf{scale}
name: lineitem
version: 1.0.0
status: active
{"" if alone else servers}schema:
- name: lineitem
  physicalType: table
  quality:
  - {{metric: rowCount, mustBeBetween: [{low}, {high}]}}
  - {{metric: duplicateValues, mustBe: 0, arguments: {{properties: [l_orderkey, l_linenumber]}}}}
  properties:
{properties}{"" if alone else orders}slaProperties:
- {{property: freshness, element: lineitem.l_shipdate, value: 20000, unit: d}}
"""


def _property(name: str, *, alone: bool) -> str:
    logical, physical = COLUMNS[name]
    text = f"  - name: {name}\n    logicalType: {logical}\n    physicalType: {physical}\n    required: true\n"
    if name in RANGES:
        text += f"    logicalTypeOptions: {{minimum: {RANGES[name][0]}, maximum: {RANGES[name][1]}}}\n"
    if name in VALUES:
        listed = ", ".join(VALUES[name])
        text += f"    quality:\n    - metric: invalidValues\n      mustBe: 0\n      arguments: {{validValues: [{listed}]}}\n"
    if name == "l_comment":
        text += f'    logicalTypeOptions: {{pattern: "{PATTERN}"}}\n'
    if name == "l_orderkey" and not alone:
        text += "    relationships:\n    - {type: foreignKey, to: orders.o_orderkey}\n"
    return text


def soda(folder: Path, scale: int) -> tuple[Path, Path]:
    """Soda's data source, views over the same Parquet files, and its contract."""
    import duckdb

    database = folder / "soda.duckdb"
    database.unlink(missing_ok=True)
    with duckdb.connect(str(database)) as connection:
        for table in ("lineitem", "orders"):
            connection.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet('{folder}/{table}.parquet')")
    source, contract = folder / "soda_source.yml", folder / "soda_contract.yml"
    source.write_text(f"type: duckdb\nname: d\nconnection:\n  database: {database}\n  schema: main\n")
    low, high = row_bounds(scale)
    contract.write_text(
        f"""dataset: d/main/lineitem
checks:
  - schema:
  - row_count: {{threshold: {{must_be_between: {{greater_than_or_equal: {low}, less_than_or_equal: {high}}}}}}}
  - duplicate: {{columns: [l_orderkey, l_linenumber]}}
  - freshness: {{column: l_shipdate, threshold: {{unit: day, must_be_less_than: 20000}}}}
columns:
"""
        + "".join(_soda_column(name) for name in COLUMNS)
    )
    return source, contract


def _soda_column(name: str) -> str:
    kind = COLUMNS[name][1].partition("(")[0].lower()
    text = f"  - name: {name}\n    data_type: {kind}\n    checks:\n    - missing:\n"
    if name in RANGES:
        text += f"    - invalid: {{valid_min: {RANGES[name][0]}, valid_max: {RANGES[name][1]}}}\n"
    if name in VALUES:
        text += f"    - invalid: {{valid_values: [{', '.join(VALUES[name])}]}}\n"
    if name == "l_comment":
        pattern = PATTERN.replace("'", "''")
        text += f'    - invalid: {{valid_format: {{name: text, regex: "{pattern}"}}}}\n'
    if name == "l_orderkey":
        text += "    - invalid: {valid_reference_data: {dataset: d/main/orders, column: o_orderkey}}\n"
    return text
