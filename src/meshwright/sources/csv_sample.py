"""Sniffing CSV: dialect, null markers, decimal separator and the types that all rows of a file fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from meshwright.engines.parquet_scan import exact
from meshwright.model.datatype import VARCHAR, DataType, literal, quote
from meshwright.model.errors import InvalidInput
from meshwright.sources.csv_files import DEFAULTS, arguments, delimiter, header

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from meshwright.engines import Columns

# What people write for "nothing here"; tried when a column is text only because of some of them.
NULL_MARKERS: Final = ("NA", "N/A", "NULL", "null", "None", "\\N", "-", "NaN", "nan")
INFINITE: Final = {"DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"}
SNIFFED: Final = "Delimiter, Quote, Escape, HasHeader, DateFormat, TimestampFormat"


class CsvSampler:
    """Looks at CSV files over one connection; `rows` is how many rows of each decide (-1: all)."""

    def __init__(self, connection: DuckDBPyConnection, rows: int = -1) -> None:
        self.connection = connection
        self.rows = rows

    def dialect(self, path: Path, declared: Mapping[str, Any]) -> dict[str, Any]:
        """The whole dialect of the file at *path*: what is *declared*, and the rest as it is sniffed."""
        options = dict(declared)
        if "delimiter" not in options and (found := delimiter(path, options)):
            # DuckDB would rather take another delimiter than see that a row lacks a value.
            options["delimiter"] = found
        self._complete(path, options)
        if "decimal_separator" not in options and options["delimiter"] != ",":
            options["decimal_separator"] = self._decimal_separator(path, options)
        if "nulls" not in options:
            options["nulls"] = self._nulls(path, options)
            # With the markers known, a column of dates shows its format.
            self._complete(path, options)
        return {**DEFAULTS, **options}

    def columns(self, path: Path, options: Mapping[str, Any], where: str) -> Columns:
        """The file's columns in this dialect, with the narrowest types that fit."""
        names = header(path, options, where)
        rows = self._execute("DESCRIBE SELECT * FROM", path, "read_csv", options).fetchall()
        kinds = [DataType.parse(row[1]) for row in rows]
        names = names or [f"column{index}" for index in range(len(kinds))]
        if len(names) != len(kinds):
            raise InvalidInput(f"{where}: the header has {len(names)} names, the rows have {len(kinds)} values")
        return self._finite(path, tuple(zip(names, kinds, strict=True)), options)

    def empty(self, path: Path, columns: Columns, options: Mapping[str, Any]) -> set[str]:
        """The names of the text columns that hold nothing but NULL: their type is anyone's."""
        texts = [name for name, kind in columns if kind == VARCHAR]
        counts = self._as_text(path, columns, options, [f"count({quote(name)})" for name in texts])
        return {name for name, count in zip(texts, counts, strict=True) if not count}

    def _complete(self, path: Path, options: dict[str, Any]) -> None:
        """Add to *options* what the sniffer finds out."""
        import duckdb

        try:
            row = self._execute(f"SELECT {SNIFFED} FROM", path, "sniff_csv", options).fetchone()
        except duckdb.Error:
            # The sniffer does not say which row is wrong; a strict read of plain text does.
            names = [(name, VARCHAR) for name in header(path, {**DEFAULTS, **options}, path.name)]
            self._as_text(path, names, options, ["count(COLUMNS(*))"] if names else [])
            raise
        if row is None:
            return
        mark_between, mark, escape, has_header, date_format, timestamp_format = row
        # A sample without quotes says nothing about the rows after it.
        mark = '"' if mark in {"(empty)", ""} else mark
        found = {"delimiter": mark_between, "quote": mark, "header": has_header}
        if escape not in {"(empty)", "", mark}:
            found["escape"] = escape
        found |= {"date_format": date_format} if date_format else {}
        found |= {"timestamp_format": timestamp_format} if timestamp_format else {}
        for key, value in found.items():
            options.setdefault(key, value)

    def _decimal_separator(self, path: Path, options: Mapping[str, Any]) -> str:
        """`,` when columns that are text otherwise are numbers with it."""
        plain = self.columns(path, options, path.name)
        comma = self.columns(path, {**options, "decimal_separator": ","}, path.name)
        pairs = {(before.name, after.name) for (_, before), (_, after) in zip(plain, comma, strict=True)}
        return "," if ("VARCHAR", "DOUBLE") in pairs and ("DOUBLE", "VARCHAR") not in pairs else "."

    def _nulls(self, path: Path, options: Mapping[str, Any]) -> list[str]:
        """The markers without which a column of numbers or dates would be text; always the empty text."""
        plain = self.columns(path, options, path.name)
        marked = self.columns(path, {**options, "nulls": ["", *NULL_MARKERS]}, path.name)
        both = list(zip(plain, marked, strict=True))
        changed = [name for (name, before), (_, after) in both if before == VARCHAR != after]
        markers = ", ".join(literal(marker) for marker in NULL_MARKERS)
        lists = [f"list(DISTINCT {quote(name)}) FILTER ({quote(name)} IN ({markers}))" for name in changed]
        found = {marker for row in self._as_text(path, plain, options, lists) for marker in row or ()}
        return ["", *(marker for marker in NULL_MARKERS if marker in found)]

    def _finite(self, path: Path, columns: Columns, options: Mapping[str, Any]) -> Columns:
        """*columns* without times that are only the word `inf`: the sniffer takes it for a date."""
        times = [name for name, kind in columns if kind.name in INFINITE]
        words = [f"bool_or(contains(lower({quote(name)}), 'inf'))" for name in times]
        infinite = {
            name for name, any_ in zip(times, self._as_text(path, columns, options, words), strict=True) if any_
        }
        if not infinite:
            return columns
        numbers = [f"count({quote(name)}) = count(TRY_CAST({quote(name)} AS DOUBLE))" for name in infinite]
        are_numbers = dict(zip(infinite, self._as_text(path, columns, options, numbers), strict=True))
        double = DataType("DOUBLE")
        return tuple(
            (name, (double if are_numbers[name] else VARCHAR) if name in infinite else kind) for name, kind in columns
        )

    def _as_text(
        self, path: Path, columns: Sequence[tuple[str, DataType]], options: Mapping[str, Any], values: list[str]
    ) -> tuple[Any, ...]:
        """Aggregates over the file with every column as text."""
        if not values:
            return ()
        pairs = ", ".join(f"{literal(name)}: 'VARCHAR'" for name, _ in columns)
        dialect = ", ".join(arguments({**options, "nulls": options.get("nulls") or [""]}))
        read = f"read_csv({literal(exact(str(path)))}, auto_detect = false, columns = {{{pairs}}}, {dialect})"
        row = self.connection.execute(f"SELECT {', '.join(values)} FROM {read}").fetchone()
        return row or ()

    def _execute(self, select: str, path: Path, function: str, options: Mapping[str, Any]) -> DuckDBPyConnection:
        dialect = ", ".join([*arguments(options), f"sample_size = {self.rows}"])
        return self.connection.execute(f"{select} {function}({literal(exact(str(path)))}, {dialect})")
