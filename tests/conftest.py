"""Fixtures of all tests."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from mesh_folder import MeshFolder
from postgres_server import PostgresServer
from s3_server import S3Server
from web_server import WebServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from postgres_server import PostgresDatabase
    from s3_server import Bucket

# How long one example takes says more of what else the machine does than of the code.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
# Whoever started the tests may ignore Ctrl-C, as a shell does for what runs behind it; the commands under test must not inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


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


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """The session's S3-compatible server; never stop it."""
    with S3Server.started() as server:
        yield server


@pytest.fixture
def bucket(s3_server: S3Server) -> Iterator[Bucket]:
    """An empty bucket of the session's S3-compatible server."""
    with s3_server.bucket() as bucket:
        yield bucket


@pytest.fixture
def web() -> Iterator[WebServer]:
    """A web server of the test's own."""
    with WebServer.started() as server:
        yield server
