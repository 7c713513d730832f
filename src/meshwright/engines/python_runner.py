"""Runs one Python transformation in its own process; knows nothing of Meshwright, only the standard library, duckdb and pyarrow.

It is started as a script with the path of a JSON file: `source`, `function`, `folder`, `kind`, `inputs` (name, scan,
changes), `result`. It writes what became of it to `result` as JSON: `files` or `error`. Rows go to Parquet in batches.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import linecache
import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

BATCH_ROWS = 122_880
BATCH_BYTES = 256 << 20


class Table:
    """A table that is read when it is used: any library that speaks Arrow takes it as it is."""

    def __init__(self, connection: Any, scan: str) -> None:  # noqa: ANN401 - duckdb is imported late
        self._connection = connection
        self._scan = scan

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._reader().__arrow_c_stream__(requested_schema)

    def __len__(self) -> int:
        row = self._connection.cursor().execute(f"SELECT count(*) FROM ({self._scan})").fetchone()
        return int(row[0])

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        rows = self._connection.cursor().execute(f"DESCRIBE SELECT * FROM ({self._scan})").fetchall()
        return [row[0] for row in rows]

    def batches(self, rows: int = BATCH_ROWS) -> Iterator[Any]:
        """The rows as Arrow record batches, one after the other."""
        yield from self._reader(rows)

    def arrow(self) -> Any:  # noqa: ANN401 - a pyarrow.Table
        """The whole table in memory."""
        return self._reader().read_all()

    def to_pandas(self) -> Any:  # noqa: ANN401 - a pandas.DataFrame
        """The whole table as a pandas DataFrame."""
        return self.arrow().to_pandas()

    def to_polars(self) -> Any:  # noqa: ANN401 - a polars.DataFrame
        """The whole table as a polars DataFrame."""
        import polars as pl

        return pl.from_arrow(self.arrow())

    def _reader(self, rows: int = BATCH_ROWS) -> Any:  # noqa: ANN401
        return self._connection.cursor().sql(f"SELECT * FROM ({self._scan})").to_arrow_reader(rows)


class Tables:
    """Tables by name: `inputs.flights`, `inputs["operations.flights"]`."""

    def __init__(self, tables: dict[str, Table]) -> None:
        self._tables = tables

    def __getattr__(self, name: str) -> Table:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Table:
        if name not in self._tables:
            message = f"there is no input '{name}'; there are {', '.join(sorted(self._tables)) or 'none'}"
            raise AttributeError(message)
        return self._tables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __contains__(self, name: object) -> bool:
        return name in self._tables


class Inputs(Tables):
    """What a transformation is given. `changes` has what is new in each input; `folder` takes a port's files."""

    def __init__(self, tables: dict[str, Table], changes: dict[str, Table], folder: Path) -> None:
        super().__init__(tables)
        self.changes = Tables(changes)
        self.folder = folder


class Unusable(Exception):
    """What the function returned is not a table; the message says what it was."""


def main(spec_path: str) -> int:
    """Run the job of the file at *spec_path*; the exit code says whether `result` holds files."""
    spec = json.loads(Path(spec_path).read_bytes())
    end_with_parent()
    result = Path(spec["result"])
    try:
        files = run(spec)
    except Unusable as error:
        result.write_text(json.dumps({"error": str(error)}))
        return 1
    except MemoryError:
        result.write_text(json.dumps({"memory": True}))
        return 1
    except Exception as error:  # noqa: BLE001 - the user's code raises anything
        result.write_text(json.dumps({"traceback": shown(error, spec["source"])}))
        return 1
    result.write_text(json.dumps({"files": files}))
    return 0


def end_with_parent() -> None:
    """Ask Linux to end this process when the one that started it is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1 is PR_SET_PDEATHSIG


def run(spec: dict[str, Any]) -> list[str]:
    """Call the function and write what it returns; the files' paths."""
    import duckdb

    settings = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "python_enable_replacements": "false",
        "temp_directory": spec["temp"],
    }
    if spec["memory_mb"]:
        # Half for the engine that reads the inputs, half for the function itself.
        settings["memory_limit"] = f"{max(64, spec['memory_mb'] // 2)}MB"
    connection = duckdb.connect(config=settings)
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    tables = {each["name"]: Table(connection, each["scan"]) for each in spec["inputs"]}
    changes = {each["name"]: Table(connection, each["changes"] or each["scan"]) for each in spec["inputs"]}
    folder = Path(spec["folder"])
    returned = load(spec)(Inputs(tables, changes, folder))
    if spec["kind"] == "files":
        return written_files(folder, returned)
    return write(returned, folder / "returned.parquet", spec["function"])


def load(spec: dict[str, Any]) -> Any:  # noqa: ANN401 - the user's function
    """The function, from the module that its file is."""
    module_spec = importlib.util.spec_from_file_location("transformation", spec["source"])
    if module_spec is None or module_spec.loader is None:
        message = f"{spec['source']} is no Python file"
        raise Unusable(message)
    sys.path.insert(0, str(Path(spec["source"]).parent))
    module = importlib.util.module_from_spec(module_spec)
    sys.modules["transformation"] = module
    module_spec.loader.exec_module(module)
    function = getattr(module, spec["function"], None)
    if not callable(function):
        message = f"there is no function {spec['function']}(inputs)"
        raise Unusable(message)
    return function


def write(returned: object, path: Path, function: str) -> list[str]:
    """Write *returned* to Parquet at *path*, batch by batch; its path, or nothing when there are no columns."""
    import pyarrow.parquet as pq

    schema, batches = stream(returned, function)
    with pq.ParquetWriter(path, schema, compression="lz4") as writer:
        for batch in batches:
            writer.write_batch(batch)
    return [str(path)]


def stream(returned: object, function: str) -> tuple[Any, Iterable[Any]]:
    """The schema and the record batches of anything that is a table."""
    import pyarrow as pa

    if returned is None:
        message = f"{function}(inputs) returned nothing: return a table (pyarrow, polars, pandas, DuckDB) or an iterator of batches"
        raise Unusable(message)
    if isinstance(returned, Table):
        reader = pa.RecordBatchReader.from_stream(returned)
        return reader.schema, reader
    if type(returned).__name__ == "LazyFrame":
        returned = returned.collect()  # type: ignore[attr-defined] # polars
    if type(returned).__module__.startswith("pandas") and type(returned).__name__ == "DataFrame":
        table = pa.Table.from_pandas(returned, preserve_index=False)
        return plain(table.schema), (batch.cast(plain(table.schema)) for batch in table.to_batches())
    if hasattr(returned, "__arrow_c_stream__"):
        reader = pa.RecordBatchReader.from_stream(returned)
        return plain(reader.schema), (batch.cast(plain(reader.schema)) for batch in reader)
    if hasattr(returned, "__arrow_c_array__"):
        batch = pa.record_batch(returned)
        return batch.schema, [batch]
    if hasattr(returned, "to_arrow_reader"):
        reader = returned.to_arrow_reader(BATCH_ROWS)
        return reader.schema, reader
    if hasattr(returned, "__next__") or isinstance(returned, (list, tuple)):
        return pieces(iter(returned), function)  # type: ignore[call-overload] # it is iterable
    message = f"{function}(inputs) returned {type(returned).__name__}, which is no table: return pyarrow, polars, pandas, DuckDB or an iterator of batches"
    raise Unusable(message)


def pieces(iterator: Iterator[object], function: str) -> tuple[Any, Iterable[Any]]:
    """An iterator of tables and batches as one stream; the first one's schema is that of all."""
    import pyarrow as pa

    first = next(iterator, None)
    if first is None:
        message = f"{function}(inputs) returned an iterator of nothing: yield at least one batch, it may have no rows"
        raise Unusable(message)
    if not any(hasattr(first, name) for name in ("__arrow_c_stream__", "__arrow_c_array__", "to_arrow_reader")) and (
        type(first).__name__ != "DataFrame"
    ):
        message = f"{function}(inputs) yielded {type(first).__name__}, which is no table: yield batches or tables"
        raise Unusable(message)
    schema, batches = stream(first, function)

    def every() -> Iterator[Any]:
        yield from batches
        for piece in iterator:
            have, more = stream(piece, function)
            if have.names != schema.names:
                message = (
                    f"{function}(inputs) yielded columns {have.names} after {schema.names}: yield the same columns"
                )
                raise Unusable(message)
            for batch in more:
                yield (
                    batch
                    if batch.schema == schema
                    else pa.RecordBatch.from_arrays(
                        [column.cast(field.type) for column, field in zip(batch.columns, schema, strict=True)],
                        schema=schema,
                    )
                )

    return schema, every()


def plain(schema: Any) -> Any:  # noqa: ANN401 - a pyarrow.Schema
    """*schema* without pandas' and others' metadata, views as plain strings, dictionaries as their values."""
    import pyarrow as pa

    def kind(of: Any) -> Any:  # noqa: ANN401
        if pa.types.is_dictionary(of):
            return kind(of.value_type)
        if pa.types.is_string_view(of):
            return pa.string()
        return pa.binary() if pa.types.is_binary_view(of) else of

    return pa.schema([pa.field(field.name, kind(field.type)) for field in schema])


def written_files(folder: Path, returned: object) -> list[str]:
    """The files below *folder*, or those that were returned. Raises Unusable for none, and for paths elsewhere."""
    named = (
        [returned] if isinstance(returned, (str, Path)) else returned if isinstance(returned, (list, tuple)) else None
    )
    paths = [Path(str(each)) for each in named] if named is not None else sorted(folder.rglob("*"))
    paths = [path if path.is_absolute() else folder / path for path in paths]
    for path in paths:
        if not path.resolve().is_relative_to(folder.resolve()):
            message = f"{path} is not below inputs.folder: write files there"
            raise Unusable(message)
    found = [str(path) for path in paths if path.is_file() and not path.is_symlink()]
    if not found:
        message = "no file was written: write at least one below inputs.folder"
        raise Unusable(message)
    return found


def shown(error: BaseException, source: str) -> str:
    """The traceback from the first line of the user's file on."""
    linecache.checkcache()
    told = traceback.TracebackException.from_exception(error)
    inside = [index for index, frame in enumerate(told.stack) if frame.filename == source]
    frames = told.stack[inside[0] :] if inside else []
    told.stack = traceback.StackSummary.from_list([frame for frame in frames if frame.filename != __file__])
    return "".join(told.format())


if __name__ == "__main__":
    # The folder of this file holds Meshwright's modules: none of them is the user's.
    sys.path.pop(0)
    sys.exit(main(sys.argv[1]))
