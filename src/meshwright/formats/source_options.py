"""`mesh.options`: how an input's files are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from meshwright.model.datatype import DataType
from meshwright.model.names import nearest

FORMATS: Final = ("csv", "json", "ndjson", "parquet", "arrow", "excel")


@dataclass(frozen=True, slots=True)
class Option:
    """One option: `name` is what `Source.options` calls it, `kind` the value that it takes."""

    name: str
    kind: str
    meaning: str


OPTIONS: Final = {
    "delimiter": Option("delimiter", "one character", "What separates the values of a CSV row."),
    "header": Option("header", "true or false", "Whether the first row of a CSV file names the columns."),
    "quote": Option("quote", "one character, or empty", "What encloses CSV values that hold the delimiter."),
    "nulls": Option("nulls", "list of text", "Texts that mean NULL in CSV."),
    "encoding": Option("encoding", "text", "The text encoding of CSV, such as `utf-8` or `latin-1`."),
    "dateFormat": Option("date_format", "text", "How dates are written, such as `%d.%m.%Y`."),
    "timestampFormat": Option("timestamp_format", "text", "How timestamps are written, such as `%Y-%m-%d %H:%M:%S`."),
    "decimalSeparator": Option("decimal_separator", "`.` or `,`", "What stands before a number's decimals in CSV."),
    "skip": Option("skip", "whole number", "How many lines at the top of a CSV file or sheet are left out."),
    "sheet": Option(
        "sheet", "name or number", "Which sheet of an Excel workbook is read; needed where several have rows."
    ),
    "columns": Option("columns", "mapping of column to type", "The columns' types, instead of sniffed ones."),
}


def check_options(value: Any) -> dict[str, Any]:  # noqa: ANN401 - a value of a document
    """`mesh.options` with the names that `Source.options` has. Raises ValueError saying what to write."""
    if not isinstance(value, dict):
        message = "write a mapping, such as {delimiter: ';'}"
        raise ValueError(message)  # noqa: TRY004 - a file's value is wrong, not a caller's type
    found: dict[str, Any] = {}
    for name, given in value.items():
        option = OPTIONS.get(name)
        if option is None:
            close = nearest(str(name), OPTIONS)
            message = f"there is no option '{name}'" + (f": did you mean '{close}'?" if close else "")
            raise ValueError(message)
        found[option.name] = _value(name, given)
    return found


def _value(name: str, given: Any) -> Any:  # noqa: ANN401 - a value of a document
    if name == "columns":
        return _columns(given)
    if name == "nulls" and isinstance(given, str):
        return [given]
    if not ACCEPTS[name](given):
        message = f"'{name}' takes {OPTIONS[name].kind}"
        raise ValueError(message)
    return given


def _columns(given: Any) -> dict[str, str]:  # noqa: ANN401 - a value of a document
    if not isinstance(given, dict):
        message = "'columns' takes a mapping of column to type, such as {amount: 'DECIMAL(10,2)'}"
        raise ValueError(message)  # noqa: TRY004 - a file's value is wrong, not a caller's type
    for column, kind in given.items():
        try:
            DataType.parse(str(kind))
        except ValueError as error:
            message = f"the type of column '{column}': {error}"
            raise ValueError(message) from error
    return {str(column): str(kind) for column, kind in given.items()}


ACCEPTS: Final = {
    "delimiter": lambda given: isinstance(given, str) and len(given) == 1,
    "header": lambda given: isinstance(given, bool),
    "quote": lambda given: isinstance(given, str) and len(given) <= 1,
    "nulls": lambda given: isinstance(given, list) and all(isinstance(text, str) for text in given),
    "encoding": lambda given: isinstance(given, str) and bool(given),
    "dateFormat": lambda given: isinstance(given, str) and bool(given),
    "timestampFormat": lambda given: isinstance(given, str) and bool(given),
    "decimalSeparator": lambda given: given in {".", ","},
    "sheet": lambda given: (isinstance(given, str) and bool(given)) or (type(given) is int and given > 0),
    "skip": lambda given: isinstance(given, int) and not isinstance(given, bool) and given >= 0,
}
