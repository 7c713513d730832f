"""Python transformations: each in a process of its own, with limits on time and memory, leaving nothing behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
import uuid
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from meshwright.engines.python_environment import interpreter
from meshwright.model.errors import InvalidInput, Refused, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshwright.engines import PythonJob

RUNNER: Final = Path(__file__).with_name("python_runner.py")
# Secrets of the parent's environment stay there; what is left makes runs alike.
PASSED_ON: Final = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
)
# Names the run in the environment of everything that it starts.
MARK: Final = "MESHWRIGHT_RUN"
OUTPUT_LINES_KEPT: Final = 200
WATCH_SECONDS: Final = 0.1
# How long the dead may take to be gone.
GONE_SECONDS: Final = 5.0
PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


def run_python(job: PythonJob) -> list[Path]:
    """Call the job's function in its own process; the Parquet files it returned, or the files it wrote.

    Raises InvalidInput for an exception (with its traceback from the user's line on), an exit, and anything returned
    that is no table; Refused when it took more time or memory than it may; Unavailable when it could not be started.
    No process of it is left, whatever happens.
    """
    python = interpreter(job.dependencies, job.environments)
    job.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="meshwright-python-") as folder:
        spec = Path(folder) / "job.json"
        result = Path(folder) / "result.json"
        spec.write_text(json.dumps(_spec(job, result, Path(folder))), encoding="utf-8")
        output: deque[str] = deque(maxlen=OUTPUT_LINES_KEPT)
        with _started(python, spec, job) as process:
            over = _wait(process, job, output)
        found = json.loads(result.read_bytes()) if result.exists() and result.stat().st_size else {}
        return _outcome(job, process.returncode, over, found, output)


def _spec(job: PythonJob, result: Path, folder: Path) -> dict[str, Any]:
    return {
        "source": str(job.source.absolute()),
        "function": job.function,
        "folder": str(job.folder.absolute()),
        "kind": job.kind,
        "inputs": [{"name": each.name, "scan": each.scan, "changes": each.changes} for each in job.inputs],
        "memory_mb": job.limits.memory_mb,
        "temp": str(folder / "spilled"),
        "result": str(result),
    }


@contextlib.contextmanager
def _started(python: str, spec: Path, job: PythonJob) -> Iterator[subprocess.Popen[str]]:
    """The process, in a group of its own; the whole group is gone afterwards."""
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    environment |= {
        MARK: uuid.uuid4().hex,
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONIOENCODING": "utf-8",
    }
    command = [python, "-B", str(RUNNER), str(spec)]
    try:
        process = subprocess.Popen(  # noqa: S603 - the interpreter and our own script
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment,
            cwd=job.source.absolute().parent, start_new_session=True, text=True, encoding="utf-8", errors="replace",
        )  # fmt: skip
    except OSError as error:
        raise Unavailable(f"{job.source}: Python cannot be started: {error}") from error
    try:
        yield process
    finally:
        _kill(process)
        _kill_marked(environment[MARK])


def _kill(process: subprocess.Popen[str]) -> None:
    """End every process of the group and every descendant that left it."""
    strays = _tree(process.pid)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for pid in strays:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def _kill_marked(mark: str) -> None:
    """End what was started in a session of its own and outlived its parent: it still has the environment's mark.

    It is gone when this returns, unless the system takes longer than a few seconds.
    """
    until = time.monotonic() + GONE_SECONDS
    while _killed_some(f"{MARK}={mark}".encode()) and time.monotonic() < until:
        time.sleep(0.01)


def _killed_some(wanted: bytes) -> bool:
    """Whether there was a process with *wanted* in its environment; the dead have none."""
    found = False
    with contextlib.suppress(OSError):
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if folder.name.isdecimal() and wanted in (folder / "environ").read_bytes():
                    found = True
                    os.kill(int(folder.name), signal.SIGKILL)
    return found


def _wait(process: subprocess.Popen[str], job: PythonJob, output: deque[str]) -> str:
    """Wait for the end, passing output on; "time" or "memory" when a limit ended it, "stopped" when the job says so, else ""."""
    reader = threading.Thread(target=_pass_on, args=(process, job, output), daemon=True)
    reader.start()
    deadline = time.monotonic() + job.limits.seconds if job.limits.seconds else None
    over = ""
    while True:
        try:
            process.wait(timeout=WATCH_SECONDS)
            break
        except subprocess.TimeoutExpired:
            if deadline is not None and time.monotonic() > deadline:
                over = "time"
            elif job.stopped is not None and job.stopped():
                over = "stopped"
            elif job.limits.memory_mb and _resident_mb(process.pid) > job.limits.memory_mb:
                over = "memory"
            if over:
                break
    # A child that outlives its parent would hold the pipe open for ever.
    _kill(process)
    reader.join(timeout=5)
    return over


def _pass_on(process: subprocess.Popen[str], job: PythonJob, output: deque[str]) -> None:
    if process.stdout is None:
        return
    with process.stdout:
        for line in process.stdout:
            output.append(line.rstrip("\n"))
            if job.on_output is not None:
                job.on_output(line.rstrip("\n"))


def _outcome(job: PythonJob, code: int | None, over: str, found: dict[str, Any], output: deque[str]) -> list[Path]:
    where = f"{job.source.name}: {job.function}(inputs)"
    if over == "stopped":
        raise Unavailable(f"{where} was stopped")
    if over == "time":
        raise Refused(
            _with_output(
                f"{where} took longer than {job.limits.seconds} s and was stopped; raise mesh.timeLimit, or do less",
                output,
            )
        )
    if over == "memory" or found.get("memory"):
        limit = f"{job.limits.memory_mb} MB" if job.limits.memory_mb else "the machine has"
        raise Refused(
            _with_output(
                f"{where} used more memory than {limit} and was stopped; raise mesh.memoryLimit, or read inputs in batches",
                output,
            )
        )
    if "traceback" in found:
        raise InvalidInput(_with_output(f"{where} raised an exception\n{found['traceback'].rstrip()}", output))
    if "error" in found:
        raise InvalidInput(_with_output(f"{job.source.name}: {found['error']}", output))
    if "files" in found and code == 0:
        return [Path(path) for path in found["files"]]
    raise InvalidInput(
        _with_output(f"{where} ended its process {_how(code)} before it returned; let it return a table", output)
    )


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            return f"by signal {signal.Signals(-code).name}"
    return f"with exit code {code}"


def _with_output(message: str, output: deque[str]) -> str:
    return f"{message}\nIts last output:\n" + "\n".join(list(output)[-20:]) if output else message


def _tree(root: int) -> list[int]:
    """Every live descendant of *root*, and everything in its session, by what /proc says; empty where there is none."""
    parents: dict[int, tuple[int, int]] = {}
    with contextlib.suppress(OSError):
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal():
                with contextlib.suppress(OSError, ValueError, IndexError):
                    fields = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
                    parents[int(folder.name)] = (int(fields[1]), int(fields[3]))
    found = {root}
    while more := {
        pid for pid, (parent, session) in parents.items() if pid not in found and (parent in found or session == root)
    }:
        found |= more
    return sorted(found - {root})


def _resident_mb(root: int) -> int:
    """The memory that the process and its descendants hold, in megabytes."""
    pages = 0
    for pid in (root, *_tree(root)):
        with contextlib.suppress(OSError, ValueError, IndexError):
            pages += int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * PAGE_BYTES >> 20
