"""A preview's sample keeps or leaves out together what belongs together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from meshwright.build.sampling import Sample
from meshwright.model.errors import InvalidInput

if TYPE_CHECKING:
    from mesh_folder import MeshFolder


@pytest.fixture
def shop(mesh: MeshFolder) -> MeshFolder:
    """2,000 orders of 400 customers in 5 regions."""
    orders = "\n".join(f"{number},{number * 7 % 400},{number % 5}" for number in range(2000))
    mesh.write("data/orders.csv", f"order_id,customer,region\n{orders}\n")
    mesh.write("data/customers.csv", "id,name\n" + "\n".join(f"{number},c{number}" for number in range(400)) + "\n")
    mesh.write("data/regions.csv", "region,title\n" + "\n".join(f"{number},r{number}" for number in range(5)) + "\n")
    mesh.product("sales.orders", "select * from 'data/orders.csv'")
    mesh.product("sales.customers", "select * from 'data/customers.csv'")
    mesh.product("sales.regions", "select * from 'data/regions.csv'")
    mesh.build()
    return mesh


def previewed(mesh: MeshFolder, port: str, sample: str) -> dict[str, Any]:
    answer = mesh.mesh("preview", port, "--json", "--limit", "5000", "--sample", sample)
    assert answer.code == 0, answer.out + answer.err
    found: dict[str, Any] = answer.data
    return found


JOINED = """
with named as (select id as customer, name from sales.customers)
select o.order_id, o.customer, n.name, r.title
from prepared as o
left join named as n on n.customer = o.customer
left join sales.regions as r using (region)
"""


def test_joins_still_match_through_steps_and_ctes(shop: MeshFolder) -> None:
    folder = shop.product("lab.joined", JOINED)
    shop.write(f"{folder}/transform/prepared.sql", "select * from sales.orders")
    found = previewed(shop, "lab.joined", "10%")
    assert "sales.orders, publication 1 by customer" in found["sampled"]
    assert "by id" in found["sampled"]
    assert 50 < len(found["rows"]) < 500
    # Every customer that is there is there with all orders, and no order has lost its customer or region.
    assert all(row["name"] and row["title"] for row in found["rows"])
    assert len(found["rows"]) == 5 * len({row["customer"] for row in found["rows"]})
    assert not found["is_whole"]
    assert previewed(shop, "lab.joined", "10%")["rows"] == found["rows"]


def test_a_computed_upstream_product_is_traced_to_what_it_reads(shop: MeshFolder) -> None:
    shop.product("lab.prepared", "select order_id, customer as who from sales.orders")
    shop.product(
        "lab.named", "select p.order_id, c.name from lab.prepared as p join sales.customers as c on p.who = c.id"
    )
    found = previewed(shop, "lab.named", "0.1")
    assert found["computed_upstream"] == ["lab.prepared"]
    assert 50 < len(found["rows"]) < 500
    assert ("by customer" in found["sampled"], "by id" in found["sampled"]) == (True, True)


def test_a_table_that_is_joined_twice_by_one_column_is_read_whole(shop: MeshFolder) -> None:
    sql = """
    select o.order_id, a.name as one, b.name as two
    from sales.orders as o join sales.customers as a on a.id = o.customer join sales.customers as b on b.id = o.order_id % 400
    """
    shop.product("lab.twice", sql)
    both = sql.replace("o.order_id % 400", "o.region")
    shop.product("lab.both", both)
    found = previewed(shop, "lab.both", "20%")
    assert "customers" not in found["sampled"]
    assert 100 < len(found["rows"]) < 900
    assert all(row["one"] and row["two"] for row in found["rows"])


def test_a_key_of_few_values_is_none(shop: MeshFolder) -> None:
    shop.product(
        "lab.titled", "select o.order_id, r.title from sales.orders as o join sales.regions as r using (region)"
    )
    found = previewed(shop, "lab.titled", "10%")
    assert "regions" not in found["sampled"]
    assert {row["title"] for row in found["rows"]} == {f"r{number}" for number in range(5)}


def test_a_number_of_rows_is_about_so_many_of_the_longest_table(shop: MeshFolder) -> None:
    shop.product("lab.all", "select order_id from sales.orders")
    assert 100 < len(previewed(shop, "lab.all", "200")["rows"]) < 320
    whole = previewed(shop, "lab.all", "9000")
    assert (len(whole["rows"]), whole["sampled"]) == (2000, "everything: there are no more rows")


@pytest.mark.parametrize("text", ["", "0", "0.0", "1.5", "150%", "-3", "many", "5 rows"])
def test_what_is_no_sample_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="is no sample"):
        Sample.parse(text)


def test_a_sample_is_a_fraction_or_a_number_of_rows() -> None:
    assert Sample.parse("10%") == Sample.parse("0.1") == Sample(fraction=0.1)
    assert Sample.parse("5_000") == Sample(rows=5000)
