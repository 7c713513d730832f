"""Starting a mesh: what is written is named as it is seen from where one stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meshwright.cli.main import run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_mesh_is_started_here_unless_a_folder_is_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init"]) == 0
    assert (here / "mesh.yaml").is_file()
    assert capsys.readouterr().out.splitlines() == [
        "wrote mesh.yaml",
        "wrote policies/starter.cedar",
        "wrote .gitignore",
        "next: mesh new domain NAME",
    ]


def test_the_next_step_names_the_folder_of_a_mesh_elsewhere(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", "shop"]) == 0
    assert (here / "shop" / "mesh.yaml").is_file()
    assert "next: mesh -C shop new domain NAME" in capsys.readouterr().out


def test_new_files_are_named_relative_to_here(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["init"])
    run(["new", "domain", "sales"])
    run(["new", "product", "sales/orders"])
    assert str(here) not in capsys.readouterr().out


def test_an_environment_that_cannot_be_named_so_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["init"])
    assert run(["build", "--env", "My Env"]) == 2
    assert "'My Env' cannot name an environment" in capsys.readouterr().err
    assert not (here / ".mesh" / "registry.db").exists()
