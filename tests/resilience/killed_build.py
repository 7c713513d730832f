"""Kills `mesh` commands at chosen points, and tells what is served afterwards.

A job is read from standard input as JSON: `base` (a mesh's folder, left as it is), `scratch` (where copies of it are made),
`kill` (the command's arguments), `then` (the command after the kill), `products` (whose heads are told: the columns, or
other expressions, of each port), `past` (earlier publications to read), `database` (of a registry in PostgreSQL the server's
URL and the name, else null), `seed`, `events` and `moments`
(how many kills at the n-th call into the operating system, SQLite or DuckDB, and how many at a moment in time). Prints one JSON
object per line: the undisturbed run first, then each kill.

Everything is imported once; each command then runs in a fork, in which neither DuckDB nor a thread has been started yet.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import itertools
import json
import os
import pkgutil
import random
import shutil
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import meshwright
from meshwright.cli.main import run
from meshwright.sources.secrets import look_up

if TYPE_CHECKING:
    from collections.abc import Callable

# These calls are points: what a process does to the world outside it goes through them.
MODULES = frozenset({"posix", "_io", "io", "sqlite3", "_sqlite3", "duckdb", "_duckdb"})
CALLS = frozenset(
    {
        "open",
        "write",
        "fsync",
        "rename",
        "replace",
        "remove",
        "unlink",
        "mkdir",
        "rmdir",
        "execute",
        "executemany",
        "sql",
    }
)
# Of libraries that are written in Python: what goes over the network.
REMOTE = {
    "psycopg.connection": {"connect", "execute"},
    "psycopg.cursor": {"executemany"},
    "botocore.httpsession": {"send"},
}


Products: TypeAlias = dict[str, dict[str, list[str]]]


class Points:
    """Counts the calls into the world outside, before and after each; at number *last* the process kills itself."""

    def __init__(self, last: int | None = None, note: Path | None = None) -> None:
        self.numbers = itertools.count(1)
        self.last = last
        self.note = note

    def watch(self) -> None:
        threading.setprofile(self._step)
        sys.setprofile(self._step)

    def stop(self) -> int:
        """How many there were."""
        sys.setprofile(None)
        return next(self.numbers) - 1

    def _step(self, frame: Any, event: str, function: Any) -> None:
        if event.startswith("c_"):
            if function.__name__ not in CALLS:
                return
            module, name = function.__module__ or type(function.__self__).__module__, function.__name__
            is_point = module.partition(".")[0] in MODULES
        else:
            module, name = frame.f_globals.get("__name__", ""), frame.f_code.co_name
            is_point = name in REMOTE.get(module, ())
        if is_point and next(self.numbers) == self.last:
            sys.setprofile(None)
            if self.note is not None:
                self.note.write_text(f"{event} {module}.{name}")
            os.kill(os.getpid(), signal.SIGKILL)


def forked(work: Callable[[], Any], said: Path, *, moment: float | None = None) -> tuple[int, Any]:
    """The status of a fork in which *work* ran, and its result; killed after *moment* seconds, if given."""
    said.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        try:
            result = work()
            said.write_text(json.dumps({"result": result}))
            os._exit(0)
        except BaseException:  # noqa: BLE001 - told to the parent
            said.write_text(json.dumps({"error": traceback.format_exc()}))
            os._exit(99)
    if moment is not None:
        time.sleep(moment)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    answer = json.loads(said.read_text()) if said.exists() and os.WIFEXITED(status) else {}
    if "error" in answer:
        raise RuntimeError(answer["error"])
    return status, answer.get("result")


def mesh(folder: Path, arguments: list[str]) -> dict[str, Any]:
    """What `mesh` answers, in this process."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(["-C", str(folder), *arguments])
    assert isinstance(out.buffer, io.BytesIO)
    return {"code": code, "out": out.buffer.getvalue().decode(), "err": err.getvalue()}


def acknowledged(log: Path) -> dict[str, int]:
    """The sequence that a killed build said it had published, by product."""
    lines = [line for line in log.read_text().splitlines(keepends=True) if line.endswith("\n")] if log.exists() else []
    events = [json.loads(line) for line in lines if line.startswith('{"event": "product_ended"')]
    return {one["product"]: one["publication"]["sequence"] for one in events if one["outcome"] == "published"}


def served(folder: Path, products: Products) -> dict[str, Any]:
    """What the head of each product serves; None for one that serves nothing."""
    from meshwright.node import Node

    node = Node(folder)
    heads = {product: node.registry.head("prod", product) for product in products}
    ports = {f"{product}.{port.name}": port for product, head in heads.items() if head for port in head.ports}
    values = {address: _values(address, products) for address in ports}
    found = _stored(node, ports, values)
    for address, rows in _read(node, values).items():
        found[address]["rows"] = rows
    return {
        product: head
        and {
            "sequence": head.sequence,
            "ports": {port.name: found[f"{product}.{port.name}"] for port in head.ports},
        }
        for product, head in heads.items()
    }


def _values(address: str, products: Products) -> str:
    product, _, port = address.rpartition(".")
    return ", ".join(f"cast({value} as varchar)" for value in products[product][port])


def _read(node: Any, values: dict[str, str]) -> dict[str, list[list[str]]]:
    """The rows of every port as Meshwright reads them, in one query."""
    found: dict[str, list[list[str]]] = {address: [] for address in values}
    if values:
        sql = " union all ".join(f"select '{address}', [{row}] from {address}" for address, row in values.items())
        for address, row in node.reader("prod").query(sql).relation.fetchall():
            found[address].append(row)
    return {address: sorted(rows) for address, rows in found.items()}


def _stored(node: Any, ports: dict[str, Any], values: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Each port's rows as pyiceberg reads them from its metadata alone, its counted rows, and the files that are not there."""
    import duckdb
    from pyiceberg.table import StaticTable

    given = node.settings.stores.get("warehouse")
    properties = {}
    if given is not None:
        settings = look_up(given, node.root).settings
        properties = {
            "s3.endpoint": settings["endpoint"],
            "s3.access-key-id": settings["access_key_id"],
            "s3.secret-access-key": settings["secret_access_key"],
            "s3.region": "us-east-1",
        }
    connection, found = duckdb.connect(config={"threads": 1}), {}
    for address, port in ports.items():
        snapshot = node.registry.snapshot(port.table, port.snapshot)
        stored = StaticTable.from_metadata(node.warehouse.uri(snapshot.metadata), properties).scan().to_arrow()
        connection.register("stored", stored)
        rows = connection.execute(f"select [{values[address]}] from stored").fetchall()
        files = node.registry.files(port.table, port.snapshot)
        found[address] = {
            "iceberg": sorted(row for (row,) in rows),
            "counted": port.rows,
            "missing": list(node.warehouse.lost((file.path, file.bytes) for file in files)),
        }
    connection.close()
    return found


class Job:
    """One job: a command and where it is killed."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.base, self.scratch = Path(told["base"]), Path(told["scratch"])
        self.kill, self.then, self.products = told["kill"], told["then"], told["products"]
        self.random = random.Random(told["seed"])
        self.said = self.scratch / "said"
        self.note = self.scratch / "note"
        self.log = self.scratch / "log"
        self.told = told
        self.database = Database(*told["database"]) if told.get("database") else None

    def run(self) -> None:
        self.scratch.mkdir(parents=True, exist_ok=True)
        events, seconds = self._whole()
        for _ in range(self.told["events"]):
            self._kill(event=self.random.randint(1, events), of=events)
        for _ in range(self.told["moments"]):
            self._kill(moment=self.random.random() * seconds)

    def _whole(self) -> tuple[int, float]:
        """Run the command undisturbed; how many points it has and how long it takes."""
        folder = self._copy()
        _, before = forked(lambda: served(folder, self.products), self.said)

        def counted() -> tuple[dict[str, Any], int]:
            points = Points()
            points.watch()
            return mesh(folder, self.kill), points.stop()

        def timed() -> float:
            started = time.monotonic()
            mesh(folder, self.kill)
            return time.monotonic() - started

        _, (answer, events) = forked(counted, self.said)
        _, found = forked(lambda: self._look(folder), self.said)
        tell(point="never", said={}, killed=False, answer=answer, events=events, before=before, **found)
        folder = self._copy()
        _, seconds = forked(timed, self.said)
        return int(events), float(seconds)

    def _look(self, folder: Path) -> dict[str, Any]:
        """What is served now, what the next command answers, and what is served then; likewise of the past, if asked."""
        after, past = served(folder, self.products), self._past(folder)
        then = mesh(folder, self.then)
        return {
            "after": after,
            "past": past,
            "then": then,
            "final": served(folder, self.products),
            "final_past": self._past(folder),
        }

    def _past(self, folder: Path) -> dict[str, Any]:
        """The rows of earlier publications that the job names as [port, number], or what their reader is told."""
        found: dict[str, Any] = {}
        for address, number in self.told.get("past", ()):
            answer = mesh(folder, ["read", address, "--as-of", str(number), "--json"])
            found[f"{address} {number}"] = (
                json.loads(answer["out"]) if answer["code"] == 0 else answer["out"] + answer["err"]
            )
        return found

    def _kill(self, *, event: int | None = None, of: int = 0, moment: float | None = None) -> None:
        folder = self._copy()
        self.note.unlink(missing_ok=True)
        self.log.unlink(missing_ok=True)

        def work() -> None:
            descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(descriptor, 1)
            os.dup2(descriptor, 2)
            if event is not None:
                Points(event, self.note).watch()
            run(["-C", str(folder), *self.kill])
            os._exit(0)

        status, _ = forked(work, self.said, moment=moment)
        told: dict[str, Any] = {"said": acknowledged(self.log), "killed": os.WIFSIGNALED(status)}
        told["point"] = f"event {event} of {of}" if event is not None else f"after {moment:.3f} s"
        told["at"] = self.note.read_text() if self.note.exists() else ""

        try:
            _, found = forked(lambda: self._look(folder), self.said)
        except RuntimeError as error:
            found = {"broken": str(error)}
        tell(**told, **found)

    def _copy(self) -> Path:
        folder = self.scratch / "mesh"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.base, folder, symlinks=True)
        if self.database is not None:
            self.database.copy(folder)
        return folder


class Database:
    """A registry in PostgreSQL: each copy of the mesh gets a copy of it.

    A store needs no copy: its files never change, and what a killed command left there nobody refers to.
    """

    def __init__(self, server: str, name: str) -> None:
        self.server, self.name = server, name

    def copy(self, folder: Path) -> None:
        import psycopg

        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {self.name}_copy WITH (FORCE)")
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [self.name])
            connection.execute(f"CREATE DATABASE {self.name}_copy TEMPLATE {self.name}")
        settings = folder / "mesh.yaml"
        settings.write_text(settings.read_text().replace(f"/{self.name}?", f"/{self.name}_copy?"))


def tell(**values: Any) -> None:
    sys.__stdout__.write(json.dumps(values) + "\n")  # type: ignore[union-attr]
    sys.__stdout__.flush()  # type: ignore[union-attr]


def warm() -> None:
    """Import everything that a build, a read and pyiceberg use."""
    for module in pkgutil.walk_packages(meshwright.__path__, "meshwright."):
        if "migrations" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in (
        "boto3",
        "duckdb",
        "fastavro",
        "jsonschema_rs",
        "pyarrow.dataset",
        "pyarrow.parquet",
        "pyiceberg.table",
        "psycopg",
        "rich",
        "yaml_rs",
    ):
        importlib.import_module(name)
    importlib.import_module("pyiceberg.io.pyarrow")


if __name__ == "__main__":
    warm()
    Job(json.load(sys.stdin)).run()
