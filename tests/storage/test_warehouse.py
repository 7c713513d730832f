"""The warehouse's conformance suite: what every place that may hold a warehouse has to show."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest

from meshwright.model.errors import Conflict, InvalidInput, Unavailable

if TYPE_CHECKING:
    from meshwright.storage import Warehouse
    from storage.conftest import Place


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../x", "a/../../x", "a/./b", "a//b", "a/", ".", "..", "a\\b", "a\0b"]
)
def test_a_path_that_is_not_plainly_inside_is_refused(warehouse: Warehouse, path: str) -> None:
    with pytest.raises(InvalidInput, match="is no path in the warehouse"):
        warehouse.locate(path)


def test_staging_is_private_and_empty_whatever_an_earlier_run_left(warehouse: Warehouse) -> None:
    folder = warehouse.staging("run-1")
    (folder / "sub").mkdir()
    (folder / "sub/left").write_text("over")
    again = warehouse.staging("run-1")
    assert again == folder
    assert list(again.iterdir()) == []
    assert again.stat().st_mode & 0o777 == 0o700


def test_discarded_staging_is_gone_and_may_be_discarded_again(warehouse: Warehouse) -> None:
    folder = warehouse.staging("run-1")
    warehouse.discard_staging("run-1")
    warehouse.discard_staging("run-1")
    assert not folder.exists()


@pytest.mark.parametrize("run", ["", "..", "a/b", ".hidden", "a" * 300])
def test_a_run_that_names_no_folder_is_refused(warehouse: Warehouse, run: str) -> None:
    with pytest.raises(InvalidInput, match="cannot name a run"):
        warehouse.staging(run)


def test_adopted_files_move_to_their_place(warehouse: Warehouse) -> None:
    staging = warehouse.staging("run-1")
    for name in "ab":
        (staging / name).write_text(name)
    warehouse.adopt_all([(staging / "a", "sales/orders/t/data/a"), (staging / "b", "sales/orders/u/data/b")])
    assert warehouse.locate("sales/orders/t/data/a").read_text() == "a"
    assert warehouse.locate("sales/orders/u/data/b").read_text() == "b"
    assert list(staging.iterdir()) == []


def test_a_file_is_never_adopted_over_another(warehouse: Warehouse) -> None:
    staging = warehouse.staging("run-1")
    (staging / "a").write_text("old")
    warehouse.adopt(staging / "a", "d/a")
    (staging / "a").write_text("new")
    with pytest.raises(Conflict, match="exists already"):
        warehouse.adopt(staging / "a", "d/a")
    assert warehouse.locate("d/a").read_text() == "old"


def test_adopting_what_was_never_staged_says_so(warehouse: Warehouse) -> None:
    with pytest.raises(Unavailable, match="does not exist"):
        warehouse.adopt(warehouse.staging("run-1") / "a", "d/a")


def test_files_are_found_by_whoever_opens_the_warehouse_next(warehouse: Warehouse, place: Place) -> None:
    warehouse.write_all({"t/metadata/a": b"1", "t/metadata/b": b"", "u/c": b"x" * 1000}, doing="write the table")
    assert place.paths() == ["t/metadata/a", "t/metadata/b", "u/c"]
    again = place.open()
    assert again.read("t/metadata/a", doing="read") == place.get("t/metadata/a") == b"1"
    assert [path.rsplit("/", 1)[-1] for path in again.locate_all(["t/metadata/b", "u/c"])] == ["b", "c"]
    assert again.locate("u/c").read_bytes() == b"x" * 1000


def test_a_file_is_never_written_over_another(warehouse: Warehouse, place: Place) -> None:
    warehouse.write_all({"d/a": b"old"}, doing="write")
    with pytest.raises(Conflict, match="exists already; files of the warehouse are never overwritten"):
        warehouse.write_all({"d/b": b"other", "d/a": b"new"}, doing="write")
    assert place.get("d/a") == b"old"
    assert warehouse.read("d/a", doing="read") == b"old"


def test_of_many_that_write_one_name_at_once_exactly_one_wins(warehouse: Warehouse, place: Place) -> None:
    outcomes: list[str] = []

    def write(number: int) -> None:
        try:
            warehouse.write_all({"d/a": str(number).encode()}, doing="write")
        except Conflict:
            outcomes.append("conflict")
        else:
            outcomes.append(str(number))

    threads = [threading.Thread(target=write, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [outcome for outcome in outcomes if outcome != "conflict"]
    assert len(outcomes) == 8
    assert place.get("d/a") == winner.encode()


def test_what_is_lost_is_told_and_what_is_there_is_not(warehouse: Warehouse, place: Place) -> None:
    warehouse.write_all({f"d/{name}": b"12345" for name in "abc"}, doing="write")
    place.delete("d/a")
    place.put("d/b", b"123")
    files = [(f"d/{name}", 5) for name in "abcd"]
    assert warehouse.lost(files) == {"d/a": "missing", "d/b": "damaged", "d/d": "missing"}
    assert warehouse.lost([]) == {}


def test_a_file_that_is_not_there_is_named_with_what_helps(warehouse: Warehouse) -> None:
    with pytest.raises(Unavailable, match=r"cannot \w.* .*t/metadata/x: it does not exist; .*restore it"):
        warehouse.read("t/metadata/x", doing="read the table's metadata")


def test_an_adopted_file_is_read_back_and_its_uri_names_it(warehouse: Warehouse, place: Place) -> None:
    staged = warehouse.staging("run-1") / "a"
    staged.write_bytes(b"content")
    warehouse.adopt(staged, "t/data/ü b%20.parquet")
    assert place.get("t/data/ü b%20.parquet") == b"content"
    assert warehouse.locate("t/data/ü b%20.parquet").read_bytes() == b"content"
    assert warehouse.uri("t/data/x") == f"{warehouse.uri('t')}/data/x"
    assert warehouse.uri("t/data/x").endswith(warehouse.name("t/data/x").removeprefix("file://"))
    assert not staged.exists()


def test_what_was_adopted_before_a_failure_stays_and_the_rest_can_be_adopted_again(
    warehouse: Warehouse, place: Place
) -> None:
    staging = warehouse.staging("run-1")
    (staging / "a").write_text("a")
    with pytest.raises(Unavailable, match="does not exist"):
        warehouse.adopt_all([(staging / "a", "d/a"), (staging / "gone", "d/gone")])
    (staging / "gone").write_text("gone")
    left = [(staging / name, f"d/{name}") for name in ("a", "gone") if (staging / name).exists()]
    warehouse.adopt_all(left)
    assert {"d/a", "d/gone"} <= set(place.paths())


def test_bringing_files_near_changes_nothing_but_the_speed(warehouse: Warehouse, place: Place) -> None:
    files = {f"d/{number}": str(number).encode() for number in range(20)}
    warehouse.write_all(files, doing="write")
    fresh = place.open()
    fresh.fetch(files)
    assert {path: fresh.locate(path).read_bytes() for path in files} == files


def test_every_file_is_listed_but_what_is_staged_and_removed_ones_are_gone(warehouse: Warehouse, place: Place) -> None:
    began = time.time()
    (warehouse.staging("run-1") / "a").write_bytes(b"staged")
    warehouse.write_all({"t/metadata/a": b"1", "t/data/b": b"22", "u/c": b""}, doing="write")
    listed = sorted(warehouse.files(), key=lambda file: file.path)
    assert [(file.path, file.bytes) for file in listed] == [("t/data/b", 2), ("t/metadata/a", 1), ("u/c", 0)]
    assert all(began - 2 < file.changed < time.time() + 2 for file in listed)
    warehouse.remove(["t/data/b", "t/metadata/a", "t/never"], folders=["t"])
    assert [file.path for file in place.open().files()] == ["u/c"]
    with pytest.raises(Unavailable, match="does not exist"):
        warehouse.read("t/data/b", doing="read")
    with pytest.raises(InvalidInput, match="is no path in the warehouse"):
        warehouse.remove(["../x"])


def test_a_run_is_running_for_everybody_until_it_ends_and_what_it_staged_stays(
    warehouse: Warehouse, place: Place
) -> None:
    began = time.time()
    warehouse.staging("run-1")
    warehouse.staging("run-1")
    other = place.open()
    assert list(other.running()) == list(warehouse.running()) == ["run-1"]
    assert began - 2 < other.running()["run-1"] < time.time() + 2
    assert list(other.staged()) == ["run-1"]
    warehouse.end("run-1")
    warehouse.end("run-1")
    assert other.running() == {}
    assert list(other.staged()) == ["run-1"]
    other.discard_staging("run-1")
    assert list(warehouse.staged()) == []


def test_a_run_whose_process_was_killed_is_over(warehouse: Warehouse) -> None:
    child = os.fork()
    if child == 0:
        warehouse.staging("run-1")
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    warehouse.staging("run-2")
    assert list(warehouse.running()) == ["run-2"]
    assert sorted(warehouse.staged()) == ["run-1", "run-2"]
    warehouse.end("run-2")


def test_a_folder_is_held_when_a_file_lies_below_it(warehouse: Warehouse) -> None:
    assert not warehouse.holds("t/data")
    warehouse.write_all({"t/data/a": b"1"}, doing="write")
    assert warehouse.holds("t/data")
    assert warehouse.holds("t")
    assert not warehouse.holds("t/dat")
    assert not warehouse.holds("u")
