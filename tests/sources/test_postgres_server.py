"""The PostgreSQL server that tests run on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postgres_server import PostgresServer

if TYPE_CHECKING:
    from postgres_server import PostgresDatabase


def test_each_test_has_an_empty_database_of_its_own(
    postgres: PostgresDatabase, postgres_server: PostgresServer
) -> None:
    postgres.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2)")
    assert postgres.execute("SELECT sum(a) FROM t") == "3"
    with postgres_server.database() as other:
        assert other.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == "0"


def test_a_server_of_ones_own_is_stopped_and_started_with_its_data() -> None:
    with PostgresServer.started() as server:
        server.execute("CREATE TABLE t AS SELECT 7 AS a")
        server.stop()
        server.start()
        assert server.execute("SELECT a FROM t") == "7"
    assert not server.folder.exists()
