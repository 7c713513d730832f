"""Finds what is hidden in what was obtained, however it is spelt there."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Final

from security.shop import DAY, NUMBER, WORD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from security.ways import Ask, Obtained

YES: Final = "LEAKED"
DIGITS: Final = str(NUMBER)
# The bytes that base64 writes as one group.
GROUP: Final = 3


def _words() -> Iterator[str]:
    """How the word is written: as it is, backwards, as hexadecimal and binary digits, as base64 at any place in a text."""
    yield from (WORD, WORD[::-1], WORD.encode().hex(), WORD[::-1].encode().hex())
    yield "".join(f"{byte:08b}" for byte in WORD.encode())
    yield ", ".join(str(byte) for byte in WORD.encode())
    for before in range(GROUP):
        text = base64.b64encode(b"-" * before + WORD.encode()).decode()
        # Four letters are three bytes; a group that only begins or ends the word depends on what stands beside it.
        whole = (before + len(WORD)) // GROUP
        yield text[4 * -(-before // GROUP) : 4 * whole]


def _numbers() -> Iterator[str]:
    """How the number is written: with separators, in other bases, as a power of ten, as a date."""
    groups = [DIGITS[at : at + 3] for at in range(0, len(DIGITS), 3)]
    yield "[,_. '\u202f]?".join(groups)
    yield rf"\b(?:0x)?{NUMBER:x}\b"
    yield f"{NUMBER:b}"
    yield r"9\.18273645\d*e"
    yield f"{DAY:%Y-%m}-0"
    yield f"{DAY.year}, {DAY.month}, "
    yield rf"\b0?{DAY.day} {DAY:%b} {DAY.year}|{DAY:%b} 0?{DAY.day},? {DAY.year}|{DAY:%d[./]%m[./]%Y}"
    yield r"\b549849600(?:\.0|000)?\b"


HIDDEN: Final = re.compile("|".join([*map(re.escape, _words()), *_numbers(), YES]), re.IGNORECASE)


def found_in(text: str) -> list[str]:
    """What *text* tells of what is hidden."""
    return sorted({match.group() for match in HIDDEN.finditer(text)})


def told_of_the_machine(text: str, root: Path) -> list[str]:
    """The places of this machine that *text* names."""
    places = (str(root), f"{root.parent.name}/{root.name}", "/.mesh/", "site-packages", "src/meshwright", "Traceback")
    return [place for place in places if place in text]


def leaks(obtained: Obtained, ask: Ask, root: Path, *, said: Iterable[str] = ()) -> list[str]:
    """What was obtained beside what was *said* in the question itself."""
    text = obtained.text
    asked = (ask.sql, ask.where, ask.port, ask.columns, ask.key, ask.as_of, ask.before, ask.since, *said)
    for one in sorted(asked, key=len, reverse=True):
        if len(one) > len(YES):
            text = text.replace(one, "").replace(one.replace('"', '\\"'), "")
    return [*found_in(text), *told_of_the_machine(text, root)]
