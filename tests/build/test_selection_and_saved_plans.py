"""--select, saved plans and what they rest on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mesh_folder import MeshFolder


@pytest.fixture
def chain(mesh: MeshFolder) -> MeshFolder:
    mesh.product("a.first", "select 1 as x", descriptor="tags: [raw]\n")
    mesh.product("b.second", "select x from a.first")
    mesh.product("b.third", "select x from b.second")
    mesh.product("c.other", "select 2 as y", descriptor="tags: [raw]\n")
    return mesh


@pytest.mark.parametrize(
    ("patterns", "chosen"),
    [
        (["a.first"], {"a.first"}),
        (["b.*"], {"b.second", "b.third"}),
        (["domain:b"], {"b.second", "b.third"}),
        (["tag:raw"], {"a.first", "c.other"}),
        (["+b.second"], {"a.first", "b.second"}),
        (["b.second+"], {"b.second", "b.third"}),
        (["+b.second+"], {"a.first", "b.second", "b.third"}),
        (["c.other", "b.third"], {"b.third", "c.other"}),
    ],
)
def test_patterns_mean_what_they_say(chain: MeshFolder, patterns: list[str], chosen: set[str]) -> None:
    arguments = [part for pattern in patterns for part in ("--select", pattern)]
    assert set(chain.plan(*arguments)) == chosen


def test_changed_means_what_a_plan_of_everything_would_build(chain: MeshFolder) -> None:
    chain.build()
    chain.write("domains/c/other/transform/other.sql", "select 3 as y")
    assert set(chain.plan("--select", "changed")) == {"c.other"}


def test_a_pattern_that_means_nothing_gets_a_suggestion(chain: MeshFolder) -> None:
    answer = chain.mesh("plan", "--select", "b.secnod")
    assert (answer.code, "did you mean b.second?" in answer.err) == (2, True)


def test_a_saved_plan_is_applied_while_it_holds(chain: MeshFolder) -> None:
    file = str(chain.root / "plan.json")
    assert chain.mesh("plan", "--out", file).code == 0
    assert {one["outcome"] for one in chain.build("--plan", file).values()} == {"published"}


def test_a_saved_plan_is_refused_once_something_changed(chain: MeshFolder) -> None:
    file = str(chain.root / "plan.json")
    chain.mesh("plan", "--out", file)
    chain.write("domains/c/other/transform/other.sql", "select 3 as y")
    answer = chain.mesh("build", "--plan", file)
    assert (answer.code, "no longer holds for c.other" in answer.err) == (1, True)
    assert chain.mesh("list", "--json").data == []


def test_a_file_that_is_no_plan_is_refused(chain: MeshFolder) -> None:
    file = chain.write("plan.json", "{}")
    assert chain.mesh("build", "--plan", str(file)).code == 2
