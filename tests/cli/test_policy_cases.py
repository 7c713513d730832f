"""A policy case says why it expects what it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mesh_folder import MeshFolder

POLICIES = """
@id("open")
permit (principal, action in [Action::"read", Action::"readClear", Action::"readRow"], resource);
@id("no-contractors")
forbid (principal in Group::"contractors", action == Action::"read", resource is Port);
"""


@pytest.fixture
def shop(mesh: MeshFolder) -> MeshFolder:
    mesh.write("people/all.yaml", "groups: {sales_team: [ada], contractors: [bob]}\n")
    mesh.product("sales.orders", "select 1 as id")
    mesh.contract("sales.orders", "- {name: id, physicalType: INTEGER}\n")
    mesh.build()
    mesh.write("policies/all.cedar", POLICIES)
    return mesh


@pytest.mark.parametrize(
    ("who", "expected", "is_met"),
    [
        ("bob", "{allowed: false, reasons: [no-contractors]}", True),
        ("bob", "{allowed: false, reasons: [no-contractors, forbid]}", True),
        ("bob", "{allowed: false, reasons: [no-contractors, embargo]}", False),
        ("bob", "{allowed: false, reasons: []}", True),
        ("ada", "{reasons: ['all.cedar#open']}", True),
        ("ada", "{reasons: [no-contractors]}", False),
    ],
)
def test_reasons_that_are_expected_must_be_given(shop: MeshFolder, who: str, expected: str, *, is_met: bool) -> None:
    shop.write("policies/tests/all.yaml", f"- {{name: why, as: {who}, port: sales.orders, expect: {expected}}}\n")
    answer = shop.mesh("policy", "test")
    assert answer.code == (0 if is_met else 1), answer.out + answer.err
    assert is_met or "no reason says '" in answer.out
