"""One kind of text: the condition that a text is of it, and the SQL that makes of it what it says, or an error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from meshwright.model.datatype import VARCHAR, DataType, literal

# Below the column in a SELECT list.
BREAK: Final = "\n        "
# What a text of these types looks like, of which a cast drops nothing.
WHOLE_TEXTS: Final = {
    "BIGINT": r" *-?\d+ *",
    "DECIMAL": r" *-?\d*(\.\d{1,2})? *",
    "DATE": r"\d{4}-\d\d-\d\d",
    "TIMESTAMP": r"\d{4}-\d\d-\d\d([T ][\d:.]+)?",
    "TIME": r"[\d:.]+",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of text. In `fits` (a condition on all texts) and `converted` `{c}` stands for the column.

    `type` is what the source reads the column as: the texts' own type where its reader converts them, else VARCHAR and
    `converted` says how the query does it ("" not at all). `note` says what a person should know of the conversion,
    `doubt` what they have to decide.
    """

    type: DataType
    fits: str = "true"
    converted: str = ""
    note: str = ""
    doubt: str = ""


TEXT: Final = Kind(type=VARCHAR)


def strict(text: str, kind: DataType, condition: str) -> str:
    """The SQL *text* as *kind* where the *condition* on {c} holds; an error that names the text elsewhere, not a guess."""
    lines = (f"CASE WHEN {condition}", f"THEN {text}", "ELSE 'not as the others: ' || {c} END")
    return f"CAST({BREAK.join(lines)} AS {kind})"


def as_kind(text: str, kind: DataType) -> str:
    """The SQL *text* as *kind*, nothing of it rounded or dropped: a plain cast reads 1.5 as 2, and a moment as its day."""
    pattern = WHOLE_TEXTS.get(kind.name)
    if pattern is None:
        return f"CAST({text} AS {kind})"
    return strict(text, kind, f"regexp_full_match({text}, {literal(pattern)})").replace("{c}", text)
