"""What a consumer imports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pytest

import meshwright
from meshwright.model.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from mesh_folder import MeshFolder


@pytest.fixture
def shop(mesh: MeshFolder) -> MeshFolder:
    mesh.product("sales.orders", "select range as id, range * 2 as amount from range(10000)")
    mesh.build()
    return mesh


def test_rows_go_to_every_frame(shop: MeshFolder) -> None:
    sales = meshwright.connect(shop.root)
    assert sales.read("sales.orders").to_arrow().num_rows == 10000
    assert sales.read("sales.orders", columns=["amount"], where="id = 3").to_pandas()["amount"].tolist() == [6]
    assert sales.read("sales.orders", limit=2).to_polars().columns == ["id", "amount"]
    assert sum(batch.num_rows for batch in sales.read("sales.orders").batches()) == 10000


def test_rows_are_an_arrow_stream_that_other_libraries_take(shop: MeshFolder) -> None:
    rows = meshwright.connect(shop.root).read("sales.orders", limit=5)
    assert pl.DataFrame(rows).height == 5
    assert pa.table(rows).num_rows == 5


def test_sql_changes_and_ports(shop: MeshFolder) -> None:
    sales = meshwright.connect(shop.root)
    assert sales.sql("select max(id) as m from sales.orders").to_polars()["m"].to_list() == [9999]
    assert sales.changes("sales.orders", since=1).to_arrow().num_rows == 0
    assert [port["address"] for port in sales.ports()] == ["sales.orders"]


def test_mistakes_are_meshwrights_errors(shop: MeshFolder) -> None:
    sales = meshwright.connect(shop.root)
    with pytest.raises(NotFound, match=r"sales\.orders"):
        sales.read("sales.oders")
    with pytest.raises(InvalidInput, match="amount"):
        sales.read("sales.orders", columns=["amnt"])
    with pytest.raises(NotFound, match="mesh init"):
        meshwright.connect("/")


def test_who_reads_in_anothers_name_sees_what_that_one_may_see_and_leaves_a_record(shop: MeshFolder) -> None:
    shop.write("people/all.yaml", "groups: {readers: [bob]}\n")
    shop.write(
        "policies/all.cedar",
        'permit (principal, action == Action::"read", resource);\n'
        'permit (principal, action == Action::"readRow", resource) when { resource has id && resource.id < 3 };\n'
        'permit (principal, action == Action::"readClear", resource is Column) when { resource.name == "id" };\n',
    )
    assert shop.mesh("policy", "publish").code == 0
    bob = meshwright.connect(shop.root, acting="bob")
    assert bob.read("sales.orders").to_arrow().to_pylist() == [{"id": 0}, {"id": 1}, {"id": 2}]
    assert bob.sql("select count(*) as n from sales.orders").to_polars().rows() == [(3,)]
    assert pa.table(bob.read("sales.orders")).num_rows == 3
    with pytest.raises(InvalidInput, match="amount"):
        bob.read("sales.orders", columns=["amount"])
    used = shop.mesh("audit", "usage", "--json").data
    assert [(one["door"], one["rows"], one["columns"]) for one in used] == [
        ("sdk", 3, ["id"]),
        ("sdk", 1, []),
        ("sdk", 3, ["id"]),
    ]
    assert len(meshwright.connect(shop.root).read("sales.orders").to_arrow()) == 10000


WRONG: dict[str, tuple[dict[str, object], str]] = {
    "no query": ({"query": None}, "query is text, not None"),
    "a limit that is text": ({"port": "sales.orders", "limit": "5; drop"}, "limit is a number of rows, 0 or more"),
    "a limit below 0": ({"port": "sales.orders", "limit": -1}, "limit is a number of rows"),
    "a limit without end": ({"port": "sales.orders", "limit": 10**20}, "limit is a number of rows"),
    "one name for many": ({"port": "sales.orders", "columns": "id"}, r"write columns=\['id'\]"),
    "columns of numbers": ({"port": "sales.orders", "columns": [1]}, "columns is a list of names"),
    "no port": ({"port": None}, "port is text"),
    "a condition that is none": ({"port": "sales.orders", "where": True}, "where is text"),
    "no moment": ({"port": "sales.orders", "as_of": 1.5}, "as_of is a publication's number or a time"),
    "event time as a number": ({"port": "sales.orders", "since": 1}, "since is text"),
}


@pytest.mark.parametrize("name", WRONG)
def test_arguments_that_cannot_be_meant_are_refused_by_name(shop: MeshFolder, name: str) -> None:
    arguments, words = WRONG[name]
    sales: Any = meshwright.connect(shop.root)
    with pytest.raises(InvalidInput, match=words):
        (sales.sql if "query" in arguments else sales.read)(**arguments)


def test_a_publication_may_be_told_by_its_number(shop: MeshFolder) -> None:
    sales = meshwright.connect(shop.root)
    assert sales.read("sales.orders", as_of=1, limit=3).to_arrow().num_rows == 3
    assert sales.sql("select 1 as one from sales.orders limit 1", as_of=1).to_arrow().num_rows == 1
