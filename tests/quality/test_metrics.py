"""Library metrics, their operators and units, queries, and rules of other engines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from meshwright.model.contract import Table

if TYPE_CHECKING:
    from quality.conftest import Lab

# operator, operand, whether 3 of 4 fulfil it
OPERATORS = [
    ("mustBe", 3, True),
    ("mustBe", 2, False),
    ("mustNotBe", 2, True),
    ("mustNotBe", 3, False),
    ("mustBeGreaterThan", 2, True),
    ("mustBeGreaterThan", 3, False),
    ("mustBeGreaterOrEqualTo", 3, True),
    ("mustBeGreaterOrEqualTo", 4, False),
    ("mustBeGreaterThanOrEqualTo", 3, True),
    ("mustBeLessThan", 4, True),
    ("mustBeLessThan", 3, False),
    ("mustBeLessOrEqualTo", 3, True),
    ("mustBeLessOrEqualTo", 2.5, False),
    ("mustBeLessThanOrEqualTo", 3, True),
    ("mustBeBetween", [3, 5], True),
    ("mustBeBetween", [4, 5], False),
    ("mustNotBeBetween", [4, 5], True),
    ("mustNotBeBetween", [1, 3], False),
]


@pytest.mark.parametrize(("operator", "operand", "holds"), OPERATORS)
def test_every_operator_judges_a_count(lab: Lab, operator: str, operand: Any, holds: bool) -> None:
    rule = lab.rule("nullValues", **{operator: operand})
    result = lab.column(lab.values("1", "NULL", "NULL", "NULL"), lab.typed("v", "INTEGER", quality=(rule,)))
    found = result["v:nullValues"]
    assert (found.outcome == "passed") is holds
    assert (found.value, found.failing, found.rows) == ("3", 3, 4)
    assert bool(found.sample) is not holds


@pytest.mark.parametrize(("percent", "outcome"), [(30, "passed"), (25, "failed"), (20, "failed")])
def test_a_unit_of_percent_measures_in_percent_of_the_rows(lab: Lab, percent: int, outcome: str) -> None:
    rule = lab.rule("nullValues", mustBeLessThan=percent, unit="percent")
    result = lab.column(lab.values("1", "1", "1", "NULL"), lab.typed("v", "INTEGER", quality=(rule,)))["v:nullValues"]
    assert (result.outcome, result.value, result.threshold) == (outcome, "25 %", f"mustBeLessThan {percent} %")


def test_no_rows_are_zero_percent(lab: Lab) -> None:
    rule = lab.rule("nullValues", mustBe=0, unit="percent")
    rows = "SELECT 1 AS v WHERE false"
    assert lab.column(rows, lab.typed("v", "INTEGER", quality=(rule,)))["v:nullValues"].outcome == "passed"


# metric, arguments, how many of the rows 'a', '', 'n/a', NULL, 'a' count
METRICS = [
    ("nullValues", {}, 1),
    ("nullCheck", {}, 1),
    ("missingValues", {}, 2),
    ("missingValues", {"missingValues": ["n/a"]}, 1),
    ("missingValues", {"missingValues": [None, "", "n/a"]}, 3),
    ("invalidValues", {"validValues": ["a", "b"]}, 2),
    ("invalidValues", {"validValues": ["", None, "n/a"]}, 2),
    ("validValues", {"validValues": ["a", ""]}, 1),
    ("invalidValues", {"pattern": "^.$"}, 2),
    ("invalidValues", {"minLength": 1, "maxLength": 2}, 2),
    ("duplicateValues", {}, 1),
    ("duplicateCount", {}, 1),
    ("uniqueCheck", {}, 1),
]


@pytest.mark.parametrize(("metric", "arguments", "count"), METRICS)
def test_a_metric_of_a_column_counts_rows(lab: Lab, metric: str, arguments: dict[str, Any], count: int) -> None:
    rule = lab.rule(metric, arguments=arguments)
    rows = lab.values("'a'", "''", "'n/a'", "NULL", "'a'")
    (result,) = lab.column(rows, lab.typed("v", "VARCHAR", quality=(rule,))).values()
    assert (result.outcome, result.failing, len(result.sample)) == ("failed", count, count)


def test_invalid_values_of_a_number_column_have_bounds(lab: Lab) -> None:
    rule = lab.rule("invalidValues", arguments={"minimum": 0, "max": 10})
    rows = lab.values("0", "10", "11", "-1", "NULL")
    assert lab.column(rows, lab.typed("v", "INTEGER", quality=(rule,)))["v:invalidValues"].failing == 2
    assert lab.column(lab.values("5"), lab.typed("v", "INTEGER", quality=(rule,)))["v:invalidValues"].proof == "footer"


def test_missing_values_written_for_text_fit_a_number_column(lab: Lab) -> None:
    rule = lab.rule("missingValues", arguments={"missingValues": [None, "", -1]})
    rows = lab.values("1", "NULL", "-1")
    assert lab.column(rows, lab.typed("v", "INTEGER", quality=(rule,)))["v:missingValues"].failing == 2


def run_table(lab: Lab, *rules: Any, rows: str = "") -> Any:
    table = Table(name="t", columns=(lab.typed("a", "INTEGER"), lab.typed("b", "VARCHAR")), quality=rules)
    rows = rows or lab.values("1, 'x'", "1, 'y'", "1, 'x'", "NULL, 'x'", "NULL, 'x'", names="a, b")
    results = lab.run(table, lab.data(rows))
    assert results.pop("schema").outcome == "passed"
    return results


def test_the_number_of_rows_is_judged(lab: Lab) -> None:
    results = run_table(lab, lab.rule("rowCount", mustBeBetween=[1, 5]), lab.rule("rowCount", mustBeGreaterThan=5))
    assert results["rowCount"].outcome == "passed"
    assert (results["rowCount:2"].outcome, results["rowCount:2"].value) == ("failed", "5")


def test_duplicates_of_a_table_are_of_the_named_columns_or_of_whole_rows(lab: Lab) -> None:
    named = lab.rule("duplicateValues", arguments={"properties": ["a", "b"]})
    whole = lab.rule("duplicateValues")
    results = run_table(lab, named, whole)
    assert results["duplicateValues"].failing == 1
    assert results["duplicateValues"].sample == ({"a": 1, "b": "x"},)
    assert results["duplicateValues:2"].failing == 2


def test_a_table_metric_over_several_columns_counts_a_row_once(lab: Lab) -> None:
    rule = lab.rule("nullValues", arguments={"properties": ["a", "b"]})
    rows = lab.values("1, NULL", "NULL, NULL", "1, 'x'", names="a, b")
    assert run_table(lab, rule, rows=rows)["nullValues"].failing == 2


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"metric": "rowCount"}, "compares with nothing"),
        ({"metric": "shoeSize", "mustBe": 0}, "no library metric"),
        ({"metric": "nullValues", "mustBe": 0}, "needs the columns"),
        ({"metric": "nullValues", "arguments": {"properties": ["z"]}}, "no column 'z'"),
        ({"metric": "rowCount", "mustBeBetween": 3}, "needs two numbers"),
        ({"metric": "invalidValues", "arguments": {"properties": ["a"]}}, "needs arguments"),
        ({"kind": "sql", "query": "SELECT 1"}, "compares with nothing"),
    ],
)
def test_a_rule_that_says_too_little_is_an_error(lab: Lab, rule: dict[str, Any], words: str) -> None:
    (result,) = run_table(lab, lab.rule(**rule)).values()
    assert result.outcome == "error"
    assert words in result.message


def test_rules_of_other_engines_and_prose_are_reported_as_not_run(lab: Lab) -> None:
    soda = lab.rule(kind="custom", engine="soda", implementation="type: duplicate_percent")
    results = run_table(lab, soda, lab.rule(kind="text", description="Looks right."))
    assert results["custom"].outcome == "not run"
    assert "soda" in results["custom"].message
    assert results["text"].outcome == "not run"
    assert not results["custom"].blocks


@pytest.mark.parametrize(
    ("written", "severity", "blocks"),
    [("error", "error", True), ("warning", "warning", False), ("info", "warning", False)],
)
def test_severity_decides_whether_a_failure_blocks(lab: Lab, written: str, severity: str, blocks: bool) -> None:
    (result,) = run_table(lab, lab.rule("rowCount", mustBe=0, severity=written)).values()
    assert (result.severity, result.blocks) == (severity, blocks)


# query, what it must be, outcome
QUERIES = [
    ("SELECT count(*) FROM ${table}", 5, "passed"),
    ("select count(*) from {object} where b = 'x';", 4, "passed"),
    ("SELECT max(a) FROM t -- the largest", 1, "passed"),
    ('SELECT count(*) FROM "${table}" AS x WHERE x.a IS NULL', 0, "failed"),
    ("SELECT min(b) FROM T", "x", "passed"),
    ("SELECT count(*) > 1 FROM t", True, "passed"),
    ("SELECT sum(a) / 2 FROM t", 1.5, "passed"),
    ("WITH c AS (SELECT * FROM t) SELECT count(*) FROM c JOIN t ON c.a = t.a", 9, "passed"),
    ("SELECT max(a) FROM t WHERE false", 1, "failed"),
]


@pytest.mark.parametrize(("query", "asked", "outcome"), QUERIES)
def test_a_query_yields_one_value_that_is_judged(lab: Lab, query: str, asked: Any, outcome: str) -> None:
    (result,) = run_table(lab, lab.rule(kind="sql", query=query, mustBe=asked)).values()
    assert result.outcome == outcome, result.message


def test_a_query_of_a_column_names_it(lab: Lab) -> None:
    rule = lab.rule(kind="sql", query="SELECT count(*) FROM ${object} WHERE ${property} IS NULL", mustBe=0)
    result = lab.column(lab.values("1", "NULL"), lab.typed("v", "INTEGER", quality=(rule,)))["v:sql"]
    assert (result.outcome, result.failing, result.column) == ("failed", 1, "v")


def test_a_query_reads_what_references_know(lab: Lab) -> None:
    lab.tables["sales.orders"] = lab.data(lab.values("1", "2", names="id"))
    rule = lab.rule(kind="sql", query="SELECT count(*) FROM sales.orders JOIN t ON id = a", mustBe=3)
    assert run_table(lab, rule)["sql"].outcome == "passed"


def test_a_query_on_no_files_sees_no_rows(lab: Lab) -> None:
    table = Table(
        name="t",
        columns=(lab.typed("a", "INTEGER"),),
        quality=(lab.rule(kind="sql", query="SELECT count(*) FROM t", mustBe=0),),
    )
    assert (
        lab.run(table, lab.data("SELECT 1 AS a").__class__(files=(), columns=lab.columns("SELECT 1 AS a")))[
            "sql"
        ].outcome
        == "passed"
    )


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) FROM read_parquet('{file}')",
        "SELECT count(*) FROM '{file}'",
        "SELECT count(*) FROM read_text('{file}')",
        "SELECT count(*) FROM glob('*')",
        "SELECT getenv('HOME')",
        "COPY (SELECT 1) TO '{file}'",
        "WITH c AS (COPY t TO '{file}') SELECT 1",
        "SELECT 1; DROP TABLE t",
        "DELETE FROM t",
        "SELECT count(*) FROM elsewhere",
        "SELECT count(*) FROM duckdb_settings()",
        "SELECT a FROM t",
        "SELECT 1, 2",
        "SELECT 1 WHERE false",
        "SELECT zzz FROM t",
        "SELECT",
        "SELECT CAST('x' AS INTEGER) FROM t",
    ],
)
def test_a_query_that_reads_elsewhere_fails_or_yields_no_single_value_is_an_error(lab: Lab, query: str) -> None:
    secret = lab.file("SELECT 42 AS secret")
    rule = lab.rule(kind="sql", query=query.replace("{file}", secret), mustBe=1)
    (result,) = run_table(lab, rule).values()
    assert result.outcome == "error"
    assert result.message
    assert lab.connection.execute(f"SELECT secret FROM '{secret}'").fetchall() == [(42,)]
