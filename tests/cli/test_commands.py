"""The command line: exit codes, --json, errors a person can act on."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from meshwright.cli.main import COMMANDS

if TYPE_CHECKING:
    from pathlib import Path

    from mesh_folder import MeshFolder

FINDING = re.compile(r"^[^:]+:\d+:\d+: (error|warning)\[[a-z0-9-]+\]: .+")


@pytest.fixture
def shop(mesh: MeshFolder) -> MeshFolder:
    mesh.product("sales.orders", "select 1 as id", contract="- {name: id, physicalType: INTEGER, description: which}\n")
    mesh.build()
    return mesh


def started(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "meshwright", *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("verb", [*COMMANDS, "new domain", "new product", "new contract"])
def test_every_verb_explains_itself(mesh: MeshFolder, verb: str) -> None:
    answer = mesh.mesh(*verb.split(), "--help")
    assert answer.code == 0
    assert (
        answer.out.startswith(f"Usage: mesh {verb.replace('apply', 'build') if verb == 'apply' else verb}")
        or verb == "apply"
    )


def test_help_names_every_verb_without_importing_any() -> None:
    code = (
        "import sys; from meshwright.cli.main import run; run(['--help']); "
        "print([name for name in sys.modules if name.startswith(('duckdb', 'pyarrow', 'rich', 'meshwright.build'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(f"  {verb} " in done.stdout for verb in COMMANDS)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_misspelt_verb_gets_a_suggestion(mesh: MeshFolder) -> None:
    answer = mesh.mesh("biuld")
    assert (answer.code, "Did you mean 'build'?" in answer.err) == (2, True)


def test_outside_a_mesh_the_next_step_is_named(tmp_path: Path) -> None:
    done = started("-C", str(tmp_path), "plan")
    assert done.returncode == 2
    assert "mesh init" in done.stderr


def test_every_error_of_the_mesh_is_told_at_once_with_its_place(mesh: MeshFolder) -> None:
    mesh.product("a.first", "select idd from (select 1 as id)")
    mesh.product("a.second", "select * from a.frist")
    mesh.product("a.third", "select 1 as x; drop table y")
    mesh.product(
        "a.fourth",
        "select 'x' as id",
        contract="- {name: id, physicalType: INTEGER}\n- {name: gone, physicalType: DATE}\n",
    )
    mesh.write("domains/a/fifth/product.yaml", "apiVersion: v1.1.0\nkind: DataProduct\nid: a.fifth\nverison: 1.0.0\n")
    answer = mesh.mesh("validate")
    assert answer.code == 2
    lines = [line for line in answer.err.splitlines() if ": error[" in line]
    assert all(FINDING.match(line) for line in lines), lines
    text = "\n".join(lines)
    for expected in (
        "first.sql:1:8: error[sql-unknown-column]",
        "second.sql:1:15: error[unknown-input]",
        "third.sql:1:",
        "column id is VARCHAR, but the contract promises INTEGER",
        "the contract promises column gone",
        "error[unknown-key]",
    ):
        assert expected in text, expected
    found = mesh.mesh("validate", "--json").data
    assert found["valid"] is False
    assert {"file", "line", "column", "code", "message", "pointer"} <= set(found["findings"][0])
    assert len(found["findings"]) >= len(lines)


def test_cycles_are_named_in_order(mesh: MeshFolder) -> None:
    mesh.product("a.x", "select * from a.z")
    mesh.product("a.y", "select * from a.x")
    mesh.product("a.z", "select * from a.y")
    answer = mesh.mesh("validate", "--json")
    assert [one["value"] for one in answer.data["findings"] if one["code"] == "cycle"] == ["a.x → a.z → a.y → a.x"]
    assert mesh.mesh("plan").code == 2


def test_a_single_document_is_checked_outside_any_mesh(tmp_path: Path) -> None:
    good = tmp_path / "good.yaml"
    good.write_text("apiVersion: v3.1.0\nkind: DataContract\nid: x\nversion: 1.0.0\nstatus: active\n", encoding="utf-8")
    bad = tmp_path / "bad.yaml"
    bad.write_text("apiVersion: v3.1.0\nkind: DataContract\nid: x\nstatus: active\n", encoding="utf-8")
    assert started("validate", str(good)).returncode == 0
    done = started("validate", str(good), str(bad))
    assert done.returncode == 2
    assert "version" in done.stderr


def test_a_contract_tests_a_file_by_itself(tmp_path: Path) -> None:
    contract = tmp_path / "contract.yaml"
    contract.write_text(
        "apiVersion: v3.2.0\nkind: DataContract\nid: x\nversion: 1.0.0\nstatus: active\nschema:\n- name: people\n"
        "  properties:\n  - {name: id, physicalType: BIGINT, unique: true}\n  - {name: mail, physicalType: VARCHAR, required: true}\n",
        encoding="utf-8",
    )
    data = tmp_path / "people.csv"
    data.write_text("id,mail\n1,a@b\n1,\n", encoding="utf-8")
    done = started("test", "--contract", str(contract), str(data))
    assert done.returncode == 1
    assert "id:unique" in done.stdout
    assert "mail:required" in done.stdout
    found = json.loads(started("test", "--contract", str(contract), "--json", str(data)).stdout)
    assert found["passed"] is False
    wrong = started("test", "--contract", str(contract), "--schema", "poeple", str(data))
    assert (wrong.returncode, "people" in wrong.stderr) == (2, True)


def test_json_errors_are_json(shop: MeshFolder) -> None:
    answer = shop.mesh("read", "sales.oders", "--json")
    assert (answer.code, answer.data["error"]["kind"]) == (2, "NotFound")


def test_list_show_and_status_tell_what_is_served(shop: MeshFolder) -> None:
    assert [(one["address"], one["version"], one["rows"]) for one in shop.mesh("list", "--json").data] == [
        ("sales.orders", "1.0.0", 1)
    ]
    assert "sales.orders" in shop.mesh("list").out
    shown = shop.mesh("show", "sales.orders").out
    assert "which" in shown
    publications = shop.mesh("show", "sales.orders", "--publications", "--json").data
    assert [(one["sequence"], one["served"], one["reason"]) for one in publications] == [(1, True, "first publication")]
    assert [(one["product"], one["state"]) for one in shop.mesh("status", "--json").data] == [
        ("sales.orders", "served")
    ]
    effective = shop.mesh("show", "sales.orders", "--effective", "--json").data
    assert set(effective) == {"product.yaml", "contracts/orders.yaml"}


def test_freshness_is_judged_against_the_clock_when_asked(mesh: MeshFolder) -> None:
    mesh.product("a.a", "select timestamp '2020-01-01 00:00:00' as happened")
    mesh.contract("a.a", "- {name: happened, physicalType: TIMESTAMP}\n")
    file = mesh.root / "domains/a/a/contracts/a.yaml"
    text = file.read_text(encoding="utf-8") + "customProperties:\n- {property: mesh.eventTime, value: happened}\n"
    file.write_text(text, encoding="utf-8")
    mesh.build()
    assert mesh.mesh("status", "--json").data[0]["state"] == "served"
    file.write_text(
        text + "slaProperties:\n- {property: freshness, value: 100, unit: y, element: a.happened}\n", encoding="utf-8"
    )
    mesh.build()
    assert mesh.mesh("status", "--json").data[0]["state"] == "served"


def test_unknown_things_are_not_found_with_what_is_near(shop: MeshFolder) -> None:
    for arguments in (
        ["show", "sales.oders"],
        ["test", "sales.oders"],
        ["rollback", "sales.oders"],
        ["explain", "unknwon-key"],
        ["schema", "mseh"],
    ):
        answer = shop.mesh(*arguments)
        assert answer.code == 2, arguments
        assert answer.err.startswith("error: "), arguments


def test_rollback_needs_something_to_go_back_to(shop: MeshFolder) -> None:
    answer = shop.mesh("rollback", "sales.orders")
    assert (answer.code, "the first" in answer.err) == (2, True)
    assert shop.mesh("rollback", "sales.orders", "--to", "9").code == 2


def test_schemas_are_json_schemas(mesh: MeshFolder) -> None:
    every = mesh.mesh("schema").data
    assert {"mesh", "domain", "product", "contract"} <= set(every)
    assert mesh.mesh("schema", "contract").data == every["contract"]


def test_nothing_is_overwritten_by_init_and_new(shop: MeshFolder) -> None:
    for arguments in (
        ["init", str(shop.root)],
        ["new", "domain", "sales"],
        ["new", "product", "sales/orders"],
        ["new", "contract", "sales.orders"],
    ):
        assert shop.mesh(*arguments).code == 2, arguments


def test_a_plan_with_a_break_exits_with_1(shop: MeshFolder) -> None:
    shop.write("domains/sales/orders/transform/orders.sql", "select 1 as other")
    shop.contract("sales.orders", "- {name: other, physicalType: INTEGER}\n")
    assert shop.mesh("plan").code == 1
    data = shop.mesh("plan", "--json").data
    assert data["env"] == "prod"
    assert {"id", "action", "reasons", "changes", "affects"} <= set(data["products"][0])


def test_environments_are_apart(shop: MeshFolder) -> None:
    assert shop.mesh("env", "create", "trial").code == 0
    assert len(shop.rows("sales.orders", "--env", "trial")) == 1
    shop.write("domains/sales/orders/transform/orders.sql", "select 2 as id")
    shop.build("--env", "trial")
    assert (shop.rows("sales.orders"), shop.rows("sales.orders", "--env", "trial")) == ([{"id": 1}], [{"id": 2}])


@pytest.mark.slow
def test_the_demo_tells_its_story_and_exits_with_0(tmp_path: Path) -> None:
    done = started("demo", str(tmp_path / "demo"))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    for words in (
        "15 published",
        "flights_in_fog",
        "(exit 1, as it should)",
        "blocked  operations.flights",
        "serves publication 1 again",
    ):
        assert words in done.stdout, words
    assert done.stderr == ""
    again = started("demo", str(tmp_path))
    assert (again.returncode, "holds something else" in again.stderr) == (2, True)
