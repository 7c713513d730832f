"""The fence: attacks are refused with their place, and what analysts write passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshwright.analysis import fence
from meshwright.analysis.problem import Problem, SqlError
from meshwright.analysis.query import parse

EXAMPLES = Path(__file__).parents[2] / "examples"

ATTACKS = [
    # Writing inside a query.
    "with c as (copy t to 'f') select 1",
    "with c as (copy (select 1) to 'f' (format parquet)) select 1",
    "with c as (insert into t values (1) returning *) select * from c",
    "with c as (update t set a = 1 returning *) select * from c",
    "with c as (delete from t returning *) select * from c",
    "with a as (select 1), c as (copy t to 'f') select 1 from a",
    "with a as (with c as (copy t to 'f') select 1) select 1 from a",
    "select * from (with c as (copy t to 'f') select 1)",
    "select 1 union all (with c as (copy t to 'f') select 1)",
    "select (with c as (copy t to 'f') select 1)",
    "select 1 where exists (with c as (copy t to 'f') select 1)",
    "select 1 in (with c as (insert into t values (1) returning 1) select * from c)",
    "with recursive r as (with c as (copy t to 'f') select 1 union all select 1 from r) select 1",
    'with c as (/* x */ CoPy "t" to $$f$$) select 1',
    # Files, by functions.
    "from read_csv('x')",
    "from read_parquet('x')",
    "from READ_PARQUET(['x', 'y'])",
    "from \"read_parquet\"('x')",
    "from parquet_scan('x')",
    "from main.read_csv('x')",
    "from system.main.read_json('x')",
    "from read_json_auto('x')",
    "from read_text('/etc/passwd')",
    "from read_blob('/etc/passwd')",
    "from glob('/**')",
    "from sniff_csv('x')",
    "from parquet_metadata('x')",
    "from parquet_schema('x')",
    "from parquet_kv_metadata('x')",
    "from parquet_file_metadata('x')",
    "from parquet_bloom_probe('x', 'a', 1)",
    "from read_duckdb('x.db')",
    "from t, lateral (from read_csv(t.path))",
    "select (select content from read_text('/etc/passwd'))",
    "with c as (from glob('*')) select * from c",
    "select * from range(3) where exists (from read_csv('x'))",
    "select 1 union select content from read_text('x')",
    "pivot read_csv('x') on a in (1) using sum(b)",
    "from/**/read_csv/**/('x')",
    "from read_csv\u00a0('x')",
    # SQL from text, and names from text.
    "from query('select 1')",
    "from query_table('t')",
    "from query_table(['a', 'b'])",
    "from json_execute_serialized_sql('{}')",
    "select json_serialize_sql('select 1')",
    "select json_deserialize_sql('{}')",
    "select json_serialize_plan('select 1')",
    # The catalogue and the system.
    "from duckdb_tables()",
    "from duckdb_views()",
    "from duckdb_secrets()",
    "from duckdb_settings()",
    "from duckdb_functions()",
    "from duckdb_variables()",
    "from duckdb_logs()",
    "from duckdb_tables",
    "from DUCKDB_VIEWS",
    "from pg_catalog.pg_tables",
    "from information_schema.tables",
    "from system.information_schema.columns",
    "from sqlite_master",
    "from sqlite_schema",
    "from pragma_database_list",
    "from pg_tables",
    "from main.duckdb_tables",
    "from system.main.duckdb_views",
    "select rowid from t",
    "select * from t where t.rowid = 1",
    "from pragma_table_info('t')",
    "from pragma_show('t')",
    "from pragma_storage_info('t')",
    "from pragma_version()",
    "from test_all_types()",
    "from which_secret('s3://x', 's3')",
    "from seq_scan('t')",
    "from arrow_scan(1, 2, 3)",
    "from pandas_scan(1)",
    "from summary((from t))",
    "from histogram('t', 'a')",
    "describe t",
    "summarize t",
    "show tables",
    "show all tables",
    "select * from (describe t)",
    "select * from (summarize t)",
    "select * from (show databases)",
    "with c as (describe t) select * from c",
    "table t",
    "select * from (table t)",
    # Functions that reach out, wait, log, count or tell.
    "select getenv('HOME')",
    "select getvariable('x')",
    "select current_setting('threads')",
    "select nextval('s')",
    "select currval('s')",
    "select setseed(0.5)",
    "select write_log('x')",
    "select sleep_ms(1000)",
    "select pg_sleep(1)",
    "select txid_current()",
    "select version()",
    "select current_database()",
    "select current_schemas(true)",
    "select current_query()",
    "select stats(a) from t",
    "select vector_type(a) from t",
    "select main.getvariable('x')",
    "select system.main.current_setting('x')",
    "select pg_catalog.pg_get_viewdef(1)",
    "select 'x'.getenv()",
    "select list_transform(['HOME'], lambda x: getenv(x))",
    "select [getenv(x) for x in ['HOME']]",
    "select sum(nextval('s')) over ()",
    "select count(*) filter (getvariable('x')) from t",
    "select 1 order by current_setting('x')",
    "select a from t group by getenv('x')",
    "select a from t limit (select nextval('s'))",
    "select columns(c -> getenv(c) is null) from t",
    "select case when getenv('x') then 1 end",
    "select {'a': getenv('x')}",
    "select a between 1 and getvariable('x') from t",
    "select * replace (getenv('x') as a) from t",
    "values (getenv('x'))",
    "from range(getvariable('n'))",
    "select unknown_function(1)",
    # What has no value, or another value each time.
    "select ?",
    "select $1",
    "select $name",
    "from range(?)",
    "select 1 limit $1",
    "select * from t using sample 10%",
    "select * from t tablesample 10%",
    "select * from (from t tablesample 5 rows)",
    "select * from t at (version => 1)",
    "select * from t at (timestamp => now())",
    "from t pivot (sum(a) for b in some_enum)",
    "select 1::my_schema.my_type",
]


def refusals(text: str) -> list[Problem]:
    """What parsing or the fence says against *text*."""
    try:
        return fence.check(parse(text))
    except SqlError as error:
        return [error.problem]


@pytest.mark.parametrize("text", ATTACKS)
def test_an_attack_is_refused(text: str) -> None:
    problems = refusals(text)
    assert problems, text
    assert all(problem.code.startswith("sql-") and problem.line >= 1 and problem.message for problem in problems)


@pytest.mark.parametrize("number", range(0, len(ATTACKS), 3))
def test_an_attack_hidden_in_a_larger_query_is_refused(number: int) -> None:
    inner = ATTACKS[number]
    text = f"with q as (select 1 as a), w as ({inner}\n) select a from q where a in (select 1 from w)"
    assert refusals(text), text


@pytest.mark.parametrize(
    "text",
    [
        "from 'data/orders.csv'",
        "select * from operations.flights",
        "select 'read_csv(''x'')' as a, \"getenv\" from t -- getenv('x')",
        "select $$copy t to 'f'$$ as a /* insert into t */",
        "select user, current_date, now() from t",
        "select l.list_sum(), t.l.len(), upper(a), a.lower() from t",
        "from range(10) r(i), generate_series(1, 3), unnest([1]) u(x), json_each('{}'), repeat(1, 2)",
        "select unnest([1, 2]), 1 + 2, -a, a || b, a ->> 'x', a -> 'x', not a, a[1:2], [x * 2 for x in l] from t",
        "select a, sum(b) filter (c) over w, rank() over (order by a) from t window w as (partition by a order by b)",
        "pivot t on a in (1, 2) using sum(b) group by c",
        "unpivot t on columns(* exclude (id)) into name n value v",
        "select * from t tablesample reservoir(10 rows) repeatable (1)",
        "select * from t using sample 10% (bernoulli, 42)",
        "with recursive r(n) as (select 1 union all select n + 1 from r where n < 5) select * from r",
        "select distinct on (a) a, b from t order by a, b desc nulls last limit 10 offset 2",
        "select a::decimal(10, 2), try_cast(b as date), c::struct(x int, y varchar[]), d::map(int, int) from t",
        "select * exclude (a) replace (b + 1 as b) rename (c as d) from t",
        "from t asof join u on t.a = u.a and t.d >= u.d left join v using (id) positional join w",
        "select a from t group by grouping sets ((a), ()) having count(*) > 1 qualify row_number() over () = 1",
        "select extract(year from d), date_trunc('day', d), d at time zone 'UTC', interval 1 day, d::date from t",
        "select list(a order by b), string_agg(a, ','), quantile_cont(a, 0.5), arg_max(a, b), mode() within group (order by a) from t",
    ],
)
def test_what_analysts_write_passes(text: str) -> None:
    assert fence.check(parse(text)) == []


def test_the_examples_transformations_pass() -> None:
    files = [path for path in EXAMPLES.rglob("*.sql") if "transform" in path.parts or path.parent.name == path.stem]
    assert files
    assert {str(path): fence.check(parse(path.read_text())) for path in files} == {str(path): [] for path in files}


@pytest.mark.parametrize(
    ("text", "line", "column", "value"),
    [
        ("select 1,\n  é, getenv('x')\nfrom t", 2, 6, "getenv"),
        ("select *\nfrom t,\n read_csv('x')", 3, 2, "read_csv"),
        ("-- copy\nwith c as (\n  copy t to 'f')\nselect 1", 3, 3, "COPY"),
        ("select 1,\n $x", 2, 2, "$x"),
        ("from t,\n information_schema.tables", 2, 2, "information_schema.tables"),
    ],
)
def test_a_refusal_names_its_place_and_value(text: str, line: int, column: int, value: str) -> None:
    (problem,) = fence.check(parse(text))
    assert (problem.code, problem.line, problem.column, problem.value) == ("sql-refused", line, column, value)
    assert problem.hint


def test_every_refusal_of_a_query_is_reported_in_the_order_of_the_text() -> None:
    problems = fence.check(parse("select getenv('a'),\n nextval('s')\nfrom glob('*')\nwhere $1"))
    assert [problem.value for problem in problems] == ["getenv", "nextval", "glob", "$1"]
    assert [problem.line for problem in problems] == [1, 2, 3, 4]


@pytest.mark.parametrize(("terms", "code"), [(100, "sql-refused"), (900, "sql-syntax"), (5000, "sql-syntax")])
def test_a_deep_query_is_judged_or_refused_but_never_a_crash(terms: int, code: str) -> None:
    text = "select " + "+".join(["1"] * terms) + " + getenv('x')"
    assert [problem.code for problem in refusals(text)] == [code]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select now(), random() from t", ("now", "random")),
        ("select current_date from t", ("current_date",)),
        ("select a from (select uuid() as a)", ("uuid",)),
        ("select t.random from t", ("random",)),
        ("select a + 1 from t", ()),
    ],
)
def test_functions_that_give_another_value_each_time_are_named(text: str, expected: tuple[str, ...]) -> None:
    assert fence.volatile_functions(parse(text)) == expected
