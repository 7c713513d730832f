"""The mesh's key for pseudonyms: one for all machines, and that of before where there was one."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from meshwright.governance.pseudonyms import BYTES, FORMER_FILE, NAME, pseudonym_key
from meshwright.model.errors import Unavailable

if TYPE_CHECKING:
    from pathlib import Path

FORMER = b"f" * BYTES


class Keys:
    """A registry's keys in memory."""

    def __init__(self, **kept: bytes) -> None:
        self.kept = kept

    def find(self, name: str) -> bytes | None:
        return self.kept.get(name)

    def keep(self, name: str, key: bytes) -> bytes:
        return self.kept.setdefault(name, key)


def test_a_key_is_made_once_for_all_machines(tmp_path: Path) -> None:
    keys = Keys()
    made = pseudonym_key(keys, tmp_path / "one")
    assert len(made) == BYTES
    assert pseudonym_key(keys, tmp_path / "two") == made
    assert pseudonym_key(Keys(), tmp_path) != made
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_before_becomes_the_registrys_key_and_goes(tmp_path: Path) -> None:
    (tmp_path / FORMER_FILE).write_bytes(FORMER)
    keys = Keys()
    assert pseudonym_key(keys, tmp_path) == FORMER
    assert keys.kept == {NAME: FORMER}
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_came_too_late_counts_for_nothing_and_is_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / FORMER_FILE
    for content in (FORMER, b"short"):
        path.write_bytes(content)
        with caplog.at_level(logging.WARNING):
            assert pseudonym_key(Keys(pseudonyms=b"r" * BYTES), tmp_path) == b"r" * BYTES
        assert path.read_bytes() == content
        assert f"{path} is not used: the registry holds another key" in caplog.text
        caplog.clear()


def test_what_came_between_finding_no_key_and_keeping_one_counts(tmp_path: Path) -> None:
    class Raced(Keys):
        def find(self, name: str) -> bytes | None:
            found = super().find(name)
            self.kept.setdefault(name, b"r" * BYTES)
            return found

    (tmp_path / FORMER_FILE).write_bytes(FORMER)
    assert pseudonym_key(Raced(), tmp_path) == b"r" * BYTES
    assert (tmp_path / FORMER_FILE).exists()


@pytest.mark.parametrize("key", [b"", b"s" * (BYTES - 1), b"l" * (BYTES + 1)])
def test_without_a_whole_key_there_are_no_pseudonyms(tmp_path: Path, key: bytes) -> None:
    with pytest.raises(Unavailable, match="key for pseudonyms is damaged: restore the registry"):
        pseudonym_key(Keys(pseudonyms=key), tmp_path)
    (tmp_path / FORMER_FILE).write_bytes(key)
    keys = Keys()
    with pytest.raises(Unavailable, match=r"pseudonym\.key is damaged: restore it"):
        pseudonym_key(keys, tmp_path)
    assert keys.kept == {}


def test_a_file_that_cannot_be_read_is_no_reason_for_another_key(tmp_path: Path) -> None:
    (tmp_path / FORMER_FILE).mkdir()
    keys = Keys()
    with pytest.raises(Unavailable, match=r"pseudonym\.key cannot be read"):
        pseudonym_key(keys, tmp_path)
    assert keys.kept == {}
