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


def test_from_an_empty_folder_each_command_names_the_next_up_to_a_query(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "orders.csv").write_text("order_id,amount\n1,2.50\n2,3.50\n", encoding="utf-8")
    assert run(["init"]) == 0
    assert "next: mesh new domain NAME" in capsys.readouterr().out
    assert run(["new", "domain", "sales"]) == 0
    assert "next: mesh new product sales/PRODUCT --from FILE" in capsys.readouterr().out
    assert run(["new", "product", "sales/orders", "--from", "orders.csv"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "next: mesh build, then mesh read sales.orders --limit 5"
    assert run(["build"]) == 0
    assert run(["read", "sales.orders", "--limit", "5"]) == 0
    assert run(["query", "select sum(amount) as total from sales.orders"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].strip() == "6.00"


def test_where_to_read_a_product_that_publishes_files_is_named_so(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "orders.csv").write_text("order_id,amount\n1,2.50\n2,3.50\n", encoding="utf-8")
    run(["init"])
    run(["new", "domain", "sales"])
    assert run(["new", "product", "sales/forecast", "--from", "orders.csv", "--blueprint", "model"]) == 0
    assert "then mesh read sales.forecast.model --to FOLDER" in capsys.readouterr().out


def test_a_product_needs_a_name_unless_blueprints_are_listed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["init"])
    assert run(["new", "product"]) == 2
    assert "DOMAIN/PRODUCT" in capsys.readouterr().err
    assert run(["new", "product", "--blueprint", "list"]) == 0
