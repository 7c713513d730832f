"""Text with some spans replaced, that still knows where each character came from."""

from __future__ import annotations

from typing import Self

from meshwright.analysis.sql_text import position


class Rewritten(str):
    """A text made from another one by edits; places in it can be told as places in the original.

    An edit is (start, end, replacement), in characters of the original; edits do not overlap.
    """

    __slots__ = ("_pieces", "original")

    original: str
    _pieces: list[tuple[int, int, int]]

    @classmethod
    def by(cls, original: str, edits: list[tuple[int, int, str]]) -> Self:
        """*original* with *edits* made, and everything that they cut across lines kept as line breaks."""
        parts: list[str] = []
        # (length up to here in the new text, offset in the original, 0 inside a replacement else 1)
        pieces: list[tuple[int, int, int]] = []
        at = length = 0
        for start, end, replacement in sorted(edits):
            # A name that spans lines keeps them: the lines below must not move.
            filled = replacement + "\n" * original.count("\n", start, end)
            pieces += [(length, at, 1), (length + start - at, start, 0)]
            parts += [original[at:start], filled]
            length += start - at + len(filled)
            at = end
        pieces.append((length, at, 1))
        made = cls("".join((*parts, original[at:])))
        made.original = original
        made._pieces = pieces
        return made

    def original_position(self, offset: int) -> tuple[int, int]:
        """The line and column in the original of the character at *offset* of this text; in a replacement its start."""
        begin, source, moves = next(piece for piece in reversed(self._pieces) if piece[0] <= max(offset, 0))
        return position(self.original, source + (offset - begin) * moves)
