"""Ports of files: copied as they are, and each read of them is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meshwright.model.errors import InvalidInput
from meshwright.model.restriction import EVERYTHING, Restriction
from meshwright.node import Node
from meshwright.reading.reader import Reader
from reading.fixed_guard import Fixed

if TYPE_CHECKING:
    from pathlib import Path

    from mesh_folder import MeshFolder


@pytest.fixture
def reports(mesh: MeshFolder) -> MeshFolder:
    """A mesh with a port of files that was published twice."""
    made = mesh.product("sales.report", "", descriptor="outputPorts:\n- {name: report, type: files}\n")
    (mesh.root / made / "transform/report.sql").unlink()
    for total in ("1", "2"):
        mesh.write(
            f"{made}/transform/report.py",
            f'def report(inputs):\n    (inputs.folder / "sum.txt").write_text("{total}")\n',
        )
        mesh.build()
    return mesh


@pytest.mark.parametrize("restriction", [EVERYTHING, Restriction(others_absent=True)], ids=["all", "restricted"])
def test_a_difference_of_files_leaves_one_record_for_each_state(reports: MeshFolder, restriction: Restriction) -> None:
    node, guard = Node(reports.root), Fixed(restriction)
    reader = Reader(registry=node.registry, warehouse=node.warehouse, guard=guard)
    if restriction.is_all:
        assert reader.diff("sales.report").artifacts == {"sum.txt": "changed"}
    else:
        with pytest.raises(InvalidInput, match="cannot be restricted"):
            reader.diff("sales.report")
    assert [taken[:5] for taken in guard.taken] == [
        ("sales.report", 1, (), 0, 0),
        ("sales.report", 2, (), 0, 0),
    ]
    assert all(taken.seconds > 0 for taken in guard.taken)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--columns", "a", "--where", "b > 1"), "--columns, --where"),
        (("--limit", "0"), "--limit"),
        (("--since", "2026-01-01", "--until", "2026-02-01"), "--since, --until"),
    ],
)
def test_files_are_copied_as_a_whole_or_not_at_all(
    reports: MeshFolder, tmp_path: Path, options: tuple[str, ...], named: str
) -> None:
    refused = reports.mesh("read", "sales.report", "--to", str(tmp_path / "to"), *options)
    assert refused.code == 2
    assert f"of which {named} can take no part" in refused.err
    assert not (tmp_path / "to").exists()
    assert reports.mesh("read", "sales.report", "--to", str(tmp_path / "to")).code == 0
    assert (tmp_path / "to/sum.txt").read_text() == "2"
