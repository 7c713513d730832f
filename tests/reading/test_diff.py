"""`mesh diff`: two publications of a port side by side, as a person and as a program sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mesh_folder import MeshFolder

CONTRACT = """
- {name: id, logicalType: integer, physicalType: INTEGER, primaryKey: true, required: true}
- {name: place, logicalType: string, physicalType: VARCHAR}
- {name: km, logicalType: number, physicalType: DOUBLE}
"""


@pytest.fixture
def trips(mesh: MeshFolder) -> MeshFolder:
    """Three trips, then one gone, one new, one changed."""
    mesh.write("data/trips.csv", "id,place,km\n1,Rome,5.5\n2,Oslo,\n3,Bern,7.25\n")
    mesh.product("travel.trips", "select id, place, km from 'data/trips.csv'", contract=CONTRACT)
    mesh.build()
    mesh.write("data/trips.csv", "id,place,km\n1,Rome,6\n3,Bern,7.25\n4,Ulm,1\n")
    mesh.build()
    return mesh


def test_rows_are_told_apart_by_the_contracts_key(trips: MeshFolder) -> None:
    found = trips.mesh("diff", "travel.trips", "--json")
    assert found.code == 0
    assert (found.data["from"]["publication"], found.data["to"]["publication"]) == (1, 2)
    assert found.data["rows"] == {
        "key": ["id"],
        "added": 1,
        "removed": 1,
        "changed": 1,
        "unchanged": 1,
        "changed_by_column": {"place": 0, "km": 1},
        "samples": {
            "added": [{"id": 4, "place": "Ulm", "km": 1.0}],
            "removed": [{"id": 2, "place": "Oslo", "km": None}],
            "changed": [{"key": {"id": 1}, "columns": {"km": {"from": 5.5, "to": 6.0}}}],
        },
    }


def test_a_person_reads_what_happened_to_which_rows(trips: MeshFolder) -> None:
    found = trips.mesh("diff", "travel.trips").out
    assert "rows, by id: 1 added, 1 removed, 1 changed, 1 the same" in found
    assert "km                 1" in found
    assert [line.split() for line in found.splitlines() if "5.5" in line] == [["1", "km", "5.5", "6.0"]]


def test_both_states_may_be_named_by_number_time_and_environment(trips: MeshFolder) -> None:
    before = trips.mesh("show", "travel.trips", "--publications", "--json").data[1]["published_at"]
    backwards = trips.mesh("diff", "travel.trips", "--from", "prod", "--to", before, "--json").data
    assert (backwards["from"]["publication"], backwards["to"]["publication"]) == (2, 1)
    assert backwards["rows"]["samples"]["added"] == [{"id": 2, "place": "Oslo", "km": None}]
    nothing = trips.mesh("diff", "travel.trips", "--from", "2", "--json").data
    assert (nothing["differs"], nothing["rows"]["unchanged"], nothing["files_compared"]) == (False, 3, 0)


def test_after_a_rollback_the_difference_is_what_it_took_back(trips: MeshFolder) -> None:
    trips.mesh("rollback", "travel.trips")
    found = trips.mesh("diff", "travel.trips", "--json").data
    assert (found["from"]["publication"], found["to"]["publication"]) == (2, 1)


def test_what_has_no_state_before_is_said(mesh: MeshFolder) -> None:
    mesh.product("a.a", "select 1 as x")
    mesh.build()
    found = mesh.mesh("diff", "a.a")
    assert (found.code, "served nothing before publication 1" in found.err) == (2, True)
    other = mesh.mesh("diff", "a.a", "--to", "dev")
    assert (other.code, "in dev" in other.err) == (2, True)


def test_what_an_environment_built_is_compared_with_the_one_below(trips: MeshFolder) -> None:
    assert trips.mesh("env", "create", "dev").code == 0
    same = trips.mesh("diff", "travel.trips", "--env", "dev", "--json").data
    assert (same["from"]["publication"], same["to"]["publication"]) == (1, 2)
    trips.write("data/trips.csv", "id,place,km\n1,Rome,6\n3,Bern,8\n4,Ulm,1\n")
    trips.build("--env", "dev")
    found = trips.mesh("diff", "travel.trips", "--env", "dev", "--json").data
    assert (found["from"]["environment"], found["to"]["environment"]) == ("prod", "dev")
    assert (found["rows"]["changed"], found["rows"]["unchanged"]) == (1, 2)
    assert trips.mesh("diff", "travel.trips", "--from", "prod", "--to", "dev", "--json").data == found
    assert trips.mesh("diff", "travel.trips", "--json").data["to"]["environment"] == "prod"


def test_columns_and_promises_that_changed_are_named(trips: MeshFolder) -> None:
    trips.edit("domains/travel/trips/transform/trips.sql", "id, place, km", "id, km, upper(place) as town")
    trips.edit("domains/travel/trips/contracts/trips.yaml", "name: place", "name: town")
    trips.edit("domains/travel/trips/contracts/trips.yaml", "physicalType: INTEGER", "physicalType: BIGINT")
    trips.edit("domains/travel/trips/contracts/trips.yaml", "status: active", "status: draft")
    trips.edit("domains/travel/trips/contracts/trips.yaml", "version: 1.0.0", "version: 2.0.0")
    trips.build("--full")
    found = trips.mesh("diff", "travel.trips", "--from", "2", "--json").data
    kinds = {(one["kind"], one["column"]) for one in found["columns"]}
    assert kinds == {("removed", "place"), ("added", "town"), ("retyped", "id")}
    assert {one["kind"] for one in found["contract"]} >= {"column removed", "column added", "type widened"}
    assert (found["rows"]["unchanged"], found["rows"]["changed"]) == (3, 0)


def test_a_key_may_be_named_and_one_that_does_not_tell_rows_apart_is_told(trips: MeshFolder) -> None:
    by_place = trips.mesh("diff", "travel.trips", "--key", "PLACE", "--json").data
    assert (by_place["rows"]["key"], by_place["rows"]["changed"]) == (["place"], 1)
    wrong = trips.mesh("diff", "travel.trips", "--key", "plaice")
    assert (wrong.code, "did you mean 'place'?" in wrong.err) == (2, True)
    trips.write("data/trips.csv", "id,place,km\n1,Rome,6\n3,Rome,7.25\n4,Ulm,1\n")
    trips.build()
    twice = trips.mesh("diff", "travel.trips", "--key", "place", "--json").data
    assert (twice["rows"]["key"], twice["rows"]["added"], twice["rows"]["removed"]) == ([], 1, 1)
    assert "does not tell rows apart" in twice["notes"][0]


def test_no_more_samples_are_shown_than_asked(trips: MeshFolder) -> None:
    none = trips.mesh("diff", "travel.trips", "--limit", "0", "--json").data["rows"]
    assert (none["added"], none["samples"]) == (1, {"added": [], "removed": [], "changed": []})


def test_of_an_append_only_new_files_are_read(mesh: MeshFolder) -> None:
    mesh.write("data/in/1.csv", "x\n1\n2\n")
    mesh.product(
        "a.log",
        "select x from events__changes",
        descriptor="""
        inputPorts:
        - name: events
          customProperties: [{property: mesh.path, value: data/in/*.csv}]
        outputPorts:
        - name: log
          customProperties: [{property: mesh.materialization, value: append}]
        """,
    )
    mesh.build()
    mesh.write("data/in/2.csv", "x\n2\n3\n")
    mesh.build()
    found = mesh.mesh("diff", "a.log", "--json").data
    assert (found["files_compared"], found["files_skipped"]) == (1, 1)
    assert found["rows"]["samples"]["added"] == [{"x": 2}, {"x": 3}]
    assert (found["rows"]["added"], found["rows"]["unchanged"]) == (2, 2)


def test_of_a_port_of_files_the_files_are_compared(mesh: MeshFolder) -> None:
    folder = mesh.product("a.a", "select 1 as x")
    mesh.write(
        f"{folder}/product.yaml",
        "apiVersion: v1.1.0\nkind: DataProduct\nid: a.a\noutputPorts:\n- {name: a}\n- {name: page, type: files}\n",
    )
    code = "from pathlib import Path\n\n\ndef page(inputs):\n    for name in {names!r}:\n        (Path(inputs.folder) / name).write_text({text!r})\n"
    columns = "- {name: a, physicalType: VARCHAR}\n", "- {name: b, physicalType: VARCHAR}\n"
    mesh.contract("a.a", "".join(columns), port="page", version="0.1.0")
    mesh.write(f"{folder}/transform/page.py", code.format(names=["a.txt", "b.txt"], text="one"))
    mesh.build()
    mesh.contract("a.a", columns[0], port="page", version="0.2.0")
    mesh.write(f"{folder}/transform/page.py", code.format(names=["b.txt", "c.txt"], text="two"))
    mesh.build()
    found = mesh.mesh("diff", "a.a.page", "--json").data
    assert found["artifacts"] == [
        {"path": "a.txt", "kind": "removed"},
        {"path": "b.txt", "kind": "changed"},
        {"path": "c.txt", "kind": "added"},
    ]
    assert found["rows"] is None
    assert [(one["kind"], one["column"]) for one in found["contract"]] == [("column removed", "b")]
    assert "~ b.txt" in mesh.mesh("diff", "a.a.page").out
