from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from meshwright.model.errors import Unavailable
from meshwright.storage.durable import CAUSES, DurableFolders, create, replace, unavailable

if TYPE_CHECKING:
    from pathlib import Path


def test_a_replaced_file_holds_the_new_content_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "file"
    replace(path, b"old")
    replace(path, b"new" * 100_000)
    assert path.read_bytes() == b"new" * 100_000
    assert list(tmp_path.iterdir()) == [path]


def test_replacing_in_a_missing_folder_says_what_helps(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"cannot write .*missing/file: it does not exist; mount or restore it"):
        replace(tmp_path / "missing/file", b"x")


def test_a_file_is_never_created_over_another(tmp_path: Path) -> None:
    create(tmp_path / "file", b"old")
    with pytest.raises(FileExistsError):
        create(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"


def test_folders_are_made_again_when_they_were_removed_meanwhile(tmp_path: Path) -> None:
    folders = DurableFolders(tmp_path)
    for _ in range(2):
        folders.make(tmp_path / "a/b/c")
        assert (tmp_path / "a/b/c").is_dir()
        (tmp_path / "a/b/c").rmdir()


@pytest.mark.parametrize("number", [*CAUSES, errno.ENOTEMPTY])
def test_every_refusal_names_the_path_the_cause_and_a_next_step(tmp_path: Path, number: int) -> None:
    message = str(unavailable(OSError(number, "odd"), tmp_path, "write"))
    assert message.startswith(f"cannot write {tmp_path}: ")
    assert message.count("; ") == 1
