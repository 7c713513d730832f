from __future__ import annotations

import datetime as dt
import operator
import string
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyiceberg import expressions
from pyiceberg.conversions import to_bytes
from pyiceberg.table import StaticTable
from pyiceberg.types import (
    BooleanType,
    DateType,
    DecimalType,
    IcebergType,
    IntegerType,
    LongType,
    PrimitiveType,
    StringType,
    TimestampType,
    TimestamptzType,
    TimeType,
)

from meshwright.model.datatype import DataType
from meshwright.model.errors import InvalidInput
from meshwright.model.publication import ColumnStatistics, DataFile, Field
from meshwright.storage.iceberg_schema import (
    EXACT,
    check_evolution,
    iceberg_schema,
    lower_bound,
    name_mapping,
    upper_bound,
)
from storage.conftest import LocalPlace

if TYPE_CHECKING:
    from pathlib import Path

    from meshwright.storage.iceberg import IcebergTables
    from meshwright.storage.local_files import LocalWarehouse
    from storage.conftest import Parquet


@pytest.fixture
def place(tmp_path: Path) -> LocalPlace:
    """Schemas are the same wherever tables lie."""
    return LocalPlace(tmp_path / "warehouse")


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
FEW_LETTERS = st.text("ab\ud7ff\U0010ffff", min_size=14, max_size=20)
# Each type's values, and what Iceberg calls the type.
TYPES: dict[str, tuple[st.SearchStrategy[Any], IcebergType]] = {
    "BOOLEAN": (st.booleans(), BooleanType()),
    "INTEGER": (st.integers(-(2**31), 2**31 - 1), IntegerType()),
    "BIGINT": (st.integers(-(2**63), 2**63 - 1), LongType()),
    "DECIMAL(9,2)": (st.decimals(-9999999, 9999999, places=2), DecimalType(9, 2)),
    "DECIMAL(38,10)": (
        st.integers(-(10**38) + 1, 10**38 - 1).map(lambda unscaled: EXACT.scaleb(Decimal(unscaled), -10)),
        DecimalType(38, 10),
    ),
    "VARCHAR": (TEXTS | FEW_LETTERS, StringType()),
    "DATE": (st.dates(), DateType()),
    "TIME": (st.times(), TimeType()),
    "TIMESTAMP": (st.datetimes(), TimestampType()),
    "TIMESTAMP WITH TIME ZONE": (st.datetimes(timezones=st.just(dt.UTC)), TimestamptzType()),
}


def spelled(value: Any) -> str:
    """A value as DuckDB's cast to text spells it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def serialised(kind: IcebergType, value: Any) -> bytes:
    return to_bytes(cast("PrimitiveType", kind), value)


@pytest.mark.parametrize("kind", TYPES)
def test_bounds_are_what_pyiceberg_serialises(kind: str) -> None:
    values, iceberg_type = TYPES[kind]

    @given(value=values)
    def check(value: Any) -> None:
        text = spelled(value)
        lower, upper = lower_bound(DataType.parse(kind), text), upper_bound(DataType.parse(kind), text)
        if kind != "VARCHAR" or len(text) <= 16:
            assert lower == upper == serialised(iceberg_type, value)
            return
        assert lower is not None
        assert lower == text[:16].encode()
        assert upper is None or upper.decode() > text
        assert upper is None or len(upper.decode()) <= 16

    check()


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("INTEGER", "2147483648"),
        ("INTEGER", "x"),
        ("BIGINT", "9223372036854775808"),
        ("BOOLEAN", "maybe"),
        ("DECIMAL(9,2)", "1.234"),
        ("DECIMAL(9,2)", "NaN"),
        ("DECIMAL(9,2)", "Infinity"),
        ("DATE", "infinity"),
        ("DATE", "0044-03-15 (BC)"),
        ("TIME", "24:00:00"),
        ("TIMESTAMP", "-infinity"),
        ("TIMESTAMP", "2020-01-01 00:00:00+00"),
        ("TIMESTAMP WITH TIME ZONE", "2020-01-01 00:00:00"),
        ("DOUBLE", "1.5"),
        ("FLOAT", "nan"),
        ("BLOB", "\\xFF"),
        ("VARCHAR", None),
    ],
)
def test_what_cannot_be_told_exactly_gets_no_bound(kind: str, text: str | None) -> None:
    assert lower_bound(DataType.parse(kind), text) is None
    assert upper_bound(DataType.parse(kind), text) is None


def test_a_text_above_which_there_is_none_gets_no_upper_bound() -> None:
    varchar = DataType("VARCHAR")
    assert upper_bound(varchar, "\U0010ffff" * 17) is None
    assert upper_bound(varchar, "a" + "\U0010ffff" * 17) == b"b"
    assert upper_bound(varchar, "\ud7ff" * 17) == ("\ud7ff" * 15 + "\ue000").encode()
    assert upper_bound(varchar, string.ascii_lowercase) == b"abcdefghijklmnoq"


COMPARISONS = {
    "EqualTo": operator.eq,
    "NotEqualTo": operator.ne,
    "LessThan": operator.lt,
    "LessThanOrEqual": operator.le,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqual": operator.ge,
}


def predicate(comparison: str, value: Any) -> expressions.BooleanExpression:
    made: expressions.BooleanExpression = getattr(expressions, comparison)("a", value)
    return made


def described(path: str, schema: tuple[Field, ...], values: list[Any]) -> DataFile:
    known = [value for value in values if value is not None]
    statistics = ColumnStatistics(
        nulls=len(values) - len(known),
        lowest=spelled(min(known)) if known else None,
        highest=spelled(max(known)) if known else None,
    )
    return DataFile(path=path, rows=len(values), bytes=1, schema=schema, columns={1: statistics})


@pytest.mark.slow
@pytest.mark.parametrize("kind", TYPES)
def test_no_row_is_lost_to_pruning(warehouse: LocalWarehouse, tables: IcebergTables, kind: str) -> None:
    values = TYPES[kind][0]

    @settings(max_examples=60 if kind == "VARCHAR" else 15, deadline=None)
    @given(files=st.lists(st.lists(values | st.none(), min_size=1, max_size=3), min_size=1, max_size=3), other=values)
    def check(files: list[list[Any]], other: Any) -> None:
        known = [value for rows in files for value in rows if value is not None]
        for sought in {*known[:2], other}:
            assert_found(warehouse, tables, kind, files, sought)

    check()


def assert_found(
    warehouse: LocalWarehouse, tables: IcebergTables, kind: str, values: list[list[Any]], sought: Any
) -> None:
    """Every file with a row that matches a comparison with *sought* is planned."""
    schema = (Field(id=1, name="a", type=DataType.parse(kind)),)
    table = tables.create(product="sales.orders", port="orders", columns=schema)
    files = []
    for number, rows in enumerate(values):
        path = warehouse.locate(f"{table}/data/{number}.parquet")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        files.append((number, described(f"{table}/data/{number}.parquet", schema, rows)))
    snapshot = tables.commit(table=table, parent=None, schema=schema, added=[file for _, file in files])
    opened = StaticTable.from_metadata(str(warehouse.locate(snapshot.metadata)))
    for comparison, matches in COMPARISONS.items():
        row_filter = predicate(comparison, sought)
        planned = {task.file.file_path.rsplit("/", 1)[-1] for task in opened.scan(row_filter=row_filter).plan_files()}
        for number, file in files:
            wanted = any(row is not None and matches(row, sought) for row in values[number])
            assert not wanted or file.path.rsplit("/", 1)[-1] in planned
    nulls = {task.file.file_path.rsplit("/", 1)[-1] for task in opened.scan(row_filter="a is null").plan_files()}
    assert nulls == {file.path.rsplit("/", 1)[-1] for number, file in files if None in values[number]}


def test_pruning_leaves_out_files_that_cannot_match(
    warehouse: LocalWarehouse, tables: IcebergTables, parquet: Parquet
) -> None:
    schema = (Field(id=1, name="a", type=DataType.parse("VARCHAR")),)
    table = tables.create(product="sales.orders", port="orders", columns=schema)
    files = [parquet.write(table, f"SELECT '{letter * 20}'", schema) for letter in "abc"]
    snapshot = tables.commit(table=table, parent=None, schema=schema, added=files)
    opened = StaticTable.from_metadata(str(warehouse.locate(snapshot.metadata)))
    planned = [task.file.file_path for task in opened.scan(row_filter=predicate("EqualTo", "b" * 20)).plan_files()]
    assert [path.rsplit("/", 1)[-1] for path in planned] == [files[1].path.rsplit("/", 1)[-1]]


def test_nested_values_get_their_ids_in_depth_first_order_and_a_name_mapping() -> None:
    kind = DataType.parse("STRUCT(p STRUCT(x DATE)[], q MAP(VARCHAR, INTEGER))")
    schema = iceberg_schema([Field(id=1, name="s", type=kind, nested_ids=(2, 3, 4, 5, 6, 7))], 0)
    struct = schema["fields"][0]["type"]
    assert [field["id"] for field in struct["fields"]] == [2, 5]
    assert struct["fields"][0]["type"]["element-id"] == 3
    assert struct["fields"][0]["type"]["element"]["fields"][0]["id"] == 4
    assert (struct["fields"][1]["type"]["key-id"], struct["fields"][1]["type"]["value-id"]) == (6, 7)
    (mapped,) = name_mapping(schema)
    assert [inner["names"] for inner in mapped["fields"]] == [["p"], ["q"]]
    assert [inner["names"] for inner in mapped["fields"][1]["fields"]] == [["key"], ["value"]]


def test_nested_values_without_ids_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"column l: .* needs a field id for every nested value"):
        iceberg_schema([Field(id=1, name="l", type=DataType.parse("INTEGER[][]"), nested_ids=(2,))], 0)


@pytest.mark.parametrize(
    ("old", "new", "readable"),
    [
        ("INTEGER", "BIGINT", True),
        ("BIGINT", "INTEGER", False),
        ("FLOAT", "DOUBLE", True),
        ("INTEGER", "DOUBLE", False),
        ("DECIMAL(5,2)", "DECIMAL(9,2)", True),
        ("DECIMAL(9,2)", "DECIMAL(5,2)", False),
        ("DECIMAL(5,2)", "DECIMAL(9,3)", False),
        ("DATE", "TIMESTAMP", False),
        ("VARCHAR", "INTEGER[]", False),
        ("INTEGER[]", "BIGINT[]", True),
        ("INTEGER[]", "VARCHAR[]", False),
        ("UUID", "VARCHAR", True),
    ],
)
def test_a_column_keeps_its_field_id_only_where_old_files_stay_readable(old: str, new: str, readable: bool) -> None:
    before, after = (
        iceberg_schema([Field(id=1, name="a", type=DataType.parse(kind), nested_ids=(2,))], 0) for kind in (old, new)
    )
    if readable:
        check_evolution(before, after)
        return
    with pytest.raises(InvalidInput, match="column a cannot turn from"):
        check_evolution(before, after)
