"""Running a contract: proofs recorded, samples safe to show, odd data and broken files."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from meshwright.model.contract import Table
from meshwright.model.errors import Unavailable
from meshwright.quality import Dataset

if TYPE_CHECKING:
    from quality.conftest import Lab

MANY = 100_000


@pytest.mark.parametrize(
    ("rows", "promised", "rule", "proof", "failing"),
    [
        ("range AS v", {"unique": True}, "v:unique", "sorted run", 0),
        ("(range * 7919) % 100003 AS v", {"unique": True}, "v:unique", "bitmap", 0),
        ("(range * 7919) % 50000 AS v", {"unique": True}, "v:unique", "bitmap", 50_000),
        ("(range * 7919) % 100003 * 1000000 AS v", {"unique": True}, "v:unique", "hash", 0),
        ("range AS v", {"options": {"minimum": 0, "maximum": 99_999}}, "v:maximum", "footer", 0),
        ("range AS v", {"options": {"maximum": 99_990}}, "v:maximum", "scan", 9),
        ("range % 3 AS v", {"options": {"enum": [0, 1, 2]}}, "v:enum", "dictionary", 0),
        ("range % 3 AS v", {"options": {"enum": [0, 1]}}, "v:enum", "scan", 33_333),
        ("range AS v", {"options": {"multipleOf": 1}}, "v:multipleOf", "scan", 0),
        ("range AS v", {"required": True}, "v:required", "footer", 0),
        ("CASE WHEN range % 2 = 0 THEN range END AS v", {"required": True}, "v:required", "footer", 50_000),
    ],
)
def test_the_cheapest_proof_that_holds_is_recorded(
    lab: Lab, rows: str, promised: dict[str, Any], rule: str, proof: str, failing: int
) -> None:
    results = lab.column(f"SELECT {rows} FROM range({MANY})", lab.typed("v", "BIGINT", **promised))
    assert (results[rule].proof, results[rule].failing) == (proof, failing)
    assert results[rule].duration_seconds > 0


def test_a_compound_key_in_order_is_proven_by_a_sorted_run_over_several_files(lab: Lab) -> None:
    table = Table(
        name="t",
        columns=(lab.typed("a", "BIGINT", primary_key=True), lab.typed("b", "VARCHAR", primary_key=True)),
    )
    half = f"FROM range({MANY})"
    data = lab.data(
        f"SELECT range // 2 AS a, CASE WHEN range % 2 = 0 THEN 'x' ELSE 'y' END AS b {half}",
        f"SELECT {MANY} + range AS a, 'x' AS b {half}",
    )
    assert lab.run(table, data)["primaryKey:unique"].proof == "sorted run"
    swapped = Dataset(files=data.files[::-1], columns=data.columns)
    result = lab.run(table, swapped)["primaryKey:unique"]
    assert (result.proof, result.failing) == ("hash", 0)


def test_repeated_keys_of_many_rows_are_shown_in_row_order(lab: Lab) -> None:
    rows = f"SELECT CASE WHEN range IN (70000, 50000) THEN 5 ELSE range END AS v, range AS place FROM range({MANY})"
    table = Table(name="t", columns=(lab.typed("v", "BIGINT", unique=True), lab.typed("place", "BIGINT")))
    result = lab.run(table, lab.data(rows))["v:unique"]
    assert (result.failing, result.sample) == (2, ({"v": 5, "place": 50_000}, {"v": 5, "place": 70_000}))


def test_samples_hold_at_most_a_hundred_rows_that_json_can_hold(lab: Lab) -> None:
    query = """
        SELECT range AS n, DATE '2020-02-29' AS d, TIMESTAMP '2020-02-29 10:00:00.5' AS ts,
        TIMESTAMPTZ '2020-02-29 10:00:00+02' AS tz, TIME '10:00:00' AS t, 1.50::DECIMAL(10,2) AS m,
        'nan'::DOUBLE AS f, 'a'::BLOB AS b, repeat('x', 9000) AS s, {'a': [1.5::DECIMAL(4,1)], 'd': DATE '2020-01-01'} AS o,
        [TIMESTAMPTZ '2020-02-29 10:00:00+02'] AS zs, MAP {'k': NULL} AS mp, true AS y FROM range(150)"""
    data = lab.data(query)
    columns = tuple(lab.typed(name, str(kind)) for name, kind in data.columns)
    first = lab.typed("n", "BIGINT", options={"maximum": -1})
    result = lab.run(Table(name="t", columns=(first, *columns[1:])), data)["n:maximum"]
    assert (result.failing, len(result.sample)) == (150, 100)
    assert [row["n"] for row in result.sample] == list(range(100))
    row = json.loads(json.dumps(result.sample[0], allow_nan=False))
    assert len(row.pop("s")) == 501
    assert row == {
        "n": 0,
        "d": "2020-02-29",
        "ts": "2020-02-29T10:00:00.500000",
        "tz": "2020-02-29T08:00:00+00:00",
        "t": "10:00:00",
        "m": "1.50",
        "f": "nan",
        "b": "61",
        "o": {"a": ["1.5"], "d": "2020-01-01"},
        "zs": "['2020-02-29 08:00:00+00']",
        "mp": {"k": None},
        "y": True,
    }


def test_names_of_any_kind_are_quoted(lab: Lab) -> None:
    name, other = 'sel"ect; --', "größe 日本"
    table = Table(
        name="it's",
        columns=(
            lab.typed(name, "BIGINT", required=True, unique=True, primary_key=True, options={"minimum": 0}),
            lab.typed(other, "VARCHAR", options={"enum": ["it's", 'a"b']}, relationships=(lab.link(other, to="x.id"),)),
        ),
        quality=(lab.rule("duplicateValues", arguments={"properties": [name, other]}),),
    )
    lab.tables["x"] = lab.data("SELECT 'it''s' AS id")
    quoted = name.replace('"', '""')
    data = lab.data(f"""SELECT 1::BIGINT AS "{quoted}", 'it''s' AS "{other}" """)
    assert {result.outcome for result in lab.run(table, data).values()} == {"passed"}


def test_no_files_are_no_rows(lab: Lab) -> None:
    table = Table(
        name="t",
        columns=(lab.typed("v", "BIGINT", required=True, unique=True, options={"minimum": 0, "pattern": "a"}),),
        quality=(lab.rule("rowCount", mustBeGreaterThan=0), lab.rule("duplicateValues")),
    )
    results = lab.run(table, Dataset(files=(), columns=lab.columns("SELECT 1::BIGINT AS v")))
    assert {rule for rule, result in results.items() if result.outcome != "passed"} == {"rowCount"}


def test_a_file_that_is_gone_or_truncated_is_unavailable(lab: Lab) -> None:
    data = lab.data("SELECT range AS v FROM range(1000)")
    table = Table(name="t", columns=(lab.typed("v", "BIGINT", required=True),))
    path = Path(data.files[0])
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(Unavailable, match="data of 't' cannot be read"):
        lab.run(table, data)
    path.unlink()
    with pytest.raises(Unavailable, match="files are there"):
        lab.run(table, data)


def test_rules_without_any_column_of_their_own_need_none(lab: Lab) -> None:
    results = lab.run(Table(name="t", columns=()), Dataset(files=(), columns=()))
    assert list(results) == ["schema"]


@pytest.mark.slow
def test_five_thousand_columns_are_tested(lab: Lab) -> None:
    names = [f"c{number}" for number in range(5000)]
    listed = ", ".join(f"{number % 1000} AS {name}" for number, name in enumerate(names))
    data = Dataset(
        files=(lab.file(f"SELECT {listed}"),), columns=tuple((name, lab.typed("", "INTEGER").type) for name in names)
    )
    columns = tuple(lab.typed(name, "INTEGER", required=True, options={"maximum": 998}) for name in names)
    results = lab.run(Table(name="t", columns=columns), data)
    assert len(results) == 10_001
    failed = [result for result in results.values() if result.outcome == "failed"]
    assert [result.column for result in failed] == ["c999", "c1999", "c2999", "c3999", "c4999"]
    # Of so wide a table a sample shows the column that the rule is about, and the first ones.
    assert len(failed[0].sample[0]) == 101
    assert failed[0].sample[0]["c999"] == 999


def test_an_interrupt_ends_the_run_and_is_not_taken_for_a_broken_rule(lab: Lab) -> None:
    data = lab.data("SELECT repeat('ab ', 30) || range AS v FROM range(400000)")
    table = Table(name="t", columns=(lab.typed("v", "VARCHAR", options={"pattern": "^(a|b| |[0-9])*$"}),))
    ended = Event()

    def interrupt() -> None:
        while not ended.wait(0.002):
            lab.connection.interrupt()

    interrupting = Thread(target=interrupt)
    interrupting.start()
    try:
        with pytest.raises(duckdb.InterruptException):
            lab.run(table, data)
    finally:
        ended.set()
        interrupting.join()
