"""Formats and shapes that texts have in common: what a contract can promise of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from meshwright.quality.formats import PATTERNS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# ODCS's words for formats, the most telling first.
FORMATS: Final = ("email", "uuid", "ipv4", "ipv6", "url")
COMPILED: Final = {name: re.compile(PATTERNS[name]) for name in FORMATS}
ISO_DATE: Final = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])")
SHAPE_LENGTH_MAX: Final = 24
# From so few texts no shape can be told.
TEXTS_MIN: Final = 8
RUN: Final = re.compile(r"[A-Z]+|[a-z]+|[0-9]+|[^A-Za-z0-9]+")


def text_options(values: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The logicalTypeOptions that all *values* keep, the most telling first; whether all rows do is another question."""
    if not values:
        return
    for name, pattern in COMPILED.items():
        if all(pattern.fullmatch(value) for value in values):
            yield {"format": "uri" if name == "url" else name}
            return
    if all(ISO_DATE.fullmatch(value) for value in values):
        yield {"pattern": r"^\d{4}-\d{2}-\d{2}$"}
    shape = _shape(values) if len(values) >= TEXTS_MIN else ""
    if shape:
        yield {"pattern": f"^{shape}$"}


def _shape(values: Sequence[str]) -> str:
    """A pattern of letters, digits and signs in the same order and, but for digits, of the same length; "" without one."""
    if max(map(len, values)) > SHAPE_LENGTH_MAX or any(
        not value.isascii() or re.search(r"\s", value) for value in values
    ):
        return ""  # words, not codes
    split = [RUN.findall(value) for value in values]
    if len({tuple(map(_class, runs)) for runs in split}) != 1:
        return ""
    parts = []
    for runs in zip(*split, strict=True):
        lengths = {len(run) for run in runs}
        kind = _class(runs[0])
        if kind not in {"[A-Z]", "[a-z]", "[0-9]"}:
            parts.append(kind)
        elif len(lengths) == 1:
            parts.append(f"{kind}{{{len(runs[0])}}}")
        elif kind == "[0-9]":
            parts.append("[0-9]+")
        else:
            return ""  # words of any length: a name, not a code
    # Letters alone, of one length, are a code such as a country's; one run of digits of any length tells nothing.
    return "" if parts in ([], ["[0-9]+"]) or not any("[" in part for part in parts) else "".join(parts)


def _class(run: str) -> str:
    if not run[0].isalnum():
        return re.escape(run)
    return "[0-9]" if run[0].isdigit() else "[A-Z]" if run[0].isupper() else "[a-z]"
