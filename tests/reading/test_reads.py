"""Reading ports: columns, conditions, time, formats, and what is refused."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mesh_folder import MeshFolder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def trips(mesh: MeshFolder) -> MeshFolder:
    mesh.write(
        "data/trips.csv",
        "id,happened,km\n1,2024-01-01 10:00:00,5.5\n2,2024-02-01 10:00:00,\n3,2024-03-01 10:00:00,7.25\n",
    )
    mesh.product(
        "travel.trips",
        "select id, happened, km from 'data/trips.csv'",
        descriptor="""
        outputPorts:
        - name: trips
          customProperties:
          - {property: mesh.eventTime, value: happened}
          - {property: mesh.key, value: [id]}
        """,
    )
    mesh.build()
    return mesh


def test_columns_come_in_the_order_asked_whatever_their_case(trips: MeshFolder) -> None:
    assert trips.rows("travel.trips", "--columns", "KM,id", "--limit", "1") == [{"km": 5.5, "id": 1}]


def test_a_condition_may_speak_of_columns_that_are_not_shown(trips: MeshFolder) -> None:
    assert trips.rows("travel.trips", "--columns", "id", "--where", "km is null or km > 6") == [{"id": 2}, {"id": 3}]


@pytest.mark.parametrize(
    "where",
    [
        "1 = 1) union all (select 99",
        "id in (select id from other.port)",
        "1 = 1; drop table x",
        "read_text('/etc/passwd') is null",
        "km >",
    ],
)
def test_a_condition_is_one_condition_about_this_port(trips: MeshFolder, where: str) -> None:
    answer = trips.mesh("read", "travel.trips", "--where", where)
    assert answer.code == 2
    assert answer.err.startswith("error:")


def test_event_time_bounds_are_from_and_before(trips: MeshFolder) -> None:
    rows = trips.rows("travel.trips", "--since", "2024-02-01T10:00:00", "--until", "2024-03-01T10:00:00")
    assert [row["id"] for row in rows] == [2]
    counted = trips.mesh("query", "select count(*) as n from travel.trips", "--since", "2024-02-01", "--json")
    assert counted.data == [{"n": 2}]


def test_event_time_is_refused_where_none_is_named(mesh: MeshFolder) -> None:
    mesh.product("a.a", "select 1 as x")
    mesh.build()
    answer = mesh.mesh("read", "a.a", "--since", "2024-01-01")
    assert (answer.code, "mesh.eventTime" in answer.err) == (2, True)


def test_as_of_a_time_is_what_was_served_then(trips: MeshFolder) -> None:
    before = trips.mesh("show", "travel.trips", "--json").data["published_at"]
    trips.write("data/trips.csv", "id,happened,km\n9,2024-01-01 10:00:00,1\n")
    trips.build()
    assert [row["id"] for row in trips.rows("travel.trips", "--as-of", before)] == [1, 2, 3]
    assert [row["id"] for row in trips.rows("travel.trips")] == [9]
    early = trips.mesh("read", "travel.trips", "--as-of", "2001-01-01")
    assert (early.code, "served nothing as of 2001-01-01" in early.err) == (2, True)
    nonsense = trips.mesh("read", "travel.trips", "--as-of", "yesterday")
    assert nonsense.code == 2


def test_a_rollback_is_part_of_what_was_served(trips: MeshFolder) -> None:
    trips.write("data/trips.csv", "id,happened,km\n9,2024-01-01 10:00:00,1\n")
    trips.build()
    trips.mesh("rollback", "travel.trips")
    assert [row["id"] for row in trips.rows("travel.trips")] == [1, 2, 3]
    assert [row["id"] for row in trips.rows("travel.trips", "--as-of", "2")] == [9]


def test_changes_name_updates_before_and_after(trips: MeshFolder) -> None:
    trips.write(
        "data/trips.csv",
        "id,happened,km\n1,2024-01-01 10:00:00,6\n3,2024-03-01 10:00:00,7.25\n4,2024-04-01 10:00:00,1\n",
    )
    trips.build()
    changes = trips.mesh("changes", "travel.trips", "--since", "1", "--json").data
    assert [(row["_change_type"], row["id"], row["km"]) for row in changes] == [
        ("update_before", 1, 5.5),
        ("update_after", 1, 6.0),
        ("delete", 2, None),
        ("insert", 4, 1.0),
    ]
    assert trips.mesh("changes", "travel.trips", "--since", "2", "--json").data == []
    expired = trips.mesh("changes", "travel.trips", "--since", "77")
    assert (expired.code, "77" in expired.err) == (2, True)


def test_without_a_key_changes_are_deletes_and_inserts(mesh: MeshFolder) -> None:
    mesh.write("data/a.csv", "x\n1\n1\n2\n")
    mesh.product("a.a", "select x from 'data/a.csv'")
    mesh.build()
    mesh.write("data/a.csv", "x\n1\n2\n3\n")
    mesh.build()
    changes = mesh.mesh("changes", "a.a", "--since", "1", "--json").data
    assert sorted((row["_change_type"], row["x"]) for row in changes) == [("delete", 1), ("insert", 3)]


def test_every_format_holds_the_same_rows(trips: MeshFolder) -> None:
    expected = trips.rows("travel.trips")
    found = trips.mesh("read", "travel.trips", "--format", "csv").out
    assert [row["id"] for row in csv.DictReader(io.StringIO(found))] == ["1", "2", "3"]
    for ending, load in (("arrow", lambda file: pa.ipc.open_stream(file).read_all()), ("parquet", pq.read_table)):
        file = trips.root / f"out.{ending}"
        assert trips.mesh("read", "travel.trips", "--out", str(file)).code == 0
        assert [row["km"] for row in load(file).to_pylist()] == [row["km"] for row in expected]


def test_nested_decimal_and_special_values_survive_as_json(mesh: MeshFolder) -> None:
    mesh.product(
        "a.a",
        """
        select {'a': 1, 'b': [date '2024-02-29']} as s, cast('1.5' as decimal(38, 10)) as d,
            'nan'::double as nan, blob '\\xAA' as raw, timestamptz '2024-03-31 02:30:00+01' as happened, map {'k': 1} as m
        """,
    )
    mesh.build()
    assert mesh.rows("a.a") == [
        {
            "s": {"a": 1, "b": ["2024-02-29"]},
            "d": "1.5000000000",
            "nan": "nan",
            "raw": "aa",
            "happened": "2024-03-31T01:30:00+00:00",
            "m": {"k": 1},
        }
    ]


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("select * from 'x.csv'", "reads published ports only"),
        ("select * from travel.trisp", "did you mean travel.trips?"),
        ("select * from read_csv('/etc/passwd')", "read_csv"),
        ("copy (select 1) to 'x'", "1:1"),
        ("select kmh from travel.trips", "kmh"),
        ("select 1 from", "1:"),
        ("select 1; select 2", "one"),
    ],
)
def test_a_query_reads_ports_and_nothing_else(trips: MeshFolder, sql: str, words: str) -> None:
    answer = trips.mesh("query", sql)
    assert (answer.code, words in answer.err) == (2, True), answer.err


def test_a_closed_pipe_is_no_error(trips: MeshFolder) -> None:
    import subprocess
    import sys

    command = f"{sys.executable} -m meshwright -C {trips.root} read travel.trips --format csv | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("id,happened,km\n", "")


def test_another_event_time_bounds_the_same_rows_anew(mesh: MeshFolder) -> None:
    descriptor = "outputPorts:\n- name: a\n  customProperties:\n  - {property: mesh.eventTime, value: COLUMN}\n"
    sql = "select 1 as id, timestamp '2024-01-01' as sent, timestamp '2025-01-01' as seen"
    mesh.product("a.a", sql, descriptor=descriptor.replace("COLUMN", "sent"))
    mesh.build()
    mesh.product("a.a", sql, descriptor=descriptor.replace("COLUMN", "seen"))
    mesh.build()
    assert [row["id"] for row in mesh.rows("a.a", "--since", "2024-06-01")] == [1]
    assert mesh.mesh("show", "a.a", "--json").data["ports"][0]["event_time"][0].startswith("2025-01-01")


def test_columns_of_one_name_are_all_there(mesh: MeshFolder) -> None:
    query = "select 1 as id, 2 as id, 3 as id_1, 4 as id"
    for format_ in ("json", "ndjson"):
        answer = mesh.mesh("query", query, "--format", format_)
        rows = json.loads(answer.out)
        assert (rows if format_ == "ndjson" else rows[0]) == {"id": 1, "id_2": 2, "id_1": 3, "id_3": 4}


@pytest.mark.parametrize("format_", ["table", "json", "ndjson", "csv", "arrow", "parquet"])
def test_a_query_that_fails_at_a_late_row_is_the_readers_fault_and_leaves_no_file(
    mesh: MeshFolder, format_: str
) -> None:
    mesh.product("s.a", "select if(i = 299999, 'x', i::varchar) as v from range(300000) t(i)")
    mesh.build()
    out = () if format_ == "table" else ("--out", str(mesh.root / f"out.{format_}"))
    late = "select cast(v as integer) as n from s.a" + (" order by n desc" if format_ == "table" else "")
    answer = mesh.mesh("query", late, "--format", format_, *out)
    assert (answer.code, "Could not convert string 'x'" in answer.err) == (2, True)
    assert [path.name for path in mesh.root.iterdir() if "out" in path.name] == []


@pytest.mark.parametrize(
    ("kind", "since", "found"),
    [
        ("timestamp", "2024-01-01T10:00:00+02:00", 1),
        ("timestamp", "2024-01-01T10:00:00Z", 0),
        ("timestamptz", "2024-01-01T09:00:00", 1),
        ("timestamptz", "2024-01-01T04:00:00.000001-05:00", 0),
        ("date", "2024-01-01", 1),
        ("date", "2024-01-01T00:00:01", 0),
    ],
)
def test_bounds_of_event_time_know_zones(mesh: MeshFolder, kind: str, since: str, found: int) -> None:
    mesh.product(
        "a.a",
        f"select cast('2024-01-01 09:00:00' as {kind}) as at",
        descriptor="outputPorts:\n- name: a\n  customProperties:\n  - {property: mesh.eventTime, value: at}\n",
    )
    mesh.build()
    assert len(mesh.rows("a.a", "--since", since)) == found
    answer = mesh.mesh("read", "a.a", "--until", "soon")
    assert (answer.code, "'soon' is no time" in answer.err) == (2, True)


@pytest.mark.parametrize("name", ["a [mesh]", "st*r", "wh?t", 'it\'s "one"', "ü%20{x}"])
def test_a_mesh_may_lie_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    root = tmp_path / name
    root.mkdir()
    mesh = MeshFolder(root)
    mesh.write("data/a.csv", "id\n1\n2\n")
    mesh.product("s.a", "select id from 'data/a.csv'")
    mesh.product("s.b", "select id * 2 as id from s.a")
    mesh.build()
    assert mesh.rows("s.b") == [{"id": 2}, {"id": 4}]
    assert mesh.mesh("query", "select sum(id) as n from s.a", "--json").data == [{"n": 3}]


def test_a_condition_cannot_add_rows(mesh: MeshFolder) -> None:
    mesh.product("s.a", "select true as x")
    mesh.build()
    answer = mesh.mesh("read", "s.a", "--where", "1 = 1) union all select (1 = 1")
    assert (answer.code, "one condition" in answer.err) == (2, True)
    assert mesh.rows("s.a", "--where", "x) or (not x") == [{"x": True}]
