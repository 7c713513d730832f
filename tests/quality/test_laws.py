"""Laws: a proof finds what a plain look at every row finds, on whatever data."""

from __future__ import annotations

import math
import tempfile
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import hypothesis.strategies as st
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings

from meshwright.model.contract import Column, Contract, QualityRule, Relationship, Table
from meshwright.model.datatype import DataType
from meshwright.quality import Dataset, measuring, proofs
from meshwright.quality.quarantine import split
from meshwright.quality.run import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshwright.model.results import RuleResult
    from quality.conftest import Lab

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KINDS = {
    "i": ("BIGINT", pa.int64(), st.integers(-3, 3)),
    "f": ("DOUBLE", pa.float64(), st.sampled_from([0.0, 0.1, 0.5, -0.0, math.nan, math.inf, -math.inf])),
    "s": ("VARCHAR", pa.string(), st.sampled_from(["", "a", "b", "ä", "日本", "a\n", "a b", "🤦🏼"])),
    "b": ("BOOLEAN", pa.bool_(), st.booleans()),
    "l": ("BIGINT[]", pa.list_(pa.int64()), st.lists(st.none() | st.integers(-1, 2), max_size=3)),
}
ROW = st.tuples(*(st.none() | values for _, _, values in KINDS.values()))
FILES = st.lists(st.lists(ROW, max_size=6), max_size=3)


def typed(name: str, kind: str, **more: Any) -> Column:
    return Column(name=name, type=DataType.parse(kind), **more)


def metric(name: str, **arguments: Any) -> QualityRule:
    return QualityRule(kind="library", metric=name, arguments=arguments)


TABLE = Table(
    name="t",
    columns=(
        typed(
            "i",
            "BIGINT",
            required=True,
            unique=True,
            options={"minimum": -1, "maximum": 2, "exclusiveMinimum": -1, "multipleOf": 2, "enum": [0, 1, 2]},
            relationships=(Relationship(columns=("i",), to=("other.k",)),),
        ),
        typed("f", "DOUBLE", required=True, unique=True, options={"minimum": 0, "exclusiveMaximum": 0.5}),
        typed(
            "s",
            "VARCHAR",
            options={"minLength": 1, "maxLength": 1, "pattern": "^[a-z]$", "enum": ["a", "ä"]},
            quality=(metric("missingValues"), metric("duplicateValues")),
        ),
        typed("b", "BOOLEAN", required=True, options={"enum": [True]}),
        typed("l", "BIGINT[]", required=True, items=typed("", "BIGINT", required=True, options={"minimum": 0})),
    ),
    quality=(metric("duplicateValues", properties=["i", "s"]), metric("duplicateValues")),
    relationships=(Relationship(columns=("i", "s"), to=("other.k", "other.s")),),
)
OTHER = [(0, "a"), (1, "b"), (2, None), (-3, "ä")]


def distinct(value: Any) -> Any:
    """A value as something that a set tells apart as SQL does: NaN equals NaN, 0.0 equals -0.0."""
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    return tuple(value) if isinstance(value, list) else value


def expected(rows: list[tuple[Any, ...]]) -> dict[str, int]:
    """The same rules in plain Python, one row after the other."""
    columns = [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in KINDS]
    i, f, s, b, lists = columns
    keys = {k for k, _ in OTHER}

    def count(values: list[Any], broken: Any) -> int:
        return sum(value is not None and bool(broken(value)) for value in values)

    def nulls(values: list[Any]) -> int:
        return sum(value is None for value in values)

    def repeats(values: list[Any]) -> int:
        given = [distinct(value) for value in values if value is not None]
        return len(given) - len(set(given))

    pairs = [(k, text) for k, text in zip(i, s, strict=True) if k is not None and text is not None]
    return {
        "i:required": nulls(i),
        "i:unique": repeats(i),
        "i:minimum": count(i, lambda v: v < -1),
        "i:maximum": count(i, lambda v: v > 2),
        "i:exclusiveMinimum": count(i, lambda v: v <= -1),
        "i:multipleOf": count(i, lambda v: v % 2 != 0),
        "i:enum": count(i, lambda v: v not in {0, 1, 2}),
        "i:relationship": count(i, lambda v: v not in keys),
        "f:required": nulls(f),
        "f:unique": repeats(f),
        "f:minimum": count(f, lambda v: not v >= 0),
        "f:exclusiveMaximum": count(f, lambda v: not v < 0.5),
        "s:minLength": count(s, lambda v: len(v) < 1),
        "s:maxLength": count(s, lambda v: len(v) > 1),
        "s:pattern": count(s, lambda v: not (len(v) == 1 and "a" <= v <= "z")),
        "s:enum": count(s, lambda v: v not in {"a", "ä"}),
        "s:missingValues": sum(not value for value in s),
        "s:duplicateValues": repeats(s),
        "b:required": nulls(b),
        "b:enum": count(b, lambda v: not v),
        "l:required": nulls(lists),
        "l[]:required": count(lists, lambda v: None in v),
        "l[]:minimum": count(lists, lambda v: any(e is not None and e < 0 for e in v)),
        "(i, s):relationship": sum(pair not in OTHER for pair in pairs),
        "duplicateValues": len(pairs) - len(set(pairs)),
        "duplicateValues:2": len(rows) - len({tuple(map(distinct, row)) for row in rows}),
    }


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    opened = duckdb.connect(config={"threads": 1})
    opened.execute("SET TimeZone = 'UTC'")
    yield opened
    opened.close()


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every proof is tried, however few rows there are."""
    monkeypatch.setattr(proofs, "ROWS_MIN", 2)
    monkeypatch.setattr(measuring, "ROWS_MIN", 1)
    monkeypatch.setattr(measuring, "BYTES_PER_VALUE_MAX", 1000.0)


def written(folder: str, files: list[list[tuple[Any, ...]]], group: int) -> tuple[str, ...]:
    paths = []
    schema = pa.schema([(name, kind) for name, (_, kind, _) in KINDS.items()])
    for index, rows in enumerate(files):
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(KINDS)
        arrays = [pa.array(list(column), kind) for column, kind in zip(columns, schema.types, strict=True)]
        paths.append(str(Path(folder) / f"{index}.parquet"))
        pq.write_table(pa.Table.from_arrays(arrays, schema=schema), paths[-1], row_group_size=group)
    return tuple(paths)


def judge(connection: duckdb.DuckDBPyConnection, data: Dataset, folder: str) -> dict[str, RuleResult]:
    path = str(Path(folder) / "other.parquet")
    if not Path(path).exists():
        pq.write_table(pa.table({"k": [k for k, _ in OTHER], "s": [s for _, s in OTHER]}), path)
    other = Dataset(files=(path,), columns=(("k", DataType("BIGINT")), ("s", DataType("VARCHAR"))))
    contract = Contract(id="c", version="1", status="", tables=(TABLE,))
    found = run(
        contract,
        TABLE,
        data,
        connection=connection,
        references={"other": other}.get,
        now=NOW,
    )
    return {result.rule: result for result in found}


COLUMNS = tuple((name, DataType.parse(kind)) for name, (kind, _, _) in KINDS.items())


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=FILES, group=st.integers(1, 4))
def test_proofs_and_a_plain_look_at_every_row_find_the_same(
    connection: duckdb.DuckDBPyConnection, files: list[list[tuple[Any, ...]]], group: int
) -> None:
    rows = [row for file in files for row in file]
    with tempfile.TemporaryDirectory() as folder:
        data = Dataset(files=written(folder, files, group), columns=COLUMNS)
        proven = judge(connection, data, folder)
        plain = expected(rows)
        assert {rule: proven[rule].failing for rule in plain} == plain
        for rule, failing in plain.items():
            assert (proven[rule].outcome == "failed") is bool(failing)
            assert len(proven[rule].sample) == failing
        if data.files:
            listed = ", ".join(f"'{file}'" for file in data.files)
            scanned = judge(connection, replace(data, scan=f"SELECT * FROM read_parquet([{listed}])"), folder)
            without: dict[str, Any] = {"proof": "", "duration_seconds": 0.0}
            assert {rule: replace(result, **without) for rule, result in scanned.items()} == {
                rule: replace(result, **without) for rule, result in proven.items()
            }


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(old=FILES, new=FILES)
def test_of_an_append_port_rules_about_rows_look_at_new_rows_and_others_at_all(
    connection: duckdb.DuckDBPyConnection, old: list[list[tuple[Any, ...]]], new: list[list[tuple[Any, ...]]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = written(folder, old + new, 2)
        data = Dataset(files=files, columns=COLUMNS, new_files=files[len(old) :])
        found = judge(connection, data, folder)
        everything = expected([row for file in old + new for row in file])
        latest = expected([row for file in new for row in file])
        for rule in everything:
            whole = "unique" in rule or "duplicate" in rule
            assert found[rule].failing == (everything if whole else latest)[rule], rule


ASIDE = {"mesh.onFailure": "quarantine", "mesh.quarantineMax": "100%"}


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=FILES)
def test_what_is_not_quarantined_keeps_every_rule_and_no_row_is_lost(
    lab: Lab, files: list[list[tuple[Any, ...]]]
) -> None:
    rows = [row for file in files for row in file]
    with tempfile.TemporaryDirectory() as folder:
        data = Dataset(files=written(folder, files, 3), columns=COLUMNS)
        other = lab.data("SELECT * FROM (VALUES (0, 'a'), (1, 'b')) AS t(k, s)")
        table = replace(TABLE, custom=ASIDE)
        rules = replace(table, quality=tuple(replace(rule, custom=ASIDE) for rule in table.quality))
        contract = Contract(id="c", version="1", status="", tables=(rules,))
        given_: dict[str, Any] = {"connection": lab.connection, "references": {"other": other}.get, "now": lab.now}
        results = run(contract, rules, data, **given_)
        assert not any(result.blocks for result in results)
        quarantine = split(contract, rules, data, results, **given_)
        if quarantine is None:
            return
        good = lab.connection.execute(f"SELECT count(*) FROM ({quarantine.good})").fetchone()
        assert good is not None
        assert good[0] + quarantine.rows == len(rows)
        again = run(contract, rules, lab.data(quarantine.good), **given_)
        assert {result.outcome for result in again} <= {"passed"}


BOUNDED = {
    "BIGINT": (pa.int64(), st.integers(-(2**62), 2**62)),
    "INTEGER": (pa.int32(), st.integers(-3, 3)),
    "DECIMAL(9,2)": (pa.decimal128(9, 2), st.decimals(-1000, 1000, places=2, allow_nan=False, allow_infinity=False)),
    "DECIMAL(30,5)": (pa.decimal128(30, 5), st.decimals(-1000, 1000, places=5, allow_nan=False, allow_infinity=False)),
    "DATE": (pa.date32(), st.dates(date(1900, 1, 1), date(2100, 1, 1))),
    "TIMESTAMP": (pa.timestamp("us"), st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1))),  # noqa: DTZ001
    "TIMESTAMPTZ": (
        pa.timestamp("us", tz="UTC"),
        st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    ),
    "TIME": (pa.time64("us"), st.times()),
    "DOUBLE": (pa.float64(), st.floats(allow_nan=True, width=64)),
    "FLOAT": (pa.float32(), st.floats(allow_nan=True, width=32)),
}
BREAKS = {
    "minimum": lambda value, bound: not value >= bound,
    "maximum": lambda value, bound: not value <= bound,
    "exclusiveMinimum": lambda value, bound: not value > bound,
    "exclusiveMaximum": lambda value, bound: not value < bound,
}


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.data(), kind=st.sampled_from(sorted(BOUNDED)), option=st.sampled_from(sorted(BREAKS)))
def test_bounds_are_kept_by_footers_exactly_as_by_values(
    connection: duckdb.DuckDBPyConnection, drawn: st.DataObject, kind: str, option: str
) -> None:
    arrow, single = BOUNDED[kind]
    files = drawn.draw(st.lists(st.lists(st.none() | single, max_size=5), min_size=1, max_size=3))
    values = [value for file in files for value in file if value is not None]
    finite = single.filter(lambda value: not (isinstance(value, float) and not math.isfinite(value)))
    # A bound that is one of the values is where an off-by-one would show.
    ends = [value for value in values if not isinstance(value, float) or math.isfinite(value)]
    bound = drawn.draw(st.sampled_from(ends) | finite if ends else finite)
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for index, file in enumerate(files):
            paths.append(str(Path(folder) / f"{index}.parquet"))
            pq.write_table(pa.table({"v": pa.array(file, arrow)}), paths[-1], row_group_size=2)
        promised = typed("v", kind, options={option: str(bound) if kind.startswith(("T", "DA")) else bound})
        table = Table(name="t", columns=(promised,))
        contract = Contract(id="c", version="1", status="", tables=(table,))
        data = Dataset(files=tuple(paths), columns=(("v", DataType.parse(kind)),))
        found = run(contract, table, data, connection=connection, references=lambda _: None, now=NOW)
    assert found[1].failing == sum(BREAKS[option](value, bound) for value in values)
    assert len(found[1].sample) == found[1].failing
