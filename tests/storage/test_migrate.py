from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from meshwright.model.errors import Unavailable
from meshwright.storage import migrate, schema
from meshwright.storage.migrate import upgrade
from meshwright.storage.sql_registry import SqlRegistry

if TYPE_CHECKING:
    from pathlib import Path

    from storage.conftest import Publications


def tables(path: Path) -> dict[str, list[Any]]:
    """Columns and indexes of every table, as SQLite understood them."""
    with closing(sqlite3.connect(path)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        indexes = connection.execute("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'index' ORDER BY name")
        found: dict[str, list[Any]] = {
            name: connection.execute(f"PRAGMA table_info({name})").fetchall() for name in names
        }
        return found | {
            "indexes": indexes.fetchall(),
            "version": connection.execute("SELECT * FROM alembic_version").fetchall(),
        }


def test_migrating_from_scratch_leads_to_the_tables_that_a_new_registry_gets(
    tmp_path: Path, publications: Publications
) -> None:
    registry = SqlRegistry("sqlite:///new.db", tmp_path)
    registry.publish(publications.publication(), snapshots=[], head=None)
    registry.close()
    upgrade(f"sqlite:///{tmp_path}/migrated.db")
    assert tables(tmp_path / "migrated.db") == tables(tmp_path / "new.db")
    migrated = SqlRegistry("sqlite:///migrated.db", tmp_path)
    migrated.publish(publications.publication(), snapshots=[], head=None)
    migrated.close()


def test_an_older_registry_is_upgraded_when_it_is_opened(tmp_path: Path, publications: Publications) -> None:
    # Older than the first migration: Alembic's own table, and no version in it.
    with closing(sqlite3.connect(tmp_path / "r.db")) as connection, connection:
        connection.execute(schema.STATEMENTS[0])
    registry = SqlRegistry("sqlite:///r.db", tmp_path)
    assert registry.heads("prod") == {}
    registry.publish(publications.publication(), snapshots=[], head=None)
    registry.close()
    assert tables(tmp_path / "r.db")["version"] == [(schema.REVISION,)]


def test_migrations_and_revisions_agree() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("path_separator", "os")
    config.set_main_option("script_location", migrate.__file__.replace("migrate.py", "migrations"))
    script = ScriptDirectory.from_config(config)
    assert script.get_heads() == [schema.REVISION]
    assert [found.revision for found in script.walk_revisions()][::-1] == list(schema.REVISIONS)


def test_a_failed_migration_leaves_the_registry_as_it_was(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "r.db")) as connection, connection:
        connection.execute("CREATE TABLE snapshots (a)")
    with pytest.raises(Unavailable, match="cannot be upgraded to version"):
        upgrade(f"sqlite:///{tmp_path}/r.db")
    with closing(sqlite3.connect(tmp_path / "r.db")) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("snapshots",)]


def test_reading_and_publishing_import_neither_sqlalchemy_nor_alembic_nor_pyiceberg(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from meshwright.storage.iceberg import IcebergTables
from meshwright.storage.local_files import LocalWarehouse
from meshwright.storage.sql_registry import SqlRegistry
light = [name for name in ("sqlalchemy", "alembic", "pyiceberg", "fastavro", "msgspec", "duckdb") if name in sys.modules]
assert not light, light
root = Path({str(tmp_path)!r})
registry = SqlRegistry("sqlite:///r.db", root)
from meshwright.model.publication import Attempt
registry.record_attempt(
    Attempt(product="a.b", environment="prod", run="r", started_at="", ended_at="", outcome="failed")
)
registry.heads("prod")
registry.close()
IcebergTables(LocalWarehouse(root / "w")).commit(table="a/b/t", parent=None, schema=(), added=[])
heavy = [name for name in ("sqlalchemy", "alembic", "pyiceberg", "pyarrow", "duckdb") if name in sys.modules]
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)
