"""DuckDB's errors as Meshwright's: what can be corrected, and what lies outside."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from meshwright.model.datatype import literal
from meshwright.model.errors import InvalidInput, MeshwrightError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from duckdb import DuckDBPyConnection

ADVICE: Final = "correct the value, list it under mesh.options nulls, or declare another type under columns"
SNIFFED_FILE: Final = re.compile(r"Error when sniffing file \"(.*?)\"|^  file = (.*)$", re.MULTILINE)
SNIFFING: Final = "the rows do not have one CSV layout: a quote is opened and never closed, lines end in different ways, or rows differ in length; correct them, or declare delimiter and quote (mesh.options)"
CSV_LINE: Final = re.compile(r"CSV Error on Line: (\d+)\s*\nOriginal Line: ?(.*?)\n", re.DOTALL)
CSV_FILE: Final = re.compile(r"^  file = (.*)$", re.MULTILINE)
CSV_VALUE: Final = re.compile(
    r"Error when converting column \"(.*?)\"\. Could not convert string \"(.*?)\" to '?([^'\n]+)'?", re.DOTALL
)
CSV_COUNT: Final = re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)")
JSON_PLACE: Final = re.compile(r"in file \"(.*?)\", in record/value (\d+): (.*)")
JSON_BROKEN: Final = re.compile(r"Malformed JSON in file \"(.*?)\", (at byte \d+ in \S+ \d+: .*?)\.?\s*$", re.MULTILINE)
# What scans of text columns raise: file, row (0: not counted), column, type, value. Counting rows would keep a scan on
# one thread, so a scan only says where the number would go; it is run again, counting, when a value was bad.
BAD_VALUE: Final = "meshwright bad value|"
ROW_UNKNOWN: Final = 'CAST(NULL AS BIGINT) AS "#row"'
ROW_COUNTED: Final = 'row_number() OVER () AS "#row"'
ANY_FILE: Final = "true /* any file */"
LINE_LENGTH_MAX: Final = 200
UNAVAILABLE: Final = (
    "IOException",
    "OutOfMemoryException",
    "HTTPException",
    "InterruptException",
    "FatalException",
    "InternalException",
)
# Messages of IOExceptions that a correct file would not have caused.
DAMAGED: Final = (
    "GZIP",
    "gzip",
    "ZSTD",
    "zstd",
    "Snappy",
    "decompress",
    "Parquet",
    "parquet",
    "magic",
    "TProtocolException",
)
# What the operating system says when a disk refuses, and the next step.
DISK: Final = {
    "No space left on device": "the disk is full; free some space there and run again",
    "Disk quota exceeded": "the disk quota is used up; free some space there and run again",
    "File too large": "the file may not grow any further; raise the file size limit and run again",
    "Read-only file system": "the file system is read-only; mount it writable, or choose another place in mesh.yaml",
}
DISK_FILE: Final = re.compile(r"file \\?\"(.*?)\\?\"")


def translate(error: Exception, *, where: str = "", names: Mapping[str, str] | None = None) -> MeshwrightError:
    """*error*, raised by DuckDB, as InvalidInput (data or query) or Unavailable (disk, memory, interrupted).

    *where* begins the message; *names* says, by path, what people call the files that were read.
    """
    text = str(error)
    for path, name in (names or {}).items():
        text = text.replace(path, name)
    place = f"{where}: " if where else ""
    for found in (_bad_value(text), _csv(text), _json(text)):
        if found:
            return InvalidInput(f"{place}{found}")
    kind = type(error).__name__
    if kind == "InterruptException":
        return Unavailable(f"{place}interrupted")
    if kind == "OutOfMemoryException":
        hint = "give it more (engine: {memory: …} in mesh.yaml), or read less at once"
        return Unavailable(f"{place}the engine's memory is used up; {hint}. {_first(text)}")
    if refused := _disk(text):
        return Unavailable(f"{place}{refused}")
    if kind in UNAVAILABLE and not any(word in text for word in DAMAGED):
        return Unavailable(f"{place}{_first(text)}")
    return InvalidInput(f"{place}{_first(text)}")


def _disk(text: str) -> str:
    remedy = next((remedy for words, remedy in DISK.items() if words in text), "")
    file = DISK_FILE.search(text)
    return f"cannot write {file.group(1) if file else 'to the disk'}: {remedy}" if remedy else ""


def _first(text: str) -> str:
    """The message without its kind, the excerpt of generated SQL and advice about options nobody set."""
    if "Error when sniffing" in text or "state machine" in text:
        file = SNIFFED_FILE.search(text)
        return f"{file.group(1) or file.group(2)}: {SNIFFING}" if file else SNIFFING
    line = re.split(r"\n\s*\n|\nLINE \d+:|\nTry setting|\nPossible", text, maxsplit=1)[0]
    return re.sub(r"^[A-Z][A-Za-z -]* Error: ", "", line).strip()


def located(error: Exception, scans: Iterable[str], connection: DuckDBPyConnection) -> Exception:
    """*error* with the row of the bad value in it, when it is about one that one of *scans* reads."""
    import duckdb

    _, marker, rest = str(error).partition(BAD_VALUE)
    file, row, *_ = *rest.split("|", 2), "", ""
    if not marker or row != "0":
        return error
    for scan in scans:
        if ROW_UNKNOWN not in scan:
            continue
        counted = scan.replace(ROW_UNKNOWN, ROW_COUNTED).replace(ANY_FILE, f"filename = {literal(file)}")
        try:
            connection.execute(f"SELECT count(COLUMNS(*)) FROM ({counted})").fetchall()
        except duckdb.Error as again:
            return again
    return error


def _bad_value(text: str) -> str:
    _, marker, rest = text.partition(BAD_VALUE)
    if not marker:
        return ""
    file, row, column, kind, value = rest.split("|", 4)
    value = value.split("\n\nLINE ", 1)[0]
    value = value if len(value) <= LINE_LENGTH_MAX else value[:LINE_LENGTH_MAX] + "…"
    place = f"{file}: row {row}" if row != "0" else file
    return f"{place}: column {column}: '{value}' is not {kind}; {ADVICE}"


def _csv(text: str) -> str:
    line = CSV_LINE.search(text)
    if line is None:
        return ""
    file = CSV_FILE.search(text)
    place = f"{file.group(1) if file else 'the CSV file'}:{line.group(1)}"
    original = line.group(2) if len(line.group(2)) <= LINE_LENGTH_MAX else line.group(2)[:LINE_LENGTH_MAX] + "…"
    if found := CSV_VALUE.search(text):
        column, value, kind = found.groups()
        return f"{place}: column {column}: '{value}' is not {kind.strip()}; {ADVICE}"
    if found := CSV_COUNT.search(text):
        return f"{place}: the row has {found.group(2)} values, {found.group(1)} are expected: {original}"
    if "unicode" in text:
        return f"{place}: the row is not UTF-8; save the file as UTF-8, or name its encoding (mesh.options encoding: latin-1)"
    if "unterminated quote" in text:
        return f"{place}: a quote is opened and never closed: {original}"
    after = text[line.end() :].lstrip().split("\n", 1)[0]
    return f"{place}: {after} {original}"


def _json(text: str) -> str:
    if found := JSON_PLACE.search(text):
        return f"{found.group(1)}: record {found.group(2)}: {found.group(3)}"
    if found := JSON_BROKEN.search(text):
        return f"{found.group(1)}: not JSON {found.group(2)}"
    return ""
