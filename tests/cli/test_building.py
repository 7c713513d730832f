"""`mesh build` with a saved plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mesh_folder import MeshFolder


@pytest.mark.parametrize("option", [("--select", "sales.orders"), ("--env", "prod"), ("--full",)])
def test_what_a_saved_plan_decided_cannot_be_asked_for_otherwise(mesh: MeshFolder, option: tuple[str, ...]) -> None:
    mesh.product("sales.orders", "select 1 as id")
    plan = str(mesh.root / "plan.json")
    assert mesh.mesh("plan", "--out", plan).code == 0
    answer = mesh.mesh("build", "--plan", plan, *option)
    assert (answer.code, "--plan applies what was saved" in answer.err) == (2, True)
    assert mesh.mesh("build", "--plan", plan).code == 0
