"""dbt projects in, data products out: what is built is what dbt would have built, and what is missing is listed."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from dbt_projects import BAKERY, CHAIN, write_project

if TYPE_CHECKING:
    from pathlib import Path

    from mesh_folder import Answer, MeshFolder
    from postgres_server import PostgresDatabase

PROJECT = "name: small\nversion: 1.0.0\nprofile: small\n"
DUCKDB = "small: {target: dev, outputs: {dev: {type: duckdb, path: small.duckdb}}}\n"


def adopt(mesh: MeshFolder, files: dict[str, str], *arguments: str, changed: dict[str, str] | None = None) -> Answer:
    project = write_project(mesh.root.parent / "project", files, changed)
    return mesh.mesh("import", "dbt", str(project), *arguments)


def small(**models: str) -> dict[str, str]:
    """A project of a few models, on DuckDB, over one seed."""
    files = {"dbt_project.yml": PROJECT, "profiles.yml": DUCKDB, "seeds/raw.csv": "id,name\n1,a\n2,b\n"}
    return files | {f"models/{name}.sql": text for name, text in models.items()}


def listed(answer: Answer, outcome: str, kind: str = "") -> dict[str, dict[str, Any]]:
    """The items of the report that came out so, by name."""
    return {
        item["name"]: item
        for item in answer.data["items"]
        if item["outcome"] == outcome and (not kind or item["kind"] == kind)
    }


def test_a_shop_is_built_to_the_same_rows_as_by_dbt(mesh: MeshFolder) -> None:
    assert adopt(mesh, BAKERY).code == 0
    assert mesh.mesh("validate").code == 0
    mesh.build()
    # What `dbt build` of dbt-duckdb 1.10 puts into the same tables.
    assert mesh.rows("bakery.bakery.customers") == [
        {"customer_id": "c1", "customer_name": "ada", "count_lifetime_orders": 2,
         "first_ordered_at": "2026-01-03T00:00:00", "lifetime_spend": "23.76", "customer_type": "returning"},
        {"customer_id": "c2", "customer_name": "grace", "count_lifetime_orders": 1,
         "first_ordered_at": "2026-01-03T00:00:00", "lifetime_spend": "5.40", "customer_type": "new"},
        {"customer_id": "c3", "customer_name": "linus", "count_lifetime_orders": 0,
         "first_ordered_at": None, "lifetime_spend": None, "customer_type": "new"},
    ]  # fmt: skip
    orders = {row["order_id"]: row for row in mesh.rows("bakery.bakery.orders")}
    assert {key: row["order_items_subtotal"] for key, row in orders.items()} == {
        "o1": "10.00",
        "o2": "5.00",
        "o3": "12.00",
    }
    assert {key: row["customer_order_number"] for key, row in orders.items()} == {"o1": 1, "o2": 1, "o3": 2}
    assert [row["is_drink_item"] for row in mesh.rows("bakery.bakery.order_items")].count(True) == 1


def test_tests_and_unit_tests_of_a_shop_go_on_being_run(mesh: MeshFolder) -> None:
    adopt(mesh, BAKERY)
    mesh.build()
    assert mesh.mesh("test").out.splitlines()[-1] == "16 rules: 16 passed; 1 own case, 0 failed"
    # A total that does not add up was an error of the singular test, and is one of the contract.
    mesh.edit("data/bakery/raw_orders.csv", "500,40,540", "500,40,541")
    assert "totals_add_up" in mesh.mesh("build").out
    assert mesh.mesh("status", "--json").code in {0, 1}


def test_everything_that_was_not_carried_over_is_listed_with_file_and_line(mesh: MeshFolder) -> None:
    answer = adopt(mesh, BAKERY, "--json")
    left = listed(answer, "left")
    assert {item["kind"] for item in left.values()} == {
        "model", "exposure", "metric", "semantic model", "snapshot", "test", "freshness rule",
    }  # fmt: skip
    assert left["days"]["place"] == "models/marts/days.sql:2"
    assert "dbt_date.get_base_dates" in left["days"]["note"]
    assert left["stg_orders: not_null(order_id)"]["place"] == "models/staging/stg_orders.yml:10"
    assert left["weekly_mail (of Marketing)"]["place"] == "models/marts/customers.yml:23"
    report = (mesh.root / "domains/bakery/IMPORTED-bakery.md").read_text(encoding="utf-8")
    assert all(f"`{item['place']}`" in report for item in left.values())


def test_a_model_that_nobody_reads_waits_aside_and_keeps_nobody_from_building(mesh: MeshFolder) -> None:
    adopt(mesh, BAKERY)
    unfinished = (mesh.root / "domains/bakery/bakery/unfinished/days.sql").read_text(encoding="utf-8")
    assert unfinished.startswith("-- TODO:")
    assert "dbt_date.get_base_dates" in unfinished
    assert mesh.build()["bakery.bakery"]["outcome"] == "published"


def test_a_model_that_others_read_stays_in_place_and_validation_points_to_it(mesh: MeshFolder) -> None:
    files = small(first="select {{ unknown_macro('x') }} as x", second="select * from {{ ref('first') }}")
    assert adopt(mesh, files).code == 0
    answer = mesh.mesh("validate", "--json")
    assert answer.code == 2
    assert [(one["file"], one["line"]) for one in answer.data["findings"]] == [
        ("domains/small/small/transform/first.sql", 4)
    ]


def test_with_no_steps_tests_of_inner_models_are_kept(mesh: MeshFolder) -> None:
    answer = adopt(mesh, BAKERY, "--no-steps", "--json")
    assert not [name for name in listed(answer, "left", "test") if name.startswith("stg_")]
    assert mesh.build()["bakery.bakery"]["outcome"] == "published"
    contract = (mesh.root / "domains/bakery/bakery/contracts/stg_orders.yaml").read_text(encoding="utf-8")
    assert "order_total - tax_paid = subtotal" in contract


def test_nothing_that_exists_is_overwritten_and_nothing_is_half_written(mesh: MeshFolder) -> None:
    mesh.write("domains/bakery/bakery/transform/orders.sql", "SELECT 1 AS mine")
    before = sorted(path for path in mesh.root.rglob("*") if ".mesh" not in path.parts)
    answer = adopt(mesh, BAKERY)
    assert answer.code == 2
    assert "domains/bakery/bakery/transform/orders.sql is there already; nothing was written" in answer.err
    assert sorted(path for path in mesh.root.rglob("*") if ".mesh" not in path.parts) == before


def test_a_dry_run_writes_nothing(mesh: MeshFolder) -> None:
    answer = adopt(mesh, BAKERY, "--dry-run", "--json")
    assert not answer.data["written"]
    assert "domains/bakery/bakery/contracts/orders.yaml" in answer.data["files"]
    assert not (mesh.root / "domains").exists()


def test_groups_become_products_and_their_owners_teams(mesh: MeshFolder) -> None:
    answer = adopt(mesh, CHAIN, "--json")
    assert answer.data["products"] == ["chain.erp", "chain.finance", "chain.sales"]
    descriptor = (mesh.root / "domains/chain/finance/product.yaml").read_text(encoding="utf-8")
    assert "name: Finance data" in descriptor
    assert "purpose: What was billed and paid." in descriptor
    assert all(one["outcome"] == "published" for one in mesh.build().values())


def test_folders_become_products_when_asked(mesh: MeshFolder) -> None:
    answer = adopt(mesh, CHAIN, "--by", "folder", "--domain", "trade", "--team", "desk", "--json")
    # Staging models that one product alone reads are steps of it.
    assert answer.data["products"] == ["trade.finance", "trade.sales"]
    assert "desk" in (mesh.root / "domains/trade/domain.yaml").read_text(encoding="utf-8")


def test_versions_are_majors_and_references_pin_them(mesh: MeshFolder) -> None:
    adopt(mesh, CHAIN)
    mesh.build()
    assert mesh.rows("chain.sales.clients@1") == [
        {"client": "acme", "total": "107.50"},
        {"client": "beta", "total": "20.00"},
    ]
    assert set(mesh.rows("chain.sales.clients")[0]) == {"client", "total_amount", "invoices"}
    old = (mesh.root / "domains/chain/sales/contracts/clients@1.yaml").read_text(encoding="utf-8")
    assert "status: deprecated" in old
    assert 'value: "2027-01-31"' in old
    step = (mesh.root / "domains/chain/sales/transform/int_top.sql").read_text(encoding="utf-8")
    assert 'from "clients@2"' in step


def test_an_incremental_model_reads_the_changes_of_its_input(mesh: MeshFolder) -> None:
    adopt(mesh, CHAIN)
    mesh.build()
    descriptor = (mesh.root / "domains/chain/finance/product.yaml").read_text(encoding="utf-8")
    assert "value: merge" in descriptor
    assert "value: append" in descriptor
    mesh.write("data/chain/invoices_3.csv", "invoice_id,client,amount,billed_at\n2,beta,25,2026-01-09 10:00:00\n")
    mesh.build()
    amounts = {row["invoice_id"]: row["amount"] for row in mesh.rows("chain.finance.invoices")}
    assert amounts == {1: "100.50", 2: "25.00", 3: "7.00"}
    assert len(mesh.rows("chain.finance.ledger")) == 2


STAGED = {
    "models/staging/stg.sql": "with s as (select * from {{ ref('raw') }}) select id, upper(name) as name from s",
    "models/marts/things.sql": """\
{{ config(materialized='incremental', unique_key='id') }}
select * from {{ ref('stg') }} {% if is_incremental() %} where id > (select max(id) from {{ this }}) {% endif %}""",
    "models/marts/things.yml": """\
unit_tests:
  - name: things_are_passed_on
    model: things
    given: [{input: ref('stg'), rows: [{id: 3, name: C}]}]
    expect: {rows: [{id: 3, name: C}]}
""",
}


def test_an_incremental_model_over_a_step_reads_a_step_of_its_changes(mesh: MeshFolder) -> None:
    answer = adopt(mesh, small() | STAGED, "--json")
    assert not listed(answer, "changed", "model")
    mesh.build()
    mesh.write("data/small/raw.csv", "id,name\n2,changed\n3,c\n")
    mesh.build()
    # What the file no longer has stays: the model is merged, not made anew.
    assert [tuple(row.values()) for row in mesh.rows("small.small.things")] == [(1, "A"), (2, "CHANGED"), (3, "C")]
    assert "1 own case, 0 failed" in mesh.mesh("test").out


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("select id, max(name) as name from {{ ref('raw') }} group by id", "does more than pass rows"),
        ("select id, name from {{ ref('raw') }}", "added twice"),
    ],
)
def test_an_incremental_model_that_could_not_be_right_is_built_in_full(mesh: MeshFolder, model: str, why: str) -> None:
    changed = {"models/staging/stg.sql": model}
    if "twice" in why:
        changed["models/marts/things.sql"] = STAGED["models/marts/things.sql"].replace(", unique_key='id'", "")
    answer = adopt(mesh, small() | STAGED, "--json", changed=changed)
    assert why in listed(answer, "changed", "model")["things"]["note"]
    assert mesh.build()["small.small"]["outcome"] == "published"


def test_an_incremental_model_with_a_history_of_its_own_is_built_in_full(mesh: MeshFolder) -> None:
    things = (
        STAGED["models/marts/things.sql"]
        + "{% if not is_incremental() %} union all select 9, 'old' from {{ ref('raw') }}{% endif %}"
    )
    answer = adopt(mesh, small() | STAGED, "--json", "--dry-run", changed={"models/marts/things.sql": things})
    assert "other tables in its first run" in listed(answer, "changed", "model")["things"]["note"]


def test_a_test_that_reads_a_later_product_warns_instead_of_stopping_the_first_build(mesh: MeshFolder) -> None:
    answer = adopt(mesh, CHAIN, "--json")
    changed = listed(answer, "changed", "test")
    assert "built later" in changed["invoices: relationships(client)"]["note"]
    assert mesh.build()["chain.finance"]["outcome"] == "published"


def test_products_that_read_each_other_are_cut_so_that_they_can_be_built(mesh: MeshFolder) -> None:
    files = small() | {
        "models/north/a.sql": "select * from {{ ref('raw') }}",
        "models/south/b.sql": "select * from {{ ref('a') }}",
        "models/north/c.sql": "select * from {{ ref('b') }}",
        "models/north/d.sql": "select * from {{ ref('c') }}",
    }
    answer = adopt(mesh, files, "--json")
    assert sorted(answer.data["products"]) == ["small.north", "small.north_part_1", "small.south"]
    assert "circle" in listed(answer, "changed", "product")["north_part_1"]["note"]
    assert len(mesh.build()) == 3
    assert mesh.rows("small.north.d") == [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]


def test_a_project_reads_the_ports_of_another_that_was_adopted_before(mesh: MeshFolder) -> None:
    first = write_project(mesh.root.parent / "first", small(things="select * from {{ ref('raw') }}"))
    assert mesh.mesh("import", "dbt", str(first)).code == 0
    files = {
        "dbt_project.yml": PROJECT.replace("small", "second"),
        "models/more.sql": "select * from {{ ref('small', 'things') }}",
    }
    assert adopt(mesh, files, "--dialect", "duckdb").code == 0
    assert len(mesh.build()) == 2
    assert len(mesh.rows("second.second.more")) == 2


def test_names_that_sql_keeps_for_itself_are_quoted(mesh: MeshFolder) -> None:
    files = small(order="select * from {{ ref('raw') }}", select="select * from {{ ref('order') }}")
    adopt(mesh, files, "--domain", "group")
    assert mesh.build()["group.small"]["outcome"] == "published"


def test_an_enforced_contract_is_active_and_its_types_are_cast_to(mesh: MeshFolder) -> None:
    files = small(things="select id, name from {{ ref('raw') }}") | {
        "models/things.yml": """\
models:
  - name: things
    config: {contract: {enforced: true}}
    columns:
      - name: id
        data_type: varchar
        constraints: [{type: not_null}, {type: primary_key}, {type: check, expression: "id <> ''"}]
      - {name: name, data_type: text}
"""
    }
    adopt(mesh, files)
    contract = (mesh.root / "domains/small/small/contracts/things.yaml").read_text(encoding="utf-8")
    assert "status: active" in contract
    assert "primaryKey: true" in contract
    assert mesh.mesh("validate").code == 0
    mesh.build()
    assert mesh.rows("small.small.things") == [{"id": "1", "name": "a"}, {"id": "2", "name": "b"}]


def test_tests_that_a_columns_type_has_no_word_for_are_still_run(mesh: MeshFolder) -> None:
    files = small(
        things="select id, name, id = 1 as is_first, cast(id as decimal(5, 1)) as size from {{ ref('raw') }}"
    ) | {
        "models/things.yml": """\
models:
  - name: things
    data_tests:
      - unique: {column_name: "id || name"}
    columns:
      - {name: is_first, data_tests: [{accepted_values: {arguments: {values: [true, false]}}}]}
      - {name: size, data_tests: [{accepted_values: {arguments: {values: ["1.0", "2.0"]}}}]}
      - {name: id, data_tests: [{dbt_expectations.expect_column_values_to_match_regex: {arguments: {regex: "^[0-9]+$"}}}]}
      - {name: lost, data_tests: [not_null]}
"""
    }
    answer = adopt(mesh, files, "--json")
    assert "no such column" in listed(answer, "left", "test")["things: not_null(lost)"]["note"]
    assert len(listed(answer, "carried", "test")) == 4
    mesh.build()
    assert mesh.mesh("test").out.splitlines()[-1] == "5 rules: 5 passed"
    mesh.write("data/small/raw.csv", "id,name\n1,a\n1,a\n3,b\n")
    answer = mesh.mesh("build")
    assert all(rule in answer.out for rule in ("unique_id || name", "size_enum"))


def test_a_project_inside_the_mesh_keeps_its_data_in_place(mesh: MeshFolder) -> None:
    project = write_project(mesh.root / "dbt", small(things="select * from {{ ref('raw') }}"))
    answer = mesh.mesh("import", "dbt", str(project), "--json")
    assert not [path for path in answer.data["files"] if path.endswith(".csv")]
    assert "dbt/seeds/raw.csv" in (mesh.root / "domains/small/small/product.yaml").read_text(encoding="utf-8")
    assert mesh.build()["small.small"]["outcome"] == "published"


def test_nothing_is_taken_from_outside_the_project(mesh: MeshFolder) -> None:
    secret = mesh.root.parent / "secret.csv"
    secret.write_text("a\n1\n", encoding="utf-8")
    files = small(things="select * from {{ source('s', 't') }}") | {
        "models/s.yml": f"sources: [{{name: s, tables: [{{name: t, meta: {{external_location: '{secret}'}}}}]}}]\n"
    }
    answer = adopt(mesh, files, "--json")
    assert "outside the project" in listed(answer, "changed", "source")["s.t"]["note"]
    assert not [path for path in answer.data["files"] if path.endswith(".csv")]


def test_the_manifest_is_used_while_it_is_newer_than_the_files(mesh: MeshFolder) -> None:
    files = small(things="select * from {{ ref('raw') }}")
    project = write_project(mesh.root.parent / "project", files)
    node = {
        "resource_type": "model", "name": "renamed", "package_name": "small", "original_file_path": "models/things.sql",
        "unique_id": "model.small.renamed", "raw_code": files["models/things.sql"], "fqn": ["small", "renamed"], "tags": [],
        "config": {"materialized": "table"}, "columns": {"id": {"name": "id", "description": "The key."}},
    }  # fmt: skip
    seed = {**node, "resource_type": "seed", "name": "raw", "original_file_path": "seeds/raw.csv",
            "unique_id": "seed.small.raw", "raw_code": "", "fqn": ["small", "raw"], "columns": {}}  # fmt: skip
    unique = {
        "resource_type": "test", "name": "unique_renamed_id", "package_name": "small", "original_file_path": "models/x.yml",
        "config": {"severity": "ERROR", "error_if": "!= 0"}, "attached_node": "model.small.renamed", "column_name": "id",
        "test_metadata": {"name": "unique", "namespace": None, "kwargs": {"column_name": "id"}}, "depends_on": {"nodes": []},
    }  # fmt: skip
    manifest = {"metadata": {"project_name": "small", "adapter_type": "duckdb"}, "sources": {}, "macros": {},
                "nodes": {"a": node, "b": seed, "c": unique}}  # fmt: skip
    file = project / "target" / "manifest.json"
    file.parent.mkdir()
    file.write_text(json.dumps(manifest), encoding="utf-8")
    answer = mesh.mesh("import", "dbt", str(project), "--dry-run", "--json")
    assert "domains/small/small/contracts/renamed.yaml" in answer.data["files"]
    assert listed(answer, "carried", "test")["renamed: unique(id)"]["place"].startswith("models/x.yml")
    # A file that was changed since counts more than the manifest.
    later = file.stat().st_mtime + 10
    os.utime(project / "models/things.sql", (later, later))
    answer = mesh.mesh("import", "dbt", str(project), "--dry-run", "--json")
    assert "domains/small/small/contracts/things.yaml" in answer.data["files"]


def test_a_project_for_another_database_is_rewritten_and_says_so(mesh: MeshFolder) -> None:
    files = small(
        things="""\
select id::int as id, iff(id > 1, 'many', 'one') as amount, to_char(current_date, 'YYYY') as year,
       parse_json('{"a": {"b": "c"}}'):a.b::string as inner_value
from {{ ref('raw') }} qualify row_number() over (partition by id order by name) = 1"""
    )
    answer = adopt(mesh, files, "--dialect", "snowflake", "--json")
    assert "rewritten from snowflake" in listed(answer, "changed", "model")["things"]["note"]
    assert mesh.mesh("validate").code == 0
    mesh.build()
    rows = mesh.rows("small.small.things")
    assert {row["id"]: (row["amount"], row["inner_value"]) for row in rows} == {1: ("one", "c"), 2: ("many", "c")}
    assert all(len(row["year"]) == 4 for row in rows)


def test_columns_that_are_not_known_leave_tests_on_the_list_until_the_catalog_tells_them(mesh: MeshFolder) -> None:
    files = {
        "dbt_project.yml": PROJECT,
        "models/things.sql": "select id from {{ source('crm', 'people') }}",
        "models/things.yml": """\
sources: [{name: crm, tables: [{name: people}]}]
models: [{name: things, columns: [{name: id, data_tests: [unique]}]}]
""",
    }
    answer = adopt(mesh, files, "--dialect", "postgres", "--dry-run", "--json")
    assert "dbt docs generate" in listed(answer, "left", "test")["unique(id)"]["action"]
    catalog = {
        "nodes": {},
        "sources": {"source.small.crm.people": {"columns": {"id": {"name": "id", "type": "integer"}}}},
    }
    files["target/catalog.json"] = json.dumps(catalog)
    answer = adopt(mesh, files, "--dialect", "postgres", "--dry-run", "--json")
    assert "things: unique(id)" in listed(answer, "carried", "test")
    assert "connections: {postgres: {type: postgresql" in answer.data["next"][0]


@pytest.mark.slow
def test_tables_of_a_declared_connection_are_looked_at_and_read(
    mesh: MeshFolder, postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres.execute("CREATE TABLE people (id integer, name text); INSERT INTO people VALUES (1, 'ada'), (2, 'grace')")
    monkeypatch.setenv("CRM_URL", postgres.url)
    mesh.write("mesh.yaml", "name: test\nconnections: {crm: {type: postgresql, url: {env: CRM_URL}}}\n")
    files = {
        "dbt_project.yml": PROJECT,
        "models/things.sql": "select id, upper(name) as name from {{ source('crm', 'people') }}",
        "models/things.yml": """\
sources: [{name: crm, schema: public, tables: [{name: people}]}]
models: [{name: things, columns: [{name: id, data_tests: [unique, not_null]}]}]
""",
    }
    assert adopt(mesh, files, "--dialect", "postgres", "--connection", "crm").code == 0
    assert mesh.mesh("validate").code == 0
    mesh.build()
    assert mesh.rows("small.small.things") == [{"id": 1, "name": "ADA"}, {"id": 2, "name": "GRACE"}]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--dialect", "snowflak"], "did you mean snowflake?"),
        (["--by", "layer"], "'layer' is not one of"),
    ],
)
def test_a_choice_that_does_not_exist_is_refused_with_the_nearest_one(
    mesh: MeshFolder, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = adopt(mesh, small(things="select 1 as x"), *arguments)
    assert answer.code == 2
    assert said in answer.err + capsys.readouterr().err


def test_a_folder_without_a_project_is_refused(mesh: MeshFolder, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    answer = mesh.mesh("import", "dbt", str(tmp_path / "empty"))
    assert answer.code == 2
    assert "holds no dbt_project.yml" in answer.err
