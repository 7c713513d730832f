from __future__ import annotations

import datetime as dt
import gc
import subprocess
import sys
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from meshwright.model.errors import Unavailable
from meshwright.model.publication import Publication
from meshwright.storage.documents import decode, decoding_many, encode, without_defaults

if TYPE_CHECKING:
    from storage.conftest import Publications


@dataclass
class Note:
    value: Any


class Odd:
    def __str__(self) -> str:
        return "odd"


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (2**70, 2**70),
        (float("nan"), None),
        (Decimal("1.50"), "1.50"),
        (dt.date(2020, 1, 2), "2020-01-02"),
        (b"a", "YQ=="),
        (Odd(), "odd"),
        ("nul \0, snow \N{SNOWMAN}", "nul \0, snow \N{SNOWMAN}"),
        ("file\udcff", "file\\udcff"),
        ({"a\udcff": ["\udc00", 1, Odd()]}, {"a\\udcff": ["\\udc00", 1, "odd"]}),
    ],
)
def test_any_value_is_kept_as_far_as_json_can_say_it(value: Any, read: Any) -> None:
    assert decode(encode(Note(value)), Note, what="a note") == Note(read)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null"])
def test_a_damaged_document_is_named(text: str) -> None:
    with pytest.raises(Unavailable, match=r"the registry's record of a note is damaged .* restore the registry"):
        decode(text, Note, what="a note")


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_afterwards_as_it_was(enabled: bool) -> None:
    try:
        if not enabled:
            gc.disable()
        with decoding_many():
            assert not gc.isenabled()
        assert gc.isenabled() == enabled
        with pytest.raises(Unavailable), decoding_many():
            decode("", Note, what="a note")
        assert gc.isenabled() == enabled
    finally:
        gc.enable()


def test_threads_that_begin_to_decode_at_once_do_not_take_the_process_down() -> None:
    # Decoders are made once in a process, so each try is a new one.
    code = """
import sys, threading, time
import msgspec
from meshwright.model.publication import Publication
from meshwright.storage.documents import decode
sys.setswitchinterval(1e-5)
names = "product environment version published_at code_fingerprint settings_fingerprint".split()
text = msgspec.json.encode({name: "" for name in names} | {"sequence": 1, "ports": []}).decode()
def work(delay):
    time.sleep(delay)
    decode(text, Publication, what="a publication")
threads = [threading.Thread(target=work, args=(number / 2000,)) for number in range(8)]
for one in threads: one.start()
for one in threads: one.join()
"""
    for _ in range(8):
        subprocess.run([sys.executable, "-c", code], check=True)


def test_fields_that_are_as_by_default_need_not_be_written(publications: Publications) -> None:
    for one in (
        publications.publication(),
        publications.publication(7, parent=6, promoted_from="trial", duration_seconds=1.5),
    ):
        short = encode(without_defaults(one) | {"ports": [without_defaults(port) for port in one.ports]})
        assert decode(short, Publication, what="it") == one == decode(encode(one), Publication, what="it")
        assert "policy_set_version" not in short
        assert len(short) < len(encode(one))
