"""Scans follow columns by id through renames, additions and wider types."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from meshwright.engines import TableOutput
from meshwright.engines.duckdb_engine import DuckDBEngine
from meshwright.engines.parquet_scan import exact, scan_sql
from meshwright.model.datatype import DataType
from meshwright.model.fields import fields
from meshwright.model.publication import DataFile, Field

if TYPE_CHECKING:
    from pathlib import Path


def read(sql: str) -> duckdb.DuckDBPyRelation:
    found = duckdb.connect().sql(sql)
    assert found is not None
    return found


def field(number: int, name: str, kind: str, *nested: int) -> Field:
    return Field(id=number, name=name, type=DataType.parse(kind), nested_ids=nested)


def written(folder: Path, query: str, *schema: Field) -> DataFile:
    engine = DuckDBEngine(threads=1)
    staged = engine.stage(query, inputs=(), output=TableOutput(name="t", folder=folder, schema=schema))
    engine.close()
    return staged.files[0]


def test_files_of_one_schema_are_one_read(tmp_path: Path) -> None:
    schema = (field(1, "a", "INTEGER"), field(2, "b", "VARCHAR"))
    files = [written(tmp_path, f"SELECT {i} AS a, 'x' AS b", *schema) for i in (1, 2)]
    sql = scan_sql(files, schema, str)
    assert sql.startswith('SELECT "a", "b" FROM read_parquet([')
    assert read(sql).fetchall() == [(1, "x"), (2, "x")]


def test_a_renamed_column_follows_its_id_and_order_is_kept(tmp_path: Path) -> None:
    old, new = (field(1, "a", "INTEGER"), field(2, "b", "VARCHAR")), (field(2, "a", "VARCHAR"), field(3, "n", "DATE"))
    files = [
        written(tmp_path, "SELECT 1 AS a, 'one' AS b", *old),
        written(tmp_path, "SELECT 'two' AS a, DATE '2020-01-01' AS n", *new),
        written(tmp_path, "SELECT 3 AS a, 'three' AS b", *old),
    ]
    found = read(scan_sql(files, new, str)).fetchall()
    assert [row[0] for row in found] == ["one", "two", "three"]
    assert [row[1] is None for row in found] == [True, False, True]


def test_a_widened_column_is_cast(tmp_path: Path) -> None:
    file = written(tmp_path, "SELECT 1 AS a", field(1, "a", "INTEGER"))
    assert read(scan_sql([file], (field(1, "a", "BIGINT"),), str)).types == ["BIGINT"]


def test_nested_members_follow_their_ids(tmp_path: Path) -> None:
    old = field(1, "s", "STRUCT(x INTEGER, y VARCHAR)[]", 2, 3, 4)
    new = field(1, "s", "STRUCT(y DATE, z VARCHAR, x BIGINT)[]", 2, 9, 4, 3)
    file = written(tmp_path, "SELECT [{'x': 1, 'y': 'why'}, NULL] AS s UNION ALL SELECT NULL", old)
    found = read(scan_sql([file], (new,), str)).fetchall()
    assert found == [([{"y": None, "z": "why", "x": 1}, None],), (None,)]


def test_a_map_value_may_widen(tmp_path: Path) -> None:
    file = written(tmp_path, "SELECT MAP {'k': 1} AS m", field(1, "m", "MAP(VARCHAR, INTEGER)", 2, 3))
    assert read(scan_sql([file], (field(1, "m", "MAP(VARCHAR, BIGINT)", 2, 3),), str)).fetchall() == [({"k": 1},)]


def test_no_files_are_no_rows_of_the_right_types() -> None:
    schema, _ = fields((("a", DataType.parse("BIGINT")), ("s", DataType.parse("STRUCT(x DATE)"))))
    found = read(scan_sql([], schema, str))
    assert (found.columns, [str(kind) for kind in found.types], found.fetchall()) == (
        ["a", "s"],
        ["BIGINT", "STRUCT(x DATE)"],
        [],
    )


def test_a_folder_named_like_a_partition_or_a_glob_adds_nothing(tmp_path: Path) -> None:
    schema = (field(1, "a", "INTEGER"),)
    file = written(tmp_path / "a=7" / "[x]*?", "SELECT 1 AS a", *schema)
    assert read(scan_sql([file], schema, str)).fetchall() == [(1,)]
    assert exact("a[1]*.csv") == "a[[]1][*].csv"
