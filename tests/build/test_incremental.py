"""append and merge: no row twice, none missing, and only what is new is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mesh_folder import MeshFolder

APPEND = """
outputPorts:
- name: {port}
  customProperties:
  - {{property: mesh.materialization, value: append}}
"""
MERGE = """
outputPorts:
- name: {port}
  customProperties:
  - {{property: mesh.materialization, value: merge}}
  - {{property: mesh.key, value: [id]}}
"""
LANDING = """
inputPorts:
- name: landing
  customProperties:
  - {{property: mesh.path, value: data/landing/*.csv}}
"""


def ids(mesh: MeshFolder, port: str, *arguments: str) -> list[int]:
    return sorted(row["id"] for row in mesh.rows(port, *arguments))


@pytest.fixture
def events(mesh: MeshFolder) -> MeshFolder:
    mesh.write("data/landing/1.csv", "id,v\n1,a\n2,b\n")
    mesh.product(
        "ingest.events",
        "select id, v from landing__changes",
        descriptor=LANDING.format() + APPEND.format(port="events"),
    )
    mesh.build()
    return mesh


def test_append_adds_only_new_files(events: MeshFolder) -> None:
    assert ids(events, "ingest.events") == [1, 2]
    events.write("data/landing/2.csv", "id,v\n3,c\n")
    events.build()
    assert ids(events, "ingest.events") == [1, 2, 3]
    assert events.actions() == {"ingest.events": "reuse"}
    events.build()
    assert ids(events, "ingest.events") == [1, 2, 3]


def test_each_earlier_publication_can_still_be_read(events: MeshFolder) -> None:
    for number in range(2, 6):
        events.write(f"data/landing/{number}.csv", f"id,v\n{number + 1},x\n")
        events.build()
    assert ids(events, "ingest.events", "--as-of", "1") == [1, 2]
    assert ids(events, "ingest.events", "--as-of", "3") == [1, 2, 3, 4]
    assert ids(events, "ingest.events") == [1, 2, 3, 4, 5, 6]


def test_after_a_rollback_the_batch_comes_again_once(events: MeshFolder) -> None:
    events.write("data/landing/2.csv", "id,v\n3,c\n")
    events.build()
    assert events.mesh("rollback", "ingest.events").code == 0
    assert ids(events, "ingest.events") == [1, 2]
    events.build()
    assert ids(events, "ingest.events") == [1, 2, 3]


def test_full_rebuilds_from_the_whole_of_the_inputs(events: MeshFolder) -> None:
    events.write("data/landing/2.csv", "id,v\n3,c\n")
    events.build()
    events.build("--full")
    assert ids(events, "ingest.events") == [1, 2, 3]


def test_changes_of_a_product_are_what_came_since_it_was_last_read(events: MeshFolder) -> None:
    events.product("out.copied", "select id, v from ingest.events__changes", descriptor=APPEND.format(port="copied"))
    events.build()
    assert ids(events, "out.copied") == [1, 2]
    for number in (3, 4):
        events.write(f"data/landing/{number}.csv", f"id,v\n{number},x\n")
        # The reader is left behind once: it then catches up with two publications at a time.
        events.build("--select", "ingest.events")
    events.build()
    assert ids(events, "out.copied") == [1, 2, 3, 4]


def test_merge_replaces_rows_by_key_and_keeps_the_others(mesh: MeshFolder) -> None:
    mesh.write("data/landing/1.csv", "id,v\n1,a\n2,b\n")
    mesh.product(
        "ingest.state", "select id, v from landing__changes", descriptor=LANDING.format() + MERGE.format(port="state")
    )
    mesh.build()
    mesh.write("data/landing/2.csv", "id,v\n2,B\n3,c\n")
    mesh.build()
    assert sorted((row["id"], row["v"]) for row in mesh.rows("ingest.state")) == [(1, "a"), (2, "B"), (3, "c")]
    changes = mesh.mesh("changes", "ingest.state", "--since", "1", "--json").data
    assert [(row["_change_type"], row["id"], row["v"]) for row in changes] == [
        ("update_before", 2, "b"),
        ("update_after", 2, "B"),
        ("insert", 3, "c"),
    ]


def test_merge_survives_many_batches(mesh: MeshFolder) -> None:
    expected: dict[int, str] = {}
    mesh.product(
        "ingest.state", "select id, v from landing__changes", descriptor=LANDING.format() + MERGE.format(port="state")
    )
    for batch in range(12):
        rows = {(batch * 7 + step) % 10: f"{batch}" for step in range(3)}
        expected |= rows
        mesh.write(
            f"data/landing/{batch:02}.csv", "id,v\n" + "".join(f"{key},v{value}\n" for key, value in rows.items())
        )
        mesh.build()
    assert {row["id"]: row["v"] for row in mesh.rows("ingest.state")} == {
        key: f"v{value}" for key, value in expected.items()
    }


def test_a_merge_with_a_key_that_comes_twice_publishes_nothing(mesh: MeshFolder) -> None:
    mesh.write("data/landing/1.csv", "id,v\n1,a\n")
    mesh.product(
        "ingest.state", "select id, v from landing__changes", descriptor=LANDING.format() + MERGE.format(port="state")
    )
    mesh.build()
    mesh.write("data/landing/2.csv", "id,v\n1,b\n1,c\n")
    ended = mesh.build(code=1)["ingest.state"]
    assert ended["outcome"] == "failed"
    assert mesh.rows("ingest.state") == [{"id": 1, "v": "a"}]


def test_a_new_column_reaches_old_rows_as_null(events: MeshFolder) -> None:
    events.write("domains/ingest/events/transform/events.sql", "select id, v, 1 as extra from landing__changes")
    events.write("data/landing/2.csv", "id,v\n3,c\n")
    events.build()
    assert sorted((row["id"], row["extra"]) for row in events.rows("ingest.events")) == [(1, None), (2, None), (3, 1)]


def test_an_append_that_reads_whole_inputs_is_warned_of(mesh: MeshFolder) -> None:
    mesh.write("data/landing/1.csv", "id,v\n1,a\n")
    mesh.product(
        "ingest.events", "select id, v from landing", descriptor=LANDING.format() + APPEND.format(port="events")
    )
    answer = mesh.mesh("validate", "--json")
    assert answer.code == 0
    assert [finding["code"] for finding in answer.data["findings"]] == ["append-without-changes"]


def test_no_new_rows_publish_nothing_twice(mesh: MeshFolder) -> None:
    mesh.write("data/landing/1.csv", "id,v\n")
    mesh.product(
        "ingest.events",
        "select cast(id as integer) as id from landing__changes",
        descriptor=LANDING.format() + APPEND.format(port="events"),
    )
    mesh.build()
    assert mesh.rows("ingest.events") == []
    mesh.write("data/landing/2.csv", "id,v\n7,x\n")
    mesh.build()
    assert ids(mesh, "ingest.events") == [7]
