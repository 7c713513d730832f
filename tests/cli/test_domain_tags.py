"""Policies about a domain's tags bind where the domain's file cannot be read, or is not."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mesh_folder import MeshFolder

POLICIES = """
@id("all")
permit (principal, action, resource);
@id("secret")
forbid (principal, action, resource is Port) when { resource.domain.tags.contains("secret") }
unless { principal in Group::"sales_team" };
@id("frozen")
forbid (principal, action == Action::"rollback", resource is Product) when { resource.domain.tags.contains("frozen") };
"""
DOMAIN = "team: {name: sales_team}\ntags: [secret, frozen]\n"


@pytest.fixture
def shop(mesh: MeshFolder) -> MeshFolder:
    """A port of a domain with tags; bob is of another one."""
    mesh.write("people/all.yaml", "groups: {sales_team: [ada], marketing_team: [bob]}\n")
    mesh.product("sales.orders", "select 1 as id")
    mesh.contract("sales.orders", "- {name: id, physicalType: INTEGER}\n")
    mesh.write("domains/sales/domain.yaml", DOMAIN)
    mesh.build()
    mesh.write("policies/all.cedar", POLICIES)
    assert mesh.mesh("policy", "publish").code == 0
    return mesh


def read_code(shop: MeshFolder, who: str = "bob") -> int:
    return shop.mesh("read", "sales.orders", "--as", who).code


@pytest.mark.parametrize(
    "text",
    [
        "team: {name: sales_team}\ntags: [secret\n",
        "team: {name: sales_team}\ntags: secret\n",
        "team: {name: sales_team}\n",
        None,
    ],
)
def test_published_tags_bind_whatever_the_file_says(shop: MeshFolder, text: str | None) -> None:
    assert (read_code(shop), read_code(shop, "ada")) == (1, 0)
    if text is None:
        (shop.root / "domains/sales/domain.yaml").unlink()
    else:
        shop.write("domains/sales/domain.yaml", text)
    assert read_code(shop) == 1


def test_published_tags_bind_where_the_domain_is_not_checked_out(
    shop: MeshFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = [shop.mesh("token", "create", "--for", who, "--json").data["token"] for who in ("ada", "bob")]
    shutil.rmtree(shop.root / "domains/sales")
    assert read_code(shop) == 1
    assert shop.mesh("policy", "explain", "sales.orders", "--as", "bob").code == 1
    monkeypatch.setenv("MESH_TOKEN", tokens[1])
    assert shop.mesh("list", "--json").data == []
    # What a domain forbids to be done to its products is forbidden from everywhere.
    monkeypatch.setenv("MESH_TOKEN", tokens[0])
    assert "frozen" in shop.mesh("rollback", "sales.orders").err


def test_tags_of_the_checkout_bind_at_once(shop: MeshFolder) -> None:
    shop.write("domains/sales/domain.yaml", "team: {name: sales_team}\n")
    shop.build()
    assert read_code(shop) == 0
    shop.write("domains/sales/domain.yaml", DOMAIN)
    assert read_code(shop) == 1


def test_a_tag_that_is_taken_away_binds_until_that_is_published(shop: MeshFolder) -> None:
    shop.write("domains/sales/domain.yaml", "team: {name: sales_team}\n")
    assert read_code(shop) == 1
    plan = shop.plan()["sales.orders"]
    assert (plan["action"], plan["reasons"]) == ("build", ["the tags of domain sales changed"])
    assert shop.build()["sales.orders"]["message"] == "its data is the same"
    assert shop.actions() == {"sales.orders": "reuse"}
    assert read_code(shop) == 0
    # What is old keeps what it had.
    assert shop.mesh("read", "sales.orders", "--as", "bob", "--as-of", "1").code == 1


def test_tags_of_a_product_are_published_when_nothing_else_changed(shop: MeshFolder) -> None:
    shop.edit("domains/sales/orders/product.yaml", "id: sales.orders", "id: sales.orders\ntags: [new]")
    assert shop.plan()["sales.orders"]["reasons"] == ["its tags changed"]
    assert shop.build()["sales.orders"]["message"] == "its data is the same"
    assert shop.mesh("show", "sales.orders", "--json").data["descriptor"]["tags"] == ["new"]
    assert shop.actions() == {"sales.orders": "reuse"}


def test_publications_of_before_have_no_tags_of_their_domain(shop: MeshFolder) -> None:
    """Of those that an older Meshwright made, the checkout alone knows."""
    with contextlib.closing(sqlite3.connect(shop.root / ".mesh/registry.db")) as registry, registry:
        ((text,),) = registry.execute("select document from publications").fetchall()
        document = json.loads(text)
        assert document["descriptor"].pop("domain_tags") == ["secret", "frozen"]
        registry.execute("update publications set document = ?", (json.dumps(document),))
    assert read_code(shop) == 1
    assert shop.actions() == {"sales.orders": "build"}
    assert shop.build()["sales.orders"]["message"] == "its data is the same"
    shutil.rmtree(shop.root / "domains/sales")
    assert read_code(shop) == 1
