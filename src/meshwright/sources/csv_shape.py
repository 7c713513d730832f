"""The shape of a CSV file that nobody described: its encoding, the lines before its header, its delimiter and names.

Only the beginning is parsed; whether every row has this shape is for a strict read to say. All of it ends in explicit
options, so that a later read decides nothing by itself.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any, Final

from meshwright.sources.csv_files import DEFAULTS, DELIMITERS
from meshwright.sources.unpacking import open_bytes

if TYPE_CHECKING:
    from pathlib import Path

RECORDS: Final = 200
CHUNK_BYTES: Final = 1 << 20
# Of records that are alike so many must be, for a delimiter to be the one.
ALIKE_MIN: Final = 0.8
# A cell that a value would fill rather than a name: a number, a date, an e-mail address.
VALUE: Final = re.compile(
    r"\s*([-+€$£]*[\d.,]*\d[\d.,]*\s*[%€$£]?|\d{1,4}[-./]\d{1,2}[-./]\d{1,4}.*|\S+@\S+\.\S+)\s*\Z"
)
APOSTROPHES: Final = re.compile(r"(?:^|[,;\t|])'[^'\n]*'(?=[,;\t|\r]|$)", re.MULTILINE)
APOSTROPHES_MIN: Final = 4
BACKSLASH: Final = "\\"
# A quote within a value, behind a backslash; and one that is doubled, which is no empty value.
ESCAPED: Final = re.compile(r'[^,;\t|\r\n\\]\\"[^,;\t|\r\n]')
DOUBLED: Final = re.compile(r'[^,;\t|\r\n"]""[^,;\t|\r\n"]')
YEAR: Final = re.compile(r"\s*(19|20)\d\d\s*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How a CSV file is to be read. `options` are complete; `names` are the columns' as found.

    `declared` are those of the options that looking at the file again would not find: they belong into the descriptor.
    """

    options: dict[str, Any]
    declared: dict[str, Any]
    names: tuple[str, ...]


def shape(path: Path) -> Shape:
    """The shape of the file at *path*, a plain or gzipped one. It never fails: a strict read says what is wrong."""
    encoding = _encoding(path)
    text = _beginning(path, encoding)
    mark = _quote(text)
    escape = BACKSLASH if mark == '"' and ESCAPED.search(text) and not DOUBLED.search(text) else mark
    between, records = _parsed(text, mark, escape)
    first = _first(records)
    cells = [cell.strip() for cell in records[first].cells] if records else []
    has_header = bool(records) and _is_header(cells)
    names = tuple(cells) if has_header else tuple("" for _ in cells)
    declared: dict[str, Any] = {} if encoding == "utf-8" else {"encoding": encoding}
    declared |= {} if mark == DEFAULTS["quote"] else {"quote": mark}
    skipped = records[first].line - 1 if records else 0
    declared |= {"skip": skipped} if skipped else {}
    lowered = [name.lower() or f"column{index}" for index, name in enumerate(names)]
    if has_header and len(set(lowered)) < len(lowered):
        # Names that occur twice cannot be told apart by name: the header is left out, and columns go by position.
        declared |= {"skip": records[first].end, "header": False}
    elif not has_header:
        declared |= {"header": False}
    options = {
        **DEFAULTS,
        **({"escape": escape} if escape != mark else {}),
        "delimiter": between,
        "encoding": encoding,
        "header": True,
        **declared,
    }
    return Shape(options=options, declared=declared, names=names)


@dataclass(frozen=True, slots=True)
class _Record:
    """One record: its cells, and the lines on which it begins and ends, counted from 1."""

    cells: list[str]
    line: int
    end: int


def _encoding(path: Path) -> str:
    """UTF-16 by its mark, UTF-8 where every byte is, else the Western code page, which reads any bytes."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with open_bytes(path) as stream:
        start = stream.read(2)
        if start in {b"\xff\xfe", b"\xfe\xff"}:
            return "utf-16"
        try:
            decoder.decode(start)
            while chunk := stream.read(CHUNK_BYTES):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return _code_page(path)
    return "utf-8"


def _code_page(path: Path) -> str:
    """The encoding that the letters beyond ASCII most likely are in."""
    from charset_normalizer import from_bytes

    with open_bytes(path) as stream:
        lines = [line for line in islice(stream, 20_000) if not line.isascii()][:500]
    content = b"".join(lines)
    try:
        content.decode("cp1252")
    except UnicodeDecodeError:
        western = "latin-1"
    else:
        western = "cp1252"
    best = from_bytes(content, cp_isolation=["cp1252", "cp1251", "cp1250", "cp1253", "cp932", "gb18030", "big5"]).best()
    # Central European and Western letters share most places; only another script tells for certain.
    is_other_script = best is not None and best.encoding in {"cp1251", "cp1253", "cp932", "gb18030", "big5"}
    return str(best.encoding) if best is not None and is_other_script else western


def _beginning(path: Path, encoding: str) -> str:
    decoder = codecs.getincrementaldecoder("utf-8-sig" if encoding == "utf-8" else encoding)("replace")
    with open_bytes(path) as stream:
        return decoder.decode(stream.read(CHUNK_BYTES))


def _quote(text: str) -> str:
    """What encloses values: double quotes, but apostrophes where whole values on one line stand in them and nothing else."""
    return "'" if '"' not in text and len(APOSTROPHES.findall(text)) >= APOSTROPHES_MIN else '"'


def _parsed(text: str, quote: str, escape: str) -> tuple[str, list[_Record]]:
    """The delimiter by which most of the first records are alike, and those records."""
    best: tuple[float, int, str, list[_Record]] = (0.0, 0, ",", _records(text, ",", quote, escape))
    for mark in DELIMITERS:
        records = _records(text, mark, quote, escape)
        counts = Counter(len(record.cells) for record in records)
        width, times = max(counts.items(), key=lambda item: (item[1] * (item[0] > 1), item[0]), default=(1, 0))
        share = times / len(records) if records and width > 1 else 0.0
        is_better = (share >= ALIKE_MIN, width) > (best[0] >= ALIKE_MIN, best[1]) if share else False
        if is_better:
            best = (share, width, mark, records)
    return best[2], best[3]


def _records(text: str, delimiter: str, quote: str, escape: str) -> list[_Record]:
    escaped = None if escape == quote else escape
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=delimiter, quotechar=quote, escapechar=escaped, doublequote=escaped is None)
    found: list[_Record] = []
    line = 1
    try:
        for cells in islice(reader, RECORDS):
            if cells:
                found.append(_Record(cells, line, reader.line_num))
            line = reader.line_num + 1
    except csv.Error:
        pass  # what follows is not needed to see the shape
    return found


def _first(records: list[_Record]) -> int:
    """The index of the record that the table begins with: as wide as most, and no title or note padded to that width."""
    if not records:
        return 0
    counts = Counter(len(record.cells) for record in records)
    width = max(counts.items(), key=lambda item: (item[1], item[0]))[0]
    wide = [at for at, record in enumerate(records) if len(record.cells) == width and any(map(str.strip, record.cells))]
    first = wide[0] if wide else 0
    for at, following in pairwise(wide[:-1]):  # the last one is no header: nothing stands below it
        cells, below = (_filled(records[index].cells) for index in (at, following))
        if not (len(cells) * 2 < width <= len(below) * 2 and _is_header(below)):
            return at
        first = following
    return first


def _filled(cells: list[str]) -> list[str]:
    return [cell.strip() for cell in cells if cell.strip()]


def _is_header(cells: list[str]) -> bool:
    """Whether *cells* name columns: none holds what a value would be, but years beside words do name columns."""
    values = [cell for cell in cells if VALUE.match(cell)]
    years = [cell for cell in cells if YEAR.match(cell)]
    return len(values) == len(years) and any(cell and not VALUE.match(cell) for cell in cells)
