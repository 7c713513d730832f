"""A real PostgreSQL server for tests: started once per session in a folder of its own, with a database for each test.

    def test_x(postgres: PostgresDatabase) -> None: ...          # an empty database of the session's server
    def test_y(postgres_server: PostgresServer) -> None: ...     # the session's server: never stop it
    with PostgresServer.started() as server: ...                 # a server that a test may stop and start

Nothing but PostgreSQL's own programs is used: `psql` runs what the tests prepare.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from server_process import SECONDS_MAX, free_port, start

if TYPE_CHECKING:
    from collections.abc import Iterator

USER = "mesh"
MISSING = "these tests need PostgreSQL's server (Debian: apt-get install postgresql; macOS: brew install postgresql)"
# A test's server need not outlive its machine; commits do outlive `stop`.
SETTINGS = {"fsync": "off", "full_page_writes": "off", "max_connections": "200"}


def programs() -> Path:
    """The folder of PostgreSQL's programs; those of a server are often not on the PATH. A missing one fails."""
    places = [Path(found).resolve().parent for found in (shutil.which("initdb"), shutil.which("postgres")) if found]
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for place in places:
        if (place / "initdb").exists() and (place / "postgres").exists() and (place / "psql").exists():
            return place
    raise AssertionError(MISSING)


def _account() -> str | None:
    """Whom the server runs as: PostgreSQL refuses to be root. None: as ourselves."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in known)


@dataclass
class PostgresServer:
    """A server on 127.0.0.1 and on a Unix socket; its one user is `mesh`, a superuser with a password."""

    folder: Path
    port: int = field(default_factory=free_port)
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    @contextlib.contextmanager
    def started(cls) -> Iterator[PostgresServer]:
        """A new server, running; gone with all its data at the end."""
        # Not below pytest's own folders: another account cannot enter these, and a socket's path must be short.
        folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        server = cls(folder)
        try:
            server._initialise()
            server.start()
            yield server
        finally:
            server.stop()
            shutil.rmtree(folder, ignore_errors=True)

    def _initialise(self) -> None:
        secret = self.folder / "password"
        secret.write_text(self.password)
        account = _account()
        if account is not None:
            for path in (self.folder, secret):
                shutil.chown(path, account)
        command = ["initdb", "-D", str(self.data), "-U", USER, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C"]
        self._run([*command, "--no-sync", f"--pwfile={secret}"])

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start(self) -> None:
        """Start the server on its port, and wait until it answers."""
        settings = {**SETTINGS, "unix_socket_directories": str(self.folder), "listen_addresses": "127.0.0.1"}
        options = [f"-c{name}={value}" for name, value in settings.items()]
        command = [str(programs() / "postgres"), "-D", str(self.data), "-p", str(self.port), *options]
        self.process = start(command, self.folder, is_ready=self._is_ready, user=_account())

    def _is_ready(self) -> bool:
        asked = [str(programs() / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(asked, check=False).returncode == 0

    def stop(self) -> None:
        """End the server at once, connections and all; `start` brings it back with its data."""
        if self.process is not None:
            # SIGQUIT is PostgreSQL's immediate shutdown: the server ends its own processes.
            self.process.send_signal(3)
            self.process.wait(timeout=SECONDS_MAX)
            self.process = None

    def url(self, database: str = "postgres") -> str:
        """`postgresql://mesh:…@127.0.0.1:…/database`, password and all."""
        return f"postgresql://{USER}:{quote(self.password, safe='')}@127.0.0.1:{self.port}/{database}"

    def execute(self, sql: str, database: str = "postgres") -> str:
        """Run *sql* with psql: what it prints, without decoration. A failing statement fails the test."""
        command = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", self.url(database), "-f", "-"]
        return self._run(command, input_text=sql).strip()

    @contextlib.contextmanager
    def database(self) -> Iterator[PostgresDatabase]:
        """A new empty database, dropped at the end with whoever is still connected to it."""
        name = f"test_{uuid.uuid4().hex}"
        self.execute(f"CREATE DATABASE {name}")
        try:
            yield PostgresDatabase(self, name)
        finally:
            if self.process is not None:
                self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _run(self, command: list[str], *, input_text: str = "") -> str:
        first, *rest = command
        account = _account() if first == "initdb" else None
        done = subprocess.run(
            [str(programs() / first), *rest],
            input=input_text,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            user=account,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@dataclass(frozen=True)
class PostgresDatabase:
    """One database of a server."""

    server: PostgresServer
    name: str

    @property
    def url(self) -> str:
        return self.server.url(self.name)

    def execute(self, sql: str) -> str:
        return self.server.execute(sql, self.name)
