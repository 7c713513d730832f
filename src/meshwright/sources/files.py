"""Files as inputs: sample them once, then scan them with every option explicit."""

from __future__ import annotations

import zlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from meshwright.engines.failures import located, translate
from meshwright.model.datatype import quote
from meshwright.model.errors import InvalidInput, Unavailable
from meshwright.sources import Sample, csv_files, json_files, parquet_files
from meshwright.sources.csv_sample import CsvSampler
from meshwright.sources.excel_files import chosen_sheet
from meshwright.sources.fingerprints import fingerprints, verify_unchanged
from meshwright.sources.paths import MEMBER, files
from meshwright.sources.paths import files as paths_of
from meshwright.sources.unions import declared, union
from meshwright.sources.unpacking import check_utf8, damaged_gzip, open_bytes, readable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from duckdb import DuckDBPyConnection

    from meshwright.engines import Columns
    from meshwright.model.product import Source

    Paths = Sequence[tuple[str, Path]]

__all__ = ["files", "fingerprints", "sample", "scan", "verify_unchanged"]

FORMATS: Final = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".psv": "csv", ".tab": "csv",
    ".json": "json", ".ndjson": "ndjson", ".jsonl": "ndjson",
    ".parquet": "parquet", ".pq": "parquet",
    ".arrow": "arrow", ".feather": "arrow", ".ipc": "arrow", ".arrows": "arrow",
    ".xlsx": "excel", ".xlsm": "excel", ".xlsb": "excel", ".xls": "excel", ".ods": "excel",
}  # fmt: skip
KNOWN: Final = tuple(sorted(set(FORMATS.values())))
TEXT: Final = {"csv", "json", "ndjson"}
# Files up to this size are looked at whole, so that the types found fit every row; of larger ones the beginning.
WHOLE_BYTES_MAX: Final = 1 << 30
SAMPLE_ROWS: Final = 1_000_000


def sample(
    root: Path,
    source: Source,
    connection: DuckDBPyConnection,
    *,
    unpacked: Path | None = None,
    files: Sequence[str] | None = None,
) -> Sample:
    """Look at *source* (or at *files*, its local copies) once: its format, what is needed to read it again, its columns.

    Several files are united by column name. *unpacked* keeps what had to be extracted or decoded (None: a temporary
    folder). Raises NotFound when no file matches; InvalidInput for damaged, empty or contradictory files, naming each
    with the place; Unavailable when reading fails.
    """
    import duckdb

    with TemporaryDirectory(prefix="meshwright-") as folder:
        unpacked = unpacked or Path(folder)
        names = paths_of(root, source) if files is None else list(files)
        kind = _format(root, source, names, unpacked)
        encoding = _encoding(root, source, names[0], kind)
        paths = _readable(root, names, unpacked, kind, {**source.options, "encoding": encoding})
        try:
            options, columns = _look(root, paths, kind, source, connection)
            options |= {"encoding": encoding} if kind in TEXT else {}
            select = _scan(paths, kind, columns, options, connection)
            rows = _read_all(select, connection)
        except duckdb.Error as error:
            raise translate(error, names={str(path): name for name, path in paths}) from error
    return Sample(format=kind, options=options, columns=columns, rows_sampled=rows)


def scan(
    root: Path,
    source: Source,
    columns: Columns,
    *,
    unpacked: Path,
    files: Sequence[str] | None = None,
    connection: DuckDBPyConnection | None = None,
) -> str:
    """A SELECT that yields *columns* of the source's files (or only of *files*), sorted by path, in each file's order.

    Every option is explicit: what the source does not say has a fixed default. Raises as `sample` does; a bad value
    raises when the SELECT is run, and `engines.failures.translate` says where it is. *connection* is used to look at
    the schema of Parquet files (None: a short-lived one of its own).
    """
    import duckdb

    names = paths_of(root, source) if files is None else list(files)
    if not names:
        return f"SELECT {', '.join(f'CAST(NULL AS {kind}) AS {quote(name)}' for name, kind in columns)} WHERE false"
    kind = source.format or _format(root, source, names, unpacked)
    paths = _readable(root, names, unpacked, kind, source.options)
    try:
        return _scan(paths, kind, columns, source.options, connection)
    except duckdb.Error as error:
        raise translate(error, names={str(path): name for name, path in paths}) from error


def _readable(
    root: Path, names: Sequence[str], unpacked: Path, kind: str, options: Mapping[str, Any]
) -> list[tuple[str, Path]]:
    """Each name with a file that the engine opens."""
    encoding = str(options.get("encoding") or "utf-8")
    return [(name, readable(root, name, unpacked, format=kind, encoding=encoding, options=options)) for name in names]


def _scan(
    paths: Paths, kind: str, columns: Columns, options: Mapping[str, Any], connection: DuckDBPyConnection | None
) -> str:
    if kind == "csv":
        return csv_files.scan(paths, columns, {**csv_files.DEFAULTS, **options})
    if kind in {"json", "ndjson"}:
        return json_files.scan([path for _, path in paths], kind, columns, options)
    if connection is not None:
        return parquet_files.scan(paths, columns, connection)
    import duckdb

    with duckdb.connect() as own:
        return parquet_files.scan(paths, columns, own)


def _look(
    root: Path, paths: Paths, kind: str, source: Source, connection: DuckDBPyConnection
) -> tuple[dict[str, Any], Columns]:
    """The options that a read of the files needs, and their columns."""
    given = {key: value for key, value in source.options.items() if value is not None and key != "columns"}
    types = dict(source.options.get("columns") or {})
    if kind == "csv":
        return _look_at_csv(paths, given, types, connection)
    if kind in {"json", "ndjson"}:
        for name, path in paths:
            check_utf8(path, name)
        return given, declared(json_files.columns(paths, kind, connection), types, paths[0][0])
    found = {name: parquet_files.columns(path, connection) for name, path in paths}
    if kind == "excel" and len(paths) == 1 and not given.get("sheet"):
        # Another sheet that comes later does not make it ambiguous what is read.
        given |= {"sheet": chosen_sheet(root / paths[0][0], given, paths[0][0])}
    return given if kind == "excel" else {}, declared(union(found), types, paths[0][0])


def _look_at_csv(
    paths: Paths, given: Mapping[str, Any], types: Mapping[str, Any], connection: DuckDBPyConnection
) -> tuple[dict[str, Any], Columns]:
    for name, path in paths:
        check_utf8(path, name)
    largest = max(path.stat().st_size for _, path in paths)
    sampler = CsvSampler(connection, -1 if largest <= WHOLE_BYTES_MAX else SAMPLE_ROWS)
    options = sampler.dialect(paths[0][1], given)
    found = {}
    for name, path in paths:
        columns = sampler.columns(path, options, name)
        if not options["header"] and types:
            columns = tuple((label, kind) for label, (_, kind) in zip(types, columns, strict=False))
        found[name] = columns
    several = len(paths) > 1
    empty = {name: sampler.empty(path, found[name], options) for name, path in paths} if several else None
    return options, declared(union(found, empty), types, paths[0][0])


def _read_all(select: str, connection: DuckDBPyConnection) -> int:
    """How many rows *select* has, every value of which is converted: what comes later reads the same."""
    import duckdb

    try:
        row = connection.execute(f"SELECT count(*), count(COLUMNS(*)) FROM ({select})").fetchone()
    except duckdb.Error as error:
        raise located(error, [select], connection) from error
    return int(row[0]) if row else 0


def _format(root: Path, source: Source, names: Sequence[str], unpacked: Path) -> str:
    if source.format:
        if source.format not in KNOWN:
            raise InvalidInput(f"{source.path}: '{source.format}' is no known format; write one of {', '.join(KNOWN)}")
        return source.format
    found = {name: _format_of(root, name, unpacked) for name in names}
    if len(set(found.values())) > 1:
        listed = ", ".join(f"{name} ({one})" for name, one in list(found.items())[:5])
        raise InvalidInput(
            f"{source.path}: files of several formats: {listed}; narrow the glob, or declare mesh.format"
        )
    return found[names[0]]


def sniffed_format(root: Path, name: str, unpacked: Path) -> str:
    """The format of the file *name*, which is below *root*. Raises InvalidInput, Unavailable."""
    return _format_of(root, name, unpacked)


def _format_of(root: Path, name: str, unpacked: Path) -> str:
    """The format that the name's ending says, else the one that the content begins like."""
    plain = name.lower().removesuffix(".gz")
    ending = "." + plain.rsplit(".", 1)[-1]
    path = readable(root, name, unpacked, format="", encoding="utf-8")
    try:
        with open_bytes(path) as stream:
            start = stream.read(4096)
    except (EOFError, zlib.error) as error:
        raise damaged_gzip(name, error) from error
    except OSError as error:
        if "gzip" in str(error):
            raise damaged_gzip(name, error) from error
        raise Unavailable(f"{name}: cannot be read: {error}") from error
    if not start:
        raise InvalidInput(f"{name}: the file is empty; write at least a header, or remove it")
    if FORMATS.get(ending) == "excel":
        return "excel"
    by_content = {b"PAR1": "parquet", b"ARRO": "arrow", b"\xff\xff\xff\xff": "arrow"}.get(start[:4])
    if by_content:
        return by_content
    if ending in FORMATS:
        return FORMATS[ending]
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    return {b"[": "json", b"{": "ndjson"}.get(text[:1], "csv")


def _encoding(root: Path, source: Source, name: str, kind: str) -> str:
    """What is declared, else what a byte order mark says, else UTF-8."""
    declared = source.options.get("encoding")
    if declared or kind not in TEXT or MEMBER in name:
        return str(declared or "utf-8")
    with open_bytes(root / name) as stream:
        start = stream.read(4)
    return "utf-16" if start[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8"
