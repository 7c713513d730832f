"""`mesh maintain` of a mesh whose registry is in PostgreSQL and whose tables are in an S3-compatible store."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

from mesh_folder import MeshFolder
from mesh_stores import in_postgresql, in_s3
from meshwright.node import open_node

if TYPE_CHECKING:
    from postgres_server import PostgresDatabase
    from s3_server import Bucket

PROD = ("--env", "prod")
APPEND = "customProperties: [{property: mesh.materialization, value: append}]"
LANDING = "inputPorts:\n- {name: landing, customProperties: [{property: mesh.path, value: data/landing/*.csv}]}\n"


def test_the_past_goes_and_small_files_become_few_on_every_machine(
    mesh: MeshFolder, postgres: PostgresDatabase, bucket: Bucket
) -> None:
    secrets = mesh.root.parent / "secrets"
    stores = in_postgresql(postgres, secrets) + in_s3(bucket, secrets)
    mesh.write("mesh.yaml", f"name: shared\nmaintenance: {{history: 0s, publications: 1, grace: 0s}}\n{stores}")
    mesh.product(
        "ingest.events",
        "select id from landing__changes",
        descriptor=f"{LANDING}outputPorts:\n- {{name: events, {APPEND}}}\n",
    )
    mesh.product(
        "core.copied",
        "select id from ingest.events__changes",
        descriptor=f"outputPorts:\n- {{name: copied, {APPEND}}}\n",
    )
    for number in range(8):
        mesh.write(f"data/landing/{number}.csv", f"id\n{number}\n")
        mesh.build(*PROD)
    other = MeshFolder.__new__(MeshFolder)
    other.root = mesh.root.parent / "elsewhere"
    shutil.copytree(mesh.root, other.root, ignore=shutil.ignore_patterns(".mesh"))
    time.sleep(1.1)
    assert other.run("maintain").code == 2, "prod of a shared mesh must be named"
    # A run on another machine goes on: nothing goes.
    node = open_node(mesh.root)
    node.warehouse.staging("elsewhere")
    held = set(bucket.keys("lake/"))
    assert other.mesh("maintain", *PROD, "--dry-run", "--json").data["removed"] == []
    node.warehouse.end("elsewhere")
    told = other.mesh("maintain", *PROD, "--dry-run", "--json").data
    done = other.mesh("maintain", *PROD, "--json").data
    assert done["removed"] == told["removed"] != []
    assert {one["product"] for one in done["rewritten"]} == {"ingest.events", "core.copied"}
    assert not {f"lake/{one['path']}" for one in done["removed"]} & set(bucket.keys("lake/"))
    for _ in range(3):
        time.sleep(1.1)
        assert other.mesh("maintain", *PROD).code == 0
    assert len(set(bucket.keys("lake/"))) < len(held) // 2
    mesh.write("data/landing/8.csv", "id\n8\n")
    mesh.build(*PROD)
    for one in (mesh, other):
        assert [row["id"] for row in one.rows("core.copied")] == list(range(9))
