"""Blueprints: the built-in ones give products that build, a mesh's own come first, and a mistake in one is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meshwright.authoring.blueprints import BUILT_IN, blueprints

if TYPE_CHECKING:
    from authoring.conftest import Shop

ORDERS = "order_id,ordered_at,country,amount\n" + "".join(
    f"{n},2026-01-{n % 28 + 1:02},{'DE' if n % 2 else 'FR'},{n}.25\n" for n in range(1, 101)
)


@pytest.fixture
def orders(shop: Shop) -> Shop:
    shop.start(ORDERS, product="orders")
    shop.rows("orders")
    return shop


@pytest.mark.parametrize("name", sorted(one.name for one in BUILT_IN.iterdir() if one.is_dir()))
def test_every_built_in_blueprint_gives_a_product_that_builds(orders: Shop, name: str) -> None:
    answer = orders.mesh.mesh("new", "product", "shop/more", "--from", "shop.orders", "--blueprint", name)
    assert answer.code == 0, answer.err
    assert orders.mesh.mesh("validate").code == 0
    assert orders.mesh.build()["shop.more"]["outcome"] == "published"


@pytest.mark.parametrize("name", ["aggregate", "landing", "model", "python", "source"])
def test_those_that_read_anything_take_a_file_too(shop: Shop, name: str) -> None:
    file = shop.mesh.write("data/orders.csv", ORDERS.replace(",", ";").replace("2026-01-", "01.2026."))
    answer = shop.mesh.mesh("new", "product", "shop/more", "--from", str(file), "--blueprint", name)
    assert answer.code == 0, answer.err
    assert shop.mesh.build()["shop.more"]["outcome"] == "published"


def test_a_port_is_derived_from_and_what_its_contract_says_is_kept(orders: Shop) -> None:
    path = "domains/shop/orders/contracts/orders.yaml"
    orders.mesh.edit(path, "- name: country\n", "- name: country\n        description: Where it went.\n")
    orders.rows("orders")
    assert orders.mesh.mesh("new", "product", "shop/more", "--from", "shop.orders").code == 0
    assert orders.columns("more")["country"]["description"] == "Where it went."
    assert orders.document("product.yaml", "more")["inputPorts"][0]["customProperties"][0]["value"] == "shop.orders"


def test_an_aggregate_groups_by_day_and_few_values(orders: Shop) -> None:
    orders.mesh.mesh("new", "product", "shop/daily", "--from", "shop.orders", "--blueprint", "aggregate")
    rows = orders.rows("daily")
    assert list(rows[0]) == ["day", "country", "row_count", "total_amount"]
    assert sum(row["row_count"] for row in rows) == 100


def test_all_blueprints_are_listed_with_what_they_are_for(shop: Shop) -> None:
    shop.mesh.write("blueprints/ours/blueprint.yaml", "description: As we like it.\nreads: nothing\n")
    out = shop.mesh.mesh("new", "product", "--blueprint", "list").out
    assert "ours        As we like it." in out
    assert "source " in out


def test_a_mesh_s_own_blueprint_is_rendered_with_everything_that_is_known(shop: Shop) -> None:
    shop.mesh.write("blueprints/ours/blueprint.yaml", "description: As we like it.\n")
    shop.mesh.write(
        "blueprints/ours/transform/{{ table.port }}.sql.j2", "SELECT count(*) AS n FROM {{ table.input }}\n"
    )
    shop.mesh.write("blueprints/ours/tests/plain.yaml", "[]\n")
    shop.mesh.write(
        "blueprints/ours/NOTES.md.j2", "{{ title }} of {{ domain }}: {{ tables[0].columns | length }} columns\n"
    )
    file = shop.mesh.write("data/orders.csv", ORDERS)
    answer = shop.mesh.mesh("new", "product", "shop/counted", "--from", str(file), "--blueprint", "ours")
    assert answer.code == 0, answer.err
    assert (shop.mesh.root / "domains/shop/counted/NOTES.md").read_text() == "Counted of shop: 4 columns\n"
    assert list(shop.columns("counted")) == ["n"]


@pytest.mark.parametrize("query", ["SELECT nothing FROM {{ table.input }}", "SELECT * FROM read_csv('x')", "SELEC"])
def test_a_query_that_cannot_be_run_leaves_its_port_without_a_contract_and_says_so(shop: Shop, query: str) -> None:
    shop.mesh.write("blueprints/ours/blueprint.yaml", "description: As we like it.\n")
    shop.mesh.write("blueprints/ours/transform/{{ table.port }}.sql.j2", query)
    file = shop.mesh.write("data/orders.csv", ORDERS)
    answer = shop.mesh.mesh("new", "product", "shop/x", "--from", str(file), "--blueprint", "ours")
    assert (answer.code, "port x has no contract yet" in answer.out) == (0, True)
    assert not (shop.mesh.root / "domains/shop/x/contracts").exists()


def test_one_that_reads_nothing_needs_no_data(shop: Shop) -> None:
    shop.mesh.write(
        "blueprints/fixed/blueprint.yaml", 'description: Fixed rows.\nreads: nothing\nport: "{{ product }}"\n'
    )
    shop.mesh.write("blueprints/fixed/transform/{{ product }}.sql.j2", "SELECT 1 AS id, '{{ product }}' AS name\n")
    answer = shop.mesh.mesh("new", "product", "shop/numbers", "--blueprint", "fixed")
    assert answer.code == 0, answer.err
    assert shop.rows("numbers") == [{"id": 1, "name": "numbers"}]


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("SELECT 1\n{{ nothing_known }}", "'nothing_known' is undefined"),
        ("SELECT 1\n{% for x in %}", "x.sql.j2:2"),
        ("{{ ''.__class__.__mro__ }}", "x.sql.j2"),
        ("{{ tables[0]._connection.execute('SELECT 1') }}", "x.sql.j2"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
    ],
)
def test_a_template_that_fails_is_named_and_nothing_is_written(shop: Shop, template: str, said: str) -> None:
    shop.mesh.write("blueprints/bad/blueprint.yaml", "description: Broken.\n")
    shop.mesh.write("blueprints/bad/transform/x.sql.j2", template)
    file = shop.mesh.write("data/orders.csv", ORDERS)
    answer = shop.mesh.mesh("new", "product", "shop/x", "--from", str(file), "--blueprint", "bad")
    assert answer.code == 2
    assert said in answer.err
    assert not (shop.mesh.root / "domains/shop/x").exists()


@pytest.mark.parametrize(
    ("description", "said"),
    [
        ("{}", "write at least 'description"),
        ("description: x\nread: port", "did you mean 'reads'?"),
        ("description: x\nreads: files", "reads is one of"),
        ("description: x\nport: 5", "port is a text"),
        ("description: [", "blueprint.yaml"),
    ],
)
def test_a_description_that_is_not_understood_is_named(shop: Shop, description: str, said: str) -> None:
    shop.mesh.write("blueprints/bad/blueprint.yaml", description)
    answer = shop.mesh.mesh("new", "product", "shop/x", "--blueprint", "bad")
    assert answer.code == 2
    assert said in answer.err


def test_a_blueprint_writes_nowhere_else(shop: Shop) -> None:
    shop.mesh.write("blueprints/bad/blueprint.yaml", "description: Broken.\nreads: nothing\n")
    shop.mesh.write("blueprints/bad/{{ '..' }}/x.txt", "out")
    answer = shop.mesh.mesh("new", "product", "shop/x", "--blueprint", "bad")
    assert answer.code == 2
    assert "below the product's folder" in answer.err


def test_an_unknown_blueprint_gets_a_suggestion(shop: Shop) -> None:
    answer = shop.mesh.mesh("new", "product", "shop/x", "--blueprint", "aggregat")
    assert (answer.code, "did you mean aggregate?" in answer.err) == (2, True)


def test_what_needs_data_says_so(shop: Shop) -> None:
    answer = shop.mesh.mesh("new", "product", "shop/x", "--blueprint", "aggregate")
    assert (answer.code, "add --from" in answer.err) == (2, True)


def test_a_blueprint_for_ports_refuses_a_file(shop: Shop) -> None:
    file = shop.mesh.write("data/orders.csv", ORDERS)
    answer = shop.mesh.mesh("new", "product", "shop/x", "--from", str(file), "--blueprint", "derived")
    assert (answer.code, "another product's port" in answer.err) == (2, True)


def test_every_built_in_blueprint_says_what_it_is_for(shop: Shop) -> None:
    assert all(len(one.description) > 20 for one in blueprints(shop.mesh.root).values())
