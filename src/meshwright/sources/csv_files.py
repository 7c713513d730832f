"""CSV: a read states the whole dialect, and looks at each file's header, because DuckDB goes by position."""

from __future__ import annotations

import csv
import io
import re
import zlib
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any, Final, Literal

from meshwright.engines.parquet_scan import exact, sql_list
from meshwright.model.datatype import VARCHAR, DataType, literal
from meshwright.model.errors import InvalidInput
from meshwright.sources.drift import drift_told
from meshwright.sources.text_columns import select_text
from meshwright.sources.unpacking import damaged_gzip, open_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from meshwright.engines import Columns

DEFAULTS: Final[dict[str, Any]] = {
    "delimiter": ",",
    "header": True,
    "quote": '"',
    "nulls": [""],
    "encoding": "utf-8",
    "decimal_separator": ".",
    "skip": 0,
}
DELIMITERS: Final = (",", ";", "\t", "|")
HEADER_LINES_MAX: Final = 10_000
FIXED: Final = "auto_detect = false, strict_mode = true, null_padding = false, hive_partitioning = false"


def header(path: Path, options: Mapping[str, Any], where: str) -> list[str]:
    """The names in the file's header row; empty when it has none.

    Raises InvalidInput for names that occur twice (in any case), and for a file without a row.
    """
    if not options.get("header", True):
        return []
    row = next(_records(path, options, where), None)
    if row is None:
        raise InvalidInput(f"{where}: the file is empty; a CSV file begins with a header row, or declare header: false")
    names = [name.strip() or f"column{index}" for index, name in enumerate(row)]
    seen: dict[str, int] = {}
    for index, name in enumerate(names, 1):
        first = seen.setdefault(name.lower(), index)
        if first != index:
            advice = "rename one, or declare header: false, skip: 1 and columns"
            raise InvalidInput(
                f"{where}: the header has the name '{name}' twice (columns {first} and {index}); {advice}"
            )
    return names


def delimiter(path: Path, options: Mapping[str, Any]) -> str:
    """The delimiter that the first row uses most; empty when it has none of the usual ones."""
    first = next(_records(path, {**options, "delimiter": "\x1f", "quote": ""}, path.name), [])
    unquoted = re.sub(r'"(?:[^"]|"")*"', "", first[0]) if first else ""
    counts = {mark: unquoted.count(mark) for mark in DELIMITERS}
    best = max(DELIMITERS, key=lambda mark: counts[mark])
    return best if counts[best] else ""


def scan(paths: Sequence[tuple[str, Path]], wanted: Columns, options: Mapping[str, Any]) -> str:
    """A SELECT of *wanted* from the files (name, readable path), in their order; nothing is sniffed.

    Raises InvalidInput when no file has a wanted column. A file among several may lack one: it is NULL there.
    """
    headers = [(header(path, options, name) or [column for column, _ in wanted], path, name) for name, path in paths]
    known = {column.lower() for names, _, _ in headers for column in names}
    missing = [column for column, _ in wanted if column.lower() not in known]
    if missing:
        found = ", ".join(headers[0][0][:20])
        # The header tells names, not types: what is there counts as the type that is expected, a new name as the lost one.
        kinds = {name.lower(): kind for name, kind in wanted}
        unknown = kinds[missing[0].lower()] if len(missing) == 1 else VARCHAR
        have = tuple((name, kinds.get(name.lower(), unknown)) for name in headers[0][0])
        raise InvalidInput(
            f"{headers[0][2]}: the header has no column {', '.join(missing)}; it has {found}{drift_told(wanted, have)}"
        )
    runs = ((names, [path for _, path, _ in run]) for names, run in groupby(headers, key=lambda item: item[0]))
    return " UNION ALL ".join(_select(names, run, wanted, options) for names, run in runs)


def arguments(options: Mapping[str, Any]) -> list[str]:
    """The dialect as arguments of read_csv and sniff_csv."""
    # Left alone, the sniffer skips rows that do not look like the others.
    found = ["comment = ''", f"skip = {int(options.get('skip', 0))}"]
    for key, argument in (
        ("delimiter", "delim"),
        ("date_format", "dateformat"),
        ("timestamp_format", "timestampformat"),
    ):
        if options.get(key):
            found.append(f"{argument} = {literal(str(options[key]))}")
    if "quote" in options:
        mark, escape = str(options["quote"]), str(options.get("escape", options["quote"]))
        found.append(f"quote = {literal(mark)}, escape = {literal(escape)}")
    if "header" in options:
        found.append(f"header = {str(bool(options['header'])).lower()}")
    if options.get("nulls"):
        found.append(f"nullstr = {sql_list([str(one) for one in options['nulls']])}")
    if options.get("decimal_separator", ".") != ".":
        found.append(f"decimal_separator = {literal(str(options['decimal_separator']))}")
    return found


def _select(names: Sequence[str], paths: Sequence[Path], wanted: Columns, options: Mapping[str, Any]) -> str:
    kinds = {name.lower(): kind for name, kind in wanted}
    read = {name: _read_as(kinds.get(name.lower(), VARCHAR), options) for name in names}
    pairs = ", ".join(f"{literal(name)}: {literal(str(kind))}" for name, kind in read.items())
    files = sql_list([exact(str(path)) for path in paths])
    source = f"read_csv({files}, {FIXED}, columns = {{{pairs}}}, {', '.join(arguments(options))})"
    return select_text(source, read, wanted, decimal_comma=options.get("decimal_separator") == ",")


def _read_as(kind: DataType, options: Mapping[str, Any]) -> DataType:
    """The type that DuckDB's reader takes the column as: text, unless it parses by a stated format.

    Its own conversions lose digits and zones, and a query that casts back to text would get the file's letters.
    """
    has_format = {"DATE": options.get("date_format"), "TIMESTAMP": options.get("timestamp_format")}.get(kind.name)
    return kind if has_format else VARCHAR


def _records(path: Path, options: Mapping[str, Any], where: str) -> Iterator[list[str]]:
    """The file's first records, as the csv module reads them; only as much of the file as they take."""
    mark = str(options.get("quote", '"'))
    quoting: Literal[0, 3] = 0 if mark else 3  # QUOTE_MINIMAL, QUOTE_NONE
    try:
        with open_bytes(path) as stream:
            text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="")
            lines = islice(text, int(options.get("skip", 0)), HEADER_LINES_MAX)
            delimiter = str(options.get("delimiter", ","))
            yield from (
                row for row in csv.reader(lines, delimiter=delimiter, quotechar=mark or None, quoting=quoting) if row
            )
    except (csv.Error, TypeError) as error:
        raise InvalidInput(f"{where}: the header cannot be read: {error}; declare its delimiter and quote") from error
    except (EOFError, zlib.error) as error:
        raise damaged_gzip(where, error) from error
