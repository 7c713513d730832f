"""Service levels are judged against the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from meshwright.model.contract import Contract, Table
from meshwright.quality import Dataset
from meshwright.quality.comparison import Uncheckable
from meshwright.quality.freshness import freshness
from meshwright.quality.run import run
from meshwright.quality.service_levels import duration

if TYPE_CHECKING:
    from quality.conftest import Lab

ROWS = "SELECT * FROM (VALUES (TIMESTAMP '2026-01-10 06:00:00'), (TIMESTAMP '2026-01-01 00:00:00'), (NULL)) AS t(v)"


@pytest.mark.parametrize(
    ("value", "unit", "hours"),
    [
        (1, "d", 24),
        (1, "", 24),
        (2, "days", 48),
        ("36", "h", 36),
        ("36h", "", 36),
        (90, "minutes", 1.5),
        (30, "m", 0.5),
        (1, "w", 168),
        (1, "y", 8760),
        (1, "month", 720),
        ("P1DT2H", "", 26),
        ("pt30m", "", 0.5),
    ],
)
def test_a_length_of_time_is_read_in_its_unit(value: Any, unit: str, hours: float) -> None:
    assert duration(value, unit) == timedelta(hours=hours)


@pytest.mark.parametrize(("value", "unit"), [("soon", ""), (1, "parsecs"), ("", ""), (None, "d")])
def test_what_is_no_length_of_time_says_so(value: Any, unit: str) -> None:
    with pytest.raises(Uncheckable, match="no length of time"):
        duration(value, unit)


@pytest.mark.parametrize(
    ("name", "value", "unit", "outcome"),
    [
        ("freshness", 7, "h", "passed"),
        ("freshness", 6, "h", "passed"),
        ("freshness", 5, "h", "failed"),
        ("latency", 1, "d", "passed"),
        ("retention", 10, "d", "passed"),
        ("retention", 9, "d", "failed"),
    ],
)
def test_the_newest_and_the_oldest_row_are_judged(lab: Lab, name: str, value: int, unit: str, outcome: str) -> None:
    levels = (lab.promise(name, value, unit, "t.v"),)
    result = lab.column(ROWS, lab.typed("v", "TIMESTAMP"), service_levels=levels)[f"v:{name}"]
    assert (result.outcome, result.proof) == (outcome, "footer")
    assert result.value.startswith("2026-01-")


@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMPTZ"])
def test_dates_and_zoned_times_have_an_age_too(lab: Lab, kind: str) -> None:
    rows = f"SELECT CAST(v AS {kind}) AS v FROM ({ROWS})"
    levels = (lab.promise("freshness", 1, "d", "v"), lab.promise("freshness", 1, "h", "v"))
    results = lab.column(rows, lab.typed("v", kind), service_levels=levels)
    assert results["v:freshness"].outcome == "passed"
    # A date counts as its whole day.
    assert results["v:freshness:2"].outcome == ("passed" if kind == "DATE" else "failed")


def test_without_an_element_the_event_time_is_judged(lab: Lab) -> None:
    levels = (lab.promise("freshness", 1, "d"),)
    given = lab.column(ROWS, lab.typed("v", "TIMESTAMP"), service_levels=levels, event_time="v")
    assert (given["freshness"].outcome, given["freshness"].column) == ("passed", "v")
    none = lab.column(ROWS, lab.typed("v", "TIMESTAMP"), service_levels=levels)
    assert none["freshness"].outcome == "not run"
    assert "mesh.eventTime" in none["freshness"].message


def test_no_rows_have_no_age(lab: Lab) -> None:
    levels = (lab.promise("freshness", 1, "d", "v"),)
    rows = "SELECT TIMESTAMP '2020-01-01' AS v WHERE false"
    result = lab.column(rows, lab.typed("v", "TIMESTAMP"), service_levels=levels)["v:freshness"]
    assert (result.outcome, result.blocks) == ("not run", False)


@pytest.mark.parametrize(
    ("name", "value", "outcome", "severity"),
    [
        ("generalAvailability", "2022-05-12T09:30:10-08:00", "passed", "warning"),
        ("endOfSupport", "2032-05-12", "passed", "warning"),
        ("endOfLife", "2025-12-31T00:00:00Z", "failed", "warning"),
        ("endOfLife", "never", "error", "warning"),
        ("frequency", 1, "not run", "error"),
        ("timeOfAvailability", "09:00-08:00", "not run", "error"),
    ],
)
def test_other_levels_are_information(lab: Lab, name: str, value: Any, outcome: str, severity: str) -> None:
    result = lab.column(ROWS, lab.typed("v", "TIMESTAMP"), service_levels=(lab.promise(name, value),))[name]
    assert (result.outcome, result.severity, result.blocks) == (outcome, severity, False)


@pytest.mark.parametrize(("element", "words"), [("t.z", "no column 'z'"), ("v", "only dates and timestamps")])
def test_an_element_without_age_is_an_error(lab: Lab, element: str, words: str) -> None:
    levels = (lab.promise("freshness", 1, "d", element),)
    (result,) = lab.column("SELECT 1 AS v", lab.typed("v", "INTEGER"), service_levels=levels).values()
    assert result.outcome == "error"
    assert words in result.message


def test_a_level_of_another_table_is_left_to_that_table(lab: Lab) -> None:
    one = Table(name="one", columns=(lab.typed("v", "TIMESTAMP"),))
    other = Table(name="other", columns=(lab.typed("v", "TIMESTAMP"),))
    level = lab.promise("freshness", 1, "h", "other.v")
    contract = Contract(id="c", version="1", status="", tables=(one, other), service_levels=(level,))
    now = datetime(2026, 1, 10, 12, tzinfo=UTC)

    def rules(table: Table) -> list[str]:
        found = run(contract, table, lab.data(ROWS), connection=lab.connection, references=lambda _: None, now=now)
        return [result.rule for result in found]

    assert rules(one) == ["schema"]
    assert rules(other) == ["schema", "v:freshness"]


def test_freshness_is_judged_by_itself_from_what_a_publication_records(lab: Lab) -> None:
    table = Table(name="t", columns=(lab.typed("v", "TIMESTAMP"),))
    contract = Contract(
        id="c", version="1", status="", tables=(table,), service_levels=(lab.promise("freshness", 1, "d", "t.v"),)
    )
    early, late = datetime(2026, 1, 10, 12, tzinfo=UTC), datetime(2026, 1, 11, 12, tzinfo=UTC)
    (fresh,) = freshness(contract, table, newest={"v": "2026-01-10 06:00:00"}, now=early)
    (stale,) = freshness(contract, table, newest={"v": "2026-01-10 06:00:00"}, now=late)
    assert (fresh.outcome, stale.outcome) == ("passed", "failed")
    (broken,) = freshness(contract, table, newest={"v": "infinity"}, now=late)
    assert broken.outcome == "error"
    (unknown,) = freshness(contract, table, newest={}, now=late)
    assert unknown.outcome == "not run"


def test_ages_are_judged_on_a_scan_too(lab: Lab) -> None:
    data = lab.data(ROWS)
    scanned = Dataset(files=data.files, columns=data.columns, scan=f"SELECT * FROM read_parquet('{data.files[0]}')")
    table = Table(name="t", columns=(lab.typed("v", "TIMESTAMP"),))
    result = lab.run(table, scanned, service_levels=(lab.promise("freshness", 7, "h", "v"),))["v:freshness"]
    assert (result.outcome, result.proof) == ("passed", "scan")
