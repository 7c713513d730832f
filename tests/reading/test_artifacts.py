from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from meshwright.model.errors import Unavailable
from meshwright.model.publication import Artifact
from meshwright.reading.artifacts import copy_artifact

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = b"%PDF\0" * 300_000


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "warehouse.pdf"
    path.write_bytes(CONTENT)
    return path


def artifact(path: str = "2026/report.pdf") -> Artifact:
    return Artifact(path=path, location="x", bytes=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest())


def held(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


@pytest.mark.parametrize("path", ["report.pdf", "2026/report.pdf", "r" * 255])
def test_an_artifact_is_copied_over_what_was_there(tmp_path: Path, source: Path, path: str) -> None:
    folder = tmp_path / "to"
    for _ in range(2):
        assert copy_artifact(artifact(path), source, folder) == folder / path
        assert held(folder) == {path: CONTENT}
        (folder / path).write_bytes(b"former")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda source: source.write_bytes(CONTENT[:-1]), "is damaged"),
        (lambda source: source.unlink(), "cannot copy .*warehouse.pdf: it does not exist"),
    ],
)
def test_what_is_damaged_or_gone_leaves_the_former_file(
    tmp_path: Path, source: Path, damage: object, message: str
) -> None:
    folder = tmp_path / "to"
    copy_artifact(artifact(), source, folder).write_bytes(b"former")
    damage(source)  # type: ignore[operator]
    with pytest.raises(Unavailable, match=message):
        copy_artifact(artifact(), source, folder)
    assert held(folder) == {"2026/report.pdf": b"former"}


def test_a_file_in_the_way_is_named(tmp_path: Path, source: Path) -> None:
    folder = tmp_path / "to"
    folder.mkdir()
    (folder / "2026").write_text("a file")
    with pytest.raises(Unavailable, match=r"cannot make .*2026"):
        copy_artifact(artifact(), source, folder)
    (folder / "2026").unlink()
    (folder / "2026" / "report.pdf").mkdir(parents=True)
    with pytest.raises(Unavailable, match=r"report.pdf: it is a folder"):
        copy_artifact(artifact(), source, folder)
    assert held(folder) == {}
