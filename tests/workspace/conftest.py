"""A small mesh that tests change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from meshwright.workspace.loading import Workspace, load

if TYPE_CHECKING:
    from pathlib import Path

    from meshwright.model.findings import Finding

PRODUCT = "domains/sales/orders"
DESCRIPTOR = "apiVersion: v1.1.0\nkind: DataProduct\nid: orders-product\n"


@dataclass(frozen=True, slots=True)
class MeshFolder:
    """A mesh on disk: `write` a file of it, `load` it, or ask for its findings."""

    root: Path

    def write(self, path: str, content: str | bytes) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    def product(self, extra: str = "", *, name: str = "orders") -> None:
        self.write(f"domains/sales/{name}/product.yaml", DESCRIPTOR.replace("orders", name) + extra)

    def load(self) -> Workspace:
        return load(self.root)

    def codes(self) -> list[str]:
        return [finding.code for finding in self.load().findings]

    def finding(self) -> Finding:
        (finding,) = self.load().findings
        return finding


@pytest.fixture
def mesh(tmp_path: Path) -> MeshFolder:
    """A valid mesh with one domain and its smallest product, two files."""
    folder = MeshFolder(tmp_path / "mesh")
    folder.write("mesh.yaml", "name: acme\n")
    folder.write("domains/sales/domain.yaml", "team:\n  name: sales_team\n  members:\n    - username: ada\n")
    folder.product()
    folder.write(f"{PRODUCT}/orders.sql", "select * from 'data/orders.csv'\n")
    return folder
