"""The process that runs one reader's SQL: it locks itself down, runs one query over the files it was given, and ends.

It is started with its private folder and its bounds. `files` in that folder is what it can read, `out` what it can
write. It says `ready` and answers lines of JSON, each in one line: which columns a query uses, before there are files (sql, columns);
then what came of it, once the result is written as an Arrow file (sql, tables, views). It ends with whoever started it. Nothing that
it tells is trusted by the other side.
"""

from __future__ import annotations

import errno
import json
import os
import select
import sys
import threading
from pathlib import Path
from typing import Any, Final

from meshwright.analysis.binding import Binder, SqlError
from meshwright.reading.empty_tables import positions

FILES: Final = "files"
OUT: Final = "out"
RESULT: Final = "result.arrow"
READY: Final = "ready"
# Of what the process may hold, so much is the engine's; the rest is for rows on their way.
ENGINE_SHARE: Final = 0.7
BATCH_ROWS: Final = 65_536
TOO_LARGE: Final = "ResultTooLarge"
# How long it may take to notice that whoever started it is gone, where another process holds the pipe open.
PARENT_SECONDS: Final = 1.0


def main() -> None:
    """Serve one query."""
    # Before the lock: afterwards nothing can be loaded.
    import duckdb
    import msgspec.json  # noqa: F401 - what binding reads plans and errors with
    import pyarrow as pa
    import pyarrow.dataset
    import pyarrow.ipc

    from meshwright.engines.sandbox import Bounds, close_inherited, lock_down

    folder, bounds = Path(sys.argv[1]), json.loads(sys.argv[2])
    if not bounds["unsafe"]:
        close_inherited()
    # Nothing can be opened later.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    if not bounds["unsafe"]:
        lock_down(
            folder / OUT,
            Bounds(
                memory_bytes=bounds["memory_mb"] * 2**20,
                file_bytes=bounds["file_mb"] * 2**20,
                cpu_seconds=bounds["cpu_seconds"],
            ),
            read=[folder / FILES],
        )
    # Not sooner: no thread that runs already can be locked.
    threading.Thread(target=_end_with, args=(bounds["parent"],), daemon=True).start()
    connection = _engine(duckdb, folder, bounds)
    binder = Binder(memory_mb=int(bounds["memory_mb"] * ENGINE_SHARE))
    # What keeps it from beginning is for the log. Of the query nothing goes there, and nobody reads.
    os.dup2(nowhere, sys.stderr.fileno())
    os.close(nowhere)
    _tell({READY: True})
    while line := sys.stdin.readline():
        request = json.loads(line)
        try:
            if "columns" in request:
                _tell(_used(binder, request))
            else:
                _tell(_answer(connection, request, folder / OUT / RESULT, bounds["result_mb"] * 2**20))
        except (duckdb.Error, pa.ArrowException, MemoryError, OSError) as error:
            kind = TOO_LARGE if getattr(error, "errno", None) == errno.EFBIG else type(error).__name__
            _tell({"error": str(error) or type(error).__name__, "kind": kind})


def _end_with(parent: int) -> None:
    """End this process when the process *parent* has ended or closed the pipe: nobody waits for the query any more.

    The signal that the kernel would send comes when the thread ends that started this process, which may be sooner.
    """
    pipe = select.poll()
    # Of a pipe that nobody holds open to write the kernel tells whether asked or not.
    pipe.register(sys.stdin.fileno(), 0)
    while not pipe.poll(1000 * PARENT_SECONDS) and os.getppid() == parent:
        pass
    os._exit(1)


def _used(binder: Binder, request: dict[str, Any]) -> dict[str, Any]:
    """Which columns the query uses of each table, by number; None when it does not bind."""
    with binder:
        try:
            return {"used": positions(binder, request["sql"], request["columns"])}
        except SqlError:
            return {"used": None}


def _engine(duckdb: Any, folder: Path, bounds: dict[str, Any]) -> Any:  # noqa: ANN401 - duckdb is imported by the caller
    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "python_enable_replacements": "false",
            "temp_directory": str(folder / OUT),
            "memory_limit": f"{int(bounds['memory_mb'] * ENGINE_SHARE)}MB",
            "threads": str(bounds["threads"]),
        },
    )
    # A setting of the session would not reach its cursors.
    connection.execute("SET GLOBAL TimeZone = 'UTC'; SET arrow_lossless_conversion = true")
    connection.execute("SET allowed_directories = ?", [[f"{folder / FILES}/"]])
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _answer(connection: Any, request: dict[str, Any], target: Path, bytes_max: int) -> dict[str, Any]:  # noqa: ANN401
    """Run the query and write its result to *target*, at most *bytes_max* of it."""
    import pyarrow as pa

    for name, path in request["tables"].items():
        connection.register(name, pa.ipc.open_file(pa.memory_map(path)).read_all())
    for name, scan in request["views"]:
        connection.execute(f'CREATE VIEW "{name.replace(chr(34), chr(34) * 2)}" AS {scan}')
    reader = connection.sql(request["sql"]).to_arrow_reader(BATCH_ROWS)
    rows = 0
    with target.open("wb") as file, pa.ipc.new_file(file, reader.schema) as sink:
        for batch in reader:
            rows += batch.num_rows
            sink.write_batch(batch)
            if file.tell() > bytes_max:
                return {"error": "too large", "kind": TOO_LARGE}
    return {"rows": rows}


def _tell(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
