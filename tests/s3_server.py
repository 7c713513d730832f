"""A real S3-compatible server for tests: started once per session in a folder of its own, with a bucket for each test.

    def test_x(bucket: Bucket) -> None: ...              # an empty bucket of the session's server
    def test_y(s3_server: S3Server) -> None: ...         # the session's server: never stop it
    with S3Server.started() as server: ...               # a server that a test may stop and start

It is versitygw, a gateway that keeps objects as files: it checks signatures, knows conditional and multipart uploads, and
what it has acknowledged is there when it starts again.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from server_process import SECONDS_MAX, answers, free_port, start

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

REGION = "us-east-1"
USER = "mesh"
MISSING = "these tests need the S3 server versitygw: go install github.com/versity/versitygw/cmd/versitygw@v1.8.0"


def program() -> str:
    """The server's program: on the PATH, or where `go install` puts programs. A missing one fails."""
    go = os.environ.get("GOBIN") or Path(os.environ.get("GOPATH") or Path.home() / "go") / "bin"
    found = shutil.which("versitygw") or shutil.which("versitygw", path=str(go))
    assert found is not None, MISSING
    return found


@dataclass
class S3Server:
    """A server on 127.0.0.1; `user` and `password` are its access key and secret key."""

    folder: Path
    port: int = field(default_factory=free_port)
    user: str = USER
    password: str = field(default_factory=lambda: secrets.token_urlsafe(20))
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    @contextlib.contextmanager
    def started(cls) -> Iterator[S3Server]:
        """A new server, running; gone with all its objects at the end."""
        folder = Path(tempfile.mkdtemp(prefix="s3-"))
        server = cls(folder)
        try:
            for name in ("objects", "metadata"):
                (folder / name).mkdir()
            server.start()
            yield server
        finally:
            server.stop()
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def endpoint(self) -> str:
        """The URL that clients take as their endpoint."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the server on its port, and wait until it answers."""
        # Objects' metadata lies beside them: not every file system keeps extended attributes.
        command = [
            program(),
            "--port",
            f"127.0.0.1:{self.port}",
            "--region",
            REGION,
            "--quiet",
            "--keep-alive",
            "posix",
        ]
        command += ["--sidecar", str(self.folder / "metadata"), str(self.folder / "objects")]
        environment = os.environ | {"ROOT_ACCESS_KEY": self.user, "ROOT_SECRET_KEY": self.password}
        self.process = start(command, self.folder, is_ready=lambda: answers(self.port), env=environment)

    def stop(self) -> None:
        """End the server at once; `start` brings it back with what it has acknowledged."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=SECONDS_MAX)
            self.process = None

    def client(self) -> Any:
        """A client of the server, for what tests prepare and look at."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=self.user,
            aws_secret_access_key=self.password,
        )

    @contextlib.contextmanager
    def bucket(self) -> Iterator[Bucket]:
        """A new, empty bucket."""
        bucket = Bucket(self, f"test-{uuid.uuid4().hex}")
        bucket.client.create_bucket(Bucket=bucket.name)
        yield bucket
        # The server ends with its folder; until then a bucket costs nothing but its files.
        shutil.rmtree(self.folder / "objects" / bucket.name, ignore_errors=True)


@dataclass
class Bucket:
    """One bucket of a server."""

    server: S3Server
    name: str
    client: Any = field(init=False)

    def __post_init__(self) -> None:
        self.client = self.server.client()

    @property
    def url(self) -> str:
        return f"s3://{self.name}"

    def keys(self, prefix: str = "") -> list[str]:
        """Every object's key, sorted."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return sorted(found["Key"] for page in pages for found in page.get("Contents", ()))

    def put(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=content)

    def get(self, key: str) -> bytes:
        content: bytes = self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return content

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=key)
