from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meshwright.model.errors import Conflict, InvalidInput, Unavailable
from meshwright.storage.local_files import LocalWarehouse

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../x", "a/../../x", "a/./b", "a//b", "a/", ".", "..", "a\\b", "a\0b"]
)
def test_a_path_that_is_not_plainly_inside_is_refused(warehouse: LocalWarehouse, path: str) -> None:
    with pytest.raises(InvalidInput, match="is no path in the warehouse"):
        warehouse.locate(path)


def test_a_symbolic_link_that_leaves_the_warehouse_is_refused(warehouse: LocalWarehouse, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    warehouse.root.mkdir()
    (warehouse.root / "out").symlink_to(outside)
    (warehouse.root / "here").mkdir()
    (warehouse.root / "in").symlink_to(warehouse.root / "here")
    with pytest.raises(InvalidInput, match=r"leaves the warehouse .* through a symbolic link"):
        warehouse.locate("out/file")
    assert warehouse.locate("here/file") == warehouse.root / "here/file"
    (warehouse.root / "here/leak").symlink_to(outside)
    with pytest.raises(InvalidInput, match=r"leaves the warehouse .* through a symbolic link"):
        warehouse.locate("here/leak")
    with pytest.raises(InvalidInput, match=r"leaves the warehouse .* through a symbolic link"):
        warehouse.locate("here/leak/deep/file")
    assert warehouse.locate("in/file") == warehouse.root / "in/file"


def test_a_warehouse_may_itself_be_a_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    assert LocalWarehouse(tmp_path / "link").locate("a/b") == tmp_path / "link/a/b"


def test_staging_is_private_and_empty_whatever_an_earlier_run_left(warehouse: LocalWarehouse) -> None:
    folder = warehouse.staging("run-1")
    (folder / "sub").mkdir()
    (folder / "sub/left").write_text("over")
    again = warehouse.staging("run-1")
    assert again == folder
    assert list(again.iterdir()) == []
    assert again.stat().st_mode & 0o777 == 0o700
    assert again.stat().st_dev == warehouse.root.stat().st_dev


def test_discarded_staging_is_gone_and_may_be_discarded_again(warehouse: LocalWarehouse) -> None:
    folder = warehouse.staging("run-1")
    warehouse.discard_staging("run-1")
    warehouse.discard_staging("run-1")
    assert not folder.exists()


@pytest.mark.parametrize("run", ["", "..", "a/b", ".hidden", "a" * 300])
def test_a_run_that_names_no_folder_is_refused(warehouse: LocalWarehouse, run: str) -> None:
    with pytest.raises(InvalidInput, match="cannot name a run"):
        warehouse.staging(run)


def test_adopted_files_move_to_their_place(warehouse: LocalWarehouse) -> None:
    staging = warehouse.staging("run-1")
    for name in "ab":
        (staging / name).write_text(name)
    warehouse.adopt_all([(staging / "a", "sales/orders/t/data/a"), (staging / "b", "sales/orders/u/data/b")])
    assert warehouse.locate("sales/orders/t/data/a").read_text() == "a"
    assert warehouse.locate("sales/orders/u/data/b").read_text() == "b"
    assert list(staging.iterdir()) == []


def test_a_file_is_never_adopted_over_another(warehouse: LocalWarehouse) -> None:
    staging = warehouse.staging("run-1")
    (staging / "a").write_text("old")
    warehouse.adopt(staging / "a", "d/a")
    (staging / "a").write_text("new")
    with pytest.raises(Conflict, match="exists already"):
        warehouse.adopt(staging / "a", "d/a")
    assert warehouse.locate("d/a").read_text() == "old"


def test_adopting_what_was_never_staged_says_so(warehouse: LocalWarehouse) -> None:
    with pytest.raises(Unavailable, match="does not exist"):
        warehouse.adopt(warehouse.staging("run-1") / "a", "d/a")


def test_a_file_in_the_way_of_a_folder_is_named(warehouse: LocalWarehouse) -> None:
    staging = warehouse.staging("run-1")
    (staging / "a").write_text("a")
    (warehouse.root / "d").write_text("in the way")
    with pytest.raises(Unavailable, match=r"cannot write .*/d/sub/a"):
        warehouse.adopt(staging / "a", "d/sub/a")


def test_a_missing_warehouse_is_not_taken_for_a_new_one_once_something_is_published(tmp_path: Path) -> None:
    warehouse = LocalWarehouse(tmp_path / "unmounted", may_create=lambda: False)
    for action in (warehouse.check, lambda: warehouse.staging("r"), lambda: warehouse.adopt(tmp_path / "x", "a")):
        with pytest.raises(Unavailable, match=r"the warehouse .*unmounted is missing.*; mount or restore it"):
            action()
    assert not (tmp_path / "unmounted").exists()
    LocalWarehouse(tmp_path / "unmounted").staging("r")
    warehouse.check()


def test_a_warehouse_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w").write_text("")
    with pytest.raises(Unavailable, match=r"the warehouse .* is missing"):
        LocalWarehouse(tmp_path / "w").staging("r")
