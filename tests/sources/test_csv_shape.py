"""The shape of a CSV file: found from its beginning, and stated so completely that nothing is decided twice."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import pytest

from meshwright.sources.csv_shape import shape

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "names", "declared"),
    [
        ("a,b\n1,2\n", ("a", "b"), {}),
        ("a;b\n1,5;2\n", ("a", "b"), {}),
        ("a\tb\n1\t2\n", ("a", "b"), {}),
        ("a|b\n1|2\n", ("a", "b"), {}),
        ("one\nx\ny\n", ("one",), {}),
        ("1,2\n3,4\n", ("", ""), {"header": False}),
        ("country,2019,2020\nDE,1,2\n", ("country", "2019", "2020"), {}),
        ("Title\n\nx,y,z\n1,2,3\n4,5,6\n", ("x", "y", "z"), {"skip": 2}),
        ("Title,,\n,,\nx,y,z\n1,2,3\n", ("x", "y", "z"), {"skip": 2}),
        ("key,,\nk0,1,2\n", ("key", "", ""), {}),
        ("a,A\n1,2\n", ("a", "A"), {"skip": 1, "header": False}),
        ('"a\nb",c\n1,2\n', ("a\nb", "c"), {}),
        ("'a','b'\n'1,5','2'\n", ("a", "b"), {"quote": "'"}),
        ("a,b\nit's,'n\n'tis,',\n", ("a", "b"), {}),
    ],
)
def test_delimiter_header_and_what_stands_before_it_are_found(
    tmp_path: Path, text: str, names: tuple[str, ...], declared: dict[str, Any]
) -> None:
    file = tmp_path / "in.csv"
    file.write_text(text, encoding="utf-8")
    found = shape(file)
    assert (found.names, found.declared) == (names, declared)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_the_encoding_is_found(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "in.csv"
    file.write_bytes("größe,b\nä,2\n".encode(encoding))
    found = shape(file)
    assert found.names == ("größe", "b")
    assert found.options["encoding"] == encoding.removesuffix("-sig")


def test_a_packed_file_is_looked_into(tmp_path: Path) -> None:
    file = tmp_path / "in.csv.gz"
    file.write_bytes(gzip.compress(b"a,b\n1,2\n"))
    assert shape(file).names == ("a", "b")


def test_an_empty_file_has_no_names(tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_bytes(b"")
    assert shape(file).names == ()
