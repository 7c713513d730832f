import pytest

from meshwright.model.casting import is_castable, is_widened
from meshwright.model.datatype import DataType


@pytest.mark.parametrize(
    ("found", "wanted", "castable"),
    [
        ("HUGEINT", "BIGINT", True),
        ("BIGINT", "INTEGER", True),
        ("INTEGER", "DECIMAL(10,2)", True),
        ("DECIMAL(10,2)", "DECIMAL(12,4)", True),
        ("DECIMAL(10,4)", "DECIMAL(12,2)", False),
        ("DECIMAL(38,0)", "BIGINT", True),
        ("DOUBLE", "INTEGER", False),
        ("DOUBLE", "DECIMAL(10,2)", False),
        ("BIGINT", "DOUBLE", True),
        ("DATE", "TIMESTAMP", True),
        ("TIMESTAMP", "DATE", False),
        ("TIMESTAMP", "TIMESTAMPTZ", False),
        ("VARCHAR", "INTEGER", False),
        ("INTEGER", "VARCHAR", False),
        ("UUID", "VARCHAR", True),
        ("NULL", "VARCHAR", True),
        ("INTERVAL", "VARCHAR", False),
        ("STRUCT(a INTEGER)", "STRUCT(A BIGINT)", True),
        ("STRUCT(a INTEGER)", "STRUCT(b INTEGER)", False),
        ("INTEGER[]", "BIGINT[]", True),
        ("MAP(VARCHAR, DOUBLE)", "MAP(VARCHAR, INTEGER)", False),
    ],
)
def test_a_result_fits_only_where_no_value_can_silently_change(found: str, wanted: str, castable: bool) -> None:
    assert is_castable(DataType.parse(found), DataType.parse(wanted)) is castable


@pytest.mark.parametrize(
    ("old", "new", "widened"),
    [
        ("INTEGER", "BIGINT", True),
        ("BIGINT", "INTEGER", False),
        ("FLOAT", "DOUBLE", True),
        ("DECIMAL(10,2)", "DECIMAL(12,2)", True),
        ("DECIMAL(10,2)", "DECIMAL(12,3)", False),
        ("INTEGER", "DOUBLE", False),
        ("STRUCT(a INTEGER)", "STRUCT(a BIGINT, b INTEGER)", True),
        ("STRUCT(a INTEGER, b INTEGER)", "STRUCT(a INTEGER)", False),
        ("INTEGER[]", "BIGINT[]", True),
    ],
)
def test_readers_go_on_only_with_an_iceberg_promotion(old: str, new: str, widened: bool) -> None:
    assert is_widened(DataType.parse(old), DataType.parse(new)) is widened
