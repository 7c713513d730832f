"""Output: results as text for people, as JSON for programs."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from meshwright.reading.export import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from meshwright.model.findings import Finding

CELL_WIDTH_MAX = 60
# Below so many characters, importing msgspec takes longer than it saves.
LONG_TEXT = 200_000


def print_json(value: Any) -> None:  # noqa: ANN401 - any result
    """Print *value* as indented JSON."""
    data = plain(value)
    text = json.dumps(data, ensure_ascii=False)
    if len(text) < LONG_TEXT:
        click.echo(json.dumps(data, indent=2, ensure_ascii=False))
        return
    import msgspec

    # The standard library's fast encoder cannot indent; what it wrote is indented apart.
    click.echo(msgspec.json.format(text, indent=2))


def print_json_line(value: Any) -> None:  # noqa: ANN401 - any result
    """Print *value* as one line of JSON, at once."""
    click.echo(json.dumps(plain(value), ensure_ascii=False))
    sys.stdout.flush()


def print_table(headers: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[int] = ()) -> None:
    """Print *rows* in aligned columns; those numbered in *right* are aligned right. Long cells are cut."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max([len(header), *(len(row[at]) for row in cells)]) for at, header in enumerate(headers)]
    click.secho(
        "  ".join(_pad(header, widths[at], at in right) for at, header in enumerate(headers)).rstrip(), bold=True
    )
    for row in cells:
        click.echo("  ".join(_pad(cell, widths[at], at in right) for at, cell in enumerate(row)).rstrip())


def _pad(text: str, width: int, right: bool) -> str:  # noqa: FBT001 - one call site
    return text.rjust(width) if right else text.ljust(width)


def _cell(value: Any) -> str:  # noqa: ANN401 - any value of any column
    if value is None:
        return "NULL"
    if isinstance(value, dict | list | tuple):
        value = json.dumps(plain(value), ensure_ascii=False)
    text = str(plain(value)).replace("\n", "⏎").replace("\t", " ")
    return text if len(text) <= CELL_WIDTH_MAX else text[: CELL_WIDTH_MAX - 1] + "…"


def findings_as_data(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Findings as `--json` prints them."""
    return [
        {
            "file": finding.path,
            "line": finding.line,
            "column": finding.column,
            "code": finding.code,
            "severity": finding.severity.value,
            "message": finding.message,
            "value": finding.value,
            "hint": finding.hint,
            "pointer": finding.pointer,
        }
        for finding in findings
    ]


def plural(count: int, word: str) -> str:
    """`1 row`, `2,000 rows`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def size(count: float) -> str:
    """A number of bytes as people say it."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:  # noqa: PLR2004 - decimal units
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
