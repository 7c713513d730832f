"""Fixtures of all tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mesh_folder import MeshFolder
from postgres_server import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from postgres_server import PostgresDatabase


@pytest.fixture
def mesh(tmp_path: Path) -> MeshFolder:
    """An empty mesh."""
    folder = tmp_path / "mesh"
    folder.mkdir()
    return MeshFolder(folder)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The session's PostgreSQL server; never stop it."""
    with PostgresServer.started() as server:
        yield server


@pytest.fixture
def postgres(postgres_server: PostgresServer) -> Iterator[PostgresDatabase]:
    """An empty database of the session's PostgreSQL server."""
    with postgres_server.database() as database:
        yield database
