"""`--as` with a variable that is not set reads as nobody, and least of all as the owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest

import meshwright
from mesh_folder import MeshFolder
from meshwright.cli.main import mesh
from meshwright.model.errors import InvalidInput
from meshwright.node import open_node

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = [
    ["read", "sales.orders"],
    ["query", "select * from sales.orders"],
    ["changes", "sales.orders", "--since", "1"],
    ["diff", "sales.orders"],
    ["preview", "sales.orders"],
    ["test"],
    ["policy", "explain", "sales.orders"],
]


@pytest.fixture
def shop(tmp_path: Path) -> MeshFolder:
    made = MeshFolder(tmp_path)
    made.product("sales.orders", "select 4711 as id")
    made.build()
    return made


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_an_empty_name_is_refused_by_every_command(shop: MeshFolder, command: list[str]) -> None:
    answer = shop.mesh(*command, "--as", "")
    assert answer.code == 2, answer.out + answer.err
    assert "--as (or acting) is given and empty" in answer.err
    assert "4711" not in answer.out + answer.err


def test_every_command_with_the_option_is_asked() -> None:
    def named(command: click.Command, *path: str) -> set[str]:
        found = {" ".join(path)} if any("--as" in one.opts for one in command.params) else set()
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                assert inner is not None
                found |= named(inner, *path, name)
        return found

    assert named(mesh) == {" ".join(command[: 2 if command[0] == "policy" else 1]) for command in COMMANDS}


def test_an_empty_name_is_refused_to_programs(shop: MeshFolder) -> None:
    with pytest.raises(InvalidInput, match="given and empty"):
        meshwright.connect(shop.root, acting="")
    with pytest.raises(InvalidInput, match="given and empty"):
        open_node(shop.root).reader("prod", acting="")
    assert meshwright.connect(shop.root).read("sales.orders").to_arrow().to_pylist() == [{"id": 4711}]
