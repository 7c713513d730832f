"""The SQL gate: a reader's SQL runs in a process that can open that reader's governed files and nothing else.

One process serves one query of one principal and purpose, and ends. Those that wait are locked down already; governed files
are linked into their folder under names that say nothing.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import logging
import os
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from meshwright.engines import sandbox
from meshwright.engines.interruption import TookTooLongError
from meshwright.model.errors import Denied, MeshwrightError, Refused, Unavailable
from meshwright.reading.sql_worker import FILES, OUT, READY, RESULT, TOO_LARGE
from meshwright.storage.durable import reported

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from meshwright.model.mesh import Governed
    from meshwright.reading.empty_tables import Tables

LOG = logging.getLogger(__name__)
# The very package that runs here, wherever it came from: what is installed there may be another version, or nothing.
PACKAGE: Final = Path(__file__).parents[1]
BEGIN: Final = """
import importlib.util, os, sys
# What has no file, the engine takes for somebody at a keyboard, and shows progress.
__file__ = place = sys.argv.pop(1)
# What it needs may be beside it; what is installed comes first.
sys.path.append(os.path.dirname(place))
spec = importlib.util.spec_from_file_location("meshwright", place + "/__init__.py", submodule_search_locations=[place])
sys.modules["meshwright"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["meshwright"])
from meshwright.reading.sql_worker import main
main()
"""
# So much of what it says when it cannot begin goes into the log.
LAST_WORDS_BYTES: Final = 10_000
OUT_OF_MEMORY: Final = "Out of Memory Error"
# To start, lock down and open an engine takes a fifth of a second; on a machine that is busy, longer.
START_SECONDS: Final = 60
# Spilled rows may take more room than a result.
SPILLED: Final = 4
ANSWER_BYTES: Final = 1 << 20
# How long a query goes on after the policies that let it begin.
CHECK_SECONDS: Final = 1.0
PREFIX: Final = "query-"
# What a disk says that cannot link this file there.
NO_LINKS: Final = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.EACCES})
ONLY_OWNER: Final = 0o700


@dataclass(slots=True, kw_only=True)
class Worker:
    """One process that waits for its query; `files` counts what was given to it, `tables` are Arrow files by table.

    Its query may take `seconds` more; while it is given files, `until` is when that must be over. `is_ready` once it said so.
    """

    folder: Path
    process: subprocess.Popen[bytes]
    # Held as long as the folder is in use.
    lock: int
    seconds: float
    until: float = 0.0
    is_ready: bool = False
    files: int = 0
    tables: dict[str, str] = field(default_factory=dict)

    @property
    def seconds_left(self) -> float:
        """How long it may still be given files."""
        return self.until - time.monotonic()

    def link(self, path: str) -> str:
        """Give the process *path* to read; where it finds it. Raises Unavailable."""
        target = self._draft("parquet")
        with reported(target, "link"):
            try:
                os.link(path, target)
            except OSError as error:
                if error.errno not in NO_LINKS:
                    raise
                # Never over something that is there: it may be a link to what others read.
                with Path(path).open("rb") as source, target.open("xb") as copy:
                    shutil.copyfileobj(source, copy)
        return str(target)

    def table(self) -> tuple[str, Path]:
        """The name of a table that the process will have, and where its Arrow file is to be written."""
        path = self._draft("arrow")
        self.tables[path.stem] = str(path)
        return path.stem, path

    def _draft(self, ending: str) -> Path:
        self.files += 1
        return self.folder / FILES / f"{self.files}.{ending}"

    def end(self) -> None:
        """End the process, and remove all it had."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        with suppress(OSError):
            os.close(self.lock)


@dataclass(kw_only=True)
class SqlGate:
    """Runs queries within *limits*, in processes whose folders are in *folder*; safe between threads.

    *spare* processes wait for the next query once there was one: for whoever stays.
    """

    folder: Path
    limits: Governed
    spare: int = 0
    _waiting: list[Worker] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _owner: int = field(default_factory=os.getpid)

    def __post_init__(self) -> None:
        # Its processes work in folders of their own.
        self.folder = self.folder.absolute()
        # Whoever forgets to close leaves no process behind.
        weakref.finalize(self, _end_all, self._waiting, self._owner)
        self._sweep()

    @contextmanager
    def worker(self, principal: str) -> Iterator[Worker]:
        """A process for one query of *principal*; it is gone afterwards. Raises Refused when too many run at once."""
        with self._turn(principal):
            with self._lock:
                worker = self._next()
            try:
                yield worker
            finally:
                worker.end()
                self._refill()

    def ready(self, worker: Worker, check: Callable[[], None]) -> None:
        """Wait until *worker* has started. Raises what *check* does, Unavailable."""
        if not worker.is_ready:
            if READY not in self._read(worker, START_SECONDS, check, is_starting=True):
                raise Unavailable("the process for SQL did not start as it should")
            worker.is_ready = True

    @contextmanager
    def preparing(self, worker: Worker) -> Iterator[None]:
        """While *worker* looks at its query and is given what that reads, which is part of the query's time. Raises Refused when that is over."""
        worker.until = time.monotonic() + worker.seconds
        try:
            yield
        except TookTooLongError as error:
            raise self._too_long() from error
        finally:
            worker.seconds = worker.seconds_left
        if worker.seconds <= 0:
            raise self._too_long()

    def used_columns(
        self,
        worker: Worker,
        tables: Tables,
        sql: str,
        *,
        check: Callable[[], None],
        explain: Callable[[Exception], MeshwrightError],
    ) -> list[tuple[str, ...]]:
        """The columns of each of *tables* that *sql* uses, as *worker* says while it is prepared; all where it does not say.

        To tell, the query is bound, which evaluates its constants. Raises as `run` does.
        """
        self.ready(worker, check)
        answer = self._ask(worker, {"columns": tables, "sql": sql}, worker.seconds_left, check=check, explain=explain)
        used = answer.get("used")
        if not isinstance(used, list) or len(used) != len(tables):
            used = [None] * len(tables)
        return [_named(columns, numbers) for (_, columns), numbers in zip(tables, used, strict=True)]

    def run(
        self,
        worker: Worker,
        views: Sequence[tuple[str, str]],
        sql: str,
        *,
        check: Callable[[], None],
        explain: Callable[[Exception], MeshwrightError],
    ) -> Any:  # noqa: ANN401 - pyarrow is imported lazily
        """The result of *sql* over *views* (name, SELECT over the worker's files) as a pyarrow Table, mapped, not loaded.

        *check* is called every second, and raises when the reader may not go on; *explain* turns DuckDB's words into an error.
        Raises what these do, Refused when the query takes more than the limits, Unavailable when the process ended.
        """
        import pyarrow as pa

        self.ready(worker, check)
        request = {"tables": worker.tables, "views": list(views), "sql": sql}
        self._ask(worker, request, worker.seconds, check=check, explain=explain)
        try:
            # The process is ended first: what is checked does not change any more.
            worker.process.kill()
            worker.process.wait()
            with pa.memory_map(str(worker.folder / OUT / RESULT)) as source:
                table = pa.ipc.open_file(source).read_all()
            table.validate(full=True)
        except (OSError, pa.ArrowException) as error:
            raise Unavailable(f"the result of the query cannot be read: {error}") from error
        return table

    def close(self) -> None:
        """End the processes that wait."""
        with self._lock:
            _end_all(self._waiting, self._owner)

    def _start(self) -> Worker:
        missing = sandbox.missing()
        if missing and not self.limits.unsafe:
            raise Denied(
                f"SQL runs in a process that is locked down, which this system cannot do ({missing}): read whole ports with "
                "`mesh read`, or allow it without by governed: {unsafe: true} in mesh.yaml"
            )
        with reported(self.folder, "make the folder of a query in"):
            self.folder.mkdir(parents=True, exist_ok=True, mode=ONLY_OWNER)
            folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=self.folder))
            lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
            fcntl.flock(lock, fcntl.LOCK_EX)
            for name in (FILES, OUT):
                (folder / name).mkdir(mode=ONLY_OWNER)
        bounds = {
            "memory_mb": self.limits.memory_mb,
            "result_mb": self.limits.result_mb,
            "file_mb": self.limits.result_mb * SPILLED,
            "cpu_seconds": self.limits.seconds * (os.cpu_count() or 1),
            "threads": os.cpu_count() or 1,
            "unsafe": bool(missing),
            "parent": os.getpid(),
        }
        command = [sys.executable, "-P", "-c", BEGIN, str(PACKAGE), str(folder), json.dumps(bounds)]
        environment = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
        # Arrow's own allocator would reserve a gigabyte, which counts.
        environment |= {**sandbox.SINGLE_THREADED, "ARROW_DEFAULT_MEMORY_POOL": "system"}
        try:
            process = subprocess.Popen(  # noqa: S603 - the interpreter and our own module
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                cwd=folder,
                start_new_session=True,
            )
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
            raise Unavailable(f"the process for SQL cannot be started: {error}") from error
        return Worker(folder=folder, process=process, lock=lock, seconds=self.limits.seconds)

    def _next(self) -> Worker:
        """One that waits and lives, or a new one."""
        self._forget_parents()
        while self._waiting:
            worker = self._waiting.pop(0)
            if worker.process.poll() is None:
                return worker
            worker.end()
        return self._start()

    def _forget_parents(self) -> None:
        """After a fork, leave the processes that wait to the parent."""
        if self._owner != os.getpid():
            self._waiting, self._owner = [], os.getpid()
            weakref.finalize(self, _end_all, self._waiting, self._owner)

    def _sweep(self) -> None:
        """Remove the folders of those who were killed: nobody holds their locks."""
        for folder in self.folder.glob(f"{PREFIX}*"):
            with suppress(OSError):
                lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if time.time() - folder.stat().st_mtime > START_SECONDS:
                        shutil.rmtree(folder, ignore_errors=True)
                finally:
                    os.close(lock)

    def _refill(self) -> None:
        with self._lock:
            self._forget_parents()
            try:
                while len(self._waiting) < self.spare:
                    self._waiting.append(self._start())
            except MeshwrightError as error:
                # Whoever comes next is told.
                LOG.warning("no process waits for the next query: %s", error)

    @contextmanager
    def _turn(self, principal: str) -> Iterator[None]:
        """One of the turns that *principal* has at once, over all processes of this machine."""
        name = hashlib.sha256(principal.encode()).hexdigest()[:16]
        for number in range(self.limits.at_once):
            with reported(self.folder, "write in"):
                self.folder.mkdir(parents=True, exist_ok=True, mode=ONLY_OWNER)
                descriptor = os.open(
                    self.folder / f"{name}-{number}.turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
                )
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                continue
            try:
                yield
            finally:
                os.close(descriptor)
            return
        raise Refused(f"{principal} runs {self.limits.at_once} queries already: wait for one of them to end")

    def _ask(
        self,
        worker: Worker,
        request: dict[str, Any],
        seconds: float,
        *,
        check: Callable[[], None],
        explain: Callable[[Exception], MeshwrightError],
    ) -> dict[str, Any]:
        """What the process answers to *request* within *seconds*. Raises what it says that went wrong."""
        until = time.monotonic() + seconds
        self._write(worker, request, until)
        answer = self._read(worker, until - time.monotonic(), check)
        if "error" in answer:
            raise self._error(worker, str(answer["error"]), str(answer.get("kind", "")), explain)
        return answer

    def _write(self, worker: Worker, request: dict[str, Any], until: float) -> None:
        stdin = worker.process.stdin
        assert stdin is not None  # noqa: S101 - it is a pipe
        left = memoryview(json.dumps(request).encode() + b"\n")
        free = select.poll()
        free.register(stdin, select.POLLOUT)
        try:
            # One that does not read keeps nobody waiting.
            os.set_blocking(stdin.fileno(), False)
            while left:
                if not free.poll(max(1000 * (until - time.monotonic()), 0)):
                    raise self._too_long()
                left = left[os.write(stdin.fileno(), left) :]
        except OSError as error:
            raise Unavailable(f"the process for SQL ended before it had its query: {error}") from error

    def _read(
        self, worker: Worker, seconds: float, check: Callable[[], None], *, is_starting: bool = False
    ) -> dict[str, Any]:
        """What the process says in one line, within *seconds*."""
        stdout, line = worker.process.stdout, b""
        assert stdout is not None  # noqa: S101 - it is a pipe
        until = time.monotonic() + seconds
        ready = select.poll()
        ready.register(stdout, select.POLLIN)
        while not line.endswith(b"\n"):
            left = until - time.monotonic()
            if left <= 0:
                raise self._not_started() if is_starting else self._too_long()
            if not ready.poll(1000 * min(left, CHECK_SECONDS)):
                check()
                continue
            chunk = os.read(stdout.fileno(), 65_536)
            if not chunk or len(line) > ANSWER_BYTES:
                raise self._ended(worker, is_starting=is_starting)
            line += chunk
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise Unavailable("the process for SQL said what nobody understands")
        return answer

    @staticmethod
    def _not_started() -> Unavailable:
        return Unavailable(
            f"the process for SQL did not start within {START_SECONDS} s: run again when the machine is free"
        )

    def _too_long(self) -> Refused:
        return Refused(
            f"the query ran longer than {self.limits.seconds} s and was stopped: ask for less, or raise governed: {{timeout: …}}"
        )

    def _ended(self, worker: Worker, *, is_starting: bool) -> MeshwrightError:
        code = worker.process.wait()
        if is_starting:
            LOG.warning("the process for SQL ended before it began: %s", _last_words(worker))
            return Unavailable(
                f"the process for SQL ended before it began (exit code {code}): run again, or read whole ports with `mesh read`"
            )
        return Refused(
            f"the process of the query ended (exit code {code}): most likely it held more than {self.limits.memory_mb} MB; "
            "ask for less, or raise governed: {memory: …}"
        )

    def _error(
        self, worker: Worker, message: str, kind: str, explain: Callable[[Exception], MeshwrightError]
    ) -> MeshwrightError:
        if kind == TOO_LARGE:
            return Refused(
                f"the result is larger than {self.limits.result_mb} MB: ask for less, or raise governed: {{result: …}}"
            )
        # What does not fit into a batch comes through Arrow, as an error of its own.
        if kind in {"OutOfMemoryException", "MemoryError"} or message.startswith(OUT_OF_MEMORY):
            return Refused(
                f"the query needs more than {self.limits.memory_mb} MB of memory: ask for less, or raise governed: {{memory: …}}"
            )
        # A path would tell where things are kept.
        return explain(RuntimeError(message.replace(f"{worker.folder / FILES}/", "").replace(str(worker.folder), "")))


def _last_words(worker: Worker) -> str:
    """What a process that has ended said of it."""
    stderr = worker.process.stderr
    assert stderr is not None  # noqa: S101 - it is a pipe
    os.set_blocking(stderr.fileno(), False)
    with suppress(OSError):
        return os.read(stderr.fileno(), LAST_WORDS_BYTES).decode("utf-8", "replace").strip()
    return ""


def _named(columns: Sequence[tuple[str, str]], numbers: object) -> tuple[str, ...]:
    """The names of the *columns* with these numbers, which a process told: all when it told none."""
    if not isinstance(numbers, list):
        return tuple(name for name, _ in columns)
    known = {one for one in numbers if isinstance(one, int)}
    return tuple(name for at, (name, _) in enumerate(columns) if at in known)


def _end_all(workers: list[Worker], owner: int) -> None:
    while workers and owner == os.getpid():
        workers.pop().end()
