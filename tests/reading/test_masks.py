"""Masks in DuckDB give what plain Python says they do, are of the column's type, and never show what they hide."""

from __future__ import annotations

import hashlib
import hmac
import math
import unicodedata
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshwright.model.datatype import DataType
from meshwright.model.restriction import MASKS as NAMES
from meshwright.model.restriction import strictest
from meshwright.reading.masks import FIXED, MASKS, Keys, masked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEYS = Keys(pseudonym=b"k" * 32, query=b"q" * 32)
TYPES = [
    "VARCHAR", "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL(10,2)", "DECIMAL(38,10)",
    "DECIMAL(2,2)", "DATE", "TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "UUID", "BLOB", "STRUCT(a INTEGER)", "INTEGER[]",
    "MAP(VARCHAR, INTEGER)",
]  # fmt: skip
ACTIONS = [*(name for name in NAMES if name != "generalise"), "generalise:10", "generalise:month"]


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as found:
        found.execute("SET TimeZone = 'UTC'")
        yield found


def seen(connection: duckdb.DuckDBPyConnection, value: Any, kind: str, action: str) -> Any:
    """What a reader sees of *value* in a column of type *kind*."""
    sql = masked('"c"', DataType.parse(kind), action, KEYS)
    row = connection.execute(f"SELECT {sql}, typeof({sql}) FROM (SELECT CAST(? AS {kind}) AS c)", [value]).fetchone()
    assert row is not None
    assert DataType.parse(row[1]) == DataType.parse(kind)
    return row[0]


def hidden(text: str) -> str:
    """Letters as x and X, digits as n, everything else as it is."""
    shown = {"Lu": "X", "Ll": "x", "Lt": "x", "Lm": "x", "Lo": "x", "Mn": "x", "Mc": "x", "Me": "x"}
    return "".join(
        "n" if unicodedata.category(letter)[0] == "N" else shown.get(unicodedata.category(letter), letter)
        for letter in text
    )


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def keyed(key: bytes, data: bytes) -> str:
    return hmac.new(key, data, hashlib.sha256).hexdigest()


TEXT: dict[str, Callable[[str], str | None]] = {
    "mask-alphanum": hidden,
    "mask-to-fixed-value": lambda _: "XXXXXXXX",
    "replace-with-null": lambda _: None,
    "show-first-4": lambda text: text[:4] + hidden(text[4:]),
    "show-last-4": lambda text: hidden(text[:-4]) + text[-4:] if len(text) > 4 else text,
    "truncate-to-year": lambda _: None,
    "truncate-to-month": lambda _: None,
    "generalise:10": lambda _: None,
    "generalise:month": lambda _: None,
    "sha-256-global": lambda text: digest(text.encode()),
    "sha-256-query-local": lambda text: keyed(KEYS.query, text.encode()),
    "pseudonym": lambda text: keyed(KEYS.pseudonym, text.encode()),
}
# Letters of Unicode versions that both know; NUL cannot be bound as text.
TEXTS = st.text(
    alphabet=st.characters(min_codepoint=1, max_codepoint=0x2FFF, exclude_categories=["Cs", "Cn"]), max_size=12
)


@settings(max_examples=60, deadline=None)
@given(text=TEXTS)
@pytest.mark.parametrize("action", ACTIONS)
def test_text_is_masked_as_python_says(connection: duckdb.DuckDBPyConnection, action: str, text: str) -> None:
    assert seen(connection, text, "VARCHAR", action) == TEXT[action](text)


@settings(max_examples=60, deadline=None)
@given(number=st.integers(min_value=-(2**63), max_value=2**63 - 1))
def test_whole_numbers_are_hashed_and_generalised_as_python_says(
    connection: duckdb.DuckDBPyConnection, number: int
) -> None:
    told = str(number).encode()
    assert seen(connection, number, "BIGINT", "sha-256-global") == int(digest(told)[:15], 16)
    assert seen(connection, number, "BIGINT", "pseudonym") == int(keyed(KEYS.pseudonym, told)[:15], 16)
    if abs(number) < 2**52:
        assert seen(connection, number, "BIGINT", "generalise:10") == math.floor(number / 10) * 10
    assert seen(connection, number, "BIGINT", "show-last-4") is None


@settings(max_examples=60, deadline=None)
@given(moment=st.datetimes(min_value=datetime(1700, 1, 1), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001 - naive on purpose
def test_times_are_truncated_as_python_says(connection: duckdb.DuckDBPyConnection, moment: datetime) -> None:
    month = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    for action, expected in (
        ("truncate-to-month", month),
        ("generalise:month", month),
        ("truncate-to-year", month.replace(month=1)),
    ):
        assert seen(connection, moment, "TIMESTAMP", action) == expected
        assert seen(connection, moment.date(), "DATE", action) == expected.date()


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("kind", TYPES)
def test_every_mask_is_defined_for_every_type_and_errs_for_no_value(
    connection: duckdb.DuckDBPyConnection, kind: str, action: str
) -> None:
    samples: dict[str, list[Any]] = {
        "BOOLEAN": [True, False],
        "VARCHAR": ["", "a", "Ünïcode 123", "x" * 10_000],
        "DATE": [date(1, 1, 1), date(9999, 12, 31), "infinity"],
        "TIMESTAMP": ["infinity", "-infinity", datetime(1900, 2, 28)],  # noqa: DTZ001 - naive on purpose
        "TIMESTAMP WITH TIME ZONE": ["infinity", "2026-03-29 01:30:00+00"],
        "TIME": [timedelta(hours=1)],
        "UUID": ["12345678-1234-1234-1234-123456789abc"],
        "BLOB": [b"", b"\x00\xff"],
        "FLOAT": [math.inf, math.nan, -1.5],
        "DOUBLE": [math.inf, math.nan, -1.5, 1e308],
        "TINYINT": [-128, 127],
        "SMALLINT": [-32768, 32767],
        "INTEGER": [-(2**31), 2**31 - 1],
        "BIGINT": [-(2**63), 2**63 - 1],
        "DECIMAL(10,2)": [Decimal("-99999999.99")],
        "DECIMAL(38,10)": [Decimal("-9999999999999999999999999999.9999999999")],
        "DECIMAL(2,2)": [Decimal("0.99")],
        "STRUCT(a INTEGER)": [{"a": 1}],
        "INTEGER[]": [[1, 2]],
        "MAP(VARCHAR, INTEGER)": [{"a": 1}],
    }
    for value in samples[kind]:
        if kind == "TIME":
            value = "01:00:00"  # noqa: PLW2901 - bound as text
        found = seen(connection, value, kind, action)
        if kind in {"STRUCT(a INTEGER)", "INTEGER[]", "MAP(VARCHAR, INTEGER)"}:
            assert found is None
    expected = action == "mask-to-fixed-value" and DataType.parse(kind).name in FIXED
    assert (seen(connection, None, kind, action) is not None) == expected


@pytest.mark.parametrize(
    "action", ["nonsense", "", "absent", "generalise", "generalise:", "generalise:0", "generalise:-1", "generalise:x"]
)
def test_what_is_not_known_shows_nothing(connection: duckdb.DuckDBPyConnection, action: str) -> None:
    assert seen(connection, 42, "BIGINT", action) is None
    assert seen(connection, "secret", "VARCHAR", action) is None


def test_two_reads_do_not_share_a_local_hash_and_without_a_key_there_is_no_pseudonym() -> None:
    kind = DataType.parse("VARCHAR")
    assert masked("c", kind, "sha-256-query-local", Keys()) != masked("c", kind, "sha-256-query-local", Keys())
    assert masked("c", kind, "pseudonym", Keys()) == "CAST(NULL AS VARCHAR)"


def test_the_strictest_mask_counts_and_an_unknown_one_takes_the_column_away() -> None:
    assert strictest(["show-last-4", "mask-alphanum", "sha-256-global"]) == "replace-with-null"
    assert strictest(["show-last-4", "mask-alphanum"]) == "mask-alphanum"
    assert strictest([]) == "replace-with-null"
    assert strictest(["show-last-4", "rot13"]) == "absent"
    assert {name.partition(":")[0] for name in ACTIONS} == set(MASKS)


RANGES = ["generalise:3", "generalise:10", "generalise:15", "generalise:999999999999999999", "generalise:day",
          "generalise:week", "generalise:month", "generalise:decade"]  # fmt: skip
VALUES: dict[str, list[Any]] = {
    "VARCHAR": ["", "ada@example.org", "adam@example.org", "bob@example.net", "Ωmega 12", "12345678", "12349678"],
    "INTEGER": [0, 1, 9, 10, 14, 15, 44, 45, -1, 2**31 - 1, -(2**31)],
    "BIGINT": [0, 1, 9, 10, 14, 15, 44, 45, -1, 2**53 + 1, 2**63 - 1, -(2**63)],
    "DOUBLE": [0.0, 0.5, 9.9, 10.1, 1e308, -1e308, math.inf],
    "DECIMAL(10,2)": [Decimal("0.01"), Decimal("9.99"), Decimal("-99999999.99"), Decimal("99999999.99")],
    "DATE": ["2024-01-31", "2024-02-01", "2024-02-28", "2025-12-31", "5881580-07-10", "5877642-06-25 (BC)", "infinity"],
    "TIMESTAMP": ["2024-01-31 23:59:59", "2024-02-01", "294247-01-10 04:00:54.775806", "290309-12-22 (BC) 00:00:00"],
    "TIMESTAMP WITH TIME ZONE": ["2024-01-31 23:59:59+00", "294247-01-10 04:00:54.775806+00", "290309-12-22 (BC) 00:00:00+00"],
    "TIME": ["00:00:00", "12:00:01"],
    "BOOLEAN": [True, False],
    "BLOB": [b"", b"\xff\x00", b"ada"],
}  # fmt: skip


@pytest.mark.parametrize("kind", VALUES)
def test_several_masks_show_no_more_than_each_of_them(connection: duckdb.DuckDBPyConnection, kind: str) -> None:
    """What is equal through one of them is equal through what counts of both."""
    actions = [*(action for action in ACTIONS if not action.startswith("generalise")), *RANGES]
    shown = {action: [seen(connection, value, kind, action) for value in VALUES[kind]] for action in actions}
    for one in actions:
        for other in actions:
            counts = strictest([one, other])
            through = shown.get(counts) or [seen(connection, value, kind, counts) for value in VALUES[kind]]
            known: dict[str, str] = {}
            for looked, told in zip(shown[one], through, strict=True):
                assert known.setdefault(repr(looked), repr(told)) == repr(told), (one, other, counts, looked)


@pytest.mark.parametrize("kind", VALUES)
def test_no_value_is_too_large_or_small_for_a_mask(connection: duckdb.DuckDBPyConnection, kind: str) -> None:
    for action in [*ACTIONS, *RANGES, "generalise:" + "9" * 400, "generalise:1.5", "generalise:", "generalise"]:
        for value in VALUES[kind]:
            seen(connection, value, kind, action)
