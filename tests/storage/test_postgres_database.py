"""What only a registry in PostgreSQL has to show: its schema, its connections, and what its server refuses."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from meshwright.model.errors import InvalidInput, Unavailable
from meshwright.storage import schema
from meshwright.storage.migrate import upgrade
from meshwright.storage.postgres_database import PostgresDatabase, translated
from meshwright.storage.sql_registry import SqlRegistry
from postgres_server import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from postgres_server import PostgresDatabase as TestDatabase
    from storage.conftest import Publications


@pytest.fixture
def registry_url(postgres: TestDatabase) -> str:
    """These tests are about PostgreSQL."""
    return postgres.url


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    with PostgresServer.started() as server:
        yield server


def tables(database: TestDatabase, schema_name: str = "public") -> str:
    """Columns and indexes of every table, as PostgreSQL understood them, and the version."""
    columns = (
        "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns "
        f"WHERE table_schema = '{schema_name}' ORDER BY table_name, column_name"
    )
    # Alembic calls the key of its own table otherwise.
    definition = "replace(regexp_replace(indexdef, ' ON [^.]*[.]', ' ON '), 'version_pkey', 'version_pkc')"
    indexes = f"SELECT {definition} FROM pg_indexes WHERE schemaname = '{schema_name}' ORDER BY indexname"
    version = f'SELECT * FROM "{schema_name}".alembic_version'
    return "\n".join(map(database.execute, (columns, indexes, version)))


def test_migrating_from_scratch_leads_to_the_tables_that_a_new_registry_gets(
    postgres: TestDatabase, postgres_server: PostgresServer, registry: SqlRegistry, publications: Publications
) -> None:
    registry.publish(publications.publication(), snapshots=[], head=None)
    with postgres_server.database() as other:
        upgrade(other.url.replace("postgresql:", "postgresql+psycopg:"))
        assert tables(other) == tables(postgres)


def test_an_older_registry_is_upgraded_once_by_however_many_open_it(postgres: TestDatabase, tmp_path: Path) -> None:
    # Older than the first migration: Alembic's own table, and no version in it.
    postgres.execute(schema.STATEMENTS[0])
    registries = [SqlRegistry(postgres.url, tmp_path) for _ in range(4)]
    threads = [threading.Thread(target=registry.heads, args=["prod"]) for registry in registries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert postgres.execute("SELECT version_num FROM alembic_version") == schema.REVISION
    for registry in registries:
        assert registry.heads("prod") == {}
        registry.close()


def test_a_schema_named_in_the_url_holds_everything(
    postgres: TestDatabase, tmp_path: Path, publications: Publications
) -> None:
    postgres.execute("CREATE TABLE products (id int)")
    registries = [SqlRegistry(f"{postgres.url}?schema={name}&sslmode=prefer", tmp_path) for name in ("one", "Two%20x")]
    registries[0].publish(publications.publication(), snapshots=[], head=None)
    assert registries[1].heads("prod") == {}
    registries[1].publish(publications.publication(7), snapshots=[], head=None)
    assert [registry.head_sequences("prod")["sales.orders"] for registry in registries] == [1, 7]
    assert tables(postgres, "one") == tables(postgres, "Two x")
    assert postgres.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == "1"
    for registry in registries:
        registry.close()


@pytest.mark.parametrize(
    "table", ["CREATE TABLE products (id int)", "CREATE TABLE alembic_version AS SELECT 'x1' AS version_num"]
)
def test_another_programs_tables_are_left_alone(
    postgres: TestDatabase, registry: SqlRegistry, publications: Publications, table: str
) -> None:
    postgres.execute(table)
    with pytest.raises(Unavailable, match=r"holds another program's table '\w+' .*: add \?schema=mesh to its URL"):
        registry.publish(publications.publication(), snapshots=[], head=None)
    assert postgres.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == "1"


def test_reading_makes_nothing(postgres: TestDatabase, registry: SqlRegistry) -> None:
    assert registry.heads("prod") == {}
    assert registry.is_empty()
    assert postgres.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == "0"


def test_a_server_that_was_started_anew_is_found_again(
    own_server: PostgresServer, tmp_path: Path, publications: Publications
) -> None:
    registry = SqlRegistry(own_server.url(), tmp_path)
    registry.publish(publications.publication(1), snapshots=[], head=None)
    own_server.stop()
    for action in (
        lambda: registry.heads("prod"),
        lambda: registry.publish(publications.publication(2), snapshots=[], head=1),
    ):
        with pytest.raises(
            Unavailable, match=r"cannot (read|write) the registry .*: it cannot be reached .*Connection"
        ):
            action()
    own_server.start()
    assert registry.head_sequences("prod") == {"sales.orders": 1}
    own_server.stop()
    own_server.start()
    registry.publish(publications.publication(2), snapshots=[], head=1)
    own_server.stop()
    own_server.start()
    assert registry.head_sequences("prod") == {"sales.orders": 2}
    registry.close()


def test_a_connection_lost_in_the_middle_of_a_write_is_reported_and_nothing_is_written(
    postgres: TestDatabase, registry: SqlRegistry, publications: Publications
) -> None:
    registry.publish(publications.publication(1), snapshots=[], head=None)

    def write() -> None:
        with registry._database.writing() as transaction:
            transaction.execute("DELETE FROM publications")
            postgres.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE mode = 'ExclusiveLock' AND relation > 0"
            )
            transaction.execute("DELETE FROM products")

    with pytest.raises(Unavailable, match=r"cannot write the registry .*: the connection was lost .*; run again"):
        write()
    assert len(registry.publications("prod", "sales.orders")) == 1


def test_a_connection_lost_at_the_commit_leaves_it_open_whether_the_change_is_there(
    postgres: TestDatabase, registry: SqlRegistry, publications: Publications
) -> None:
    registry.publish(publications.publication(1), snapshots=[], head=None)

    def write() -> None:
        with registry._database.writing() as transaction:
            transaction.execute("DELETE FROM publications")
            postgres.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE mode = 'ExclusiveLock' AND relation > 0"
            )

    with pytest.raises(Unavailable, match=r"lost while the change was committed .*; see with `mesh status` whether"):
        write()
    assert len(registry.publications("prod", "sales.orders")) == 1


def test_a_writer_that_stands_still_does_not_hold_up_the_others_for_ever(
    postgres: TestDatabase, registry: SqlRegistry, tmp_path: Path, publications: Publications
) -> None:
    """Settings of the connection say for how long: a test cannot wait a minute."""
    registry.publish(publications.publication(1), snapshots=[], head=None)
    shown: dict[str, str] = {}

    def look(connection: Any) -> None:
        for name in ("lock_timeout", "idle_in_transaction_session_timeout", "synchronous_commit"):
            shown[name] = connection.execute(f"SHOW {name}").fetchone()[0]

    database = registry._database
    assert isinstance(database, PostgresDatabase)
    database._connections.run(look)
    assert shown == {
        "lock_timeout": "2min",
        "idle_in_transaction_session_timeout": "1min",
        "synchronous_commit": "on",
    }
    postgres.execute(f"ALTER DATABASE {postgres.name} SET synchronous_commit = off")
    again = SqlRegistry(postgres.url, tmp_path)
    assert isinstance(again._database, PostgresDatabase)
    again._database._connections.run(look)
    assert shown["synchronous_commit"] == "on"
    again.close()


def test_a_lock_that_is_never_given_back_is_reported(
    registry: SqlRegistry, registry_url: str, tmp_path: Path, publications: Publications
) -> None:
    registry.publish(publications.publication(1), snapshots=[], head=None)
    other = SqlRegistry(registry_url, tmp_path)
    assert isinstance(other._database, PostgresDatabase)
    connection = other._database._connections._open()
    connection.execute("SET lock_timeout = '50ms'")
    other._database._connections.give_back(connection)
    with (
        registry._database.writing(),
        pytest.raises(Unavailable, match=r"others have kept writing for too long .*run again when they are done"),
    ):
        other.publish(publications.publication(2), snapshots=[], head=1)
    assert other.head_sequences("prod") == {"sales.orders": 1}
    other.close()


def test_a_role_that_may_only_read_reads_and_is_told_what_it_lacks(
    postgres: TestDatabase, registry: SqlRegistry, tmp_path: Path, publications: Publications
) -> None:
    registry.publish(publications.publication(1), snapshots=[], head=None)
    role = f"reader_{postgres.name}"
    postgres.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    address = postgres.url.rpartition("@")[2]
    reader = SqlRegistry(f"postgresql://{role}:x@{address}", tmp_path)
    assert reader.head_sequences("prod") == {"sales.orders": 1}
    with pytest.raises(Unavailable, match=r"cannot write the registry .*: permission is denied .*; grant the role"):
        reader.publish(publications.publication(2), snapshots=[], head=1)
    reader.close()
    postgres.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("mesh:", "mesh:wr0ng"), "the server refuses the connection .*password authentication failed"),
        (
            ("/test_", "/nowhere_"),
            "the server refuses the connection .*does not exist.*check user, password and database",
        ),
        (("127.0.0.1", "no-such-host.invalid"), "it cannot be reached"),
        (("/test_", ":x/test_"), "its URL is not understood"),
        (("/test_", "/x?a=b&c=test_"), "its URL is not understood"),
    ],
)
def test_what_is_wrong_with_the_address_is_told_without_the_password(
    postgres: TestDatabase, tmp_path: Path, change: tuple[str, str], told: str
) -> None:
    registry = SqlRegistry(postgres.url.replace(*change, 1), tmp_path)
    with pytest.raises((Unavailable, InvalidInput), match=told) as raised:
        registry.heads("prod")
    assert postgres.server.password not in str(raised.value)
    assert "wr0ng" not in str(raised.value)


def test_a_password_may_come_from_libpqs_own_places(
    postgres: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = postgres.server.password
    url = postgres.url.replace(f":{postgres.url.split(':')[2].split('@')[0]}@", "@")
    monkeypatch.setenv("PGPASSWORD", password)
    assert_opened(url, tmp_path)
    monkeypatch.delenv("PGPASSWORD")
    (tmp_path / "pgpass").write_text(f"*:*:*:*:{password}\n")
    (tmp_path / "pgpass").chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "pgpass"))
    assert_opened(url, tmp_path)
    (tmp_path / "service").write_text(
        f"[mesh]\nhost=127.0.0.1\nport={postgres.server.port}\nuser=mesh\ndbname={postgres.name}\n"
    )
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "service"))
    assert_opened("postgresql:///?service=mesh", tmp_path)


def assert_opened(url: str, root: Path) -> None:
    registry = SqlRegistry(url, root)
    assert registry.heads("prod") == {}
    registry.close()


def test_without_the_driver_the_extra_is_named(tmp_path: Path) -> None:
    code = f"""
import sys
sys.modules["psycopg"] = None
from pathlib import Path
from meshwright.storage.sql_registry import SqlRegistry
try:
    SqlRegistry("postgresql://x/y", Path({str(tmp_path)!r})).heads("prod")
except Exception as error:
    print(type(error).__name__, error)
"""
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert output == (
        "InvalidInput a registry in PostgreSQL needs psycopg, which is not installed; install Meshwright with its "
        "extra: pip install 'meshwright[postgresql]'\n"
    )


def test_a_forked_process_uses_connections_of_its_own(registry: SqlRegistry, publications: Publications) -> None:
    registry.publish(publications.publication(1), snapshots=[], head=None)
    child = os.fork()
    if child == 0:
        found = registry.head_sequences("prod") == {"sales.orders": 1}
        registry.publish(publications.publication(2), snapshots=[], head=1)
        os._exit(0 if found else 1)
    _, status = os.waitpid(child, 0)
    assert status == 0
    assert registry.head_sequences("prod") == {"sales.orders": 2}


def test_parameters_are_translated_and_percent_signs_kept() -> None:
    assert translated("SELECT a FROM t WHERE b = :b AND c LIKE '%x' AND d = :b_2") == (
        "SELECT a FROM t WHERE b = %(b)s AND c LIKE '%%x' AND d = %(b_2)s"
    )
