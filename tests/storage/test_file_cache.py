"""Copies on this machine that go before their time: their folder is no longer wanted."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from meshwright.model.errors import Unavailable
from meshwright.storage.file_cache import IN_USE_SECONDS, FileCache

if TYPE_CHECKING:
    from pathlib import Path


def age(path: Path, seconds: float) -> None:
    used = time.time() - seconds
    os.utime(path, (used, used))


def kept(cache: FileCache) -> list[str]:
    return sorted(
        path.relative_to(cache.folder / "files").as_posix() for path in cache.folder.rglob("*") if path.is_file()
    )


@pytest.fixture
def cache(tmp_path: Path) -> FileCache:
    made = FileCache(tmp_path / "cache", bytes_max=10**6)
    for name in ("aa/one/1", "aa/one/2", "aa/two/1", "bb/three/1", "bb/flat"):
        made.keep_bytes(b"x", name)
        age(made.folder / "files" / name, 100)
    return made


def test_a_folder_is_forgotten_whoever_uses_it(cache: FileCache) -> None:
    assert cache.find("aa/one/1") is not None
    for folder in ("aa/one", "aa/one", "cc/none", "bb/flat/none"):
        cache.forget_folder(folder)
    assert kept(cache) == ["aa/two/1", "bb/flat", "bb/three/1"]


def test_what_is_in_none_of_the_folders_goes_unless_it_was_used_since(cache: FileCache) -> None:
    before = time.time() - 50
    cache.keep_bytes(b"x", "cc/new/1")
    for _ in range(2):
        for folder in (cache.folder / "files").rglob("*/"):
            age(folder, 100)
        cache.forget_others({"aa/one", "dd/none"}, before=before)
        assert kept(cache) == ["aa/one/1", "aa/one/2", "cc/new/1"]
    # A folder around others that went goes with the next call.
    assert sorted(path.name for path in (cache.folder / "files").iterdir()) == ["aa", "cc"]


def test_what_cannot_be_removed_is_an_error(cache: FileCache, monkeypatch: pytest.MonkeyPatch) -> None:
    def unlink(*_: object, **__: object) -> None:
        raise PermissionError(13, "not allowed")

    monkeypatch.setattr(os, "unlink", unlink)
    with pytest.raises(Unavailable, match="cannot remove"):
        cache.forget_folder("aa/one")
    with pytest.raises(Unavailable, match="cannot remove copies in"):
        cache.forget_others((), before=time.time())


def test_a_draft_that_nobody_finished_does_not_wait_as_long_as_a_copy(cache: FileCache) -> None:
    new, old = cache.draft(), cache.draft()
    for draft, seconds in ((new, 0), (old, IN_USE_SECONDS + 60)):
        draft.write_bytes(b"x")
        age(draft, seconds)
    age(cache.folder / "files/aa/one/1", IN_USE_SECONDS + 60)
    cache.expire(30 * 86_400)
    assert (new.exists(), old.exists()) == (True, False)
    assert cache.find("aa/one/1") is not None


@pytest.mark.parametrize("what", ["a link", "a link that leads nowhere", "a pipe"])
@pytest.mark.parametrize("ending", [b"", b"x"])
def test_what_is_no_plain_file_is_no_copy(cache: FileCache, tmp_path: Path, what: str, ending: bytes) -> None:
    place, other = cache.folder / "files/aa/one/1", tmp_path / "other"
    other.write_bytes(b"another's x")
    place.unlink()
    if what == "a pipe":
        os.mkfifo(place)
    else:
        place.symlink_to(other if what == "a link" else tmp_path / "none")
    assert cache.find("aa/one/1", ending=ending) is None
    assert not os.path.lexists(place)
    assert other.read_bytes() == b"another's x"
    cache.keep_bytes(b"x", "aa/one/1")
    assert cache.find("aa/one/1", ending=ending) == place
