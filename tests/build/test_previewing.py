"""`mesh preview`: what a transformation yields as it is written now, with nothing published and nothing left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from mesh_folder import MeshFolder

CONTRACT = """
- {name: id, logicalType: integer, physicalType: INTEGER, primaryKey: true, required: true}
- {name: amount, logicalType: number, physicalType: "DECIMAL(9,2)", logicalTypeOptions: {minimum: 0}}
"""


@pytest.fixture
def shop(mesh: MeshFolder) -> MeshFolder:
    mesh.write("data/orders.csv", "id,amount\n1,10\n2,20\n")
    mesh.product("sales.orders", "select id, amount from 'data/orders.csv'", contract=CONTRACT)
    mesh.product("finance.totals", "select sum(amount) as total from sales.orders")
    return mesh


def previewed(mesh: MeshFolder, port: str, *arguments: str) -> dict[str, Any]:
    answer = mesh.mesh("preview", port, "--json", *arguments)
    assert answer.code == 0, answer.out + answer.err
    found: dict[str, Any] = answer.data
    return found


def files_of(root: Path) -> set[str]:
    """Every file but caches and what was found out about inputs, which a plan keeps, too."""
    found = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    return {path for path in found if not path.startswith(".mesh/cache/") and not path.endswith("inputs.lock.yaml")}


def test_rows_come_with_the_types_that_would_be_stored(shop: MeshFolder) -> None:
    found = previewed(shop, "sales.orders")
    assert found["columns"] == [{"name": "id", "type": "INTEGER"}, {"name": "amount", "type": "DECIMAL(9,2)"}]
    assert found["rows"] == [{"id": 1, "amount": "10.00"}, {"id": 2, "amount": "20.00"}]
    assert (found["is_whole"], found["rows_computed"]) == (True, 2)


def test_nothing_is_published_and_nothing_is_left(shop: MeshFolder) -> None:
    before = files_of(shop.root)
    previewed(shop, "finance.totals")
    assert files_of(shop.root) == before
    shop.build()
    before = files_of(shop.root)
    shop.edit("domains/sales/orders/transform/orders.sql", "id, amount", "id, amount + 1 as amount")
    previewed(shop, "finance.totals")
    assert files_of(shop.root) == before
    assert shop.rows("finance.totals") == [{"total": "30.00"}]


def test_upstream_products_are_computed_only_where_a_build_would_publish_them_anew(shop: MeshFolder) -> None:
    unbuilt = previewed(shop, "finance.totals")
    assert (unbuilt["rows"], unbuilt["computed_upstream"]) == ([{"total": "30.00"}], ["sales.orders"])
    assert unbuilt["reads"] == ["data/orders.csv"]
    shop.build()
    built = previewed(shop, "finance.totals")
    assert (built["computed_upstream"], built["reads"]) == ([], ["sales.orders, publication 1"])
    shop.edit("domains/sales/orders/transform/orders.sql", "id, amount", "id, amount * 2 as amount")
    edited = previewed(shop, "finance.totals")
    assert (edited["rows"], edited["computed_upstream"]) == ([{"total": "60.00"}], ["sales.orders"])


def test_steps_and_python_take_part_and_a_step_can_be_previewed(shop: MeshFolder) -> None:
    folder = shop.product("lab.squares", "select x, y from squared order by x", port="squares")
    shop.write(f"{folder}/transform/numbers.sql", "select id::BIGINT as x from sales.orders")
    shop.write(
        f"{folder}/transform/squared.py",
        """
        import pyarrow as pa


        def squared(inputs):
            x = inputs.numbers.arrow()["x"].to_pylist()
            print("squaring", len(x))
            return pa.table({"x": x, "y": [each * each for each in x]})
        """,
    )
    assert previewed(shop, "lab.squares")["rows"] == [{"x": 1, "y": 1}, {"x": 2, "y": 4}]
    assert previewed(shop, "lab.squares.numbers")["rows"] == [{"x": 1}, {"x": 2}]
    answer = shop.mesh("preview", "lab.squares.squared")
    assert ("squaring 2" in answer.err, "2 rows" in answer.out) == (True, True)


def test_a_port_of_files_lists_what_it_would_publish(shop: MeshFolder) -> None:
    folder = shop.product("lab.page", "select 1 as x", port="numbers")
    head = "apiVersion: v1.1.0\nkind: DataProduct\nid: lab.page\noutputPorts:\n- {name: page, type: files}\n"
    shop.write(f"{folder}/product.yaml", head)
    shop.write(
        f"{folder}/transform/page.py",
        "from pathlib import Path\n\n\ndef page(inputs):\n    (Path(inputs.folder) / 'a.txt').write_text('hello')\n",
    )
    found = previewed(shop, "lab.page.page")
    assert (found["kind"], found["artifacts"]) == ("files", [{"path": "a.txt", "bytes": 5}])
    assert "a.txt  5 B" in shop.mesh("preview", "lab.page.page").out


def test_rules_that_fail_are_notes(shop: MeshFolder) -> None:
    shop.write("data/orders.csv", "id,amount\n1,10\n1,-5\n")
    answer = shop.mesh("preview", "sales.orders")
    assert answer.code == 0
    assert ("minimum" in answer.out, "amount=-5.00" in answer.out) == (True, True)
    rules = {one["column"] for one in previewed(shop, "sales.orders")["failed_rules"]}
    assert rules == {"id", "amount"}


def test_a_query_that_left_its_contract_is_shown_as_it_is(shop: MeshFolder) -> None:
    shop.edit("domains/sales/orders/transform/orders.sql", "id, amount", "id, 'much' as amount, 1 as extra")
    found = previewed(shop, "sales.orders")
    assert found["rows"][0] == {"id": 1, "amount": "much", "extra": 1}
    assert {one["code"] for one in found["findings"]} == {"column-type", "column-extra"}


def test_what_does_not_bind_is_told_with_its_place(shop: MeshFolder) -> None:
    shop.edit("domains/sales/orders/transform/orders.sql", "id, amount", "id, amont")
    answer = shop.mesh("preview", "sales.orders")
    assert (answer.code, "orders.sql:1:12" in answer.err, "amont" in answer.err) == (2, True, True)
    downstream = shop.mesh("preview", "finance.totals")
    assert (downstream.code, "orders.sql:1:12" in downstream.err) == (2, True)


@pytest.mark.parametrize(
    ("port", "says"),
    [
        ("sales.order", "did you mean sales.orders?"),
        ("sales.orders.ordres", "did you mean sales.orders.orders?"),
        ("orders", "is not an address"),
    ],
)
def test_what_is_not_there_is_said(shop: MeshFolder, port: str, says: str) -> None:
    answer = shop.mesh("preview", port)
    assert (answer.code, says in answer.err) == (2, True)


def test_two_products_may_read_two_major_versions_under_one_name(mesh: MeshFolder) -> None:
    """Names in SQL are a product's own: what one calls `a.a` another may read in an older version."""
    folder = mesh.product("a.a", "select 1 as x")
    mesh.contract("a.a", "- {name: x, logicalType: integer, physicalType: INTEGER}\n")
    mesh.write(f"{folder}/transform/a@2.sql", "select 2 as x")
    text = (mesh.root / folder / "contracts/a.yaml").read_text().replace("version: 1.0.0", "version: 2.0.0")
    mesh.write(f"{folder}/contracts/a@2.yaml", text)
    pinned = "inputPorts:\n- {name: a, version: ^1.0.0, customProperties: [{property: mesh.port, value: a.a}]}\n"
    mesh.product("b.old", "select x from a", descriptor=pinned)
    mesh.product("c.both", "select n.x as new, o.x as old from a.a as n, b.old as o")
    found = previewed(mesh, "c.both")
    assert found["rows"] == [{"new": 2, "old": 1}]


def test_no_more_rows_are_computed_than_are_looked_at(mesh: MeshFolder) -> None:
    mesh.write("data/many.csv", "x\n" + "\n".join(map(str, range(30_000))) + "\n")
    mesh.product("a.many", "select x, x + 1 as y from 'data/many.csv'")
    found = previewed(mesh, "a.many", "--limit", "2")
    assert (found["is_whole"], found["rows_computed"]) == (False, 10_000)
    assert found["rows"] == [{"x": 0, "y": 1}, {"x": 1, "y": 2}]
    assert "2 of more than 10,000 rows" in mesh.mesh("preview", "a.many", "--limit", "2").out


def test_a_lost_data_file_is_named(shop: MeshFolder) -> None:
    shop.build()
    for path in (shop.root / ".mesh/warehouse/sales").rglob("*.parquet"):
        path.unlink()
    answer = shop.mesh("preview", "finance.totals")
    assert (answer.code, "is missing, and sales.orders is served from it" in answer.err) == (3, True)
