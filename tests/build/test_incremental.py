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


def test_a_first_major_version_goes_on_with_the_rows_of_the_draft(events: MeshFolder) -> None:
    events.product("out.copied", "select id, v from ingest.events__changes", descriptor=APPEND.format(port="copied"))
    events.build()
    events.contract("ingest.events", "- {name: id, physicalType: BIGINT}\n- {name: v, physicalType: VARCHAR}\n")
    events.write("data/landing/2.csv", "id,v\n3,c\n")
    events.build()
    assert ids(events, "ingest.events@1") == [1, 2, 3]
    assert ids(events, "out.copied") == [1, 2, 3]


@pytest.mark.parametrize("step", [False, True])
def test_a_new_port_that_appends_begins_with_all_rows(events: MeshFolder, step: bool) -> None:
    second = APPEND.format(port="second").replace("\noutputPorts:\n", "")
    events.product(
        "ingest.events",
        "select id, v from landing__changes",
        descriptor=LANDING.format() + APPEND.format(port="events") + second,
    )
    if step:
        events.write("domains/ingest/events/transform/tidy.sql", "select id, v from landing__changes")
    events.write(
        "domains/ingest/events/transform/second.sql", f"select id from {'tidy' if step else 'landing__changes'}"
    )
    events.write("data/landing/2.csv", "id,v\n3,c\n")
    events.build()
    assert ids(events, "ingest.events") == [1, 2, 3]
    assert ids(events, "ingest.events.second") == [1, 2, 3]
    events.write("data/landing/3.csv", "id,v\n4,d\n")
    events.build()
    assert ids(events, "ingest.events.second") == [1, 2, 3, 4]


def test_a_new_port_over_a_step_of_changes_that_others_read_asks_for_everything(events: MeshFolder) -> None:
    events.write("domains/ingest/events/transform/tidy.sql", "select id, v from landing__changes")
    events.write("domains/ingest/events/transform/events.sql", "select id, v from tidy")
    events.build()
    second = APPEND.format(port="second").replace("\noutputPorts:\n", "")
    events.product(
        "ingest.events",
        "select id, v from tidy",
        descriptor=LANDING.format() + APPEND.format(port="events") + second,
    )
    events.write("domains/ingest/events/transform/second.sql", "select id from tidy")
    ended = events.build(code=1)["ingest.events"]
    assert "`mesh build --full --select ingest.events`" in ended["message"]
    events.build("--full", "--select", "ingest.events")
    assert ids(events, "ingest.events.second") == ids(events, "ingest.events") == [1, 2]


def test_a_column_that_nobody_reads_makes_no_row_new(mesh: MeshFolder) -> None:
    mesh.write("data/a.csv", "id,c\n1,x\n2,x\n")
    mesh.product("s.a", "select id, c from 'data/a.csv'")
    mesh.product("s.b", "select id from s.a__changes", descriptor=APPEND.format(port="b"))
    mesh.build()
    mesh.write("data/a.csv", "id,c\n1,y\n2,y\n")
    assert mesh.build()["s.b"]["outcome"] == "reused"
    mesh.write("data/a.csv", "id,c\n1,y\n2,y\n3,y\n")
    mesh.build()
    assert ids(mesh, "s.b") == [1, 2, 3]


def test_rows_of_another_table_are_not_appended_a_second_time(events: MeshFolder) -> None:
    events.contract("ingest.events", "- {name: id, physicalType: BIGINT}\n- {name: v, physicalType: VARCHAR}\n")
    events.product("out.copied", "select id, v from ingest.events__changes", descriptor=APPEND.format(port="copied"))
    events.build()
    folder = events.root / "domains/ingest/events"
    (folder / "contracts/events.yaml").rename(folder / "contracts/events@2.yaml")
    events.edit("domains/ingest/events/contracts/events@2.yaml", "version: 1.0.0", "version: 2.0.0")
    (folder / "transform/events.sql").rename(folder / "transform/events@2.sql")
    ended = events.build(code=1)
    assert ended["ingest.events"]["outcome"] == "published"
    assert "`mesh build --full --select out.copied`" in ended["out.copied"]["message"]
    assert ids(events, "out.copied") == [1, 2]
    events.build("--full", "--select", "out.copied")
    assert ids(events, "out.copied") == [1, 2]


def test_rows_that_stay_are_never_shown_as_null_for_another_type(events: MeshFolder) -> None:
    events.write("domains/ingest/events/transform/events.sql", "select 'n' || id as id, v from landing__changes")
    events.write("data/landing/2.csv", "id,v\n3,c\n")
    ended = events.build(code=1)["ingest.events"]
    assert "column id was BIGINT and is VARCHAR now" in ended["message"]
    assert ids(events, "ingest.events") == [1, 2]
    events.build("--full")
    assert [row["id"] for row in events.rows("ingest.events")] == ["n1", "n2", "n3"]


def test_rows_merge_by_columns_of_any_name(mesh: MeshFolder) -> None:
    descriptor = LANDING.format() + MERGE.format(port="odd").replace("[id]", "['a\"b', 'x.y', 'SELECT']")
    mesh.write("data/landing/1.csv", "id,v\n1,a\n2,b\n")
    mesh.product(
        "ingest.odd",
        """select id as "a""b", 'it''s' as "x.y", 1 as "SELECT", v as "%s {} ü" from landing__changes""",
        descriptor=descriptor,
    )
    mesh.build()
    mesh.write("data/landing/2.csv", "id,v\n2,B\n")
    mesh.build()
    rows = mesh.rows("ingest.odd", "--columns", '%s {} ü,a"b', "--where", """"x.y" = 'it''s' and "a""b" < 9""")
    assert [tuple(row.values()) for row in rows] == [("a", 1), ("B", 2)]
    kinds = mesh.mesh("changes", "ingest.odd", "--since", "1", "--json").data
    assert [row["_change_type"] for row in kinds] == ["update_before", "update_after"]
