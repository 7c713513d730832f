"""The mesh's own secret keys, in each database that a registry may be in."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from meshwright.model.errors import Unavailable
from meshwright.storage.database import open_database
from meshwright.storage.sql_keys import SqlKeys

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def keys(registry_url: str, tmp_path: Path) -> Iterator[SqlKeys]:
    opened = SqlKeys(registry_url, tmp_path)
    yield opened
    opened.close()


def test_before_a_key_is_kept_there_is_none_and_nothing_is_made(keys: SqlKeys, tmp_path: Path) -> None:
    assert keys.find("pseudonyms") is None
    assert list(tmp_path.iterdir()) == []


def test_the_first_key_of_a_name_stays(keys: SqlKeys) -> None:
    every_byte = bytes(range(256))
    assert keys.keep("pseudonyms", every_byte) == every_byte
    assert keys.keep("pseudonyms", b"another") == every_byte
    assert keys.keep("others", b"another") == b"another"
    assert keys.find("pseudonyms") == every_byte


def test_machines_that_make_a_key_at_once_all_have_the_same(registry_url: str, tmp_path: Path) -> None:
    started = threading.Barrier(8)
    found: list[bytes] = []

    def keep(number: int) -> None:
        machine = SqlKeys(registry_url, tmp_path)
        started.wait()
        found.append(machine.keep("pseudonyms", bytes([number]) * 32))
        machine.close()

    machines = [threading.Thread(target=keep, args=[number]) for number in range(8)]
    for one in machines:
        one.start()
    for one in machines:
        one.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_damaged_key_is_an_error_that_does_not_tell_it(keys: SqlKeys, registry_url: str, tmp_path: Path) -> None:
    keys.keep("pseudonyms", b"k" * 32)
    database = open_database(registry_url, tmp_path)
    with database.writing() as transaction:
        transaction.execute("UPDATE mesh_keys SET key_hex = :half", half="5ecre7")
    database.close()
    with pytest.raises(Unavailable, match="key for pseudonyms is damaged") as found:
        keys.find("pseudonyms")
    with pytest.raises(Unavailable, match="key for pseudonyms is damaged") as kept:
        keys.keep("pseudonyms", b"new")
    assert "5ecre7" not in f"{found.value} {kept.value}"
