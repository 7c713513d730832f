"""Parquet files that are copies: the same values in any engine, in encodings that any engine reads."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import duckdb
import pyarrow.parquet as pq
import pytest

from meshwright.engines.parquet_file import write
from meshwright.model.datatype import DataType
from meshwright.model.fields import fields

if TYPE_CHECKING:
    from pathlib import Path

    from meshwright.model.publication import Field

VALUES: Final[dict[str, list[Any]]] = {
    "VARCHAR": ["a", "", None, "é" * 40, "a"],
    "BIGINT": [1, -(2**63), None, 2**63 - 1, 0],
    "BOOLEAN": [True, None, False, True, True],
    "DATE": [dt.date(2026, 1, 1), None, dt.date(1, 1, 1), dt.date(9999, 12, 31), dt.date(1970, 1, 1)],
    "DECIMAL(30,3)": [Decimal("1.500"), None, Decimal("-99999999999999999999.999"), Decimal("0.000"), Decimal("7.000")],
    "DOUBLE": [1.5, None, -0.0, 1e308, 2.25],
    "FLOAT": [1.5, None, 0.25, 2.0, 2.25],
    "BLOB": [b"\0", None, b"", b"\xff" * 9, b"a"],
}


def schema_of(*kinds: str) -> tuple[Field, ...]:
    return fields(tuple((f"c{number}", DataType.parse(kind)) for number, kind in enumerate(kinds)))[0]


@pytest.mark.parametrize("kind", VALUES)
def test_a_copy_holds_the_same_in_any_engine(tmp_path: Path, kind: str) -> None:
    path, rows = tmp_path / "copy.parquet", [(value, "x") for value in VALUES[kind]]
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t (c0 {kind}, c1 VARCHAR)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", rows)
        assert write(connection, "FROM t", path, schema_of(kind, "VARCHAR"), is_copy=True) == len(rows)
        assert connection.sql(f"FROM '{path}'").fetchall() == rows
    assert [tuple(row.values()) for row in pq.read_table(path).to_pylist()] == rows


@pytest.mark.parametrize(
    ("kinds", "is_copy", "is_delta"),
    [
        (("BIGINT", "VARCHAR"), True, True),
        (("BIGINT", "VARCHAR"), False, False),
        (("BIGINT", "DOUBLE"), True, False),
        (("BIGINT", "STRUCT(a FLOAT[])"), True, False),
    ],
)
def test_only_copies_without_floats_are_written_as_deltas(
    tmp_path: Path, kinds: tuple[str, ...], *, is_copy: bool, is_delta: bool
) -> None:
    path = tmp_path / "file.parquet"
    with duckdb.connect() as connection:
        select = f"SELECT range * 7 AS c0, CAST(NULL AS {kinds[1]}) AS c1 FROM range(5000)"
        write(connection, select, path, schema_of(*kinds), is_copy=is_copy)
    file = pq.ParquetFile(path)
    assert ("DELTA_BINARY_PACKED" in file.metadata.row_group(0).column(0).encodings) == is_delta
    assert file.read().column("c0").to_pylist() == [7 * number for number in range(5000)]


def test_a_copy_of_many_pages_and_of_values_larger_than_a_page_holds_the_same_in_any_engine(tmp_path: Path) -> None:
    path = tmp_path / "copy.parquet"
    select = """SELECT range AS c0, CASE WHEN range % 1000 = 0 THEN repeat('é', 2000000) WHEN range % 3 > 0
        THEN sha256(range::VARCHAR) END AS c1 FROM range(200000) WHERE range > 198000 OR range % 1000 > 0"""
    with duckdb.connect() as connection:
        write(connection, select, path, schema_of("BIGINT", "VARCHAR"), is_copy=True)
        expected = connection.sql(select).to_arrow_table()
        assert connection.sql(f"FROM '{path}'").to_arrow_table() == expected
    found = pq.read_table(path)
    assert found.column("c0").to_pylist() == expected.column("c0").to_pylist()
    assert found.column("c1").to_pylist() == expected.column("c1").to_pylist()
