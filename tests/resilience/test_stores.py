"""A mesh whose registry is in PostgreSQL and whose tables are in an S3-compatible store, through the command line."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from mesh_folder import MeshFolder
from mesh_stores import in_postgresql, in_s3
from meshwright.node import Node
from postgres_server import PostgresServer
from s3_server import S3Server

if TYPE_CHECKING:
    from pathlib import Path

    from postgres_server import PostgresDatabase
    from s3_server import Bucket

LANDING = """
inputPorts:
- name: landing
  customProperties: [{property: mesh.path, value: data/landing/*.csv}]
outputPorts:
- name: events
  customProperties: [{property: mesh.materialization, value: append}]
"""
PROD = ("--env", "prod")  # a shared mesh's must be named
SUMS = "select count(*) as n, sum(id) as s from sales.events"


def fill(mesh: MeshFolder, stores: str) -> MeshFolder:
    mesh.write("mesh.yaml", f"name: shared\n{stores}")
    mesh.write("data/landing/1.csv", "id,v\n1,a\n2,b\n")
    mesh.product("sales.events", "select id, v from landing__changes", descriptor=LANDING)
    mesh.product("core.totals", "select v, count(*) as n, sum(id) as s from sales.events group by v")
    return mesh


@pytest.fixture
def shared(mesh: MeshFolder, postgres: PostgresDatabase, bucket: Bucket) -> MeshFolder:
    secrets = mesh.root.parent / "secrets"
    return fill(mesh, in_postgresql(postgres, secrets) + in_s3(bucket, secrets))


def elsewhere(mesh: MeshFolder) -> MeshFolder:
    """A second checkout, on a machine that has seen nothing yet."""
    root = mesh.root.parent / "elsewhere"
    shutil.copytree(mesh.root, root, ignore=shutil.ignore_patterns(".mesh"))
    other = MeshFolder.__new__(MeshFolder)
    other.root = root
    return other


def test_everything_is_built_read_and_rolled_back_from_any_machine(shared: MeshFolder, bucket: Bucket) -> None:
    assert {name: one["outcome"] for name, one in shared.build(*PROD).items()} == {
        "sales.events": "published",
        "core.totals": "published",
    }
    assert not (shared.root / ".mesh/registry.db").exists()
    assert not (shared.root / ".mesh/warehouse").exists()
    assert any(key.endswith(".parquet") for key in bucket.keys("lake/sales/events/"))
    other = elsewhere(shared)
    assert other.rows("sales.events") == [{"id": 1, "v": "a"}, {"id": 2, "v": "b"}]
    assert set(other.actions().values()) == {"reuse"}
    for mesh in (shared, other):
        mesh.write("data/landing/2.csv", "id,v\n3,b\n")
    other.build(*PROD)
    assert shared.mesh("query", SUMS, "--json").data == [{"n": 3, "s": 6}]
    assert shared.mesh("read", "sales.events", "--as-of", "1", "--json").data == [
        {"id": 1, "v": "a"},
        {"id": 2, "v": "b"},
    ]
    changes = shared.mesh("changes", "sales.events", "--since", "1", "--json").data
    assert changes == [{"_change_type": "insert", "id": 3, "v": "b"}]
    assert shared.mesh("diff", "core.totals", "--from", "1", "--json").code == 0
    assert other.mesh("rollback", "sales.events", *PROD).code == 0
    assert shared.mesh("query", SUMS, "--json").data == [{"n": 2, "s": 3}]
    assert set(shared.actions().values()) <= {"build", "reuse"}
    shared.build(*PROD)
    assert other.mesh("query", SUMS, "--json").data == [{"n": 3, "s": 6}]


def test_pyiceberg_reads_the_tables_from_the_store(shared: MeshFolder, bucket: Bucket) -> None:
    from pyiceberg.table import StaticTable

    shared.build(*PROD)
    node = Node(shared.root)
    head = node.registry.head("prod", "sales.events")
    assert head is not None
    snapshot = node.registry.snapshot(head.ports[0].table, head.ports[0].snapshot)
    node.registry.close()
    server = bucket.server
    properties = {
        "s3.endpoint": server.endpoint,
        "s3.access-key-id": server.user,
        "s3.secret-access-key": server.password,
        "s3.region": "us-east-1",
    }
    table = StaticTable.from_metadata(f"{bucket.url}/lake/{snapshot.metadata}", properties)
    assert table.location() == f"{bucket.url}/lake/{snapshot.table}"
    assert sorted(table.scan().to_arrow()["id"].to_pylist()) == [1, 2]


def test_a_data_file_that_is_lost_in_the_store_is_named_and_a_full_build_heals(
    shared: MeshFolder, bucket: Bucket
) -> None:
    shared.build(*PROD)
    (key,) = [key for key in bucket.keys("lake/sales/") if key.endswith(".parquet")]
    bucket.delete(key)
    other = elsewhere(shared)
    for command in (["read", "sales.events"], ["query", SUMS]):
        answer = other.mesh(*command)
        assert answer.code == 3
        assert f"{bucket.url}/{key} is missing, and sales.events is served from it" in answer.err
        assert "mesh build --full --select sales.events" in answer.err
    other.build(*PROD, "--full", "--select", "sales.events")
    assert other.mesh("query", SUMS, "--json").data == [{"n": 2, "s": 3}]


def test_no_secret_is_shown_or_kept(shared: MeshFolder, postgres: PostgresDatabase, bucket: Bucket) -> None:
    secrets = (postgres.server.password, bucket.server.password)
    said = ""
    for command in (
        ["build", *PROD],
        ["-v", "plan"],
        ["show", "sales.events", "--publications", "--json"],
        ["validate"],
    ):
        answer = shared.mesh(*command)
        said += answer.out + answer.err
    kept = b"".join(path.read_bytes() for path in (shared.root / ".mesh").rglob("*") if path.is_file())
    for secret in secrets:
        assert secret not in said
        assert secret.encode() not in kept


@pytest.mark.parametrize("store", ["registry", "warehouse"])
def test_a_literal_secret_is_refused_without_repeating_it(mesh: MeshFolder, store: str) -> None:
    line = {
        "registry": "registry: {url: 'postgresql://mesh@db.example.org/mesh', password: hunter2xyz}\n",
        "warehouse": "warehouse: {url: 's3://b/x', secret_access_key: hunter2xyz}\n",
    }[store]
    mesh.write("mesh.yaml", f"name: test\n{line}")
    answer = mesh.mesh("validate")
    assert answer.code == 2
    assert "literal-secret" in answer.out + answer.err
    assert "hunter2xyz" not in answer.out + answer.err


def test_stores_that_are_down_are_named_and_what_was_published_stays(mesh: MeshFolder, tmp_path: Path) -> None:
    with (
        PostgresServer.started() as database,
        S3Server.started() as store,
        database.database() as postgres,
        store.bucket() as bucket,
    ):
        secrets = tmp_path / "secrets"
        fill(mesh, in_postgresql(postgres, secrets) + in_s3(bucket, secrets)).build(*PROD)
        mesh.write("data/landing/2.csv", "id,v\n3,b\n")
        store.stop()
        answer = mesh.mesh("build", *PROD)
        assert answer.code == 3, answer
        assert "the store cannot be reached" in answer.out + answer.err
        # What this machine has copies of is served on.
        assert mesh.mesh("query", SUMS, "--json").data == [{"n": 2, "s": 3}]
        database.stop()
        for command in (["query", SUMS], ["build", *PROD], ["rollback", "sales.events", *PROD], ["plan"]):
            answer = mesh.mesh(*command)
            assert answer.code == 3, answer
            assert "registry postgresql://127.0.0.1:" in answer.err
            assert "it cannot be reached" in answer.err
        store.start()
        database.start()
        mesh.build(*PROD)
        assert mesh.mesh("query", SUMS, "--json").data == [{"n": 3, "s": 6}]


def test_a_domain_that_gets_a_warehouse_of_its_own_keeps_what_it_has_in_the_store(shared: MeshFolder) -> None:
    shared.build(*PROD)
    shared.write("domains/core/domain.yaml", "team: {name: core_team}\nwarehouse: core_tables\n")
    assert len(shared.rows("core.totals")) == 2
    shared.product("core.more", "select count(*) as n from sales.events")
    shared.build(*PROD)
    assert shared.rows("core.more") == [{"n": 2}]
    assert list((shared.root / "core_tables/core/more").iterdir())
    assert not (shared.root / "core_tables/core/totals").exists()
