"""Policies are checked, tried and published only when all that they stand on can be read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mesh_folder import MeshFolder

READ_BY_ALL = """
@id("read-by-all")
permit (principal, action in [Action::"read", Action::"readClear", Action::"readRow"], resource);
"""
OF_SALES = '@id("open")\npermit (principal, action == Action::"read", resource is Port in Domain::"sales");\n'
CASES = """
- name: bob reads
  as: bob
  port: sales.orders
  expect: {allowed: true}
"""
PEOPLE = "groups: {sales_team: [ada], marketing_team: [bob]}\n"


@pytest.fixture
def shop(mesh: MeshFolder) -> MeshFolder:
    mesh.write("people/all.yaml", PEOPLE)
    mesh.product("sales.orders", "select 1 as id")
    mesh.contract("sales.orders", "- {name: id, physicalType: INTEGER}\n")
    mesh.build()
    mesh.write("policies/all.cedar", READ_BY_ALL)
    mesh.write("policies/tests/all.yaml", CASES)
    mesh.write("domains/sales/policies/open.cedar", OF_SALES)
    return mesh


def versions(shop: MeshFolder) -> list[object]:
    """The versions that bind."""
    return [one["version"] for one in shop.mesh("policy", "list", "--json").data]


BROKEN = [
    ("mesh.yaml", "name: test\npurposes: {Reporting: [Marketing]}\n", "mesh.yaml:2:"),
    ("people/all.yaml", "groups: {sales_team: [ada], marketing_team: [bob}\n", "people/all.yaml:1:"),
    ("people/more.yml", "groups: {}\n", "people/more.yml: "),
    ("people/all.yaml", PEOPLE.replace("bob", "servce:bob"), "people/all.yaml:1:"),
]


@pytest.mark.parametrize(("path", "text", "place"), BROKEN)
def test_nothing_is_checked_tried_or_published_on_files_with_errors(
    shop: MeshFolder, path: str, text: str, place: str
) -> None:
    assert shop.mesh("policy", "check").out == "valid\n"
    assert shop.mesh("policy", "test").code == 0
    shop.write(path, text)
    for command in (
        ["check"],
        ["test"],
        ["publish"],
        ["publish", "--domain", "sales"],
        ["publish", "--all"],
    ):
        answer = shop.mesh("policy", *command)
        assert answer.code == 2, answer.out + answer.err
        assert any(line.removeprefix("error: ").startswith(place) for line in answer.err.splitlines()), answer.err
    assert versions(shop) == [None, None]
    found = shop.mesh("policy", "check", "--json").data
    assert not found["valid"]


def test_a_domains_file_keeps_back_its_own_policies_only(shop: MeshFolder) -> None:
    shop.write("domains/sales/domain.yaml", "team: {name: sales_team}\ntags: eu\n")
    for command in (["check"], ["test"], ["publish", "--domain", "sales"], ["publish", "--all"]):
        answer = shop.mesh("policy", *command)
        assert answer.code == 2, answer.out + answer.err
        assert "domains/sales/domain.yaml:2:" in answer.err
    assert shop.mesh("policy", "publish").code == 0
    assert versions(shop) == [1, None]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("policies/eu/strict.cedar", READ_BY_ALL),
        ("policies/strict.CEDAR", READ_BY_ALL),
        ("policies/strict.cedar.txt", READ_BY_ALL),
        ("policies/tests/more.yml", CASES),
        ("policies/tests/eu/more.yaml", CASES),
        ("domains/sales/policies/eu/strict.cedar", OF_SALES),
        ("domains/sales/policies/strict.Cedar", OF_SALES),
        ("domains/sales/policies/tests/more.json", json.dumps([])),
    ],
)
def test_a_policy_file_that_is_not_read_is_an_error(shop: MeshFolder, path: str, text: str) -> None:
    assert shop.mesh("validate").code == 0
    shop.write(path, text)
    folder = "/eu" in path
    place = path.rpartition("/")[0] if folder else path
    commands = [["validate"], ["policy", "check"], ["policy", "publish", "--all"]]
    commands.append(["policy", "publish", *(["--domain", "sales"] if path.startswith("domains") else [])])
    if "/tests" in path:
        commands.append(["policy", "test"])
    for command in commands:
        answer = shop.mesh(*command)
        assert answer.code == 2, answer.out + answer.err
        assert f"{place}: error[unexpected-file]" in answer.err
    assert versions(shop) == [None, None]


def test_notes_and_what_editors_leave_lie_beside_policies(shop: MeshFolder) -> None:
    for name in ("README.md", "notes.MD", ".all.cedar.swp", "all.cedar~", "all.cedar.bak", "#all.cedar#"):
        shop.write(f"policies/{name}", "nothing (")
        shop.write(f"domains/sales/policies/tests/{name}", "nothing: [")
    assert shop.mesh("policy", "check").out == "valid\n"
    assert shop.mesh("policy", "publish", "--all").code == 0


def test_policies_that_lie_outside_the_mesh_are_not_none(shop: MeshFolder) -> None:
    """To publish what cannot be read would let nothing bind where something did."""
    assert shop.mesh("policy", "publish").code == 0
    outside = shop.root.parent / "policies"
    (shop.root / "policies").rename(outside)
    (shop.root / "policies").symlink_to(outside)
    answer = shop.mesh("policy", "publish")
    assert answer.code == 2
    assert "policies: error[leaves-mesh]" in answer.err
    outside.rename(shop.root.parent / "elsewhere")
    assert shop.mesh("policy", "publish").code == 2
    (shop.root / "policies").unlink()
    (shop.root / "policies").write_text(READ_BY_ALL, encoding="utf-8")
    assert "policies: error[unreadable]" in shop.mesh("policy", "publish").err
    assert versions(shop)[0] == 1


def test_a_case_of_somebody_unknown_fails_alone(shop: MeshFolder) -> None:
    shop.write(
        "policies/tests/all.yaml",
        "- {name: zed, as: zed, port: sales.orders, expect: {allowed: false}}\n"
        "- {name: nobody, as: 'servce:x', port: sales.orders, expect: {}}\n"
        "- {name: nowhere, as: bob, port: sales.ordres, expect: {}}\n"
        "- {name: no address, as: bob, port: sales, expect: {}}\n"
        "- {name: bob, as: bob, port: sales.orders, expect: {}}\n",
    )
    answer = shop.mesh("policy", "test")
    assert answer.code == 1
    assert "failed  policies/tests/all.yaml:1: zed\n        nobody is called zed" in answer.out
    assert "passed  policies/tests/all.yaml:5: bob" in answer.out
    assert "5 cases, 4 failed" in answer.out
    assert [one["passed"] for one in shop.mesh("policy", "test", "--json").data] == [False, False, False, False, True]


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("policies/strict.CEDAR", "name it 'strict.cedar', or move it elsewhere"),
        ("policies/strict.cedar.txt", "name it 'strict.cedar', or move it elsewhere"),
        ("policies/tests/more.yml", "name it 'more.yaml', or move it elsewhere"),
        ("domains/sales/policies/eu/strict.cedar", "move the files in it up into domains/sales/policies/"),
    ],
)
def test_what_is_not_read_is_told_how_it_would_be(shop: MeshFolder, path: str, hint: str) -> None:
    shop.write(path, READ_BY_ALL)
    assert hint in shop.mesh("policy", "check").err
