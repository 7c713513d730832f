"""Inputs from web servers, object stores and databases, through the real command line."""

from __future__ import annotations

import io
import sqlite3
import zipfile
from typing import TYPE_CHECKING

import pytest
import xlsxwriter

if TYPE_CHECKING:
    from mesh_folder import MeshFolder
    from postgres_server import PostgresDatabase
    from s3_server import Bucket
    from web_server import WebServer

ORDERS = "id,amount\n1,1.5\n2,2.5\n"


@pytest.fixture
def crm(mesh: MeshFolder, postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch) -> PostgresDatabase:
    """A database that the mesh calls crm."""
    monkeypatch.setenv("CRM_PASSWORD", postgres.server.password)
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
            timeout: 2s
        """,
    )
    return postgres


def test_the_smallest_product_reads_a_url(mesh: MeshFolder, web: WebServer) -> None:
    web.put("/files/orders.csv", ORDERS)
    mesh.product("sales.orders", f"SELECT *, orders.amount * 2 AS twice FROM '{web.url('/files/orders.csv')}'")
    assert mesh.build()["sales.orders"]["outcome"] == "published"
    assert mesh.rows("sales.orders") == [{"id": 1, "amount": 1.5, "twice": 3.0}, {"id": 2, "amount": 2.5, "twice": 5.0}]


def test_a_url_that_did_not_change_is_asked_about_and_not_fetched(mesh: MeshFolder, web: WebServer) -> None:
    web.put("/orders.csv", ORDERS)
    mesh.product("sales.orders", f"SELECT * FROM '{web.url('/orders.csv')}'")
    mesh.build()
    web.asked.clear()
    assert mesh.build()["sales.orders"]["outcome"] == "reused"
    assert web.asked == [("HEAD", "/orders.csv", 200)]
    web.put("/orders.csv", ORDERS + "3,3.5\n")
    assert mesh.plan()["sales.orders"]["action"] == "build"
    assert mesh.build()["sales.orders"]["outcome"] == "published"
    assert len(mesh.rows("sales.orders")) == 3


def test_a_server_that_tells_no_version_is_read_and_the_content_decides(mesh: MeshFolder, web: WebServer) -> None:
    web.put("/orders.csv", ORDERS, has_etag=False)
    mesh.product("sales.orders", f"SELECT * FROM '{web.url('/orders.csv')}'")
    mesh.build()
    plan = mesh.plan()["sales.orders"]
    assert plan["action"] == "build"
    assert "may have changed: only reading it tells" in plan["reasons"][0]
    assert mesh.build()["sales.orders"]["outcome"] == "reused"


def test_a_connection_gives_a_web_server_its_token(
    mesh: MeshFolder, web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_TOKEN", "s3cr3t-t0ken")
    web.put("/v1/orders.csv", ORDERS, wants={"Authorization": "Bearer s3cr3t-t0ken"})
    mesh.write(
        "mesh.yaml",
        f"name: test\nconnections:\n  api: {{type: http, url: '{web.url('/v1')}', token: {{env: API_TOKEN}}}}\n",
    )
    mesh.product("sales.orders", "SELECT * FROM 'api#orders.csv'")
    assert mesh.build()["sales.orders"]["outcome"] == "published"
    assert len(mesh.rows("sales.orders")) == 2


def test_the_smallest_product_reads_a_table(mesh: MeshFolder, crm: PostgresDatabase) -> None:
    crm.execute(
        "CREATE TABLE orders AS SELECT g AS id, 'n' || g AS name, (g * 1.25)::numeric(10, 2) AS amount FROM generate_series(1, 3) g"
    )
    mesh.product("sales.orders", "SELECT orders.* FROM 'crm#public.orders'")
    mesh.build()
    assert mesh.rows("sales.orders") == [
        {"id": 1, "name": "n1", "amount": "1.25"},
        {"id": 2, "name": "n2", "amount": "2.50"},
        {"id": 3, "name": "n3", "amount": "3.75"},
    ]
    assert mesh.build()["sales.orders"]["outcome"] == "reused"
    crm.execute("UPDATE orders SET name = 'changed' WHERE id = 2")
    assert mesh.build()["sales.orders"]["outcome"] == "published"


def test_an_input_port_asks_a_query(mesh: MeshFolder, crm: PostgresDatabase) -> None:
    crm.execute("CREATE TABLE orders AS SELECT g AS id, g % 2 = 0 AS even FROM generate_series(1, 4) g")
    mesh.product(
        "sales.orders",
        "SELECT * FROM even_orders",
        descriptor="""\
        inputPorts:
        - name: even_orders
          customProperties:
          - {property: mesh.connection, value: crm}
          - {property: mesh.query, value: SELECT id FROM orders WHERE even ORDER BY id;}
        """,
    )
    mesh.build()
    assert mesh.rows("sales.orders") == [{"id": 2}, {"id": 4}]


INCREMENTAL = """\
inputPorts:
- name: events
  customProperties:
  - {{property: mesh.path, value: '{address}'}}
  - {{property: mesh.incremental, value: {column}}}
outputPorts:
- name: events
  version: 0.1.0
  customProperties:
  - {{property: mesh.materialization, value: {how}}}
  - {{property: mesh.key, value: [id]}}
"""


@pytest.mark.parametrize("column", ["id", "at"])
def test_an_appending_product_takes_only_rows_beyond_the_highest(
    mesh: MeshFolder, crm: PostgresDatabase, column: str
) -> None:
    crm.execute(
        "CREATE TABLE events (id int, at timestamptz); INSERT INTO events VALUES (1, '2024-01-01'), (2, '2024-01-02')"
    )
    descriptor = INCREMENTAL.format(address="crm#events", column=column, how="append")
    mesh.product("web.events", "SELECT id FROM events__changes", descriptor=descriptor)
    mesh.build()
    assert mesh.actions() == {"web.events": "reuse"}
    # What is changed behind the highest value is not looked at again: that is what incremental means.
    crm.execute("DELETE FROM events WHERE id = 1; INSERT INTO events VALUES (3, '2024-01-03')")
    assert mesh.actions() == {"web.events": "build"}
    assert mesh.build()["web.events"]["outcome"] == "published"
    assert [row["id"] for row in mesh.rows("web.events")] == [1, 2, 3]
    assert mesh.build()["web.events"]["outcome"] == "reused"


def test_a_merging_product_follows_a_time_of_change(mesh: MeshFolder, crm: PostgresDatabase) -> None:
    crm.execute(
        "CREATE TABLE events (id int, at timestamp, n text); INSERT INTO events VALUES (1, '2024-01-01', 'a'), (2, '2024-01-02', 'b')"
    )
    descriptor = INCREMENTAL.format(address="crm#events", column="at", how="merge")
    mesh.product("web.events", "SELECT id, n FROM events__changes", descriptor=descriptor)
    mesh.build()
    crm.execute("UPDATE events SET at = '2024-01-05', n = 'new' WHERE id = 1")
    mesh.build()
    assert sorted((row["id"], row["n"]) for row in mesh.rows("web.events")) == [(1, "new"), (2, "b")]


def test_appending_a_table_without_a_growing_column_is_refused(mesh: MeshFolder, crm: PostgresDatabase) -> None:
    crm.execute("CREATE TABLE events AS SELECT 1 AS id")
    descriptor = INCREMENTAL.format(address="crm#events", column="id", how="append")
    descriptor = descriptor.replace("  - {property: mesh.incremental, value: id}\n", "")
    mesh.product("web.events", "SELECT id FROM events__changes", descriptor=descriptor)
    mesh.build()
    ended = mesh.build(code=1)["web.events"]
    assert "mesh.incremental" in ended["message"]
    assert mesh.rows("web.events") == [{"id": 1}]


def test_a_sqlite_table_is_read_and_its_new_rows_appended(mesh: MeshFolder) -> None:
    mesh.write("mesh.yaml", "name: test\nconnections: {shop: {type: sqlite, path: data/shop.db}}\n")
    (mesh.root / "data").mkdir()
    with sqlite3.connect(mesh.root / "data/shop.db") as shop:
        shop.execute("CREATE TABLE events (id INTEGER PRIMARY KEY, name TEXT, price REAL, day DATE)")
        shop.execute("INSERT INTO events VALUES (1, 'a', 2, '2024-01-01'), (2, 'b', 1.5, '2024-01-02')")
    descriptor = INCREMENTAL.format(address="shop#events", column="id", how="append")
    mesh.product("web.events", "SELECT * FROM events__changes", descriptor=descriptor)
    mesh.build()
    assert mesh.rows("web.events")[0] == {"id": 1, "name": "a", "price": 2.0, "day": "2024-01-01"}
    with sqlite3.connect(mesh.root / "data/shop.db") as shop:
        shop.execute("INSERT INTO events VALUES (3, 'c', 7, '2024-01-03')")
    mesh.build()
    assert [row["id"] for row in mesh.rows("web.events")] == [1, 2, 3]
    shop.close()


def test_objects_of_a_store_are_read_by_pattern_and_only_new_ones_fetched(
    mesh: MeshFolder, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKE_SECRET", bucket.server.password)
    mesh.write(
        "mesh.yaml",
        f"""\
        name: test
        connections:
          lake:
            type: s3
            endpoint: {bucket.server.endpoint}
            bucket: {bucket.name}
            access_key_id: {bucket.server.user}
            secret_access_key: {{env: LAKE_SECRET}}
            timeout: 5s
        """,
    )
    bucket.client.put_object(Bucket=bucket.name, Key="in/1.csv", Body=b"id,n\n1,a\n")
    bucket.client.put_object(Bucket=bucket.name, Key="in/2.csv", Body=b"id,n\n2,b\n")
    bucket.client.put_object(Bucket=bucket.name, Key="in/other.txt", Body=b"no table")
    mesh.product("web.events", "SELECT * FROM 'lake#in/*.csv'")
    mesh.build()
    assert [row["id"] for row in mesh.rows("web.events")] == [1, 2]
    assert mesh.actions() == {"web.events": "reuse"}
    bucket.client.put_object(Bucket=bucket.name, Key="in/3.csv", Body=b"id,n\n3,c\n")
    assert "new lake#in/3.csv" in mesh.plan()["web.events"]["reasons"][0]
    mesh.build()
    assert [row["id"] for row in mesh.rows("web.events")] == [1, 2, 3]


def test_an_environment_has_its_own_settings_and_a_branch_those_for_all(
    mesh: MeshFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sqlite3.connect(mesh.root / "a.db") as one, sqlite3.connect(mesh.root / "b.db") as other:
        one.execute("CREATE TABLE t AS SELECT 'for all' AS place")
        other.execute("CREATE TABLE t AS SELECT 'dev' AS place")
    one.close()
    other.close()
    mesh.write(
        "mesh.yaml",
        "name: test\nconnections:\n  db: {type: sqlite, path: a.db, environments: {dev: {path: b.db}}}\n",
    )
    mesh.product("web.places", "SELECT * FROM 'db#t'")
    for environment, place in (("prod", "for all"), ("dev", "dev"), ("try_it", "for all")):
        if environment != "prod":
            assert mesh.mesh("env", "create", environment).code == 0
        mesh.build("--env", environment)
        assert mesh.rows("web.places", "--env", environment) == [{"place": place}], environment


def test_the_smallest_product_reads_a_sheet_and_keeps_to_it(mesh: MeshFolder) -> None:
    (mesh.root / "data").mkdir()
    for count in (1, 2):
        with xlsxwriter.Workbook(mesh.root / "data/plan.xlsx") as book:
            for number in range(count):
                sheet = book.add_worksheet(f"Sheet {number}")
                sheet.write_row(0, 0, ["id", "amount"])
                sheet.write_row(1, 0, [number, 1.5 + count])
        mesh.product("sales.plan", "SELECT plan.id, amount FROM 'data/plan.xlsx'")
        # A second sheet that comes later does not make it ambiguous what is read.
        mesh.build()
        assert mesh.rows("sales.plan") == [{"id": 0, "amount": 1.5 + count}]
    mesh.product("sales.plan", "SELECT * FROM 'data/plan.xlsx#Sheet 1'")
    mesh.build()
    assert mesh.rows("sales.plan") == [{"id": 1, "amount": 3.5}]


def test_a_remote_input_is_previewed_and_shown(mesh: MeshFolder, web: WebServer) -> None:
    web.put("/orders.csv", ORDERS)
    mesh.product("sales.orders", f"SELECT * FROM '{web.url('/orders.csv')}'")
    previewed = mesh.mesh("preview", "sales.orders", "--json")
    assert previewed.code == 0, previewed.err
    mesh.build()
    shown = mesh.mesh("show", "sales.orders", "--effective")
    assert shown.code == 0
    assert web.url("/orders.csv") in shown.out


def test_python_reads_remote_inputs_as_any(mesh: MeshFolder, web: WebServer) -> None:
    web.put("/orders.csv", ORDERS)
    mesh.product("sales.orders", "SELECT 1 AS a")
    (mesh.root / "domains/sales/orders/transform/orders.sql").unlink()
    mesh.write(
        "domains/sales/orders/transform/orders.py",
        f"def orders(inputs):\n    return inputs['{web.url('/orders.csv')}'].arrow()\n",
    )
    mesh.build()
    assert len(mesh.rows("sales.orders")) == 2


def test_a_connection_that_is_not_there_is_told_with_a_guess(mesh: MeshFolder) -> None:
    mesh.write("mesh.yaml", "name: test\nconnections: {shop: {type: sqlite, path: shop.db}}\n")
    mesh.product("sales.orders", "SELECT *\nFROM 'shpo#orders'")
    # The second time what is known of the product comes from a cache.
    for _ in range(2):
        answer = mesh.mesh("validate")
        assert answer.code == 2
        assert "transform/orders.sql:2:6: error[unknown-connection]" in answer.err
        assert "did you mean 'shop'?" in answer.err


def test_a_domain_s_own_connection_comes_before_the_mesh_s(mesh: MeshFolder) -> None:
    for name in ("mesh", "domain"):
        with sqlite3.connect(mesh.root / f"{name}.db") as database:
            database.execute(f"CREATE TABLE t AS SELECT '{name}' AS place")
        database.close()
    mesh.write("mesh.yaml", "name: test\nconnections: {db: {type: sqlite, path: mesh.db}}\n")
    mesh.write("domains/sales/domain.yaml", "team: {name: t}\nconnections: {db: {type: sqlite, path: domain.db}}\n")
    mesh.product("sales.places", "SELECT * FROM 'db#t'")
    mesh.product("web.places", "SELECT * FROM 'db#t'")
    mesh.build()
    assert mesh.rows("sales.places") == [{"place": "domain"}]
    assert mesh.rows("web.places") == [{"place": "mesh"}]


def test_an_incremental_input_that_goes_by_another_column_is_not_appended_twice(
    mesh: MeshFolder, crm: PostgresDatabase
) -> None:
    crm.execute("CREATE TABLE events (id int, at date); INSERT INTO events VALUES (1, '2024-01-01')")
    descriptor = INCREMENTAL.format(address="crm#events", column="id", how="append")
    mesh.product("web.events", "SELECT id FROM events__changes", descriptor=descriptor)
    mesh.build()
    mesh.edit("domains/web/events/product.yaml", "mesh.incremental, value: id", "mesh.incremental, value: at")
    assert "read by another column now" in mesh.build(code=1)["web.events"]["message"]
    mesh.build("--full")
    assert mesh.rows("web.events") == [{"id": 1}]


def test_a_rolled_back_product_takes_its_rows_again_and_none_twice(mesh: MeshFolder, crm: PostgresDatabase) -> None:
    crm.execute("CREATE TABLE events (id int); INSERT INTO events VALUES (1)")
    descriptor = INCREMENTAL.format(address="crm#events", column="id", how="append")
    mesh.product("web.events", "SELECT id FROM events__changes", descriptor=descriptor)
    mesh.build()
    crm.execute("INSERT INTO events VALUES (2)")
    mesh.build()
    assert mesh.mesh("rollback", "web.events").code == 0
    assert [row["id"] for row in mesh.rows("web.events")] == [1]
    mesh.build()
    assert [row["id"] for row in mesh.rows("web.events")] == [1, 2]


def test_a_whole_s3_url_goes_by_the_environment_or_a_named_connection(
    mesh: MeshFolder, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put("in/1.csv", b"id\n1\n")
    mesh.product("sales.plain", f"SELECT * FROM '{bucket.url}/in/*.csv'")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", bucket.server.user)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", bucket.server.password)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", bucket.server.endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    mesh.build()
    assert mesh.rows("sales.plain") == [{"id": 1}]
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("LAKE_SECRET", bucket.server.password)
    mesh.write(
        "mesh.yaml",
        f"""\
        name: test
        connections:
          lake:
            type: s3
            endpoint: {bucket.server.endpoint}
            bucket: another
            access_key_id: {bucket.server.user}
            secret_access_key: {{env: LAKE_SECRET}}
        """,
    )
    mesh.product(
        "sales.through",
        "SELECT * FROM landed",
        descriptor=f"""\
        inputPorts:
        - name: landed
          customProperties:
          - {{property: mesh.connection, value: lake}}
          - {{property: mesh.path, value: '{bucket.url}/in/1.csv'}}
        """,
    )
    mesh.build("--select", "sales.through")
    assert mesh.rows("sales.through") == [{"id": 1}]


def test_a_zip_archive_of_a_web_server_is_unpacked(mesh: MeshFolder, web: WebServer) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("a.csv", ORDERS)
        packed.writestr("b.csv", "id,amount\n3,much\n")
    web.put("/orders.zip", archive.getvalue())
    mesh.product(
        "sales.orders",
        "SELECT * FROM packed",
        descriptor=f"""\
        inputPorts:
        - name: packed
          customProperties:
          - {{property: mesh.path, value: '{web.url("/orders.zip")}'}}
          - {{property: mesh.format, value: csv}}
          - {{property: mesh.options, value: {{columns: {{id: INTEGER, amount: DOUBLE}}}}}}
        """,
    )
    message = mesh.build(code=2)["sales.orders"]["message"]
    assert "b.csv" in message
    assert "'much' is not DOUBLE" in message
