from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meshwright.model.errors import Unavailable
from meshwright.workspace.locks import LOCK_FILE, read_lock, write_lock

if TYPE_CHECKING:
    from pathlib import Path

LOCK = {
    "data/orders.csv": {
        "format": "csv",
        "options": {"delimiter": ";", "nulls": ["", "NA"]},
        "columns": {"id": "BIGINT"},
    }
}


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    write_lock(tmp_path, "p", LOCK)
    assert read_lock(tmp_path, "p") == (LOCK, [])
    assert [path.name for path in (tmp_path / "p").iterdir()] == ["inputs.lock.yaml"]


def test_an_empty_lock_is_no_file(tmp_path: Path) -> None:
    write_lock(tmp_path, "", LOCK)
    write_lock(tmp_path, "", {})
    write_lock(tmp_path, "", {})
    assert list(tmp_path.iterdir()) == []
    assert read_lock(tmp_path, "") == ({}, [])


def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("no folder")
    with pytest.raises(Unavailable, match="cannot be written"):
        write_lock(tmp_path, "p", LOCK)


def test_a_broken_lock_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "inputs.lock.yaml").write_text("a: [")
    lock, findings = read_lock(tmp_path, "")
    assert (lock, [finding.code for finding in findings]) == ({}, ["bad-yaml"])


@pytest.mark.parametrize(
    "lock",
    [
        "inputs: 5\n",
        "inputs: {a.csv: 7}\n",
        "inputs: {a.csv: {path: a.csv, format: csv}}\n",
        "inputs: {a.csv: {path: a.csv, format: csv, columns: {x: NOPE}}}\n",
        "inputs: {a.csv: {path: a.csv, format: csv, columns: [x]}}\n",
        "inputs: {a.csv: {path: a.csv, format: csv, options: 3, columns: {x: BIGINT}}}\n",
    ],
)
def test_a_pin_that_cannot_be_one_is_a_finding(tmp_path: Path, lock: str) -> None:
    (tmp_path / LOCK_FILE).write_text(lock, encoding="utf-8")
    found, findings = read_lock(tmp_path, "")
    assert found == {}
    assert [(finding.code, finding.path) for finding in findings] == [("wrong-value", LOCK_FILE)]
