"""`mesh new product --from PORT` where policies bind: the draft is of what the product gets, not of what its author sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from meshwright.cli.main import run

if TYPE_CHECKING:
    from mesh_folder import MeshFolder

CONTRACT = """
- {name: id, physicalType: BIGINT, required: true, primaryKey: true}
- {name: email, physicalType: VARCHAR, tags: [personal], description: Where bills go.}
- {name: login, physicalType: VARCHAR, tags: [pseudonymous]}
- {name: pay, physicalType: INTEGER, tags: [fixed]}
- {name: status, physicalType: VARCHAR}
- {name: hush, physicalType: VARCHAR, tags: [gone]}
- name: person
  physicalType: STRUCT
  properties: [{name: phone, physicalType: VARCHAR, tags: [personal]}]
"""
ROWS = """
select range::bigint as id, 'user' || range || '@example.org' as email, 'u' || range as login, (range * 7)::integer as pay,
    if(range % 2 = 0, 'paid', 'open') as status, 'hush' || range as hush, {'phone': '+49 30 ' || range} as person
from range(40)
"""
MASKS = """
@id("fixed") @mask("mask-to-fixed-value")
forbid (principal, action == Action::"readClear", resource is Column)
when { resource.tags.contains("fixed") } unless { principal in resource.domain };
@id("pseudonymous") @mask("pseudonym")
forbid (principal, action == Action::"readClear", resource is Column)
when { resource.tags.contains("pseudonymous") } unless { principal in resource.domain };
@id("gone")
forbid (principal, action in [Action::"readClear", Action::"readMasked"], resource is Column)
when { resource.tags.contains("gone") } unless { principal in resource.domain };
"""
OF_VALUES = {"enum", "quality", "logicalTypeOptions"}
NOBODY = """
@id("nobody")
forbid (principal, action == Action::"read", resource in Domain::"sales") unless { principal in Domain::"sales" };
"""


@pytest.fixture
def shop(mesh: MeshFolder) -> MeshFolder:
    """A port of sales of which policies mask and take columns for everybody else, and another domain."""
    mesh.product("sales.orders", ROWS, contract=CONTRACT)
    mesh.write("domains/marketing/domain.yaml", "team: {name: marketing_team}\n")
    mesh.build()
    assert run(["init", str(mesh.root / "other")]) == 0
    starter = (mesh.root / "other/policies/starter.cedar").read_text()
    mesh.write("policies/all.cedar", starter + MASKS)
    assert mesh.mesh("policy", "publish").code == 0
    return mesh


def started(shop: MeshFolder, product: str = "marketing/reach", *more: str) -> tuple[str, dict[str, dict[str, Any]]]:
    """What the command printed, and the drafted columns by name."""
    answer = shop.mesh("new", "product", product, "--from", "sales.orders", *more)
    assert answer.code == 0, answer.out + answer.err
    name = product.partition("/")[2]
    (path,) = (shop.root / f"domains/{product}/contracts").glob("*.yaml")
    assert path.stem == name
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    return answer.out, {column["name"]: column for column in document["schema"][0]["properties"]}


def test_what_is_drafted_can_be_built(shop: MeshFolder) -> None:
    started(shop)
    shop.build()
    rows = shop.rows("marketing.reach")
    assert len(rows) == 40
    assert {row["pay"] for row in rows} == {999_999_999}
    assert {row["status"] for row in rows} == {"paid", "open"}


def test_no_column_is_drafted_that_the_product_does_not_get(shop: MeshFolder) -> None:
    out, columns = started(shop)
    written = "".join(path.read_text() for path in (shop.root / "domains/marketing/reach").rglob("*") if path.is_file())
    assert "hush" not in columns
    assert "hush" not in out + written


def test_masked_columns_keep_type_and_documentation_and_promise_nothing_of_values(shop: MeshFolder) -> None:
    out, columns = started(shop)
    assert "masked are email, login, pay, person" in out
    assert columns["pay"] == {"name": "pay", "logicalType": "integer", "physicalType": "INTEGER", "tags": ["fixed"]}
    assert columns["email"]["physicalType"] == "VARCHAR"
    assert columns["email"]["description"] == "Where bills go."
    assert "personal" in columns["email"]["tags"]
    for name in ("pay", "person"):
        assert not {"required", "unique", "primaryKey", *OF_VALUES} & columns[name].keys()
    # Clear ones are judged by their values, as ever.
    assert columns["status"]["enum"] == [{"value": "open"}, {"value": "paid"}]
    assert columns["id"]["primaryKey"]


def test_a_mask_that_tells_values_apart_leaves_that_they_are_there(shop: MeshFolder) -> None:
    _, columns = started(shop)
    assert columns["login"]["required"]
    assert not OF_VALUES & columns["login"].keys()


def test_a_product_of_the_same_domain_is_drafted_of_everything(shop: MeshFolder) -> None:
    out, columns = started(shop, "sales/copy")
    assert "masked" not in out
    assert {"hush", "pay"} <= columns.keys()
    assert columns["pay"]["required"]


def test_tags_of_nested_values_are_inherited(shop: MeshFolder) -> None:
    _, columns = started(shop, "sales/copy")
    (phone,) = columns["person"]["properties"]
    assert phone["tags"] == ["personal"]


def test_masked_columns_are_nothing_to_group_by_or_add_up(shop: MeshFolder) -> None:
    answer = shop.mesh("new", "product", "marketing/sums", "--from", "sales.orders", "--blueprint", "aggregate")
    assert answer.code == 0, answer.out + answer.err
    (query,) = (shop.root / "domains/marketing/sums/transform").glob("*.sql")
    assert "status" in query.read_text()
    assert "pay" not in query.read_text()
    assert "login" not in query.read_text()


def test_of_a_port_that_the_product_may_not_read_nothing_is_drafted(shop: MeshFolder) -> None:
    shop.write("domains/sales/policies/own.cedar", NOBODY)
    assert shop.mesh("policy", "publish", "--domain", "sales").code == 0
    answer = shop.mesh("new", "product", "marketing/reach", "--from", "sales.orders")
    assert (answer.code, "policies do not let product:marketing.reach read sales.orders" in answer.err) == (1, True)
    assert not (shop.root / "domains/marketing/reach").exists()


def test_a_port_that_is_not_there_is_suggested_to_the_owner(shop: MeshFolder) -> None:
    answer = shop.mesh("new", "product", "marketing/reach", "--from", "sales.order")
    assert (answer.code, "did you mean sales.orders?" in answer.err) == (2, True)


BY_PURPOSE = """
@id("by-purpose")
forbid (principal, action == Action::"read", resource in Domain::"sales")
unless { principal in Domain::"sales" || context.purpose in Purpose::"Marketing" || context.purpose in Purpose::"ResearchAndDevelopment" };
"""


def test_a_product_is_started_for_a_purpose_which_is_written_down(shop: MeshFolder) -> None:
    shop.write("policies/purpose.cedar", BY_PURPOSE)
    assert shop.mesh("policy", "publish").code == 0
    refused = shop.mesh("new", "product", "marketing/reach", "--from", "sales.orders")
    assert refused.code == 1
    assert "name the purpose" in refused.err
    assert not (shop.root / "domains/marketing/reach").exists()
    assert shop.mesh("new", "product", "marketing/reach", "--from", "sales.orders", "--purpose", "Nothing").code == 1
    _, columns = started(shop, "marketing/reach", "--purpose", "Marketing")
    assert "hush" not in columns
    document = yaml.safe_load((shop.root / "domains/marketing/reach/product.yaml").read_text(encoding="utf-8"))
    assert document["customProperties"] == [{"property": "mesh.purpose", "value": "Marketing"}]
    assert shop.build()["marketing.reach"]["outcome"] == "published"


def test_the_smallest_product_has_its_purpose_too(shop: MeshFolder) -> None:
    assert shop.mesh("new", "product", "marketing/small", "--purpose", "Marketing").code == 0
    assert "mesh.purpose" in (shop.root / "domains/marketing/small/product.yaml").read_text(encoding="utf-8")
    assert shop.mesh("validate").code == 0
