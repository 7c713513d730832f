"""Markdown as GitHub and GitLab show it: user text that stays text, tables, folded parts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

SPECIAL: Final = re.compile(r"([`*_\[\]<>|~$])")
# Mentions and references would notify people and link to issues: @name, #12, !12.
REFERENCE: Final = re.compile(r"([@#!%])(?=\w)")
# A backslash at the end of a cell would escape its bar.
PLAIN_CODE: Final = re.compile(r"[^`|\\]+")
CELL_CHARACTERS_MAX: Final = 300


def text(value: str, most: int = CELL_CHARACTERS_MAX) -> str:
    """*value* as text in one line, at most *most* of its characters: nothing in it is markup, a mention or a reference."""
    line = shortened(" ".join(value.split()), most)
    escaped = SPECIAL.sub(r"\\\1", line.replace("&", "&amp;").replace("\\", "&#92;"))
    return REFERENCE.sub("\\1\N{ZERO WIDTH SPACE}", escaped)


def code(value: str, most: int = CELL_CHARACTERS_MAX) -> str:
    """*value* as code in one line, in a table, too; "" when it is empty."""
    line = shortened(" ".join(value.split()), most)
    if not line or PLAIN_CODE.fullmatch(line):
        return f"`{line}`" if line else ""
    return f"<code>{''.join(one if one.isalnum() or one == ' ' else f'&#{ord(one)};' for one in line)}</code>"


def codes(values: Sequence[str], most: int) -> str:
    """*values* as code with commas between, at most *most* of them."""
    rest = f" and {len(values) - most:,} more" if len(values) > most else ""
    return ", ".join(code(value) for value in values[:most]) + rest


def shortened(line: str, most: int) -> str:
    """*line*, cut to *most* characters with … at its end."""
    return line if len(line) <= most else line[: most - 1] + "…"


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> list[str]:
    """The lines of a table; the columns numbered in *right* are aligned right. Cells are markdown already."""
    rule = ["--:" if at in right else "---" for at in range(len(headers))]
    return [f"| {' | '.join(cells)} |" for cells in (headers, rule, *rows)]


def folded(summary: str, lines: Sequence[str], *, is_open: bool = False) -> list[str]:
    """*lines* that show when *summary*, which is markup of our own, is clicked."""
    opened = " open" if is_open else ""
    return [f"<details{opened}><summary>{summary}</summary>", "", *lines, "", "</details>"]
