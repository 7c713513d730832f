"""Sources that are down, slow, half written or changed: a clear error, exit 3 where trying again may help, the head intact."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from postgres_server import PostgresServer

if TYPE_CHECKING:
    from mesh_folder import MeshFolder
    from postgres_server import PostgresDatabase
    from s3_server import Bucket
    from web_server import WebServer

# They wait for timeouts, and start servers of their own.
pytestmark = pytest.mark.slow
ORDERS = "id,amount\n1,1.5\n2,2.5\n"


def connected(
    mesh: MeshFolder, database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch, timeout: str = "2s"
) -> None:
    monkeypatch.setenv("CRM_PASSWORD", database.server.password)
    mesh.write(
        "mesh.yaml",
        f"""\
        name: test
        connections:
          crm:
            type: postgresql
            host: 127.0.0.1
            port: {database.server.port}
            database: {database.name}
            user: mesh
            password: {{env: CRM_PASSWORD}}
            timeout: {timeout}
        """,
    )


@pytest.fixture
def crm(mesh: MeshFolder, postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch) -> PostgresDatabase:
    """A published product that reads a table of a database."""
    connected(mesh, postgres, monkeypatch)
    postgres.execute(
        "CREATE TABLE orders (id int, amount numeric(8, 2), name text); INSERT INTO orders VALUES (1, 1.5, 'a')"
    )
    mesh.product("sales.orders", "SELECT * FROM 'crm#public.orders'")
    mesh.build()
    return postgres


@pytest.fixture
def page(mesh: MeshFolder, web: WebServer) -> WebServer:
    """A published product that reads a file of a web server, through a connection that waits for a second."""
    mesh.write("mesh.yaml", f"name: test\nconnections:\n  api: {{type: http, url: '{web.url()}', timeout: 1s}}\n")
    web.put("/orders.csv", ORDERS)
    mesh.product("sales.orders", "SELECT * FROM 'api#orders.csv'")
    mesh.build()
    return web


def fails(mesh: MeshFolder, code: int = 3) -> str:
    """What a build says that ends with *code* and leaves the head as it was."""
    before = mesh.rows("sales.orders")
    head = mesh.mesh("show", "sales.orders", "--json").data
    ended = mesh.build(code=code)["sales.orders"]
    assert ended["outcome"] in {"error", "blocked"}
    assert mesh.rows("sales.orders") == before
    assert mesh.mesh("show", "sales.orders", "--json").data == head
    message: str = ended["message"]
    return message


def test_a_web_server_that_is_gone_is_named(mesh: MeshFolder, page: WebServer) -> None:
    page.stop()
    plan = mesh.plan()["sales.orders"]
    assert plan["action"] == "build"
    assert "may have changed: api#orders.csv: the server cannot be reached" in plan["reasons"][0]
    assert "api#orders.csv: the server cannot be reached" in fails(mesh)


def test_a_slow_web_server_holds_no_plan_up_and_ends_a_build_in_time(mesh: MeshFolder, page: WebServer) -> None:
    page.put("/orders.csv", ORDERS + "3,3\n", seconds=30)
    started = time.monotonic()
    assert "no answer within 1 seconds" in mesh.plan()["sales.orders"]["reasons"][0]
    assert time.monotonic() - started < 8
    assert "api#orders.csv: no answer within 1 seconds" in fails(mesh)


@pytest.mark.parametrize(
    ("status", "words"),
    [(404, "HTTP 404 Not Found: there is no such file"), (401, "HTTP 401"), (503, "the server is busy or broken")],
)
def test_an_answer_that_is_no_file_is_told(mesh: MeshFolder, page: WebServer, status: int, words: str) -> None:
    page.put("/orders.csv", "<html>sorry</html>", status=status)
    assert words in fails(mesh)


def test_a_busy_server_is_asked_again(mesh: MeshFolder, page: WebServer) -> None:
    broken = page.put("/orders.csv", ORDERS + "3,3.5\n", status=503)
    threading.Timer(0.3, lambda: setattr(broken, "status", 200)).start()
    assert mesh.build()["sales.orders"]["outcome"] == "published"


def test_a_download_that_ends_too_soon_is_no_file(mesh: MeshFolder, page: WebServer) -> None:
    page.put("/orders.csv", ORDERS + "3,3.5\n4,4.5\n", cut=len(ORDERS))
    assert f"the download ended after {len(ORDERS)} of {len(ORDERS) + 12} bytes" in fails(mesh)
    page.put("/orders.csv", ORDERS + "3,3.5\n")
    assert mesh.build()["sales.orders"]["outcome"] == "published"


def test_a_renamed_column_of_a_web_file_is_told_with_a_guess(mesh: MeshFolder, page: WebServer) -> None:
    page.put("/orders.csv", ORDERS.replace("amount", "total"))
    message = fails(mesh, code=2)
    assert "api#orders.csv: the header has no column amount" in message
    assert "column amount is gone (renamed to total?)" in message


def test_a_bad_value_of_a_web_file_is_told_under_its_address(mesh: MeshFolder, page: WebServer) -> None:
    page.put("/orders.csv", ORDERS + "3,much\n")
    message = fails(mesh, code=2)
    assert "api#orders.csv" in message
    assert "'much' is not" in message
    assert str(mesh.root) not in message


def test_a_source_that_is_down_before_it_was_ever_read_ends_with_3(mesh: MeshFolder, web: WebServer) -> None:
    mesh.product("sales.orders", f"SELECT * FROM '{web.url('/orders.csv')}'")
    web.stop()
    ended = mesh.build(code=3)["sales.orders"]
    assert "[source-unavailable]" in ended["message"]
    assert "sales/orders/transform/orders.sql:1:15" in ended["message"]


def test_a_database_that_is_down_is_named_and_read_when_it_is_back(
    mesh: MeshFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with PostgresServer.started() as server, server.database() as database:
        connected(mesh, database, monkeypatch)
        database.execute("CREATE TABLE orders AS SELECT 1 AS id")
        mesh.product("sales.orders", "SELECT * FROM 'crm#public.orders'")
        mesh.build()
        server.stop()
        assert "crm#public.orders" in fails(mesh)
        server.start()
        database.execute("INSERT INTO orders VALUES (2)")
        assert mesh.build()["sales.orders"]["outcome"] == "published"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("DROP TABLE orders", 'relation "public.orders" does not exist: there is no such table or view'),
        ("REVOKE ALL ON orders FROM reader", "permission denied"),
    ],
)
def test_a_table_that_cannot_be_read_any_more_is_told(
    mesh: MeshFolder, crm: PostgresDatabase, change: str, words: str
) -> None:
    role = f"reader_{crm.name[5:15]}"
    crm.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{crm.server.password}'; GRANT SELECT ON orders TO {role}")
    mesh.edit("mesh.yaml", "user: mesh", f"user: {role}")
    mesh.build()
    crm.execute(change.replace("reader", role))
    assert words in fails(mesh)
    crm.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_a_wrong_password_is_told_without_it(
    mesh: MeshFolder, crm: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_PASSWORD", "wr0ng-p4ss")
    message = fails(mesh)
    assert "user or password is wrong" in message or "password authentication failed" in message
    assert "wr0ng-p4ss" not in message


def test_a_locked_table_is_given_up_in_time(mesh: MeshFolder, crm: PostgresDatabase) -> None:
    mesh.edit("mesh.yaml", "timeout: 2s", "timeout: 1s")
    holder = threading.Thread(
        target=crm.execute, args=("BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(6); COMMIT",)
    )
    holder.start()
    time.sleep(0.5)
    started = time.monotonic()
    message = fails(mesh)
    assert time.monotonic() - started < 6
    assert "somebody locks the table" in message or "did not answer in time" in message
    holder.join()


def test_drift_of_a_table_is_told_column_by_column(mesh: MeshFolder, crm: PostgresDatabase) -> None:
    crm.execute(
        "ALTER TABLE orders RENAME name TO label; ALTER TABLE orders ALTER id TYPE text; ALTER TABLE orders ADD born date"
    )
    message = fails(mesh, code=1)
    assert "crm#public.orders: its schema changed:" in message
    assert "column name is gone (renamed to label?)" in message
    assert "column id is VARCHAR now, INTEGER is expected" in message
    assert "column born (DATE) is new" in message
    assert "inputs.lock.yaml" in message


def test_a_new_column_of_a_table_disturbs_nobody(mesh: MeshFolder, crm: PostgresDatabase) -> None:
    crm.execute("ALTER TABLE orders ADD born date DEFAULT '2024-01-01'; UPDATE orders SET amount = 2")
    assert mesh.build()["sales.orders"]["outcome"] == "published"
    assert mesh.rows("sales.orders") == [{"id": 1, "amount": "2.00", "name": "a"}]


def test_drift_against_declared_columns_is_told_too(mesh: MeshFolder, crm: PostgresDatabase) -> None:
    mesh.product(
        "sales.orders",
        "SELECT id, amount FROM orders_in",
        descriptor="""\
        inputPorts:
        - name: orders_in
          customProperties:
          - {property: mesh.path, value: 'crm#public.orders'}
          - {property: mesh.options, value: {columns: {id: INTEGER, amount: 'DECIMAL(20,4)'}}}
        """,
    )
    mesh.build()
    crm.execute("ALTER TABLE orders DROP amount")
    assert "column amount is gone" in fails(mesh, code=1)


def test_a_table_altered_while_it_is_read_waits_until_it_was(mesh: MeshFolder, crm: PostgresDatabase) -> None:
    crm.execute("INSERT INTO orders SELECT g, g, repeat('x', 200) FROM generate_series(2, 200000) g")
    changes: list[str] = []

    def alter() -> None:
        time.sleep(0.2)
        changes.append(crm.execute("ALTER TABLE orders DROP COLUMN name; SELECT 'done'"))

    thread = threading.Thread(target=alter)
    thread.start()
    answer = mesh.mesh("build", "--json")
    ended = next(event for event in map(json.loads, answer.out.splitlines()) if event["event"] == "product_ended")
    thread.join()
    # Either all of the table as it was, or the drift; never half of both.
    assert changes == ["done"]
    if ended["outcome"] == "published":
        assert len(mesh.rows("sales.orders")) == 200_000
    else:
        assert "column name is gone" in ended["message"]


def test_a_connection_that_breaks_in_the_middle_publishes_nothing(
    mesh: MeshFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with PostgresServer.started() as server, server.database() as database:
        connected(mesh, database, monkeypatch)
        database.execute("CREATE TABLE orders AS SELECT 1 AS id")
        mesh.product("sales.orders", "SELECT * FROM 'crm#public.orders'")
        mesh.build()
        # A row that takes long keeps the read going until the server ends.
        database.execute(
            "CREATE FUNCTION slow(a int) RETURNS int LANGUAGE sql AS 'SELECT a FROM pg_sleep(3)'; "
            "ALTER TABLE orders RENAME TO base; CREATE VIEW orders AS SELECT slow(id) AS id FROM base"
        )
        threading.Timer(1.5, server.stop).start()
        message = fails(mesh)
        assert "crm#public.orders" in message
        server.start()


def test_a_database_that_is_frozen_is_given_up_in_time(mesh: MeshFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    with PostgresServer.started() as server, server.database() as database:
        connected(mesh, database, monkeypatch, timeout="1s")
        database.execute("CREATE TABLE orders AS SELECT 1 AS id")
        mesh.product("sales.orders", "SELECT * FROM 'crm#public.orders'")
        mesh.build()
        database.execute(
            "CREATE FUNCTION slow(a int) RETURNS int LANGUAGE sql AS 'SELECT a FROM pg_sleep(2)'; "
            "ALTER TABLE orders RENAME TO base; CREATE VIEW orders AS SELECT slow(id) AS id FROM base"
        )
        # A query may be slow while the server is alive.
        assert mesh.build()["sales.orders"]["outcome"] == "reused"
        assert server.process is not None
        group = server.process.pid
        timer = threading.Timer(1.0, freeze, (group,))
        timer.start()
        started = time.monotonic()
        try:
            assert "crm#public.orders: no answer for 1 seconds" in fails(mesh)
            assert time.monotonic() - started < 15
        finally:
            timer.join()
            for pid in [group, *children(group)]:
                os.kill(pid, signal.SIGCONT)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def freeze(pid: int) -> None:
    for one in [pid, *children(pid)]:
        os.kill(one, signal.SIGSTOP)


def test_an_infinite_date_is_told_instead_of_another_one_stored(mesh: MeshFolder, crm: PostgresDatabase) -> None:
    crm.execute("CREATE TABLE days (d date, t timestamptz); INSERT INTO days VALUES ('infinity', NULL)")
    mesh.product("sales.days", "SELECT * FROM 'crm#days'")
    assert "column d: 'infinity' is no DATE" in mesh.build("--select", "sales.days", code=2)["sales.days"]["message"]


def test_a_number_with_more_digits_than_fit_is_told(mesh: MeshFolder, crm: PostgresDatabase) -> None:
    crm.execute("CREATE TABLE numbers (n numeric); INSERT INTO numbers VALUES (1.5), (0.12345678901)")
    mesh.product("sales.numbers", "SELECT * FROM 'crm#numbers'")
    message = mesh.build("--select", "sales.numbers", code=2)["sales.numbers"]["message"]
    assert "crm#numbers: column n: '0.12345678901' is not DECIMAL(38,9)" in message


def test_an_object_store_that_is_down_is_named(
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
            timeout: 1s
        """,
    )
    bucket.put("in/1.csv", ORDERS.encode())
    mesh.product("sales.orders", "SELECT * FROM 'lake#in/1.csv'")
    mesh.build()
    port = bucket.server.endpoint.rpartition(":")[2]
    mesh.edit("mesh.yaml", f":{port}", ":1")
    assert "lake#in/1.csv: the store cannot be reached" in fails(mesh)
    mesh.edit("mesh.yaml", ":1\n", f":{port}\n")
    monkeypatch.setenv("LAKE_SECRET", "wr0ng-k3y")
    message = fails(mesh)
    assert "lake#in/1.csv" in message
    assert "wr0ng-k3y" not in message


def test_ctrl_c_does_not_wait_for_a_slow_query(mesh: MeshFolder, crm: PostgresDatabase) -> None:
    crm.execute(
        "CREATE FUNCTION slow(a int) RETURNS int LANGUAGE sql AS 'SELECT a FROM pg_sleep(60)'; "
        "ALTER TABLE orders RENAME TO base; CREATE VIEW orders AS SELECT slow(id) AS id, amount, name FROM base"
    )
    command = [sys.executable, "-m", "meshwright", "-C", str(mesh.root), "build", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as build:
        assert build.stdout is not None
        assert '"build_started"' in build.stdout.readline()
        time.sleep(2)
        started = time.monotonic()
        build.send_signal(signal.SIGINT)
        _, err = build.communicate(timeout=30)
        assert time.monotonic() - started < 10
    assert build.returncode == 130, err
    assert len(mesh.rows("sales.orders")) == 1
