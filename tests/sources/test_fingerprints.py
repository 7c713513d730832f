"""Fingerprints of source files, and files that change while they are read."""

from __future__ import annotations

import hashlib
import json
import os
import time
from typing import TYPE_CHECKING

import pytest

from meshwright.model.errors import Unavailable
from meshwright.sources.fingerprints import CACHE_NAME, fingerprints, verify_unchanged

if TYPE_CHECKING:
    from pathlib import Path


def test_a_fingerprint_is_the_sha256_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"a\n1\n")
    assert fingerprints(tmp_path, ["a.csv"]) == {"a.csv": hashlib.sha256(b"a\n1\n").hexdigest()}


def test_a_file_settled_before_its_last_look_is_not_hashed_again(tmp_path: Path) -> None:
    settled(tmp_path, digest="known")
    # What is known is taken, which shows that the cache is used.
    assert fingerprints(tmp_path, ["a.csv"], tmp_path / "cache") == {"a.csv": "known"}


def test_a_file_whose_time_was_set_back_is_hashed_again(tmp_path: Path) -> None:
    settled(tmp_path, digest="known")
    stat = (tmp_path / "a.csv").stat()
    (tmp_path / "a.csv").write_bytes(b"2")
    os.utime(tmp_path / "a.csv", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert fingerprints(tmp_path, ["a.csv"], tmp_path / "cache") == {"a.csv": hashlib.sha256(b"2").hexdigest()}


def settled(folder: Path, *, digest: str) -> None:
    """A file in *folder*, known as *digest* since a look that was long after it changed."""
    (folder / "a.csv").write_bytes(b"1")
    fingerprints(folder, ["a.csv"], folder / "cache")
    known = json.loads((folder / "cache" / CACHE_NAME).read_bytes())
    for entry in known.values():
        entry[3:] = [time.time_ns() + 10_000_000_000, digest]
    (folder / "cache" / CACHE_NAME).write_text(json.dumps(known), encoding="utf-8")


def test_a_file_written_just_now_is_always_hashed_again(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"1")
    stat = file.stat()
    first = fingerprints(tmp_path, ["a.csv"], tmp_path / "cache")
    file.write_bytes(b"2")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert fingerprints(tmp_path, ["a.csv"], tmp_path / "cache") != first


def test_a_clock_that_went_backwards_does_not_hide_a_change(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"1")
    ahead = time.time_ns() + 3_600_000_000_000
    os.utime(file, ns=(ahead, ahead))
    first = fingerprints(tmp_path, ["a.csv"], tmp_path / "cache")
    file.write_bytes(b"2")
    os.utime(file, ns=(ahead, ahead))
    assert fingerprints(tmp_path, ["a.csv"], tmp_path / "cache") != first


@pytest.mark.parametrize("garbage", [b"", b"not json", b"[1, 2]", b'{"a": 1}'])
def test_a_damaged_cache_is_ignored(tmp_path: Path, garbage: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(b"1")
    (tmp_path / CACHE_NAME).write_bytes(garbage)
    assert fingerprints(tmp_path, ["a.csv"], tmp_path) == fingerprints(tmp_path, ["a.csv"])


def test_a_file_that_changes_while_it_is_read_is_named(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv", "c.csv"):
        (tmp_path / name).write_bytes(b"1")
    before = fingerprints(tmp_path, ["a.csv", "b.csv", "c.csv"])
    verify_unchanged(tmp_path, before)
    (tmp_path / "b.csv").write_bytes(b"2")
    (tmp_path / "c.csv").unlink()
    with pytest.raises(Unavailable, match=r"b\.csv, c\.csv changed while being read"):
        verify_unchanged(tmp_path, before)


def test_a_missing_file_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"nope\.csv"):
        fingerprints(tmp_path, ["nope.csv"])
