"""What Airflow and Dagster make of the files written for them, in the real schedulers."""

from __future__ import annotations

import ast
import json
from typing import TYPE_CHECKING, Any

import pytest

from operating import schedulers

if TYPE_CHECKING:
    from pathlib import Path

    from mesh_folder import MeshFolder

SCHEDULE = "customProperties:\n- {{property: mesh.schedule, value: {0}}}\n"
AIRFLOW = """
import json, subprocess, sys
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
from airflow.utils import db

folder, answer = sys.argv[1:]
db.initdb()
bag = DagBag(folder)
found = {}
for name, dag in bag.dags.items():
    found[name] = {
        "tasks": {task: sorted(dag.task_dict[task].downstream_task_ids) for task in dag.task_dict},
        "timetable": type(dag.timetable).__name__,
        "cron": [getattr(dag.timetable, "expression", None), str(getattr(dag.timetable, "timezone", None))],
        "catchup": dag.catchup,
        "owners": sorted({task.owner for task in dag.tasks}),
        "waits_for": sorted(one.uri for one in getattr(getattr(dag.timetable, "asset_condition", None), "objects", [])),
        "gives": sorted(outlet.uri for task in dag.tasks for outlet in task.outlets),
    }
DagBundlesManager().sync_bundles_to_db()
sync_bag_to_db(bag, "dags-folder", None)
run = bag.dags["shop.prod.all"].test()
states = {one.task_id: str(one.state) for one in run.get_task_instances()}
json.dump({"errors": bag.import_errors, "dags": found, "states": states}, open(answer, "w"))
"""
DAGSTER = """
import importlib.util, json, sys
import dagster as dg

file, answer = sys.argv[1:]
spec = importlib.util.spec_from_file_location("written", file)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
dg.Definitions.validate_loadable(module.defs)
repository = module.defs.get_repository_def()
graph = repository.asset_graph
found = {
    key.to_user_string(): {
        "reads": sorted(up.to_user_string() for up in graph.get(key).parent_keys),
        "automatic": graph.get(key).automation_condition is not None,
        "group": graph.get(key).group_name,
    }
    for key in graph.get_all_asset_keys()
}
schedules = {
    one.name: [
        one.cron_schedule,
        one.execution_timezone,
        sorted(key.to_user_string() for key in one.job.selection.resolve(graph)),
    ]
    for one in repository.schedule_defs
}
run = dg.materialize(list(repository.assets_defs_by_key.values()), raise_on_error=False)
made = {
    event.asset_key.to_user_string(): {name: one.value for name, one in event.materialization.metadata.items()}
    for event in run.get_asset_materialization_events()
}
failures = [
    event.event_specific_data.error_display_string for event in run.all_events if event.is_step_failure
]
json.dump(
    {"assets": found, "schedules": schedules, "success": run.success, "made": made, "failures": failures},
    open(answer, "w"),
)
"""


@pytest.fixture
def shop(mesh: MeshFolder) -> MeshFolder:
    """`raw` and `daily` at six in Berlin, `clean` between them on new inputs and at midnight, `manual` never."""
    mesh.write("mesh.yaml", "name: Shop\n")
    mesh.write("data/o.csv", "id,k\n1,a\n2,b\n")
    six = SCHEDULE.format('{cron: "0 6 * * *", timezone: Europe/Berlin}')
    mesh.product("sales.raw", "select * from 'data/o.csv'", descriptor=six)
    both = SCHEDULE.format('{cron: "@daily", on: inputs, debounce: 5min}')
    mesh.product("sales.clean", "select id from sales.raw", descriptor=both)
    mesh.product("core.daily", "select count(*) as n from sales.clean", descriptor=six)
    mesh.product("core.manual", "select * from core.daily", descriptor='description: {purpose: \'a """ {{ x }}\'}\n')
    return mesh


def export(shop: MeshFolder, kind: str, file: Path) -> None:
    answer = shop.mesh("export", kind, str(file))
    assert answer.code == 0, answer.err


@pytest.mark.slow
def test_airflow_loads_the_dags_and_runs_every_product_upstream_first(shop: MeshFolder, tmp_path: Path) -> None:
    found = airflow(shop, tmp_path)
    assert found["errors"] == {}
    assert found["dags"].keys() == {
        "shop.prod.cron_0_6_x_x_x_Europe_Berlin",
        "shop.prod.cron_0_0_x_x_x_UTC",
        "shop.prod.sales.clean.on_inputs",
        "shop.prod.all",
    }
    # Between the two there is a product of another schedule; the order holds all the same.
    six = found["dags"]["shop.prod.cron_0_6_x_x_x_Europe_Berlin"]
    assert six["tasks"] == {"sales.raw": ["core.daily"], "core.daily": []}
    assert (six["timetable"], six["cron"], six["catchup"]) == (
        "CronTriggerTimetable",
        ["0 6 * * *", "Europe/Berlin"],
        False,
    )
    assert six["gives"] == ["mesh://shop.prod/core.daily", "mesh://shop.prod/sales.raw"]
    on_inputs = found["dags"]["shop.prod.sales.clean.on_inputs"]
    assert on_inputs["waits_for"] == ["mesh://shop.prod/sales.raw"]
    assert found["dags"]["shop.prod.all"]["owners"] == ["core_team", "sales_team"]
    assert set(found["states"].values()) == {"success"}
    assert shop.rows("core.manual") == [{"n": 2}]
    states = {one["product"]: one["last_run"]["cause"] for one in shop.mesh("status", "--json").data}
    assert states == dict.fromkeys(["core.daily", "core.manual", "sales.clean", "sales.raw"], "asked")


@pytest.mark.slow
def test_a_failed_test_fails_its_task_in_airflow_and_what_reads_it(shop: MeshFolder, tmp_path: Path) -> None:
    shop.contract("sales.raw", "- {name: id, physicalType: bigint, unique: true}\n- {name: k, physicalType: string}\n")
    shop.write("data/o.csv", "id,k\n1,a\n1,b\n")
    states = airflow(shop, tmp_path)["states"]
    assert states["sales.raw"] == "failed"
    assert {states[name] for name in ("sales.clean", "core.daily", "core.manual")} == {"upstream_failed"}


@pytest.mark.slow
def test_dagster_loads_the_assets_and_materializes_every_product(shop: MeshFolder, tmp_path: Path) -> None:
    found = dagster(shop, tmp_path)
    assert found["assets"] == {
        "sales/raw": {"reads": [], "automatic": False, "group": "sales"},
        "sales/clean": {"reads": ["sales/raw"], "automatic": True, "group": "sales"},
        "core/daily": {"reads": ["sales/clean"], "automatic": False, "group": "core"},
        "core/manual": {"reads": ["core/daily"], "automatic": False, "group": "core"},
    }
    assert found["schedules"] == {
        "cron_0_6_x_x_x_Europe_Berlin": ["0 6 * * *", "Europe/Berlin", ["core/daily", "sales/raw"]],
        "cron_0_0_x_x_x_UTC": ["0 0 * * *", "UTC", ["sales/clean"]],
    }
    assert found["success"] is True
    assert found["made"]["sales/raw"] == {"outcome": "published", "publication": 1, "dagster/row_count": 2}
    assert shop.rows("core.manual") == [{"n": 2}]


@pytest.mark.slow
def test_a_failed_test_fails_its_asset_in_dagster_and_says_why(shop: MeshFolder, tmp_path: Path) -> None:
    shop.contract("sales.raw", "- {name: id, physicalType: bigint, unique: true}\n- {name: k, physicalType: string}\n")
    shop.write("data/o.csv", "id,k\n1,a\n1,b\n")
    found = dagster(shop, tmp_path)
    assert found["success"] is False
    assert found["made"] == {}
    assert "unique" in found["failures"][0]


def airflow(shop: MeshFolder, tmp_path: Path) -> Any:
    (tmp_path / "dags").mkdir()
    export(shop, "airflow", tmp_path / "dags/mesh.py")
    answer = tmp_path / "answer.json"
    schedulers.run("airflow", AIRFLOW, str(tmp_path / "dags"), str(answer), home=tmp_path)
    return json.loads(answer.read_text(encoding="utf-8"))


def dagster(shop: MeshFolder, tmp_path: Path) -> Any:
    export(shop, "dagster", tmp_path / "mesh_assets.py")
    answer = tmp_path / "answer.json"
    schedulers.run("dagster", DAGSTER, str(tmp_path / "mesh_assets.py"), str(answer), home=tmp_path)
    return json.loads(answer.read_text(encoding="utf-8"))


@pytest.mark.parametrize("kind", ["airflow", "dagster"])
def test_a_written_file_is_plain_python_whatever_names_and_texts_hold(shop: MeshFolder, kind: str) -> None:
    shop.write("mesh.yaml", 'name: \'"""); import os  # @@READS@@\'\n')
    answer = shop.mesh("export", kind, "-", "--folder", "/srv/it's")
    assert answer.code == 0, answer.err
    names: dict[str, Any] = {}
    module = ast.parse(answer.out)
    for one in module.body:
        if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name):
            with_value = ast.unparse(one.value)
            if "os.environ" not in with_value and "(" not in with_value.split("{")[0]:
                names[one.targets[0].id] = ast.literal_eval(one.value)
    assert names["ENVIRONMENT"] == "prod"
    assert names["READS"]["core.manual"] == ["core.daily"]
    assert "'/srv/it\\'s'" in answer.out or '"/srv/it\'s"' in answer.out
    assert "sales.clean would let them rest first" in answer.out


def test_schedules_whose_names_would_be_alike_stay_apart(mesh: MeshFolder) -> None:
    for number, zone in enumerate(("Etc/GMT+5", "Etc/GMT-5", "Etc/GMT+5")):
        value = f'{{cron: "0 6 * * *", timezone: {zone}}}'
        mesh.product(f"sales.p{number}", "select 1 as one", descriptor=SCHEDULE.format(value))
    out = mesh.mesh("export", "dagster", "-").out
    schedules = ast.literal_eval(out.split("SCHEDULES = ")[1].split("\n\n")[0])
    assert sorted(schedules.values()) == [
        ("0 6 * * *", "Etc/GMT+5", ["sales.p0", "sales.p2"]),
        ("0 6 * * *", "Etc/GMT-5", ["sales.p1"]),
    ]


def test_a_mesh_with_errors_is_not_exported(shop: MeshFolder, tmp_path: Path) -> None:
    shop.product("sales.raw", "select nothing from nowhere.at_all")
    answer = shop.mesh("export", "airflow", str(tmp_path / "x.py"))
    assert answer.code == 2
    assert not (tmp_path / "x.py").exists()
