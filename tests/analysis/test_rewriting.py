"""Edited text that knows where its characters came from."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshwright.analysis.rewriting import Rewritten
from meshwright.analysis.sql_text import position

ORIGINAL = "select a,\n  b from x.\n y where c = 1"


@given(
    cuts=st.lists(st.integers(0, len(ORIGINAL)), max_size=8, unique=True).map(sorted),
    replacement=st.text("xyz ", max_size=12),
)
def test_what_was_not_replaced_keeps_its_place_in_the_original_and_every_line_its_number(
    cuts: list[int], replacement: str
) -> None:
    spans = list(zip(cuts[::2], cuts[1::2], strict=False))
    made = Rewritten.by(ORIGINAL, [(start, end, replacement) for start, end in spans])
    replaced = {offset for start, end in spans for offset in range(start, end)}
    assert made.count("\n") == ORIGINAL.count("\n")
    new = 0
    for old, character in enumerate(ORIGINAL):
        new += sum(len(replacement) + ORIGINAL.count("\n", start, end) for start, end in spans if start == old)
        if old not in replaced:
            assert made[new] == character
            assert made.original_position(new) == position(ORIGINAL, old)
            new += 1


def test_a_place_inside_a_replacement_is_where_the_replaced_text_began() -> None:
    made = Rewritten.by("from a.b", [(5, 8, '"a.b" AS "b"')])
    assert made == 'from "a.b" AS "b"'
    assert made.original_position(len(made) - 2) == (1, 6)
