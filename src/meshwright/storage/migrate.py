"""Brings an older registry up to date by Alembic's migrations; imported only when a registry needs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, event, exc

from meshwright.model.errors import Unavailable
from meshwright.storage.schema import REVISION

WAIT_SECONDS = 120


def upgrade(url: str, revision: str = REVISION) -> None:
    """Run every migration up to *revision* that the registry at *url* lacks, all or none. Raises Unavailable."""
    engine = writing_engine(url)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
    except exc.SQLAlchemyError as error:
        raise Unavailable(
            f"the registry {url} cannot be upgraded to version {revision}: {error}; it is as it was before, "
            "make a backup, then correct that and run again"
        ) from error
    finally:
        engine.dispose()


def writing_engine(url: str) -> Engine:
    """An engine whose transactions on SQLite begin as writes, so that they wait their turn."""
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _leave_transactions_alone)
        event.listen(engine, "begin", _begin_immediate)
    return engine


def _leave_transactions_alone(connection: Any, _: object) -> None:  # noqa: ANN401 - the driver's own
    # The driver would otherwise begin and commit on its own, and no transaction would hold a change of tables.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {WAIT_SECONDS * 1000}")


def _begin_immediate(connection: Any) -> None:  # noqa: ANN401 - SQLAlchemy's event carries no type
    connection.exec_driver_sql("BEGIN IMMEDIATE")
