"""dbt's Jinja without dbt: what is rendered is what dbt would send, and what only a running dbt knows is said so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from meshwright.authoring.dbt.project import DbtMacro, DbtProject, Place
from meshwright.authoring.dbt.references import named
from meshwright.authoring.dbt.rendering import Renderer

if TYPE_CHECKING:
    from pathlib import Path


def renderer(root: Path, *macros: str, dialect: str = "duckdb", **variables: Any) -> Renderer:
    project = DbtProject(name="shop", root=root, variables={"": variables}, packages={"shop", "dbt_utils", "other"})
    for number, text in enumerate(macros):
        package, _, body = text.partition("|") if "|" in text.split("{", 1)[0] else ("shop", "", text)
        name = body.split("macro ", 1)[1].split("(", 1)[0]
        place = Place("macros/m.sql", number + 1)
        project.macros.append(DbtMacro(package=package, name=name, text=body, place=place))
    return Renderer(project, dialect=dialect, target="prod")


def rendered(text: str, made: Renderer, **options: Any) -> str:
    found = made.render(text, namer=lambda kind, name, more: f"<{kind} {name} {more}>".replace(" >", ">"), **options)
    assert found.sql is not None, found.problem
    return " ".join(found.sql.split())


def problem(text: str, made: Renderer) -> tuple[str, int]:
    found = made.render(text)
    assert found.sql is None
    return found.problem, found.line


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("from {{ ref('a') }}, {{ ref('pkg', 'b') }}, {{ ref('c', v=2) }}", "from <ref a>, <ref b>, <ref c 2>"),
        ("from {{ source('s', 't') }}", "from <source s t>"),
        ("{{ config(materialized='table') }}select 1", "select 1"),
        ("{{ var('since') }} {{ var('none', 3) }}", "2026 3"),
        ("{{ env_var('HOME', 'nowhere') }}", "nowhere"),
        ("{% if is_incremental() %}only new{% else %}all{% endif %}", "all"),
        ("{% if target.name == 'prod' %}yes{% endif %}", "yes"),
        ("{% set xs = ['a', 'b'] %}{% for x in xs %}{{ x }}{{ ',' if not loop.last }}{% endfor %}", "a,b"),
        ("{% do log('hello', info=true) %}{{ modules.datetime.date(2026, 1, 2) }}", "2026-01-02"),
        ("{{ ref('a').identifier }} {{ this.name }}", "a __this__"),
        ("{% if something_nobody_defined %}x{% else %}y{% endif %}", "y"),
    ],
)
def test_templates_mean_what_they_mean_in_dbt(tmp_path: Path, text: str, sql: str) -> None:
    assert rendered(text, renderer(tmp_path, since=2026)) == sql


def test_macros_call_each_other_return_values_and_are_dispatched_by_dialect(tmp_path: Path) -> None:
    made = renderer(
        tmp_path,
        "{% macro money(c) %}{{ return(adapter.dispatch('money')(c)) }}{% endmacro %}",
        "{% macro default__money(c) %}({{ c }} / 100){% endmacro %}",
        "{% macro postgres__money(c) %}pg({{ c }}){% endmacro %}",
        "{% macro columns() %}{{ return(['a', 'b']) }}{% endmacro %}",
        "other|{% macro outer(c) %}{{ _inner(c) }}{% endmacro %}",
        "other|{% macro _inner(c) %}[{{ c }}]{% endmacro %}",
    )
    assert rendered("{{ money('x') }} {{ shop.money('y') }}", made) == "(x / 100) (y / 100)"
    assert rendered("{% for c in columns() %}{{ c }};{% endfor %} {{ other.outer('z') }}", made) == "a;b; [z]"
    made.dialect = "postgres"
    assert rendered("{{ money('x') }}", made) == "pg(x)"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\n{{ run_query('select 1') }}", "asks the database"),
        ("a\n{{ adapter.get_columns_in_relation(ref('x')) }}", "adapter.get_columns_in_relation asks the database"),
        (
            "a\n{{ dbt_utils.get_column_values(ref('x'), 'y') }}",
            "dbt_utils.get_column_values is of a package that is not installed",
        ),
        ("a\n{{ other_package.thing() }}", "'other_package' is undefined"),
        ("a\n{{ env_var('SECRET') }}", "environment variables are not read"),
        ("a\n{{ var('missing') }}", "neither a value in dbt_project.yml nor a default"),
        ("a\n{{ target.schema }}", "a setting of dbt's profile"),
        ("a\n{{ modules.datetime.date.today() }}", "asks the clock while the SQL is written"),
        ("a\n{{ run_started_at.strftime('%Y') }}", "known to a running dbt only"),
        ("a\n{{ exceptions.raise_compiler_error('no') }}", "the template says: no"),
        ("a\n{{ unclosed", "the template cannot be read"),
        ("a\n{{ ''.__class__.__mro__ }}", "unsafe"),
    ],
)
def test_what_only_a_running_dbt_knows_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    message, line = problem(text, renderer(tmp_path))
    assert said in message
    assert line == 2


def test_a_variable_that_names_a_table_is_a_reference_of_whoever_asks(tmp_path: Path) -> None:
    made = renderer(tmp_path, orders_table="{{ ref('orders') }}")
    assert rendered("from {{ var('orders_table') }}", made) == "from <ref orders>"
    assert made.render("from {{ var('orders_table') }}").refs == [("", "orders", "")]


def test_a_macro_without_end_is_stopped(tmp_path: Path) -> None:
    made = renderer(tmp_path, "{% macro again(n) %}{{ again(n + 1) }}{% endmacro %}")
    message, _ = problem("{{ again(0) }}", made)
    assert "without end" in message


def test_references_are_found_in_what_cannot_be_rendered(tmp_path: Path) -> None:
    made = renderer(tmp_path)
    text = "{{ run_query('x') }} from {{ ref('a') }} join {{ source(\"s\", 't') }} {{ ref('b', version=3) }}"
    found = made.render(text)
    assert [name for _, name, _ in found.refs] == ["a", "b"]
    assert found.sources == [("s", "t")]
    left = named("{{ config(a=1) }}\n" + text, lambda kind, name, more: f"{kind}:{name}:{more}")
    assert left == "{{ run_query('x') }} from ref:a: join source:s:t ref:b:3"


@pytest.mark.parametrize(
    ("call", "sql"),
    [
        ("dbt.date_trunc('month', 'd')", "date_trunc('month', d)"),
        ("date_trunc('month', 'd')", "date_trunc('month', d)"),
        ("dbt.safe_cast('a', dbt.type_int())", "try_cast(a as INTEGER)"),
        ("dbt_utils.group_by(3)", "group by 1, 2, 3"),
        ("dbt_utils.star(ref('a'), except=['X', 'y'])", "* EXCLUDE (x, y)"),
        ("dbt_utils.safe_divide('a', 'b')", "(a / nullif(b, 0))"),
        (
            "dbt_utils.generate_surrogate_key(['a'])",
            "md5(coalesce(cast(a as VARCHAR), '_dbt_utils_surrogate_key_null_'))",
        ),
        (
            "dbt_utils.union_relations([ref('a'), ref('b')])",
            (
                "( SELECT 'a' AS _dbt_source_relation, * FROM <ref a> UNION ALL BY NAME "
                "SELECT 'b' AS _dbt_source_relation, * FROM <ref b> )"
            ),
        ),
    ],
)
def test_macros_of_dbt_and_dbt_utils_need_no_package(tmp_path: Path, call: str, sql: str) -> None:
    assert rendered(f"{{{{ {call} }}}}", renderer(tmp_path)) == sql


def test_built_in_macros_speak_the_projects_dialect(tmp_path: Path) -> None:
    made = renderer(tmp_path, dialect="bigquery")
    assert (
        rendered("{{ dbt.date_trunc('month', 'd') }} {{ dbt.type_string() }}", made)
        == "TIMESTAMP_TRUNC(d, MONTH) STRING"
    )
