"""The process that runs one reader's SQL: it locks itself down, runs one query over the files it was given, and ends.

It is started as a script, with its private folder and its bounds. `files` in that folder is what it can read, `out` what it can
write. It says `ready`, takes one line of JSON (tables, views, sql), writes the result as an Arrow file and says in one line what came
of it. Nothing that it is told or tells is trusted by the other side.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

FILES: Final = "files"
OUT: Final = "out"
RESULT: Final = "result.arrow"
READY: Final = "ready"
# Of what the process may hold, so much is the engine's; the rest is for rows on their way.
ENGINE_SHARE: Final = 0.7
BATCH_ROWS: Final = 65_536


def main() -> None:
    """Serve one query."""
    # Before the lock: afterwards nothing can be loaded.
    import duckdb
    import pyarrow as pa
    import pyarrow.dataset
    import pyarrow.ipc

    folder, bounds = Path(sys.argv[1]), json.loads(sys.argv[2])
    if not bounds["unsafe"]:
        from meshwright.engines.sandbox import Bounds, close_inherited, lock_down

        close_inherited()
        lock_down(
            folder / OUT,
            Bounds(
                memory_bytes=bounds["memory_mb"] * 2**20,
                file_bytes=bounds["file_mb"] * 2**20,
                cpu_seconds=bounds["cpu_seconds"],
            ),
            read=[folder / FILES],
        )
    connection = _engine(duckdb, folder, bounds)
    _tell({READY: True})
    request = json.loads(sys.stdin.readline())
    try:
        _tell(_answer(connection, request, folder / OUT / RESULT, bounds["result_mb"] * 2**20))
    except (duckdb.Error, pa.ArrowException, MemoryError, OSError) as error:
        _tell({"error": str(error) or type(error).__name__, "kind": type(error).__name__})


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
                return {"error": "too large", "kind": "ResultTooLarge"}
    return {"rows": rows}


def _tell(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
