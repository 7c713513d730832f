"""Tokens and places in SQL text agree with DuckDB's own parser."""

from __future__ import annotations

import json

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshwright.analysis.sql_text import (
    character_offset,
    next_token,
    position,
    statement_starts,
    with_plain_spaces,
    without_semicolon,
)

FILLERS = st.sampled_from(
    [
        " ",
        "\n",
        "\t",
        "\u00a0",
        "\u2003",
        "\ufeff ",
        "/* \u00a0; */",
        "-- \u3000 ' \n",
        "/* /* é */ ; */",
        "\r\n",
        "--\n",
    ]
)


@settings(max_examples=200, deadline=None)
@given(
    gaps=st.lists(st.lists(FILLERS, min_size=1, max_size=3).map("".join), min_size=4, max_size=4),
    item=st.sampled_from(["1", "'é;'", '"ü;\u00a0"', "$$;\u2003$$", "$a$ ' $a$", "'it''s'", "e'\\';'", "'\u00a0'"]),
)
def test_duckdbs_offset_of_a_name_is_where_the_name_stands(gaps: list[str], item: str) -> None:
    text = f"{gaps[0]}select{gaps[1]}{item},{gaps[2]}näme{gaps[3]}"
    plain = with_plain_spaces(text)
    assert len(plain) == len(text)
    answer = duckdb.connect().execute("select json_serialize_sql($1::varchar)", [plain]).fetchone()
    node = json.loads(answer[0])["statements"][0]["node"] if answer else {}
    offset = character_offset(plain, node["select_list"][-1]["query_location"])
    assert text[offset : offset + 4] == "näme"
    assert statement_starts(text) == [text.index("select")]
    assert without_semicolon(text) == text


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        ("", []),
        (" ; ;; ", []),
        ("a; b ;c", [0, 3, 6]),
        ("'a;b'; c", [0, 7]),
        ("a -- ;\n; b", [0, 9]),
        ("/* ; /* ; */ ; */ a", [18]),
        ('"x;y""z;" ; b', [0, 12]),
        ("$q$ ; $$ ; $q$ ; b", [0, 17]),
        ("e'\\';' ; b", [0, 9]),
        ("a$b$ ; c$b$", [0, 7]),
        ("'unclosed ; b", [0]),
    ],
)
def test_statements_are_separated_by_semicolons_outside_strings_and_comments(text: str, starts: list[int]) -> None:
    assert statement_starts(text) == starts


def test_a_place_counts_lines_and_characters_from_one() -> None:
    assert [position("ab\né\n", offset) for offset in range(6)] == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (3, 1)]
    assert position("ab", 99) == (1, 3)


def test_comments_and_spaces_are_skipped() -> None:
    assert next_token(" -- x\n /* /* y */ */\u00a0z") == 21
    assert next_token("-- nothing") == 10
