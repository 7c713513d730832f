"""SQL as text: where tokens begin and end, and DuckDB's byte offsets as characters, lines and columns."""

from __future__ import annotations

import re
from typing import Final

# What DuckDB takes for a space besides ASCII's own (each code point was tried).
UNICODE_SPACE: Final = re.compile("[\u00a0\u2000-\u200b\u202f\u205f\u2060\u3000\ufeff]")
SPACES: Final = re.compile("[ \t\n\r\f\v\u00a0\u2000-\u200b\u202f\u205f\u2060\u3000\ufeff]*")
NAME: Final = re.compile(
    r'"(?:[^"]|"")*"'
    r"|'(?:[^']|'')*'"
    r"|(?:[A-Za-z_]|[^\x00-\x7f])(?:[\w$]|[^\x00-\x7f])*",
)
# Where a token begins whose inside is not SQL: comments, strings (E'…' with escapes), quoted names, dollar quotes.
OPENING: Final = re.compile(r"--|/\*|(?<![\w$])[eE]'|'|\"|(?<![\w$])\$(?:[^\W\d]\w*)?\$")
ESCAPED_REST: Final = re.compile(r"(?:[^'\\]|\\.|'')*'", re.DOTALL)
QUOTED_REST: Final = {
    "e": ESCAPED_REST,
    "E": ESCAPED_REST,
    "'": re.compile(r"(?:[^']|'')*'"),
    '"': re.compile(r'(?:[^"]|"")*"'),
}
COMMENT_EDGE: Final = re.compile(r"/\*|\*/")
COMMENTS: Final = ("--", "/*")


def opaque_spans(text: str) -> list[tuple[int, int]]:
    """The character spans of comments, strings, quoted names and dollar quotes, in order."""
    spans: list[tuple[int, int]] = []
    found = OPENING.search(text)
    while found is not None:
        end = _closing(text, found)
        spans.append((found.start(), end))
        found = OPENING.search(text, end)
    return spans


def _closing(text: str, opening: re.Match[str]) -> int:
    """Where the token that begins with *opening* ends; the end of the text when it never does."""
    mark = opening.group()
    if mark == "/*":
        return _block_comment_end(text, opening.start())
    if mark == "--" or mark[0] == "$":
        closing = "\n" if mark == "--" else mark
        end = text.find(closing, opening.end())
        return end + len(closing) if end >= 0 else len(text)
    rest = QUOTED_REST[mark[0]].match(text, opening.end())
    return rest.end() if rest is not None else len(text)


def _block_comment_end(text: str, start: int) -> int:
    """Block comments nest, as PostgreSQL's do."""
    depth = 0
    for edge in COMMENT_EDGE.finditer(text, start):
        depth += 1 if edge.group() == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(text)


def next_token(text: str, at: int = 0) -> int:
    """The offset of the first character from *at* on that is neither space nor comment; the text's length if none."""
    while True:
        at = _after_spaces(text, at)
        if not text.startswith(COMMENTS, at):
            return at
        opening = OPENING.match(text, at)
        at = _closing(text, opening) if opening is not None else len(text)


def _after_spaces(text: str, at: int) -> int:
    spaces = SPACES.match(text, at)
    return spaces.end() if spaces is not None else at


def with_plain_spaces(text: str) -> str:
    """*text* with every Unicode space outside strings and quoted names as a plain one; its length does not change.

    DuckDB does the same before it parses, but counts offsets in what remains: after this, offsets fit.
    """
    if text.isascii() or not UNICODE_SPACE.search(text):
        return text
    parts: list[str] = []
    at = 0
    for start, end in opaque_spans(text):
        parts.append(UNICODE_SPACE.sub(" ", text[at:start]))
        inside = text[start:end]
        parts.append(UNICODE_SPACE.sub(" ", inside) if inside.startswith(COMMENTS) else inside)
        at = end
    return "".join((*parts, UNICODE_SPACE.sub(" ", text[at:])))


def position(text: str, offset: int) -> tuple[int, int]:
    """The line and column, both from 1, of the character at *offset*."""
    offset = min(max(offset, 0), len(text))
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def character_offset(text: str, byte_offset: int) -> int:
    """The character offset of the byte *byte_offset* of *text* in UTF-8."""
    if text.isascii():
        return min(byte_offset, len(text))
    return len(text.encode()[:byte_offset].decode("utf-8", "ignore"))


def name_parts(text: str, start: int, count: int) -> tuple[tuple[str, ...], list[int]]:
    """The *count* dotted names that begin at *start*, without quotes, and the offset where each one ends.

    Fewer are returned when the text holds fewer.
    """
    parts: list[str] = []
    ends: list[int] = []
    at = start
    while len(parts) < count:
        match = NAME.match(text, at)
        if match is None:
            break
        parts.append(unquoted(match.group()))
        ends.append(match.end())
        dot = next_token(text, match.end())
        if not text.startswith(".", dot):
            break
        at = next_token(text, dot + 1)
    return tuple(parts), ends


def unquoted(token: str) -> str:
    """The name that *token* spells."""
    if token[0] in "'\"":
        return token[1:-1].replace(token[0] * 2, token[0])
    return token


def statement_starts(text: str) -> list[int]:
    """The offset of each statement's first token; empty statements are none."""
    starts: list[int] = []
    at = 0
    for end in [*_semicolons(text), len(text)]:
        begin = next_token(text, at)
        if begin < end:
            starts.append(begin)
        at = end + 1
    return starts


def _semicolons(text: str) -> list[int]:
    found: list[int] = []
    at = 0
    for start, end in [*opaque_spans(text), (len(text), len(text))]:
        found += [match.start() for match in re.compile(";").finditer(text, at, start)]
        at = end
    return found


def without_semicolon(text: str) -> str:
    """*text* up to its first separating semicolon, so that a query can stand in brackets."""
    if ";" not in text:
        return text
    ends = _semicolons(text)
    return text[: ends[0]] if ends else text
