from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meshwright.formats import odcs, yaml_text
from meshwright.model.contract import Column, Contract, Table
from meshwright.model.datatype import DataType
from meshwright.model.errors import InvalidInput, NotFound
from meshwright.workspace.loading import load
from meshwright.workspace.scaffold import contract_text, init_mesh, new_domain, new_product

if TYPE_CHECKING:
    from pathlib import Path


def test_a_new_mesh_with_a_domain_and_a_product_is_valid(tmp_path: Path) -> None:
    written = [
        *init_mesh(tmp_path / "m", "acme"),
        *new_domain(tmp_path / "m", "sales"),
        *new_product(tmp_path / "m", "sales", "orders"),
    ]
    workspace = load(tmp_path / "m")
    assert workspace.findings == ()
    assert list(workspace.mesh.products) == ["sales.orders"]
    assert {str(path.relative_to(tmp_path / "m")) for path in written} == {
        "mesh.yaml",
        "policies/starter.cedar",
        ".gitignore",
        "domains/sales/domain.yaml",
        "domains/sales/orders/product.yaml",
        "domains/sales/orders/orders.sql",
    }


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    init_mesh(tmp_path, "acme")
    new_domain(tmp_path, "sales")
    (tmp_path / "domains/sales/orders").mkdir()
    (tmp_path / "domains/sales/orders/orders.sql").write_text("mine")
    with pytest.raises(InvalidInput, match="there already"):
        init_mesh(tmp_path, "other")
    with pytest.raises(InvalidInput, match="there already"):
        new_domain(tmp_path, "sales")
    with pytest.raises(InvalidInput, match=r"orders\.sql"):
        new_product(tmp_path, "sales", "orders")
    assert (tmp_path / "domains/sales/orders/orders.sql").read_text() == "mine"
    assert not (tmp_path / "domains/sales/orders/product.yaml").exists()


def test_an_existing_gitignore_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("mine")
    init_mesh(tmp_path, "acme")
    assert (tmp_path / ".gitignore").read_text() == "mine"


@pytest.mark.parametrize("name", ["Sales", "1st", "a-b", "", "../x"])
def test_a_name_that_cannot_be_used_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="a-z, 0-9"):
        new_domain(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


def test_a_product_needs_its_domain(tmp_path: Path) -> None:
    init_mesh(tmp_path, "acme")
    with pytest.raises(NotFound, match="mesh new domain sales"):
        new_product(tmp_path, "sales", "orders")


TYPES = [
    "BIGINT",
    "VARCHAR",
    "DECIMAL(38,10)",
    "TIMESTAMPTZ",
    "DATE[]",
    "STRUCT(a INTEGER, b VARCHAR[])",
    "MAP(VARCHAR, BIGINT)",
    "UUID",
    "HUGEINT",
    "BLOB",
]


def test_a_draft_contract_written_down_says_the_same(tmp_path: Path) -> None:
    columns = tuple(Column(name=f"c{index}", type=DataType.parse(text)) for index, text in enumerate(TYPES))
    table = Table(name="orders", columns=columns)
    draft = Contract(id="x", version="0.1.0", status="draft", tables=(table,), written=False)
    document, findings = yaml_text.parse(contract_text(draft).encode(), "c.yaml")
    assert findings == []
    assert odcs.check(document, "c.yaml") == []
    contract, findings = odcs.read(document, path="c.yaml")
    assert findings == []
    assert [column.type for column in contract.table.columns] == [column.type for column in columns]
    assert (contract.id, contract.version, contract.status) == ("x", "0.1.0", "draft")
