"""Columns that a reader hands over as text, turned into their types so that nothing is lost and errors name the place.

DuckDB's readers convert `1.5` to the integer 2, round decimals and drop the offset of `10:00+02:00`, all in silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshwright.engines.casts import fits_sql
from meshwright.engines.failures import ANY_FILE, BAD_VALUE, ROW_UNKNOWN
from meshwright.model.datatype import VARCHAR, DataType, literal, quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshwright.engines import Columns

# Beyond this many columns the exact checks take the optimizer seconds (it compares every expression with every other).
WIDE = 200


def select_text(source: str, read: Mapping[str, DataType], wanted: Columns, *, decimal_comma: bool = False) -> str:
    """A SELECT of *wanted* from *source*, which yields the columns *read* (name → type, many of them text).

    A column that *source* lacks is NULL. A text that is not of its type is an error with file, row, column and value.
    """
    by_name = {name.lower(): (name, kind) for name, kind in read.items()}
    parts = []
    is_checked = False
    for name, kind in wanted:
        have = by_name.get(name.lower())
        if have is None:
            parts.append(f"CAST(NULL AS {kind}) AS {quote(name)}")
        elif have[1] == kind:
            parts.append(quote(have[0]) if have[0] == name else f"{quote(have[0])} AS {quote(name)}")
        else:
            is_checked = True
            parts.append(
                f"{_checked(have[0], kind, decimal_comma=decimal_comma, wide=len(wanted) > WIDE)} AS {quote(name)}"
            )
    rows = (
        f"(SELECT *, filename AS {quote('#file')}, {ROW_UNKNOWN} FROM {source} WHERE {ANY_FILE})"
        if is_checked
        else source
    )
    return f"SELECT {', '.join(parts)} FROM {rows}"


def _checked(column: str, kind: DataType, *, decimal_comma: bool, wide: bool) -> str:
    text = quote(column)
    if decimal_comma and kind.name in {"DOUBLE", "FLOAT", "DECIMAL"}:
        text = f"replace({text}, ',', '.')"
    message = ", ".join(
        [
            literal(BAD_VALUE),
            quote("#file"),
            "'|'",
            f"coalesce({quote('#row')}, 0)",
            literal(f"|{column}|{kind}|"),
            quote(column),
        ]
    )
    fits = fits_sql(text, VARCHAR, kind, wide=wide)
    return f"CASE WHEN {fits} THEN CAST({text} AS {kind}) ELSE system.main.error(concat({message})) END"
