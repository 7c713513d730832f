"""Work that takes too long is stopped, wherever it is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import duckdb
import pytest

from meshwright.engines.interruption import TookTooLongError, at_most
from meshwright.model.datatype import DataType
from meshwright.model.publication import Field
from meshwright.reading.session import extracted

if TYPE_CHECKING:
    from pathlib import Path

LONG = "select range as id from range(1000000000000)"
SORTED = "select a.range as id from range(10000000) a, range(1000) b order by hash(a.range + b.range)"
ID = Field(id=1, name="id", type=DataType("BIGINT"))


def unused() -> None:
    raise AssertionError


def test_work_that_ends_in_time_is_left_alone() -> None:
    with at_most(30, unused) as is_late:
        assert not is_late()
    with pytest.raises(ValueError, match="its own"), at_most(30, unused):
        raise ValueError("its own")


def test_interruptions_go_on_until_the_work_ends() -> None:
    asked: list[float] = []

    def work() -> None:
        with at_most(0.05, lambda: asked.append(time.monotonic())) as is_late:
            while not (is_late() and len(asked) > 2):
                time.sleep(0.01)

    with pytest.raises(TookTooLongError):
        work()
    before = len(asked)
    time.sleep(0.15)
    assert len(asked) == before


def test_a_stopped_query_says_that_it_took_too_long() -> None:
    connection = duckdb.connect()
    with pytest.raises(TookTooLongError) as caught, at_most(0.1, connection.interrupt):
        connection.execute(SORTED).fetchall()
    assert isinstance(caught.value.__cause__, duckdb.InterruptException)


def test_when_the_time_is_over_at_once_nothing_is_done_for_long() -> None:
    connection = duckdb.connect()
    with pytest.raises(TookTooLongError), at_most(-1, connection.interrupt):
        connection.execute(SORTED).fetchall()


@pytest.mark.parametrize("scan", [LONG, SORTED], ids=["batch by batch", "all before the first"])
def test_what_is_extracted_is_bound_in_time(tmp_path: Path, scan: str) -> None:
    started = time.monotonic()
    with pytest.raises(TookTooLongError):
        extracted(scan, (ID,), ["id"], tmp_path / "out.arrow", "t", seconds=0.3)
    assert time.monotonic() - started < 3
