"""`mesh import dbt` of a project of 500 models: staging, intermediate and mart layers, macros, tests, incremental models.

Its shape is that of projects that teams have: ten source systems, folders by layer and business unit, property files with
descriptions, some 1,500 tests, unit tests, one model in ten incremental. Beside it the same project through `dbt parse`.
"""

from __future__ import annotations

import random
import shutil
from typing import TYPE_CHECKING

from bench.measuring import BENCH, MESH, Row, against, at_most, figure, in_turns, run
from bench.meshes import write
from bench.peers import QUIET, command

if TYPE_CHECKING:
    from pathlib import Path

    from bench.measuring import Usage

PLACE = BENCH / "adopting"
UNITS = ("finance", "sales", "logistics", "people", "product")
SYSTEMS = 10


def rows(*, quick: bool) -> list[Row]:
    """The table of this benchmark."""
    project = PLACE / "project"
    shutil.rmtree(PLACE, ignore_errors=True)
    write_project(project, 500)

    def ours() -> Usage:
        mesh = PLACE / "mesh"
        shutil.rmtree(mesh, ignore_errors=True)
        run([MESH, "init", str(mesh)])
        return run([MESH, "-C", str(mesh), "import", "dbt", str(project), "--domain", "group"])

    def theirs() -> Usage:
        shutil.rmtree(project / "target", ignore_errors=True)
        found = run([command("dbt", "dbt"), "parse", "--profiles-dir", "."], cwd=project, env=QUIET)
        # A manifest would be taken instead of the files.
        shutil.rmtree(project / "target", ignore_errors=True)
        return found

    found = in_turns({"mesh": ours, "dbt": theirs}, 1 if quick else 3)
    valid = run([MESH, "-C", str(PLACE / "mesh"), "validate"])
    return [
        at_most("import of 500 dbt models: wall", found["mesh"].wall, 20),
        against("import of 500 dbt models: CPU", found["mesh"].cpu, "dbt parse", found["dbt"].cpu, None),
        figure("import of 500 dbt models: memory", found["mesh"].rss_mb, "MB"),
        figure("mesh validate of what was imported: wall", valid.wall),
    ]


def write_project(root: Path, count: int) -> None:
    """A dbt project of *count* models in *root*, with its seeds."""
    chance = random.Random(11)
    write(root / "dbt_project.yml", PROJECT)
    write(root / "profiles.yml", "group: {target: dev, outputs: {dev: {type: duckdb, path: group.duckdb}}}\n")
    write(root / "macros" / "money.sql", MACRO)
    staging = [_write_staging(root, number) for number in range(count // 5)]
    inner: dict[str, list[str]] = {unit: [] for unit in UNITS}
    for number in range(count * 3 // 10):
        unit = UNITS[number % len(UNITS)]
        inner[unit].append(_write_intermediate(root, number, unit, chance.sample(staging, 2)))
    marts: dict[str, list[str]] = {unit: [] for unit in UNITS}
    for number in range(count - count // 5 - count * 3 // 10):
        at = number % len(UNITS)
        # Most read their own unit and those before it, one in forty a later one: a circle, as they creep in.
        near = [*inner[UNITS[at]], *marts[UNITS[at]], *(name for unit in UNITS[:at] for name in marts[unit])]
        far = [name for unit in UNITS[at:] for name in marts[unit]] if number % 37 == 36 else []
        reads = [*chance.sample(near, 2), *(chance.sample(far, 1) if far else chance.sample(staging, 1))]
        marts[UNITS[at]].append(_write_mart(root, number, UNITS[at], list(dict.fromkeys(reads))))


def _write_staging(root: Path, number: int) -> str:
    system = f"system_{number % SYSTEMS}"
    name, table = f"stg_{system}__table_{number:03d}", f"table_{number:03d}"
    folder = root / "models" / "staging" / system
    lines = "".join(f"{at},{number * 1000 + at},2026-01-{at % 28 + 1:02d}\n" for at in range(1, 51))
    write(root / "landing" / system / f"{table}.csv", f"id,amount,happened_on\n{lines}")
    source = folder / f"_{system}__sources.yml"
    if not source.exists():
        write(source, SOURCE.format(system=system))
    with source.open("a", encoding="utf-8") as file:
        file.write(f"      - name: {table}\n        description: As it comes from {system}.\n")
    query = f"""with source as (

    select * from {{{{ source('{system}', '{table}') }}}}

)

select
    id as row_id,
    {{{{ cents_to_euros('amount') }}}} as amount,
    cast(happened_on as date) as happened_on
from source
"""
    write(folder / f"{name}.sql", query)
    write(folder / f"{name}.yml", _properties(name, "Cleaned."))
    return name


def _write_intermediate(root: Path, number: int, unit: str, reads: list[str]) -> str:
    name = f"int_{unit}_{number:03d}"
    write(root / "models" / "intermediate" / unit / f"{name}.sql", _query(reads, ""))
    return name


def _write_mart(root: Path, number: int, unit: str, reads: list[str]) -> str:
    name = f"{unit}_mart_{number:03d}"
    head = ""
    if number % 10 == 0:
        head = "{{ config(materialized='incremental', unique_key='row_id') }}\n"
    folder = root / "models" / "marts" / unit
    write(folder / f"{name}.sql", _query(reads, head))
    unit_test = number % 25 == 1
    write(
        folder / f"{name}.yml", _properties(name, "One row per thing.") + (_unit_test(name, reads) if unit_test else "")
    )
    return name


def _query(reads: list[str], head: str) -> str:
    ctes = ",\n\n".join(f"{read} as (\n    select * from {{{{ ref('{read}') }}}}\n)" for read in reads[1:])
    guard = ""
    if head:
        guard = "    {% if is_incremental() %}\n    where happened_on > (select max(happened_on) from {{ this }})\n    {% endif %}\n"
    joins = "\n".join(f"left join {read} on base.row_id = {read}.row_id" for read in reads[1:])
    return f"""{head}with base as (
    select * from {{{{ ref('{reads[0]}') }}}}
{guard}),

{ctes}

select
    base.row_id,
    base.amount + coalesce({reads[1]}.amount, 0) as amount,
    base.happened_on
from base
{joins}
"""


def _properties(name: str, description: str) -> str:
    return f"""models:
  - name: {name}
    description: {description}
    data_tests:
      - dbt_utils.expression_is_true:
          arguments: {{expression: "amount >= 0"}}
    columns:
      - name: row_id
        description: The key.
        data_tests: [not_null, unique]
      - name: amount
        description: In euros.
"""


def _unit_test(name: str, reads: list[str]) -> str:
    given = "".join(
        f"      - input: ref('{read}')\n        rows: [{{row_id: 1, amount: 2, happened_on: 2026-01-01}}]\n"
        for read in reads
    )
    return f"""unit_tests:
  - name: {name}_adds_up
    model: {name}
    given:
{given}    expect:
      rows: [{{row_id: 1, amount: 4}}]
"""


PROJECT = """name: group
version: 1.0.0
profile: group
models:
  group:
    staging: {+materialized: view}
    intermediate: {+materialized: ephemeral}
    marts: {+materialized: table}
"""
MACRO = """{% macro cents_to_euros(column) -%}
    {{ return(adapter.dispatch('cents_to_euros')(column)) }}
{%- endmacro %}
{% macro default__cents_to_euros(column) -%}
    cast({{ column }} / 100 as decimal(16, 2))
{%- endmacro %}
"""
SOURCE = """sources:
  - name: {system}
    meta: {{external_location: "landing/{system}/{{name}}.csv"}}
    tables:
"""
