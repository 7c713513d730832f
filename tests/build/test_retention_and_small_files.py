"""Which files are small, and which rows are past their retention, told from what the registry knows of files."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from meshwright.build.rewriting import FILES_MIN, GOOD_BYTES, SMALL_BYTES, Expiry, expired_rows, small_files
from meshwright.model.datatype import DataType
from meshwright.model.publication import ColumnStatistics, DataFile, Field

MEGABYTE = 2**20


def sized(*megabytes: float) -> list[DataFile]:
    return [
        DataFile(path=f"t/data/{number}", rows=10, bytes=int(size * MEGABYTE), schema=())
        for number, size in enumerate(megabytes)
    ]


def pieces(*megabytes: float) -> list[list[str]]:
    return [[file.path.rsplit("/", 1)[-1] for file in piece.files] for piece in small_files(sized(*megabytes))]


def test_few_small_files_are_left_alone() -> None:
    assert pieces(*[1] * (FILES_MIN - 1)) == []
    assert pieces(*[1] * FILES_MIN) == [[str(number) for number in range(FILES_MIN)]]


def test_files_of_a_good_size_part_the_small_ones_and_stay() -> None:
    large = SMALL_BYTES / MEGABYTE
    assert pieces(*[1] * 8, large, *[1] * 3, large, *[1] * 9) == [
        [str(number) for number in range(8)],
        [str(number) for number in range(13, 22)],
    ]


def test_many_small_files_become_several_of_a_good_size() -> None:
    found = small_files(sized(*[10] * 100))
    assert sum(len(piece.files) for piece in found) in range(100 - FILES_MIN, 101)
    assert all(GOOD_BYTES <= sum(file.bytes for file in piece.files) < GOOD_BYTES + SMALL_BYTES for piece in found[:-1])


def test_what_was_compacted_is_not_compacted_again() -> None:
    assert pieces(128, 1, 1, 1) == []
    assert pieces(130, *[2] * 5) == []


def timed(kind: str, *bounds: tuple[str | None, str | None], nulls: int | None = 0) -> list[DataFile]:
    schema = (Field(id=7, name="At", type=DataType.parse(kind)),)
    return [
        DataFile(
            path=f"t/data/{number}",
            rows=10,
            bytes=10,
            schema=schema,
            columns={7: ColumnStatistics(nulls=nulls, lowest=lowest, highest=highest)},
        )
        for number, (lowest, highest) in enumerate(bounds)
    ]


UNTIL = datetime(2026, 5, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "zone"), [("TIMESTAMP", ""), ("TIMESTAMP WITH TIME ZONE", "+00"), ("TIMESTAMP WITH TIME ZONE", "+02")]
)
def test_files_are_dropped_rewritten_or_left_by_their_bounds(kind: str, zone: str) -> None:
    day = "2026-05-{} 00:00:00" + zone
    files = timed(
        kind, *((day.format(low), day.format(high)) for low, high in (("01", "02"), ("01", "03"), ("03", "04")))
    )
    found = expired_rows(files, files[0].schema, Expiry(column="at", until=UNTIL, promise="retention 30 d"))
    assert [(piece.files[0].path[-1], piece.is_empty) for piece in found] == [("0", True), ("1", False)]
    assert '"At" IS NULL OR' in found[1].where


def test_a_day_is_kept_for_as_long_as_any_of_it_is() -> None:
    files = timed("DATE", ("2026-05-01", "2026-05-01"), ("2026-05-02", "2026-05-02"))
    found = expired_rows(files, files[0].schema, Expiry(column="At", until=UNTIL, promise=""))
    assert [piece.files[0].path[-1] for piece in found] == ["0"]


def test_rows_without_a_time_are_kept_and_files_that_tell_nothing_are_left() -> None:
    old = ("2026-01-01 00:00:00", "2026-01-02 00:00:00")
    (piece,) = expired_rows(
        timed("TIMESTAMP", old, nulls=3),
        timed("TIMESTAMP", old)[0].schema,
        Expiry(column="At", until=UNTIL, promise=""),
    )
    assert not piece.is_empty
    files = timed("TIMESTAMP", (None, None))
    assert expired_rows(files, files[0].schema, Expiry(column="At", until=UNTIL, promise="")) == []
    assert expired_rows(files, files[0].schema, Expiry(column="elsewhere", until=UNTIL, promise="")) == []
