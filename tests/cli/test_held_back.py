"""What a build tells a bearer of values that policies hide from them, though not from the product."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.test_tokens import bearer
from meshwright.cli.main import run

if TYPE_CHECKING:
    from mesh_folder import MeshFolder

SECRET = "SECRET-WORD"
ONLY_A_PSEUDONYM = """
@id("no-note") @mask("pseudonym")
forbid (principal == Person::"bob", action == Action::"readClear", resource is Column)
when { resource.name == "note" };
"""
RULE = """
- name: id
  physicalType: INTEGER
- name: n
  physicalType: INTEGER
  quality:
  - {{type: {kind}, {rule}}}
"""
QUERY = 'query: "select {value} from sales.orders", mustBe: 0'


@pytest.fixture
def shop(mesh: MeshFolder) -> MeshFolder:
    """Sales has notes that bob of marketing sees as pseudonyms; marketing's products see them as they are."""
    mesh.write("people/all.yaml", "groups: {sales_team: [ada], marketing_team: [bob, cleo]}\n")
    mesh.product("sales.orders", f"select 1 as id, '{SECRET}' as note, 7777777 as amount")
    mesh.contract(
        "sales.orders",
        "- {name: id, physicalType: INTEGER}\n- {name: note, physicalType: VARCHAR}\n- {name: amount, physicalType: INTEGER}\n",
    )
    for domain in ("sales", "marketing"):
        mesh.write(f"domains/{domain}/domain.yaml", f"team: {{name: {domain}_team}}\n")
    mesh.product("marketing.mood", "select id, 0 as n from sales.orders")
    mesh.contract("marketing.mood", "- {name: id, physicalType: INTEGER}\n- {name: n, physicalType: INTEGER}\n")
    mesh.build()
    assert run(["init", str(mesh.root / "other")]) == 0
    starter = (mesh.root / "other/policies/starter.cedar").read_text()
    mesh.write("policies/starter.cedar", starter + ONLY_A_PSEUDONYM)
    published = mesh.mesh("policy", "publish")
    assert published.code == 0, published.err
    return mesh


def said(mesh: MeshFolder, who: str, patch: pytest.MonkeyPatch) -> str:
    """All that a failing build of `marketing.mood` says to *who*, as text and as JSON."""
    reader = bearer(mesh, who, patch)
    answers = [reader.mesh("build", "--select", "marketing.mood", *options) for options in ((), ("--json",))]
    assert all(answer.code != 0 for answer in answers)
    told = "".join(answer.out + answer.err for answer in answers)
    assert "blocked" not in told
    return told


@pytest.mark.parametrize("value", ["min(note)", "min(cast(note as integer))", "error(min(note))"])
def test_rules_tell_no_value_to_whom_it_is_hidden(
    shop: MeshFolder, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    shop.contract("marketing.mood", RULE.format(kind="sql", rule=QUERY.format(value=value)))
    told = said(shop, "bob", monkeypatch)
    assert SECRET not in told
    assert "n:sql" in told
    assert "those are told who see all of marketing.mood and of what it reads" in told
    assert SECRET in said(shop, "cleo", monkeypatch)


def test_what_a_query_yields_is_not_told_as_a_number_of_rows(shop: MeshFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.contract("marketing.mood", RULE.format(kind="sql", rule=QUERY.format(value="max(amount)")))
    assert "7777777" not in said(shop, "bob", monkeypatch).replace("7,777,777", "7777777")
    assert "7777777" in said(shop, "cleo", monkeypatch)


def test_how_many_rows_break_a_rule_is_told(shop: MeshFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = "metric: invalidValues, arguments: {validValues: [1]}, mustBe: 0"
    shop.contract("marketing.mood", RULE.format(kind="library", rule=rule))
    assert "1 row of 1" in said(shop, "bob", monkeypatch)


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("select id, cast(note as integer) as n from sales.orders", "ConversionException"),
        ("select id, error(note)::integer as n from sales.orders", "InvalidInputException"),
    ],
)
def test_a_transformation_that_fails_tells_kind_and_file(
    shop: MeshFolder, monkeypatch: pytest.MonkeyPatch, sql: str, kind: str
) -> None:
    shop.write("domains/marketing/mood/transform/mood.sql", sql)
    told = said(shop, "bob", monkeypatch)
    assert SECRET not in told
    assert f"{kind} in domains/marketing/mood/transform/mood.sql" in told
    assert SECRET in said(shop, "cleo", monkeypatch)


def test_what_python_prints_and_raises_is_held_back(shop: MeshFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    (shop.root / "domains/marketing/mood/transform/mood.sql").unlink()
    shop.write(
        "domains/marketing/mood/product.yaml",
        "apiVersion: v1.1.0\nkind: DataProduct\nid: marketing.mood\n"
        "inputPorts: [{name: orders, contractId: sales.orders.orders}]\n",
    )
    shop.write(
        "domains/marketing/mood/transform/mood.py",
        """
        def mood(inputs):
            note = inputs.orders.arrow()["note"][0].as_py()
            print(note)
            print(note)
            raise ValueError(note)
        """,
    )
    told = said(shop, "bob", monkeypatch)
    assert SECRET not in told
    assert "ValueError in domains/marketing/mood/transform/mood.py:6" in told
    assert told.count("what it prints is held back") == 2
    assert SECRET in said(shop, "cleo", monkeypatch)
