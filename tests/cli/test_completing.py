"""What a shell completes: quick, silent, and never wrong about what is there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from meshwright.cli.main import run

if TYPE_CHECKING:
    from mesh_folder import MeshFolder


@pytest.fixture
def shop(mesh: MeshFolder) -> MeshFolder:
    mesh.product("sales.orders", "select 1 as id, 2 as amount, 3 as other", descriptor="tags: [money]\n", port="orders")
    mesh.write("domains/sales/orders/transform/prepared.sql", "select 1 as x")
    mesh.product("sales.returns", "select 1 as id")
    mesh.build("--select", "sales.orders")
    return mesh


def completed(mesh: MeshFolder, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """What bash is told when Tab is pressed at the end of *line*."""
    monkeypatch.setenv("_MESH_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
    monkeypatch.chdir(mesh.root)
    assert run([]) == 0
    found = capsys.readouterr()
    assert found.err == ""
    return " ".join(part.partition(",")[2] for part in found.out.splitlines())


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("mesh prev", "preview"),
        ("mesh read sales.", "sales.orders sales.returns"),
        ("mesh preview sales.orders.p", "sales.orders.prepared"),
        ("mesh show sales.r", "sales.returns"),
        ("mesh read sales.orders --columns ", "id amount other"),
        ("mesh read sales.orders --columns id,a", "id,amount"),
        ("mesh read sales.orders@1 --columns id,other,", "id,other,amount"),
        ("mesh read --columns ", ""),
        ("mesh diff sales.orders --key i", "id"),
        ("mesh diff sales.orders --from p", "prod"),
        ("mesh list --env p", "prod"),
        ("mesh build --select s", "sales.orders sales.returns"),
        ("mesh build --select +tag:", "+tag:money"),
        ("mesh plan --select domain:", "domain:sales"),
        ("mesh explain cyc", "cycle"),
        ("mesh new product sales/x --blueprint agg", "aggregate"),
        ("mesh new product sales/x --from sales.o", "sales.orders"),
        ("mesh env dr", "drop"),
        ("mesh nonsense x", ""),
        ("mesh read sales.orders --nonsense", ""),
    ],
)
def test_what_can_be_meant_is_offered(
    shop: MeshFolder,
    line: str,
    answer: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert completed(shop, line, monkeypatch, capsys) == answer


def test_what_is_new_is_offered_at_once(
    shop: MeshFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert completed(shop, "mesh read sales.r", monkeypatch, capsys) == "sales.returns"
    shop.product("sales.refunds", "select 1 as id")
    shop.product("hr.people", "select 1 as id")
    assert completed(shop, "mesh read sales.r", monkeypatch, capsys) == "sales.refunds sales.returns"
    assert completed(shop, "mesh read hr", monkeypatch, capsys) == "hr.people"


def test_outside_a_mesh_and_in_a_broken_one_nothing_is_offered_and_nothing_said(
    mesh: MeshFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    assert completed(mesh, f"mesh -C {outside} read a", monkeypatch, capsys) == ""
    mesh.write("mesh.yaml", "name: [")
    assert completed(mesh, "mesh read a", monkeypatch, capsys) == ""
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(mesh: MeshFolder, shell: str) -> None:
    found = mesh.mesh("completion", shell)
    assert (found.code, "_MESH_COMPLETE" in found.out) == (0, True)


def test_bash_completes_a_line_with_the_script(shop: MeshFolder) -> None:
    """The script as bash runs it, up to what it would insert."""
    asked = """
    eval "$(mesh completion bash)"
    COMP_WORDS=(mesh read sales.orders --columns id,a) COMP_CWORD=4
    _mesh_completion mesh
    echo "${COMPREPLY[*]}"
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    found = subprocess.run(
        ["bash", "-c", asked],
        cwd=shop.root,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (found.stdout.strip(), found.stderr) == ("id,amount", "")


def test_words_are_read_without_loading_the_mesh(shop: MeshFolder) -> None:
    line = {"_MESH_COMPLETE": "bash_complete", "COMP_WORDS": "mesh read sales.o", "COMP_CWORD": "2"}
    program = (
        "import sys; from meshwright.cli.main import run; run([]);"
        "print([name for name in sys.modules if name.startswith(('meshwright.workspace.loading', 'duckdb', 'pyarrow'))])"
    )
    for _ in range(2):
        found = subprocess.run(
            [sys.executable, "-c", program],
            cwd=shop.root,
            env={**os.environ, **line},
            capture_output=True,
            text=True,
            check=True,
        )
    assert found.stdout.splitlines() == ["plain,sales.orders", "[]"]
