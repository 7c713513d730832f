"""A secret is in no log, plan, publication, lock, cache or error, whatever goes wrong."""

from __future__ import annotations

import base64
import os
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mesh_folder import MeshFolder
    from postgres_server import PostgresDatabase
    from s3_server import Bucket
    from web_server import WebServer

TOKEN = "t0ken-that-nobody-may-see"
USER = "an-account"


def everything(root: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below the mesh, and the registry as text."""
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield str(path), path.read_bytes()
    for path in root.rglob("*.db"):
        with sqlite3.connect(path) as database:
            yield f"{path} as text", "\n".join(database.iterdump()).encode()
        database.close()


def said(mesh: MeshFolder, *arguments: str, env: dict[str, str]) -> str:
    """What a process of its own says on both its outputs."""
    command = [sys.executable, "-m", "meshwright", "-C", str(mesh.root), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **env})
    return done.stdout + done.stderr


@pytest.mark.slow
def test_no_secret_is_anywhere_after_good_and_bad_builds(
    mesh: MeshFolder, postgres: PostgresDatabase, web: WebServer, bucket: Bucket
) -> None:
    password = postgres.server.password
    env = {"CRM_PASSWORD": password, "API_TOKEN": TOKEN, "LAKE_SECRET": bucket.server.password}
    mesh.write(
        "mesh.yaml",
        f"""\
        name: test
        connections:
          crm:
            type: postgresql
            host: 127.0.0.1
            port: {postgres.server.port}
            database: {postgres.name}
            user: mesh
            password: {{env: CRM_PASSWORD}}
            timeout: 1s
          api:
            type: http
            url: {web.url()}
            headers: {{X-Token: {{env: API_TOKEN}}}}
            user: {USER}
            password: {{env: API_TOKEN}}
            timeout: 1s
          lake:
            type: s3
            endpoint: {bucket.server.endpoint}
            bucket: {bucket.name}
            access_key_id: {bucket.server.user}
            secret_access_key: {{env: LAKE_SECRET}}
            timeout: 1s
        """,
    )
    bucket.put("a.csv", b"id\n1\n")
    mesh.product("sales.objects", "SELECT * FROM 'lake#a.csv'")
    postgres.execute("CREATE TABLE orders AS SELECT 1 AS id")
    web.put("/a.csv", "id\n1\n", wants={"X-Token": TOKEN})
    mesh.product("sales.orders", "SELECT * FROM 'crm#orders'")
    mesh.product("sales.pages", "SELECT * FROM 'api#a.csv'")
    texts = [said(mesh, "-v", "build", env=env), said(mesh, "-v", "plan", "--json", env=env)]
    assert '"action": "reuse"' in texts[1] or '"build"' in texts[1]
    for change in (
        lambda: postgres.execute("ALTER TABLE orders RENAME id TO number"),
        lambda: web.put("/a.csv", "id\nmuch\n", status=500),
        lambda: env.update(LAKE_SECRET="another-wr0ng-one"),
        lambda: mesh.edit("mesh.yaml", "user: mesh", "user: nobody_at_all"),
        lambda: mesh.edit("mesh.yaml", f"port: {postgres.server.port}", "port: 1"),
        lambda: mesh.edit("mesh.yaml", "host: 127.0.0.1", "host: no.such.host.invalid"),
        web.stop,
    ):
        change()
        texts.append(said(mesh, "-v", "build", "--json", env=env))
    texts += [said(mesh, "-v", "plan", "--json", env=env), said(mesh, "show", "sales.orders", "--effective", env=env)]
    assert any("sales.orders" in text and "crm#orders" in text for text in texts)
    hidden = [password, TOKEN, bucket.server.password, "another-wr0ng-one"]
    # Whole requests, with what signs them.
    assert not [text for text in texts if "botocore" in text or "X-Amz" in text]
    for secret in hidden:
        assert not [text for text in texts if secret in text]
        assert not [name for name, content in everything(mesh.root) if secret.encode() in content]


@pytest.mark.parametrize(
    ("sql", "place"),
    [
        ("SELECT *\nFROM 'https://u:{secret}@h.invalid/a.csv'", "transform/orders.sql:2:6"),
        ("SELECT * FROM 'https://h.invalid/a.csv?token={secret}'", "transform/orders.sql:1:15"),
        ("SELECT * FROM 'api#a.csv?api_key={secret}'", "transform/orders.sql:1:15"),
    ],
)
def test_a_literal_secret_in_from_is_an_error_with_its_place(mesh: MeshFolder, sql: str, place: str) -> None:
    mesh.product("sales.orders", sql.format(secret=TOKEN))
    for arguments in (
        ["validate"],
        ["validate", "--json"],
        ["plan"],
        ["plan", "--json"],
        ["build", "--json"],
        ["-v", "build"],
    ):
        answer = mesh.mesh(*arguments)
        assert answer.code in {1, 2}
        assert TOKEN not in answer.out + answer.err
        if "--json" not in arguments:
            assert place in answer.out + answer.err
            assert "literal-secret" in answer.out + answer.err


def test_a_literal_secret_in_an_input_port_is_an_error_with_its_place(mesh: MeshFolder) -> None:
    mesh.product(
        "sales.orders",
        "SELECT * FROM outside",
        descriptor=f"""\
        inputPorts:
        - name: outside
          customProperties:
          - {{property: mesh.path, value: 'https://u:{TOKEN}@h.invalid/a.csv'}}
        """,
    )
    answer = mesh.mesh("validate")
    assert answer.code == 2
    assert "domains/sales/orders/product.yaml:5" in answer.err
    assert "literal-secret" in answer.err
    assert TOKEN not in answer.out + answer.err
    assert TOKEN not in mesh.mesh("show", "sales.orders", "--effective").out


def test_a_literal_secret_in_python_is_an_error_too(mesh: MeshFolder) -> None:
    mesh.product("sales.orders", "SELECT 1 AS a")
    (mesh.root / "domains/sales/orders/transform/orders.sql").unlink()
    code = f"def orders(inputs):\n    return inputs['https://u:{TOKEN}@h.invalid/a.csv']\n"
    mesh.write("domains/sales/orders/transform/orders.py", code)
    answer = mesh.mesh("validate")
    assert answer.code == 2
    assert TOKEN not in answer.out + answer.err


def test_a_literal_secret_in_mesh_yaml_is_an_error_with_its_line(mesh: MeshFolder) -> None:
    mesh.write(
        "mesh.yaml", f"name: test\nconnections:\n  crm:\n    type: http\n    url: https://h\n    token: {TOKEN}\n"
    )
    mesh.product("sales.orders", "SELECT * FROM 'crm#a.csv'")
    for arguments in (["validate"], ["plan"], ["build"], ["plan", "--json"], ["-v", "build", "--json"]):
        answer = mesh.mesh(*arguments)
        assert answer.code == 2
        assert TOKEN not in answer.out + answer.err
    assert "mesh.yaml:6" in mesh.mesh("validate").err


def test_the_key_for_pseudonyms_is_in_the_registry_and_nothing_tells_it(mesh: MeshFolder) -> None:
    from meshwright.node import Node

    mesh.write("people/all.yaml", "groups: {sales_team: [ada], core_team: [bob]}\n")
    mesh.product("sales.orders", "select 1 as id, 'ada@x.org' as email")
    mesh.contract(
        "sales.orders",
        "- {name: id, physicalType: INTEGER}\n- {name: email, physicalType: VARCHAR, tags: [personal]}\n",
    )
    mesh.write("domains/core/domain.yaml", "team: {name: core_team}\n")
    mesh.product("core.people", "select id, email from sales.orders")
    mesh.write(
        "policies/all.cedar",
        '@id("open") permit (principal, action, resource);\n'
        '@id("mask") @mask("pseudonym") forbid (principal, action == Action::"readClear", resource is Column in Domain::"sales")'
        ' when { resource.name == "email" };\n',
    )
    env: dict[str, str] = {}
    texts = [said(mesh, *arguments, env=env) for arguments in (["-v", "policy", "publish"], ["-v", "build", "--json"])]
    masked = said(mesh, "read", "core.people", "--json", env=env)
    assert "ada@x.org" not in masked
    key = Node(mesh.root).pseudonym_key
    # A key of before that differs, and one that is damaged, are told of without what they hold.
    mesh.write(".mesh/pseudonym.key", b"another-key-that-nobody-may-see!")
    asked = (
        ["-v", "read", "sales.orders", "--as", "bob"],
        ["-v", "query", "select email, 1/0 from sales.orders where id = 'x'", "--as", "bob"],
        ["-v", "read", "sales.orders", "--as", "bob", "--where", "email::int = 1"],
        ["-v", "plan", "--json"],
        ["-v", "show", "sales.orders", "--effective"],
        ["-v", "show", "core.people", "--publications", "--json"],
        ["-v", "status", "--json"],
        ["-v", "policy", "explain", "sales.orders", "--as", "bob", "--json"],
        ["-v", "audit", "log", "--json"],
        ["-v", "maintain", "--json"],
        ["-v", "export", "airflow", str(mesh.root / "dags.py")],
    )
    texts += [said(mesh, *arguments, env=env) for arguments in asked]
    assert "pseudonym.key is not used" in "".join(texts)
    (mesh.root / ".mesh/pseudonym.key").unlink()
    for secret in (key, key.hex().encode(), base64.b64encode(key), b"another-key-that-nobody-may-see!"):
        assert not [text for text in texts if secret in text.encode()]
        told = {name for name, content in everything(mesh.root) if secret in content}
        assert all("/.mesh/registry.db" in name for name in told), told
    with sqlite3.connect(mesh.root / ".mesh/registry.db") as database:
        database.execute("UPDATE mesh_keys SET key_hex = 'zz' || substr(key_hex, 3)")
    database.close()
    damaged = said(mesh, "-v", "read", "sales.orders", "--as", "bob", env=env)
    assert "the registry's key for pseudonyms is damaged" in damaged
    assert key.hex()[2:] not in damaged
