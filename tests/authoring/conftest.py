"""A mesh with one domain, into which products are written from files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from mesh_folder import MeshFolder


class Shop:
    """The mesh, with what a new product says read back."""

    def __init__(self, mesh: MeshFolder) -> None:
        self.mesh = mesh

    def start(self, text: str | bytes, *, file: str = "data/in.csv", product: str = "taken", code: int = 0) -> str:
        """Write *text* to a file, and a product from it; what the command printed."""
        path = self.mesh.write(file, text if isinstance(text, bytes) else text.encode())
        answer = self.mesh.mesh("new", "product", f"shop/{product}", "--from", str(path))
        assert answer.code == code, answer.out + answer.err
        return answer.out + answer.err

    def rows(self, product: str = "taken") -> list[dict[str, Any]]:
        """Build, and the product's rows."""
        built = self.mesh.mesh("build", "--json")
        assert built.code == 0, built.out + built.err
        return self.mesh.rows(f"shop.{product}")

    def document(self, path: str, product: str = "taken") -> Any:
        return yaml.safe_load((self.mesh.root / "domains/shop" / product / path).read_text(encoding="utf-8"))

    def columns(self, product: str = "taken", port: str = "") -> dict[str, dict[str, Any]]:
        """The contract's columns by name."""
        contract = self.document(f"contracts/{port or product}.yaml", product)
        return {column["name"]: column for column in contract["schema"][0]["properties"]}

    def query(self, product: str = "taken", port: str = "") -> str:
        return (self.mesh.root / f"domains/shop/{product}/transform/{port or product}.sql").read_text(encoding="utf-8")


@pytest.fixture
def shop(mesh: MeshFolder) -> Shop:
    mesh.write("domains/shop/domain.yaml", "team: {name: shop_team}\n")
    return Shop(mesh)
