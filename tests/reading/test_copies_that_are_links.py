"""A governed copy that is a link or a pipe is never read: it is made anew."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reading.test_governed_copies import MASKED, copies, reader, shop

if TYPE_CHECKING:
    from mesh_folder import MeshFolder

__all__ = ["shop"]


@pytest.mark.parametrize("what", ["a link", "a pipe"])
def test_another_file_is_never_served_for_a_copy(shop: MeshFolder, what: str) -> None:
    one = reader(shop, MASKED)
    before = one.read("sales.orders").to_arrow()
    (copy,) = copies(shop)
    other = shop.root / "other.parquet"
    pq.write_table(pa.table({"word": ["planted"]}), other)
    copy.unlink()
    if what == "a link":
        copy.symlink_to(other)
    else:
        os.mkfifo(copy)
    assert one.read("sales.orders").to_arrow().equals(before)
    assert copy.is_file()
    assert not copy.is_symlink()
