from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meshwright.workspace.source_paths import resolve

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = "domains/sales/orders"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path in (f"{FOLDER}/data/near.csv", "data/far.csv", "data/near.csv", "data/deep/er/x.csv"):
        (tmp_path / "mesh" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mesh" / path).write_text("id\n")
    (tmp_path / "outside.csv").write_text("id\n")
    return tmp_path / "mesh"


@pytest.mark.parametrize(
    ("declared", "found"),
    [
        ("data/near.csv", f"{FOLDER}/data/near.csv"),
        ("./data/../data/near.csv", f"{FOLDER}/data/near.csv"),
        ("data/far.csv", "data/far.csv"),
        ("../../../data/near.csv", "data/near.csv"),
        ("data/n*.csv", f"{FOLDER}/data/n*.csv"),
        ("data/f*.csv", "data/f*.csv"),
        ("data/**/x.csv", "data/**/x.csv"),
        ("data\\far.csv", "data/far.csv"),
    ],
)
def test_a_path_is_below_the_product_else_below_the_mesh(root: Path, declared: str, found: str) -> None:
    place = resolve(root, FOLDER, declared, where="product.yaml")
    assert (place.path, place.findings) == (found, ())


@pytest.mark.parametrize("declared", ["../../../../outside.csv", "/etc/passwd", "data/../../../../../outside.csv"])
def test_a_path_that_leaves_the_mesh_is_a_finding(root: Path, declared: str) -> None:
    (finding,) = resolve(root, FOLDER, declared, where="product.yaml").findings
    assert (finding.code, finding.value) == ("leaves-mesh", declared)


@pytest.mark.parametrize("declared", ["data/link.csv", "data/l*.csv", "linked/outside.csv", "linked/*.csv"])
def test_a_link_that_leaves_the_mesh_is_a_finding(root: Path, declared: str) -> None:
    (root / FOLDER / "data/link.csv").symlink_to(root.parent / "outside.csv")
    (root / FOLDER / "linked").symlink_to(root.parent)
    (finding,) = resolve(root, FOLDER, declared, where="product.yaml").findings
    assert finding.code == "leaves-mesh"


@pytest.mark.parametrize("declared", ["data/none.csv", "none/*.parquet"])
def test_a_missing_file_names_both_places_that_were_tried(root: Path, declared: str) -> None:
    (finding,) = resolve(root, FOLDER, declared, where="product.yaml").findings
    assert finding.code == "missing-source"
    assert finding.hint == f"tried {FOLDER}/{declared} and {declared}"
