"""A product's own tests: expected rows against the rows that came."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from meshwright.quality.unit_cases import compare, equal

EQUAL = [
    (1, 1),
    (1, Decimal("1.00")),
    (0.1, Decimal("0.10")),
    ("1.50", Decimal("1.5")),
    (0.3, 0.1 + 0.2),
    (True, True),
    ("true", True),
    (None, None),
    ("a", "a"),
    ("2020-01-01", date(2020, 1, 1)),
    (date(2020, 1, 1), date(2020, 1, 1)),
    (date(2020, 1, 1), datetime(2020, 1, 1)),  # noqa: DTZ001 - naive, as data may be
    ("2020-01-01T10:00:00", datetime(2020, 1, 1, 10)),  # noqa: DTZ001
    ("2020-01-01 10:00:00", datetime(2020, 1, 1, 10, tzinfo=UTC)),
    ("2020-01-01T12:00:00+02:00", datetime(2020, 1, 1, 10, tzinfo=UTC)),
    ("10:00", time(10)),
    (date(2020, 1, 1), "2020-01-01"),
    ([1, None], [Decimal(1), None]),
    ({"a": "2020-01-01"}, {"a": date(2020, 1, 1)}),
    (float("nan"), float("nan")),
    ("ab", b"\xab"),
]
UNEQUAL = [
    (1, 2),
    (1, "1.0"),
    (None, 0),
    (None, ""),
    (0, None),
    (1, True),
    (True, 1),
    ("x", 1),
    ("2020-01-02", date(2020, 1, 1)),
    ("soon", date(2020, 1, 1)),
    ([1], [1, 2]),
    ({"a": 1}, {"b": 1}),
    (1.0001, 1.0),
]


@pytest.mark.parametrize(("expected", "actual"), EQUAL)
def test_values_are_equal_by_what_they_mean(expected: Any, actual: Any) -> None:
    assert equal(expected, actual)


@pytest.mark.parametrize(("expected", "actual"), UNEQUAL)
def test_values_that_mean_something_else_differ(expected: Any, actual: Any) -> None:
    assert not equal(expected, actual)


def test_equal_rows_in_any_order_do_not_differ() -> None:
    actual = [{"A": 1, "b": "x"}, {"A": 2, "b": "y"}, {"A": 2, "b": "y"}]
    expected: list[dict[str, Any]] = [{"a": 2}, {"a": 2, "b": "y"}, {"b": "x"}]
    assert compare(expected, actual, ordered=False) == []


def test_a_row_that_says_little_does_not_take_what_another_needs() -> None:
    assert compare([{"a": 1}, {"a": 1, "b": 1}], [{"a": 1, "b": 1}, {"a": 1, "b": 2}], ordered=False) == []


def test_missing_and_unexpected_rows_are_told_with_the_closest_that_came() -> None:
    assert compare([{"a": 1, "b": 2}], [{"a": 1, "b": 3}], ordered=False) == [
        "a row is missing: {a: 1, b: 2}; the closest that came has b 3",
        "a row was not expected: {a: 1, b: 3}",
    ]
    assert compare([{"a": 1}, {"a": 1}], [{"a": 1}], ordered=False) == ["a row is missing: {a: 1}"]


def test_in_order_each_wrong_value_is_named_with_its_row() -> None:
    assert compare([{"a": 1}, {"a": "x"}], [{"a": 1}, {"a": "y"}], ordered=True) == [
        "row 2: a should be 'x', but is 'y'"
    ]
    assert compare([{"a": 1}, {"a": 2}], [{"a": 1}], ordered=True) == ["row 2 is missing: {a: 2}"]
    assert compare([{"a": 1}], [{"a": 1}, {"a": 2}], ordered=True) == ["row 2 was not expected: {a: 2}"]


def test_an_expected_column_that_the_result_lacks_is_named() -> None:
    assert compare([{"z": 1}], [{"a": 1, "b": 2}], ordered=False) == [
        "the column 'z' is expected, but the result has a, b"
    ]


def test_no_expected_rows_mean_no_rows() -> None:
    assert compare([], [], ordered=False) == []
    assert compare([], [{"a": 1}], ordered=False) == ["no rows were expected, but 1 came, the first {a: 1}"]


def test_differences_are_told_up_to_a_number() -> None:
    found = compare([{"a": n} for n in range(80)], [{"a": -1 - n} for n in range(80)], ordered=True)
    assert len(found) == 51
    assert found[-1] == "… and 30 more differences"
