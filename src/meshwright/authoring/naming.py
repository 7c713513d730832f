"""Names made valid: what files, sheets and columns are called outside, in the shape that the mesh's names have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from meshwright.model.names import NAME_LENGTH_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable

# Signs that say something, in words; every other sign only separates.
SIGNS: Final = {
    "%": " percent ",
    "€": " eur ",
    "$": " usd ",
    "£": " gbp ",
    "#": " number ",
    "&": " and ",
    "+": " plus ",
}
# A capital after a small letter begins a word, as does the last of several capitals: `orderID`, `HTTPStatus`.
WORDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def valid_name(text: str, *, otherwise: str) -> str:
    """*text* as a valid name; *otherwise* where nothing of it can be kept. A name that begins with a digit follows `n`."""
    from anyascii import anyascii

    spoken = "".join(SIGNS.get(letter, letter) for letter in text)
    ascii_text = anyascii(spoken.replace("'", "").replace("\N{RIGHT SINGLE QUOTATION MARK}", ""))
    words = re.sub(r"[^a-z0-9]+", "_", WORDS.sub("_", ascii_text).lower()).strip("_")
    name = f"n{words}" if words[:1].isdigit() else words
    return name[:NAME_LENGTH_MAX].rstrip("_") or otherwise


def valid_names(texts: Iterable[str], *, otherwise: str = "column") -> list[str]:
    """A valid name for each of *texts*, no two the same: a second `amount` is `amount_2`, the fifth, empty one `column_5`."""
    found: list[str] = []
    for index, text in enumerate(texts, 1):
        name = valid_name(text, otherwise=f"{otherwise}_{index}")
        found.append(free_name(name, found))
    return found


def distinct_names(texts: Iterable[str]) -> list[str]:
    """*texts* as they are where none is like it in any case; a later one gets a number, an empty one its position."""
    found: list[str] = []
    for index, text in enumerate(texts, 1):
        taken = [one.lower() for one in found]
        free = free_name((text or f"column_{index}").lower(), taken)
        found.append(text if text and free == text.lower() else free)
    return found


def free_name(name: str, taken: Iterable[str]) -> str:
    """*name*, or the first of `name_2`, `name_3` … that is not *taken*."""
    known = set(taken)
    free, number = name, 2
    while free in known:
        ending = f"_{number}"
        free, number = name[: NAME_LENGTH_MAX - len(ending)] + ending, number + 1
    return free


def title(name: str) -> str:
    """*name* as people write it: `unit_price` is `Unit price`."""
    return name.replace("_", " ").strip().capitalize()
