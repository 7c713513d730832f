"""New files: all of them or none, and never over what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meshwright.model.errors import InvalidInput, Unavailable
from meshwright.workspace.new_files import write_all

if TYPE_CHECKING:
    from pathlib import Path


def everything(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def test_texts_are_written_and_files_copied(tmp_path: Path) -> None:
    original = tmp_path / "original.bin"
    original.write_bytes(b"\x00\xff")
    root = tmp_path / "mesh"
    root.mkdir()
    written = write_all(root, {"a/b/c.txt": "text\n", "a/d.bin": original})
    assert written == [root / "a/b/c.txt", root / "a/d.bin"]
    assert (root / "a/b/c.txt").read_text(encoding="utf-8") == "text\n"
    assert (root / "a/d.bin").read_bytes() == b"\x00\xff"
    assert everything(root) == ["a", "a/b", "a/b/c.txt", "a/d.bin"]


def test_nothing_is_written_where_one_file_is_there(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("mine", encoding="utf-8")
    with pytest.raises(InvalidInput, match="b is there already; nothing was written"):
        write_all(tmp_path, {"a": "x", "b": "y"})
    assert everything(tmp_path) == ["b"]
    assert (tmp_path / "b").read_text(encoding="utf-8") == "mine"


def test_nothing_is_left_behind_when_an_original_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="nothing was written"):
        write_all(tmp_path, {"new/a": "x", "new/b": tmp_path / "not there"})
    assert everything(tmp_path) == []


def test_what_was_placed_is_taken_back_when_a_later_file_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file where a folder is wanted", encoding="utf-8")
    with pytest.raises(Unavailable, match="nothing was written"):
        write_all(tmp_path, {"new/a": "x", "file/b": "y"})
    assert everything(tmp_path) == ["file"]
