from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.formats import yaml_text


def codes(content: bytes) -> list[str]:
    return [finding.code for finding in yaml_text.parse(content, "a.yaml")[1]]


def test_a_document_is_read_with_dates_kept_as_text() -> None:
    document, findings = yaml_text.parse(b"day: 2013-01-01\nversion: 1.0.0\ncount: 3\n", "a.yaml")
    assert not findings
    assert document == {"day": "2013-01-01", "version": "1.0.0", "count": 3}


def test_a_byte_order_mark_is_not_part_of_the_first_key() -> None:
    assert yaml_text.parse(b"\xef\xbb\xbfa: 1\n", "a.yaml")[0] == {"a": 1}


@pytest.mark.parametrize(
    ("content", "code", "line", "column"),
    [
        (b"a: 1\nb: 2\na: 3\n", "duplicate-key", 3, 1),
        (b"x:\n  a: 1\n  a: 3\n", "duplicate-key", 3, 3),
        (b"a:\n\t- b\n", "bad-yaml", 2, 2),
        (b"a: [1\n", "bad-yaml", 1, 4),
        (b"a: 'never closed\n", "bad-yaml", 2, 1),
        (b"a: 1\n  b: 2\n", "bad-yaml", 2, 4),
        (b"a: *nobody\n", "bad-yaml", 1, 4),
        (b"a: 1\nb: \xff\n", "not-utf8", 2, 4),
        (b"", "empty-file", 0, 0),
        (b"# only a comment\n", "empty-file", 0, 0),
        (b"a: 1\n---\nb: 2\n", "several-documents", 2, 1),
    ],
)
def test_bad_text_is_refused_with_its_place(content: bytes, code: str, line: int, column: int) -> None:
    document, findings = yaml_text.parse(content, "a.yaml")
    assert document is None
    assert [(finding.code, finding.line, finding.column) for finding in findings] == [(code, line, column)]
    assert findings[0].hint


@pytest.mark.parametrize("content", [b"---\na: 1\n", b"# c\n%YAML 1.2\n---\na: 1\n", b"a: 1\n...\n", b"a: |\n  ---\n"])
def test_document_markers_around_one_document_are_allowed(content: bytes) -> None:
    assert codes(content) == []


def test_a_list_is_one_document() -> None:
    assert yaml_text.parse(b"- 1\n- 2\n", "a.yaml")[0] == [1, 2]


def test_an_alias_bomb_is_refused_before_it_is_expanded() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    assert codes("\n".join(lines).encode()) == ["alias-bomb"]


def test_a_duplicate_key_before_an_alias_bomb_is_found_in_time() -> None:
    lines = ["z: 1", "z: 2", "a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    assert codes("\n".join(lines).encode()) == ["duplicate-key"]


def test_aliases_that_repeat_a_block_are_read() -> None:
    assert yaml_text.parse(b"a: &x [1]\nb: *x\n", "a.yaml")[0] == {"a": [1], "b": [1]}


def test_a_file_of_fifty_megabytes_is_refused_unread() -> None:
    assert codes(b"a: 1\n" * 10_000_000) == ["too-large"]


@pytest.mark.parametrize(
    "opening", ["a: " + "[" * 100_000, "{a: " * 100_000, "- " * 100_000, "x:\n  " + "?  " * 100_000]
)
def test_nesting_without_end_is_a_finding_and_no_crash(opening: str) -> None:
    assert codes(opening.encode()) == ["bad-yaml"]


@pytest.mark.parametrize(
    ("pointer", "place"),
    [
        ("", (1, 1)),
        ("/a", (1, 4)),
        ("/b", (2, 1)),
        ("/b/0/x", (3, 8)),
        ("/b/0/y", (4, 5)),
        ("/b/0/y/gone", (4, 5)),
        ("/b/7", (2, 1)),
        ("/gone/too", (1, 1)),
        ("/sla~1sh", (6, 9)),
    ],
)
def test_a_pointer_is_located_at_its_value_or_the_nearest_parent(pointer: str, place: tuple[int, int]) -> None:
    content = b"a: 1\nb:\n  - x: 2\n    y:\n      z: 1\nsla/sh: 1\n"
    assert yaml_text.locate(content, pointer) == place


def test_text_that_looks_like_something_else_is_quoted() -> None:
    text = yaml_text.dump({"a": "yes", "b": "1.0", "c": "2013-01-01", "d": "1e3", "e": "10min", "f": "1.0.0", "g": ""})
    assert text == 'a: "yes"\nb: "1.0"\nc: "2013-01-01"\nd: "1e3"\ne: 10min\nf: 1.0.0\ng: \'\'\n'


def test_keys_keep_their_order_and_lists_are_indented() -> None:
    assert yaml_text.dump({"z": [{"b": 1, "a": [1]}], "a": None}) == "z:\n  - b: 1\n    a:\n      - 1\na: null\n"


def test_a_value_that_yaml_has_not_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        yaml_text.dump({"a": object()})


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | TEXT
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=20
)


@given(st.dictionaries(TEXT, DOCUMENTS, min_size=1, max_size=5))
def test_what_is_written_is_read_back_the_same(document: dict[str, Any]) -> None:
    text = yaml_text.dump(document)
    assert yaml_text.parse(text.encode(), "a.yaml") == (document, [])


@given(
    st.sampled_from(["0o17", "0x1F", "1_000", "+.5", "-.INF", "12:30:00", "~", "Null", "<<", "=", "NO", "1.", "0b1"])
)
def test_words_of_any_yaml_version_stay_text(word: str) -> None:
    import yaml

    text = yaml_text.dump({"a": word})
    assert yaml_text.parse(text.encode(), "a.yaml")[0] == {"a": word}
    assert yaml.safe_load(text) == {"a": word}


def leaves(value: Any, place: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], Any]]:
    if not isinstance(value, (dict, list)):
        return [(place, value)]
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    return [leaf for key, child in inner for leaf in leaves(child, (*place, key))]


@given(st.dictionaries(TEXT, DOCUMENTS, min_size=1, max_size=4))
def test_every_value_is_located_where_it_stands(document: dict[str, Any]) -> None:
    text = yaml_text.dump(document)
    lines = text.splitlines(keepends=True)
    for place, value in leaves(document):
        # A key that YAML must write on a line of its own stands for its value.
        if isinstance(value, (bool, int)) and isinstance(place[-1], str) and place[-1].isidentifier():
            line, column = yaml_text.locate(text.encode(), yaml_text.pointer(*place))
            assert lines[line - 1][column - 1 :].startswith(str(value).lower())


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(content: bytes) -> None:
    document, findings = yaml_text.parse(content, "a.yaml")
    assert document is None or not findings
