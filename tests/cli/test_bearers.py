"""What verbs that are no reads tell the bearer of a token: of products, of queries that are being written, of contracts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from security.shop import WORD, Data, small_shop
from security.ways import Who, command

if TYPE_CHECKING:
    from security.shop import Shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    made = small_shop(tmp_path_factory.mktemp("bearers") / "mesh", Data())
    made.folder.product("sales.ideas", f"select '{WORD}' as idea")
    made.folder.product("sales.payroll", "select 1 as pay", contract="- {name: pay, physicalType: INTEGER}\n")
    made.folder.product(
        "sales.hushed",
        "select range as id, range as hush, 'EU' as region from range(40)",
        contract="- name: id\n  physicalType: BIGINT\n  quality: [{type: text, description: As large as hush.}]\n"
        "- {name: hush, physicalType: BIGINT, primaryKey: true, required: true, tags: [gone]}\n"
        "- {name: region, physicalType: VARCHAR}\n",
    )
    made.folder.product(
        "sales.two",
        "select 1 as id",
        descriptor="outputPorts:\n- {name: two}\n- {name: other}\n",
        contract="- {name: id, physicalType: BIGINT}\n",
    )
    made.folder.write("domains/sales/two/transform/other.sql", "select 2 as id")
    made.folder.build()
    made.folder.product("marketing.hushed", "select id from sales.hushed")
    made.folder.product("marketing.reach", "select id, email, note from sales.orders")
    made.folder.product("marketing.stolen", "select * from read_text('mesh.yaml')")
    made.folder.product("marketing.odd", "table sales.orders")
    return made


def told(shop: Shop, *arguments: str) -> tuple[int, str, str]:
    """What bob is told: exit code, standard output and standard error."""
    found = command(shop, Who(token=shop.token()), *arguments)
    return found.code, found.out.decode(), found.err.decode()


def test_show_tells_how_columns_are_seen_and_nothing_that_was_counted(shop: Shop) -> None:
    code, out, _ = told(shop, "show", "sales.orders", "--json")
    data = json.loads(out)
    (port,) = data["ports"]
    assert (code, port["rows_seen"], port["refused"]) == (0, "filtered", [])
    seen = {one["name"]: one["seen"] for one in port["columns"]}
    assert (seen["id"], seen["email"], seen["salary"]) == ("clear", "replace-with-null", "mask-to-fixed-value")
    assert "secret" not in seen
    assert not {"rows", "bytes", "tests", "inputs", "event_time", "duration_seconds"} & {*data, *port}


def test_show_says_why_a_port_may_not_be_read(shop: Shop) -> None:
    code, out, _ = told(shop, "show", "sales.payroll")
    assert code == 0
    assert "you may not read it" in out
    assert "rows.cedar#payroll forbids person:bob to read sales.payroll.payroll" in out
    assert "INTEGER" not in out


@pytest.mark.parametrize("product", ["sales.ideas", "sales.nothing"])
def test_show_knows_no_product_that_may_not_be_discovered(shop: Shop, product: str) -> None:
    code, out, err = told(shop, "show", product)
    assert (code, out) == (2, "")
    assert f"there is no product {product}" in err


@pytest.mark.parametrize("option", ["--effective", "--publications"])
def test_what_was_made_and_how_is_the_owners(shop: Shop, option: str) -> None:
    code, out, err = told(shop, "show", "sales.orders", option)
    assert (code, out) == (1, "")
    assert "answer the owner of a mesh only" in err


def test_a_preview_shows_what_its_author_may_see(shop: Shop) -> None:
    code, out, _ = told(shop, "preview", "marketing.reach", "--json")
    rows = json.loads(out)["rows"]
    assert code == 0
    assert {row["email"] for row in rows} == {None}
    assert [row["id"] for row in rows] == [2, 5, 6, 8]


def test_a_preview_of_an_absent_column_names_who_lacks_it(shop: Shop) -> None:
    shop.folder.product("marketing.reach", "select id, secret from sales.orders")
    code, _, err = told(shop, "preview", "marketing.reach")
    shop.folder.product("marketing.reach", "select id, email, note from sales.orders")
    assert code == 1
    assert "policies leave bob no column secret of sales.orders" in err
    assert "--as bob" in err


@pytest.mark.parametrize("who", ["bearer", "owner"])
def test_a_query_that_no_build_would_run_is_not_previewed(shop: Shop, who: str) -> None:
    token = shop.token() if who == "bearer" else ""
    found = command(shop, Who(token=token), "preview", "marketing.stolen")
    assert found.code == 2
    assert "read_text is not allowed in a transformation" in found.text
    assert "name: shop" not in found.text


def test_a_table_without_a_place_is_a_finding_of_its_own_product(shop: Shop) -> None:
    found = shop.folder.mesh("validate", "--json")
    assert found.code == 2
    (odd,) = (one for one in found.data["findings"] if "odd" in one["file"])
    assert odd["line"] == 1
    assert "TABLE sales.orders is not allowed" in odd["message"]
    assert shop.folder.mesh("preview", "marketing.reach").code == 0


def test_contracts_are_tested_on_what_may_be_seen(shop: Shop) -> None:
    code, out, err = told(shop, "test", "--json")
    contracts = json.loads(out)["contracts"]
    assert (code, list(contracts)) == (0, ["sales.hushed.hushed@1", "sales.orders.orders@1", "sales.two.two@1"])
    assert {one["rowsChecked"] for one in contracts["sales.orders.orders@1"]["results"]} == {4}
    assert "not tested, as policies do not let it be read: sales.payroll.payroll@1, sales.two.other@0" in err
    assert "ideas" not in out + err


def test_nothing_is_left_behind_by_tests_and_previews(shop: Shop) -> None:
    warehouse = shop.root / ".mesh/warehouse"
    before = {path for folder in (".leases", ".staging") for path in (warehouse / folder).glob("*")}
    shop.owner("test")
    shop.owner("preview", "marketing.reach")
    assert {path for folder in (".leases", ".staging") for path in (warehouse / folder).glob("*")} == before


def test_a_sample_is_of_the_rows_that_may_be_seen(shop: Shop) -> None:
    code, out, _ = told(shop, "preview", "marketing.reach", "--sample", "1")
    assert code == 0
    assert "25.00% of sales.orders" in out
    assert "there are no more rows" in told(shop, "preview", "marketing.reach", "--sample", "4")[1]


def test_a_sample_goes_by_no_key_that_is_absent(shop: Shop) -> None:
    code, out, err = told(shop, "preview", "marketing.hushed", "--sample", "50%")
    assert (code, err) == (0, "")
    assert "by whole rows" in out
    assert "hush" not in out.replace("marketing.hushed", "").replace("sales.hushed", "")


def test_ports_of_which_some_are_drafts_are_tested_as_far_as_they_may_be_read(shop: Shop) -> None:
    code, out, err = told(shop, "test", "sales.two", "--json")
    assert (code, list(json.loads(out)["contracts"])) == (0, ["sales.two.two@1"])
    assert "not tested, as policies do not let it be read: sales.two.other@0" in err


def test_own_cases_are_the_owners(shop: Shop) -> None:
    code, _, err = told(shop, "test", "marketing.reach")
    assert code == 0
    assert "not tested, as only the mesh's owner runs own cases: marketing.reach" in err


def test_cases_of_policies_speak_of_anybody_so_they_answer_who_may_administer(shop: Shop) -> None:
    shop.folder.write(
        "domains/marketing/policies/tests/odd.yaml",
        "- {name: odd, as: ada, port: sales.orders, expect: {columns: {secret: foo}}}\n",
    )
    code, out, err = told(shop, "policy", "test")
    assert (code, out) == (1, "")
    assert "may not administer the mesh" in err


def test_no_rule_is_told_that_speaks_of_an_absent_column(shop: Shop) -> None:
    code, out, _ = told(shop, "test", "sales.hushed", "--json")
    assert code == 0
    assert "As large as" not in out
    assert "As large as" in shop.owner("test", "sales.hushed", "--json").out
