"""Environments in the registry."""

from __future__ import annotations

import sqlite3

from meshwright.storage.environments import KEPT
from meshwright.storage.schema import STATEMENTS


def test_dropping_an_environment_forgets_it_in_every_table_that_names_environments() -> None:
    with sqlite3.connect(":memory:") as database:
        for statement in STATEMENTS:
            database.execute(statement)
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        naming = {
            table
            for table in tables
            for column in database.execute(f"PRAGMA table_info({table})")
            if column[1] == "environment"
        }
    database.close()
    assert set(KEPT) == naming
