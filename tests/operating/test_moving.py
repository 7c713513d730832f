"""A whole mesh is moved between registries and warehouses of each kind: nothing is lost, and nothing half arrives."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pyiceberg.table import StaticTable

from mesh_folder import MeshFolder
from mesh_stores import in_postgresql, in_s3
from meshwright.node import Node
from meshwright.storage.database import open_database
from meshwright.storage.sql_contents import SqlContents, tables

if TYPE_CHECKING:
    from mesh_folder import Answer
    from postgres_server import PostgresDatabase
    from s3_server import Bucket

PROD = ("--env", "prod")
KILLS = 24 * int(os.environ.get("KILL_POINTS", "1"))
LANDING = """
inputPorts:
- name: landing
  customProperties: [{property: mesh.path, value: data/landing/*.csv}]
outputPorts:
- name: events
  customProperties: [{property: mesh.materialization, value: append}]
"""
STATE = LANDING.replace("name: events", "name: state").replace(
    "{property: mesh.materialization, value: append}",
    "{property: mesh.materialization, value: merge}, {property: mesh.key, value: [id]}",
)
MODEL = """
def model(inputs):
    (inputs.folder / "weights.bin").write_bytes(bytes(range(256)))
"""
QUESTIONS = (
    ("query", "select * from sales.events order by id, v"),
    ("query", "select * from sales.state order by id"),
    ("query", "select v, n from core.totals order by v"),
    ("read", "sales.events", "--as-of", "1"),
    ("read", "core.totals", "--as-of", "1"),
    ("changes", "sales.state", "--since", "1"),
    ("show", "sales.events", "--publications"),
    ("show", "core.totals", "--publications"),
    ("show", "core.model", "--publications"),
    ("env", "list"),
    ("env", "diff", "trial"),
    ("query", "--env", "trial", "select v, n from core.totals order by v"),
    ("list",),
    ("status",),
)


def write(mesh: MeshFolder) -> None:
    """Products of every kind: append, merge, full, files; two publications, a rollback, a failed build, an environment."""
    mesh.write("data/landing/1.csv", "id,v\n1,a\n2,b\n")
    mesh.product("sales.events", "select id, v from landing__changes", descriptor=LANDING)
    mesh.product("sales.state", "select id, max(v) as v from landing__changes group by id", descriptor=STATE)
    mesh.product("core.totals", "select v, count(*) as n from sales.events group by v")
    mesh.product("core.model", "", descriptor="outputPorts:\n- {name: model, type: files}\n")
    (mesh.root / "domains/core/model/transform/model.sql").unlink()
    mesh.write("domains/core/model/transform/model.py", MODEL)


def fill(mesh: MeshFolder) -> None:
    mesh.build(*PROD)
    mesh.write("data/landing/2.csv", "id,v\n2,B\n3,c\n")
    mesh.build(*PROD)
    mesh.write("data/landing/3.csv", "id,v\n4,d\n")
    mesh.build(*PROD)
    assert mesh.mesh("rollback", "core.totals", *PROD).code == 0
    mesh.product(
        "core.broken",
        "select 1 as x",
        contract="- {name: x, logicalType: integer, required: true, unique: true}\n- {name: y, logicalType: integer, required: true}\n",
    )
    mesh.build(*PROD, "--select", "core.broken", code=1)
    shutil.rmtree(mesh.root / "domains/core/broken")
    assert mesh.mesh("env", "create", "trial").code == 0
    mesh.write("domains/core/totals/transform/totals.sql", "select v, 10 * count(*) as n from sales.events group by v")
    mesh.build("--env", "trial")


def answers(mesh: MeshFolder) -> dict[str, Answer]:
    found = {}
    for question in QUESTIONS:
        for form in ((), ("--json",)):
            answer = mesh.mesh(*question, *form)
            assert answer.code in {0, 1}, (question, answer)
            found[" ".join((*question, *form))] = answer
    return found


def other_place(mesh: MeshFolder, name: str, stores: str) -> MeshFolder:
    """The same checkout with other stores, where nothing was published yet."""
    root = mesh.root.parent / name
    shutil.copytree(mesh.root, root, ignore=shutil.ignore_patterns(".mesh"))
    other = MeshFolder.__new__(MeshFolder)
    other.root = root
    other.write("mesh.yaml", f"name: test\n{stores}")
    return other


def move(source: MeshFolder, target: MeshFolder, archive: Path) -> dict[str, Any]:
    exported = source.mesh("export", "--all", str(archive), "--json")
    assert exported.code == 0, exported
    imported = target.mesh("import", "--all", str(archive), "--json")
    assert imported.code == 0, imported
    assert imported.data == exported.data
    found: dict[str, Any] = imported.data
    return found


@pytest.fixture
def filled(mesh: MeshFolder) -> MeshFolder:
    write(mesh)
    fill(mesh)
    return mesh


@pytest.fixture
def shared(mesh: MeshFolder, postgres: PostgresDatabase, bucket: Bucket) -> str:
    """What mesh.yaml says of stores in PostgreSQL and S3."""
    secrets = mesh.root.parent / "secrets"
    return in_postgresql(postgres, secrets) + in_s3(bucket, secrets)


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["", ".zip"], ids=["folder", "zip"])
def test_there_and_back_again_every_answer_is_the_same_to_the_byte(
    filled: MeshFolder, shared: str, tmp_path: Path, ending: str
) -> None:
    before = answers(filled)
    there = other_place(filled, "there", shared)
    moved = move(filled, there, tmp_path / f"archive{ending}")
    assert answers(there) == before
    back = other_place(filled, "back", "")
    again = move(there, back, tmp_path / f"again{ending}")
    # The metadata's own size depends on how long the URIs in it are.
    assert again | {"bytes": 0} == moved | {"bytes": 0}
    assert answers(back) == before
    assert (tmp_path / f"archive{ending}").is_dir() == (ending == "")
    # And each goes on from there.
    for mesh in (there, back):
        mesh.write("data/landing/4.csv", "id,v\n9,z\n")
        mesh.build(*PROD)
        assert mesh.mesh("query", "select count(*) as n, max(id) as m from sales.events", "--json").data == [
            {"n": 6, "m": 9}
        ]
        mesh.build("--env", "trial")
        promoted = mesh.mesh("env", "promote", "trial")
        assert promoted.code == 0, promoted
        assert mesh.mesh("query", "select sum(n) as n from core.totals", "--json").data == [{"n": 60}]


def test_pseudonyms_stay_when_a_mesh_moves_also_those_of_a_key_in_a_file(mesh: MeshFolder, tmp_path: Path) -> None:
    mesh.product("sales.orders", "select 1 as id")
    mesh.build()
    mesh.write(".mesh/pseudonym.key", b"f" * 32)
    there = other_place(mesh, "there", "")
    there.write(".mesh/pseudonym.key", b"g" * 32)
    assert move(mesh, there, tmp_path / "archive")["rows"]["mesh_keys"] == 1
    assert Node(mesh.root).pseudonym_key == Node(there.root).pseudonym_key == b"f" * 32
    # Without a key none is made for the journey.
    other = other_place(mesh, "other", "")
    other.build()
    assert "mesh_keys" not in move(other, other_place(mesh, "yonder", ""), tmp_path / "without")["rows"]


@pytest.mark.slow
def test_other_programs_read_every_kept_snapshot_at_its_new_place(
    filled: MeshFolder, shared: str, tmp_path: Path, bucket: Bucket
) -> None:
    there = other_place(filled, "there", shared)
    move(filled, there, tmp_path / "there.zip")
    server = bucket.server
    properties = {
        "s3.endpoint": server.endpoint,
        "s3.access-key-id": server.user,
        "s3.secret-access-key": server.password,
        "s3.region": "us-east-1",
    }
    old, new = Node(filled.root), Node(there.root)
    publications = new.registry.publications("prod", "sales.state")
    assert len(publications) == 3
    for publication in publications:
        (port,) = publication.ports
        snapshot = new.registry.snapshot(port.table, port.snapshot)
        moved = StaticTable.from_metadata(new.warehouse.uri(snapshot.metadata), properties)
        stayed = StaticTable.from_metadata(old.warehouse.uri(snapshot.metadata))
        assert moved.scan().to_arrow().sort_by("id") == stayed.scan().to_arrow().sort_by("id")
        assert moved.location() == new.warehouse.uri(port.table)
        assert str(filled.root).encode() not in bucket.get(f"lake/{snapshot.metadata}")
        current = moved.current_snapshot()
        assert current is not None
        assert all(
            one.manifest_length == len(bucket.get(one.manifest_path.split("/", 3)[3]))
            for one in current.manifests(moved.io)
        )
    for node in (old, new):
        node.registry.close()


def test_every_table_of_the_registry_is_carried_whatever_it_is_for(
    filled: MeshFolder, tmp_path: Path, postgres: PostgresDatabase
) -> None:
    """A table that is added to the schema is carried, or this fails."""
    contents = SqlContents("sqlite:///.mesh/registry.db", filled.root)
    with contents._database.reading() as transaction:
        made = transaction.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'alembic_version'")
        assert {name for (name,) in made} == set(tables())
        for name, (columns, key) in tables().items():
            described = transaction.rows(f"SELECT name, pk FROM pragma_table_info('{name}') ORDER BY cid")
            assert columns == tuple(column for column, _ in described)
            assert key == tuple(column for column, place in sorted(described, key=lambda one: one[1]) if place)
    # A row in each table, of every type that its columns have.
    with contents._database.writing() as transaction:
        kinds = {
            name: transaction.rows(f"SELECT name, type FROM pragma_table_info('{name}') ORDER BY cid")
            for name in tables()
        }
        for name, columns_of in kinds.items():
            if not transaction.rows(f"SELECT 1 FROM {name} LIMIT 1"):
                values = ["'{}'" if kind == "TEXT" else "7" for _, kind in columns_of]
                transaction.execute(f"INSERT INTO {name} VALUES ({', '.join(values)})")
    rows = list(contents.read())
    assert {name for name, _ in rows} == set(tables())
    with closing(SqlContents(postgres.url, tmp_path)) as other:
        assert other.is_empty()
        other.fill([(name, list(row)) for name, row in rows])
        assert sorted(map(str, other.read())) == sorted(map(str, rows))
        assert not other.is_empty()
    made_there = open_database(postgres.url, tmp_path)
    with made_there.reading() as transaction:
        for name, (columns, _) in tables().items():
            statement = "SELECT column_name FROM information_schema.columns WHERE table_name = :name AND table_schema = current_schema()"
            assert {column for (column,) in transaction.rows(statement, name=name)} == set(columns)
    made_there.close()
    contents.close()


def test_a_mesh_that_holds_something_takes_no_import(filled: MeshFolder, tmp_path: Path) -> None:
    assert filled.mesh("export", "--all", str(tmp_path / "x.zip")).code == 0
    target = other_place(filled, "target", "")
    target.build(*PROD)
    before = target.mesh("show", "sales.events", "--publications", "--json").out
    answer = target.mesh("import", "--all", str(tmp_path / "x.zip"))
    assert answer.code == 1
    assert "this mesh is not empty: a mesh is imported into a new registry and warehouse" in answer.err
    assert target.mesh("show", "sales.events", "--publications", "--json").out == before


def test_nothing_is_exported_over_something_or_from_nothing(filled: MeshFolder, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/mine").write_text("mine")
    for name in ("x.zip", "folder"):
        answer = filled.mesh("export", "--all", str(tmp_path / name))
        assert answer.code == 1
        assert "is there already; name another place" in answer.err
    assert (tmp_path / "x.zip").read_text() == "mine"
    empty = other_place(filled, "empty", "")
    answer = empty.mesh("export", "--all", str(tmp_path / "y.zip"))
    assert answer.code == 2
    assert "nothing was published here yet" in answer.err
    assert sorted(path.name for path in tmp_path.glob("*y.zip*")) == []


def test_a_damaged_export_is_refused_and_nothing_of_it_is_visible(filled: MeshFolder, tmp_path: Path) -> None:
    assert filled.mesh("export", "--all", str(tmp_path / "x")).code == 0
    target = other_place(filled, "target", "")
    files = sorted(path for path in (tmp_path / "x").rglob("*") if path.is_file())
    assert len(files) > 10
    for path in files:
        content = path.read_bytes()
        for damage in (content[: len(content) // 2], bytes([content[0] ^ 1]) + content[1:], None):
            if damage is None:
                path.unlink()
            else:
                path.write_bytes(damage)
            answer = target.mesh("import", "--all", str(tmp_path / "x"))
            path.write_bytes(content)
            assert answer.code == 2, (path, answer)
            assert "damaged" in answer.err
            assert target.mesh("list", "--json").data == []
    assert target.mesh("import", "--all", str(tmp_path / "x")).code == 0
    assert answers(target) == answers(filled)


@pytest.mark.parametrize("place", ["mesh.yaml", "nowhere.zip"])
def test_what_is_no_export_is_refused(filled: MeshFolder, tmp_path: Path, place: str) -> None:
    answer = filled.mesh("import", "--all", str(filled.root / place))
    assert answer.code in {1, 2}
    target = other_place(filled, "target", "")
    answer = target.mesh("import", "--all", str(target.root / place))
    assert answer.code == 2, answer


def test_an_export_of_another_version_is_refused_saying_so(filled: MeshFolder, tmp_path: Path) -> None:
    assert filled.mesh("export", "--all", str(tmp_path / "x")).code == 0
    header = json.loads((tmp_path / "x/export.json").read_text())
    (tmp_path / "x/export.json").write_text(json.dumps(header | {"revision": "9999"}))
    answer = other_place(filled, "target", "").mesh("import", "--all", str(tmp_path / "x"))
    assert answer.code == 2
    assert "(registry 9999)" in answer.err
    assert "export and import with the same version" in answer.err


def test_a_lost_file_is_named_and_no_export_is_left(filled: MeshFolder, tmp_path: Path) -> None:
    lost = next((filled.root / ".mesh/warehouse/sales").rglob("*.parquet"))
    lost.unlink()
    answer = filled.mesh("export", "--all", str(tmp_path / "x.zip"))
    assert answer.code == 3
    assert f"{lost}: missing or damaged, and publications are made of it: restore the warehouse" in answer.err
    assert [path.name for path in tmp_path.iterdir() if "x.zip" in path.name] == []


def test_only_what_publications_are_made_of_is_carried(filled: MeshFolder, tmp_path: Path) -> None:
    warehouse = filled.root / ".mesh/warehouse"
    head = next(warehouse.rglob("*.parquet"))
    orphan = head.with_name("0" * 32 + ".parquet")
    shutil.copyfile(head, orphan)
    (warehouse / "notes.txt").write_text("mine")
    assert filled.mesh("export", "--all", str(tmp_path / "x.zip")).code == 0
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        names = archive.namelist()
    assert f"warehouse/{head.relative_to(warehouse)}" in names
    assert f"warehouse/{orphan.relative_to(warehouse)}" not in names
    assert "warehouse/notes.txt" not in names
    assert list((warehouse / ".staging").iterdir()) == []


def killed(mesh: MeshFolder, verb: str, archive: Path) -> list[dict[str, Any]]:
    script = Path(__file__).with_name("killed_moving.py")
    command = [sys.executable, str(script), str(mesh.root), verb, str(archive), "2026", str(KILLS)]
    path = os.pathsep.join([str(script.parents[1]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": path})
    assert done.returncode == 0, done.stderr[-4000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_an_import_that_is_killed_has_happened_or_not_and_can_be_repeated(filled: MeshFolder, tmp_path: Path) -> None:
    assert filled.mesh("export", "--all", str(tmp_path / "x.zip")).code == 0
    target = other_place(filled, "target", "")
    whole = publications(filled.root)
    found = killed(target, "import", tmp_path / "x.zip")
    assert sum(one["killed"] for one in found) > KILLS // 2
    for one in found:
        assert one["publications"] in {0, whole}, one
        # Once it has happened, a second one is refused.
        assert one["again"]["code"] == (1 if one["publications"] else 0), one
    assert answers(target) == answers(filled)


@pytest.mark.slow
def test_an_export_that_is_killed_leaves_a_whole_archive_or_none(filled: MeshFolder, tmp_path: Path) -> None:
    found = killed(filled, "export", tmp_path / "x.zip")
    assert sum(one["killed"] for one in found) > KILLS // 2
    for one in found:
        assert one["again"]["code"] == (1 if one["archive"] else 0), one
    target = other_place(filled, "target", "")
    assert target.mesh("import", "--all", str(tmp_path / "x.zip")).code == 0
    assert answers(target) == answers(filled)


def publications(root: Path) -> int:
    node = Node(root)
    found = sum(len(node.registry.publications("prod", product)) for product in node.registry.head_sequences("prod"))
    node.registry.close()
    return found
