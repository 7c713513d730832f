"""What only a warehouse in a folder has to show: links, and what its disk refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meshwright.model.errors import InvalidInput, Unavailable
from meshwright.storage.local_files import LocalWarehouse
from storage.conftest import LocalPlace

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def place(tmp_path: Path) -> LocalPlace:
    """These tests are about the folder."""
    return LocalPlace(tmp_path / "warehouse")


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
