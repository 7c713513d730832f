"""Brings an older registry up to date by Alembic's migrations; imported only when a registry needs it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, event, exc

from meshwright.model.errors import Unavailable
from meshwright.storage.schema import REVISION

if TYPE_CHECKING:
    from collections.abc import Callable

WAIT_SECONDS = 120
# Of two processes that upgrade at once, the second waits and finds nothing left to do.
ALONE = "SELECT pg_advisory_xact_lock(hashtextextended('meshwright upgrade ' || current_schema(), 0))"


def upgrade(url: str, revision: str = REVISION, *, connect: Callable[[], Any] | None = None, place: str = "") -> None:
    """Run every migration up to *revision* that the registry at *url* lacks, all or none. Raises Unavailable.

    *connect* opens the connection where a URL does not say everything; *place* then names the registry in messages.
    """
    engine = writing_engine(url, connect)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
    except exc.SQLAlchemyError as error:
        raise Unavailable(
            f"the registry {place or url} cannot be upgraded to version {revision}: {error}; it is as it was before, "
            "make a backup, then correct that and run again"
        ) from error
    finally:
        engine.dispose()


def writing_engine(url: str, connect: Callable[[], Any] | None = None) -> Engine:
    """An engine whose transactions begin as writes, so that they wait their turn."""
    engine = create_engine(url) if connect is None else create_engine(url, creator=connect)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _leave_transactions_alone)
        event.listen(engine, "begin", _begin_immediate)
    else:
        event.listen(engine, "begin", _begin_alone)
    return engine


def _leave_transactions_alone(connection: Any, _: object) -> None:  # noqa: ANN401 - the driver's own
    # The driver would otherwise begin and commit on its own, and no transaction would hold a change of tables.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {WAIT_SECONDS * 1000}")


def _begin_immediate(connection: Any) -> None:  # noqa: ANN401 - SQLAlchemy's event carries no type
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_alone(connection: Any) -> None:  # noqa: ANN401 - likewise
    connection.exec_driver_sql(ALONE)
