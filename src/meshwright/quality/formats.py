"""Formats that a contract names: of text (JSON Schema's), and of dates written as text (Java's patterns)."""

from __future__ import annotations

import re
from typing import Final

from meshwright.model.datatype import literal
from meshwright.quality.comparison import Uncheckable

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOSTNAME = rf"{_LABEL}(?:\.{_LABEL})*\.?"
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = rf"(?:{_OCTET}\.){{3}}{_OCTET}"
_H16 = r"[0-9A-Fa-f]{1,4}"
_LS32 = rf"(?:{_H16}:{_H16}|{_IPV4})"
# RFC 4291, section 2.2: eight groups, of which one run of zeros may be written as `::`.
_IPV6 = "|".join(
    [
        rf"(?:{_H16}:){{6}}{_LS32}",
        rf"::(?:{_H16}:){{5}}{_LS32}",
        rf"(?:{_H16})?::(?:{_H16}:){{4}}{_LS32}",
        rf"(?:(?:{_H16}:){{0,1}}{_H16})?::(?:{_H16}:){{3}}{_LS32}",
        rf"(?:(?:{_H16}:){{0,2}}{_H16})?::(?:{_H16}:){{2}}{_LS32}",
        rf"(?:(?:{_H16}:){{0,3}}{_H16})?::{_H16}:{_LS32}",
        rf"(?:(?:{_H16}:){{0,4}}{_H16})?::{_LS32}",
        rf"(?:(?:{_H16}:){{0,5}}{_H16})?::{_H16}",
        rf"(?:(?:{_H16}:){{0,6}}{_H16})?::",
    ],
)
_DATE = r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?"
_OFFSET = r"(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)"
_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_EMAIL = rf"{_ATEXT}(?:\.{_ATEXT})*@{_LABEL}(?:\.{_LABEL})*"

# Each must match the whole text. Sources: JSON Schema 2020-12 section 7.3 and the RFCs that it names.
PATTERNS: Final = {
    "email": _EMAIL,
    "idn-email": r"[^\s@]+@[^\s@]+",
    "uuid": r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}",
    "uri": r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+",
    "url": r"[A-Za-z][A-Za-z0-9+.-]*://[^\s<>\"{}|\\^`/]+[^\s<>\"{}|\\^`]*",
    "uri-reference": r"[^\s<>\"{}|\\^`]*",
    "iri": r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+",
    "iri-reference": r"[^\s<>\"{}|\\^`]*",
    "hostname": _HOSTNAME,
    "idn-hostname": r"[^\s./@:]+(?:\.[^\s./@:]+)*\.?",
    "ipv4": _IPV4,
    "ipv6": _IPV6,
    "ip": f"{_IPV4}|{_IPV6}",
    "time": rf"{_TIME}{_OFFSET}?",
    "duration": r"P(?:\d+W|(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?)",
    "json-pointer": r"(?:/(?:[^/~]|~[01])*)*",
    "byte": r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?",
}
LENGTHS: Final = {"hostname": 253, "email": 254}
# These say how a value is shown or kept, not what it looks like.
UNCHECKED: Final = frozenset({"password", "binary", "text", "string", "markdown", "html", "xml"})

# Java's date pattern letters in strptime's. Longest first.
DATE_LETTERS: Final = {
    "yyyy": "%Y",
    "uuuu": "%Y",
    "yy": "%y",
    "MMMM": "%B",
    "MMM": "%b",
    "MM": "%m",
    "M": "%-m",
    "dd": "%d",
    "d": "%-d",
    "HH": "%H",
    "H": "%-H",
    "hh": "%I",
    "mm": "%M",
    "ss": "%S",
    "SSSSSS": "%f",
    "SSS": "%g",
    "a": "%p",
    "EEEE": "%A",
    "EEE": "%a",
    "DDD": "%j",
    "XXX": "%z",
    "XX": "%z",
    "X": "%z",
    "Z": "%z",
}
_TOKEN = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*")


def broken(text: str, name: str) -> str | None:
    """The predicate that *text* (SQL) is not of the format called *name*; None when that format promises nothing.

    Raises Uncheckable for a format nobody knows.
    """
    lowered = name.lower()
    if lowered in UNCHECKED:
        return None
    if lowered == "date":
        return f"(NOT {matches(text, _DATE)} OR TRY_CAST({text} AS DATE) IS NULL)"
    if lowered in {"date-time", "datetime"}:
        stamp = rf"{_DATE}[Tt ]{_TIME}{_OFFSET}"
        return f"(NOT {matches(text, stamp)} OR TRY_CAST(left({text}, 10) AS DATE) IS NULL)"
    if lowered == "json":
        return f"NOT json_valid({text})"
    if lowered == "duration":
        return f"(NOT {matches(text, PATTERNS[lowered])} OR right({text}, 1) IN ('P', 'T'))"
    pattern = PATTERNS.get(lowered)
    if pattern is None:
        message = f"'{name}' is no known format: write a `pattern`, or one of {', '.join(sorted(PATTERNS))}"
        raise Uncheckable(message)
    too_long = f" OR length({text}) > {LENGTHS[lowered]}" if lowered in LENGTHS else ""
    return f"(NOT {matches(text, pattern)}{too_long})"


def matches(text: str, pattern: str) -> str:
    """The predicate that the whole of *text* (SQL) matches *pattern*."""
    return f"regexp_full_match({text}, {literal(pattern)})"


def strptime(pattern: str) -> str:
    """Java's date *pattern*, such as `yyyy-MM-dd`, as strptime's. Raises Uncheckable for letters it cannot say."""

    def convert(match: re.Match[str]) -> str:
        if match.group(1) is not None:
            return match.group(1).replace("''", "'").replace("%", "%%") or "'"
        letters = DATE_LETTERS.get(match.group(0))
        if letters is None:
            message = f"'{match.group(0)}' in the format '{pattern}' is not understood: write e.g. yyyy-MM-dd HH:mm:ss"
            raise Uncheckable(message)
        return letters

    return pattern if "%" in pattern else _TOKEN.sub(convert, pattern)


def regular_expression(pattern: str) -> str:
    r"""A contract's *pattern* (ECMA-262) for RE2, which writes `\u00e9` as `\x{00e9}`.

    Raises Uncheckable for what RE2 lacks.
    """
    lacking = re.search(r"\(\?(?:[=!]|<[=!])|(?<!\\)(?:\\\\)*\\[1-9]", pattern)
    if lacking is not None:
        message = f"the pattern '{pattern}' looks around or back ('{lacking.group(0)}'), which is not evaluated in bounded time: write it without, or as a `sql` rule"
        raise Uncheckable(message)
    return re.sub(r"\\u\{?([0-9A-Fa-f]{4,6})\}?", r"\\x{\1}", pattern)
