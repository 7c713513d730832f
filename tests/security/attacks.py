"""What somebody tries who may see some of a mesh and wants the rest: questions, each refused or answered with nothing hidden.

An attack that can only tell yes or no says `LEAKED` for yes: it is put together in the query, so that an error that repeats
the query does not say it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from security.shop import DAY, NUMBER, WORD
from security.ways import Ask, Kind

LEAKED: Final = "'LEA' || 'KED'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """A question, whether it is `refused`, and, where that tells more than what is not there, its `answer` as JSON rows.

    `runs` says that it gets as far as the process for SQL, which takes longer than all that comes before.
    """

    name: str
    ask: Ask
    refused: bool = True
    answer: list[dict[str, Any]] | None = None
    runs: bool = False

    def __str__(self) -> str:
        return self.name


def _refused(family: str, texts: tuple[str, ...], *, runs: bool = False) -> list[Attack]:
    return [Attack(name=f"{family}: {text}", ask=Ask(kind=Kind.SQL, sql=text), runs=runs) for text in texts]


def _answered(family: str, answers: dict[str, list[dict[str, Any]] | None]) -> list[Attack]:
    return [
        Attack(name=f"{family}: {text}", ask=Ask(kind=Kind.SQL, sql=text), refused=False, answer=answer, runs=True)
        for text, answer in answers.items()
    ]


# {root} leads to the mesh's folder, {outside} to a file with hidden words, {warehouse} and {copies} to data files.
FILES: Final = _refused(
    "files",
    (
        "from read_text('{outside}')",
        "select content from read_blob('{outside}')",
        "select * from read_csv('{outside}')",
        "select * from read_csv_auto('{outside}', header = false)",
        "from read_json('{outside}', format = 'unstructured')",
        "from read_json_auto('{outside}')",
        "from read_ndjson('{outside}')",
        "from read_ndjson_objects('{outside}')",
        "select * from read_parquet('{warehouse}')",
        "select * from parquet_scan(['{warehouse}'])",
        "select * from read_parquet('{warehouse}', filename = true, file_row_number = true)",
        "select * from read_parquet('{root}/.mesh/**/*.parquet', hive_partitioning = true, union_by_name = true)",
        "select * from read_parquet('{copies}')",
        "select stats_min, stats_max from parquet_metadata('{warehouse}')",
        "from parquet_schema('{warehouse}')",
        "from parquet_kv_metadata('{warehouse}')",
        "from parquet_file_metadata('{warehouse}')",
        "from parquet_bloom_probe('{warehouse}', 'email', 'x')",
        "from parquet_full_metadata('{warehouse}')",
        "from glob('{root}/**')",
        "from sniff_csv('{outside}')",
        "from read_duckdb('{root}/.mesh/registry.db')",
        "from sqlite_scan('{root}/.mesh/registry.db', 'publications')",
        "from iceberg_scan('{root}/.mesh/warehouse')",
        "from delta_scan('{root}')",
        "from read_avro('{root}/.mesh/warehouse/*.avro')",
        "from read_xlsx('{outside}')",
        "from st_read('{outside}')",
        "from postgres_scan('host=localhost', 'public', 't')",
        "from '{outside}'",
        "from '{warehouse}'",
        'from "{warehouse}"',
        'from "{root}/data/orders.parquet"',
        "from 'data/orders.parquet'",
        "from './outside.txt'",
        "from '../outside.txt'",
        "from 'file://{outside}'",
        "from 'http://127.0.0.1:1/x.csv'",
        "from 's3://bucket/x.parquet'",
        "from '{root}/domains/marketing/linked.csv'",
        "from read_text('/proc/self/environ')",
        "from read_text('/proc/self/cmdline')",
        "from sales.orders, lateral (from read_text(o.note)) t",
        "select (select content from read_text('{outside}')) from sales.orders",
        "select * from sales.orders where exists (from read_csv('{outside}'))",
        "select 1 union all by name select content from read_text('{outside}')",
        "pivot read_csv('{outside}') on column0 in (1) using count(*)",
        "from READ_TEXT('{outside}')",
        "from \"read_text\"('{outside}')",
        "from system.main.read_text('{outside}')",
        "from read_text/* */('{outside}')",
        "from read_text\u2003('{outside}')",
        "from \uff52ead_text('{outside}')",
        "with t as (from read_text('{outside}')) from t",
        "with sales as (select 1), t as materialized (from glob('{root}/*')) from t",
        "from (values ('{outside}')) f(name), read_text(f.name)",
        "select list_transform(['{outside}'], lambda f: (select content from read_text(f)))",
        "select * from sales.orders o positional join read_blob('{outside}')",
    ),
)
TEXT: Final = _refused(
    "SQL from text",
    (
        "from query('select * from sales.payroll')",
        "from query_table('sales.payroll')",
        "from query_table(['sales.orders', 'sales.payroll'])",
        "from json_execute_serialized_sql(json_serialize_sql('select 1'))",
        "select json_serialize_sql('select 1')",
        "select json_deserialize_sql('{}')",
        "prepare p as select * from sales.orders",
        "execute p",
        "deallocate p",
        "execute immediate 'select 1'",
        "select ?",
        "select $1 from sales.orders",
        "select $secret from sales.orders",
        "select * from sales.orders limit $1",
        "select getvariable('secret')",
        "set variable secret = (select 1)",
        "select * from getvariable('orders')",
    ),
)
SYSTEM: Final = _refused(
    "the system",
    (
        "from duckdb_tables()",
        "select sql from duckdb_views()",
        "from duckdb_columns()",
        "from duckdb_settings()",
        "from duckdb_secrets()",
        "from duckdb_variables()",
        "from duckdb_logs()",
        "from duckdb_databases()",
        "from duckdb_functions()",
        "from duckdb_extensions()",
        "from duckdb_temporary_files()",
        "from duckdb_memory()",
        "from duckdb_constraints()",
        "from duckdb_external_file_cache()",
        "from duckdb_prepared_statements()",
        "from duckdb_views",
        "from information_schema.tables",
        "from information_schema.columns",
        "from information_schema.views",
        "from system.information_schema.tables",
        "from pg_catalog.pg_class",
        "select definition from pg_views",
        "from pg_catalog.pg_settings",
        "from sqlite_master",
        "from sqlite_schema",
        "from pragma_table_info('sales.orders')",
        "from pragma_storage_info('sales.orders')",
        "from pragma_show('sales.orders')",
        "from pragma_database_size()",
        "pragma database_list",
        "pragma show_tables",
        "pragma table_info('sales.orders')",
        "show tables",
        "show all tables",
        "show databases",
        "from (show tables)",
        "describe sales.orders",
        "from (describe sales.orders)",
        "describe select * from sales.orders",
        "summarize sales.orders",
        "from (summarize select * from sales.orders)",
        "explain select * from sales.orders",
        "explain analyze select * from sales.orders where salary > 0",
        "explain (format json) select * from sales.orders",
        "from summary((from sales.orders))",
        "table sales.payroll",
        "select stats(salary) from sales.orders",
        "select vector_type(email) from sales.orders",
        "select create_sort_key(salary, 'asc') from sales.orders",
        "select current_setting('allowed_directories')",
        "select current_setting('allowed_paths')",
        "select system.main.current_setting('temp_directory')",
        "select getenv('MESH_TOKEN')",
        "select getenv('HOME') from sales.orders",
        "select current_database(), current_schema()",
        "select current_query()",
        "select version()",
        "select pg_get_viewdef(1)",
        "select txid_current()",
        "select * from pragma_user_agent()",
        "from test_all_types()",
        "from which_secret('s3://x', 's3')",
        "from seq_scan('sales.orders')",
        "from arrow_scan(1, 2, 3)",
        "from python_map_function()",
        "from checkpoint()",
        "from force_checkpoint()",
        "from enable_logging()",
        "select write_log('x')",
        "select nextval('s')",
    ),
)
WRITES: Final = _refused(
    "writing",
    (
        "copy sales.orders to '{root}/written.csv'",
        "copy (select 1) to '{root}/written.parquet' (format parquet)",
        "copy (select 1) to '{outside}' (use_tmp_file false)",
        "copy sales.orders from '{outside}'",
        "with c as (copy (select 1) to '{root}/written.csv') select 1",
        "select * from (with c as (copy sales.orders to '{root}/written.csv') select 1)",
        "with c as (insert into sales.orders values (1) returning *) from c",
        "with c as (update sales.orders set region = 'EU' returning *) from c",
        "with c as (delete from sales.orders returning *) from c",
        "with c as (merge into sales.orders using sales.orders o on true when matched then delete returning *) from c",
        "select (with c as (insert into t values (1) returning 1) from c)",
        "with recursive r as (with c as (copy t to '{root}/written.csv') select 1 union all select 1 from r) from r",
        "insert into sales.orders select * from sales.orders",
        "update sales.orders set region = 'EU'",
        "delete from sales.orders",
        "truncate sales.orders",
        "merge into sales.orders using sales.orders o on true when matched then delete",
        "export database '{root}/exported'",
        "import database '{root}/exported'",
        "attach '{root}/.mesh/registry.db' as registry (type sqlite)",
        "attach ':memory:' as m",
        "detach memory",
        "use memory",
        "install httpfs",
        "load httpfs",
        "force install sqlite from '{root}'",
        "load '{root}/evil.duckdb_extension'",
        "set enable_external_access = true",
        "set allowed_directories = ['/']",
        "set global lock_configuration = false",
        "reset allowed_paths",
        "set file_search_path = '{root}'",
        "set search_path = 'main'",
        "call pragma_version()",
        "call enable_profiling()",
        "pragma enable_profiling",
        "create table t as select * from sales.orders",
        "create view v as select 1",
        'create or replace view "sales.orders" as select 1',
        "create macro region(x) as 'EU'",
        "create temp macro sha256(x) as x",
        "create or replace temp function regexp_replace(a, b, c, d) as a",
        "create secret s (type s3)",
        "create schema sales",
        "create type mood as enum ('a')",
        "create sequence s",
        "create index i on sales.orders (salary)",
        "alter view sales.orders rename to x",
        "drop view sales.orders",
        "comment on view sales.orders is 'x'",
        "vacuum",
        "checkpoint",
        "begin",
        "rollback",
        "grant select on sales.orders to bob",
    ),
)
STATEMENTS: Final = _refused(
    "several statements",
    (
        "select 1; copy (select 1) to '{root}/written.csv'",
        "select 1;; select 2",
        "; from sales.orders; set enable_external_access = true",
        "select 1 --\n; select 2",
        "select '--'; select 2",
        "select 1 /* ; */ ; from read_text('{outside}')",
        "select $$;$$; select $$x$$",
        "select 1\0; select 2",
        "select 1\u037e select 2",
        "",
        "--",
        "/*",
        "select 'unclosed",
        'select "unclosed',
    ),
)
NAMES: Final = _refused(
    "names",
    (
        "from sales.payroll",
        "from sales.payroll.payroll",
        'from "sales.payroll"',
        'from "sales.payroll@1"',
        'from "sales"."payroll"',
        "from SALES.PAYROLL",
        "from sales.ideas",
        "from sales.report",
        "from sales.orders join sales.payroll on true",
        "from sales.orders where exists (from sales.payroll)",
        "select (select max(pay) from sales.payroll) from sales.orders",
        "with sales as (select 1) from sales.payroll",
        "with payroll as (select 1) from sales.payroll, payroll",
        "with orders as (from sales.payroll) from orders",
        "with a as (with b as (from sales.payroll) from b) from a",
        "with a as (select 1), b as (from a union all by name from sales.payroll) from b",
        "from sales.orders union all by name from sales.payroll",
        "pivot sales.payroll on name in ('x') using sum(pay)",
        "unpivot sales.payroll on columns(*)",
        "select payroll from sales.payroll",
        'from "sales.orders@2"',
        'from "sales.orders@dev"',
        'from "sales.orders@../1"',
        'from "sales.orders@1@1"',
        'from main."sales.orders"',
        'from memory.main."sales.orders"',
        'from temp."sales.orders"',
        'from system.main."sales.orders"',
        "from prod.sales.orders.orders.orders",
        "from sales.orders at (version => 1)",
        "from sales.orders at (timestamp => timestamp '2026-01-01')",
        "from s\u0430les.payroll",
        "from \uff53ales.payroll",
        "from sales\u200b.payroll",
        'from "sales.payroll\u200b"',
        'from "../sales.payroll"',
        'from sales."../payroll"',
        'from "sales.orders"";drop view x"',
        "from t1",
        'from "1.parquet"',
        "from 'files/1.parquet'",
        "from '1.parquet'",
    ),
)
# Columns that are not there for the attacker, and those that DuckDB would make up.
ABSENT: Final = _refused(
    "absent columns",
    (
        "select secret from sales.orders",
        "select o.secret from sales.orders o",
        'select "SECRET" from sales.orders',
        "select columns('secret') from sales.orders",
        "select columns(lambda c: c = 'secret') from sales.orders",
        "select * exclude (secret) from sales.orders",
        "select * replace (upper(secret) as note) from sales.orders",
        "select id from sales.orders order by secret",
        "select id from sales.orders where secret like 'S%'",
        "from sales.orders a join sales.orders b using (secret)",
        "from sales.orders a join sales.orders b on a.secret = b.note",
        "select o.orders.secret from sales.orders o",
        "select o['secret'] from sales.orders o",
        "unpivot sales.orders on secret",
        "select rowid from sales.orders",
        "select o.rowid from sales.orders o",
        "select filename from sales.orders",
        "select file_row_number from sales.orders",
        "select filename from sales.visits",
        "select extra from sales.versions",
        "select mail from sales.versions",
    ),
    runs=True,
)
VOLATILE: Final = _refused(
    "rows by chance",
    (
        "from sales.orders using sample 100%",
        "from sales.orders tablesample 100%",
        "from sales.orders tablesample system(100%)",
    ),
)
# An error that says something, thrown where a hidden value is met: there is none.
ERRORS: Final = _answered(
    "errors",
    {
        "select cast(email as integer) as n from sales.orders": [{"n": None}] * 4,
        "select cast(picture as integer) as n from sales.orders where false": [],
        "select strict.mail::integer as n from (select person as strict from sales.orders) limit 1": [{"n": None}],
        "select cast(labels[1] as date) as d from sales.orders limit 1": [{"d": None}],
        f"select error({LEAKED}) from sales.orders where salary = {NUMBER}": [],
        f"select error({LEAKED} || note) from sales.orders where id in (1, 4, 7, 9)": [],
        f"select error({LEAKED}) from sales.orders where email like '{WORD[:4]}%'": [],
        f"select case when amount > 1000000 then error({LEAKED}) end as e from sales.orders": [{"e": None}] * 4,
        f"select cast({LEAKED} || id as integer) as n from sales.orders where born = date '{DAY}'": [],
        f"select case when is_rich then cast({LEAKED} as integer) end as n from sales.orders": [{"n": None}] * 4,
        f"select if(score > 1, cast({LEAKED} as date), null) as d from sales.orders": [{"d": None}] * 4,
        "select 9223372036854775807 + (amount // 1000000)::bigint as n from sales.orders limit 1": [
            {"n": 9223372036854775807}
        ],
        "select cast(amount as tinyint) as n from sales.orders": [{"n": 21}, {"n": 50}, {"n": 60}, {"n": 80}],
        "select cast(salary // 1000 as integer) as n from sales.orders limit 1": [{"n": 999999}],
        "select regexp_matches('x', coalesce(note, '(')) as m from sales.orders where region is distinct from 'EU'": [],
        "select cast(note as integer) as n from sales.orders where id = 1": [],
        f"select assert_true(salary <> {NUMBER}, {LEAKED}) is null as ok from sales.orders limit 1": [{"ok": True}],
        "select (select amount from sales.orders where amount > 1000) as n": [{"n": None}],
        "select sqrt(case when amount > 1000 then -1 else 4 end) as n from sales.orders limit 1": [{"n": 2.0}],
        "select 1 // (case when is_rich then 0 else 1 end) as n from sales.orders limit 1": [{"n": 1}],
        "select factorial(case when amount > 1000 then 1000 else 1 end::integer) as n from sales.orders limit 1": [
            {"n": 1}
        ],
        "select repeat('x', case when amount > 1000 then 100000000000 else 1 end) as t from sales.orders limit 1": [
            {"t": "x"}
        ],
    },
)
# Errors that visible values cause, which show these and nothing else.
SHOWN_ERRORS: Final = _refused(
    "errors of what is visible",
    (
        "select cast(note as integer) from sales.orders",
        "select cast(number as uuid) from sales.orders",
        "select cast(person as varchar)::integer from sales.orders where id = id + (note::integer)",
        "select email + 1 from sales.orders",
        "select sum(email) from sales.orders",
        "select person.salary from sales.orders",
        "select date_part(note, happened) from sales.orders",
        "select regexp_matches(note, '(' || note) from sales.orders",
        "select unknown_function(email) from sales.orders",
        "select (select note from sales.orders)",
        "select cast(happened as integer) from sales.orders",
        "select cast(address as integer) from sales.visits",
        "select error(note) from sales.orders",
        "select error(address || visitor) from sales.visits",
        "select amount * 9223372036854775807 from sales.orders",
    ),
    runs=True,
)
NONE: Final = [{"n": 0}]
MASKED: Final = _answered(
    "masked cells",
    {
        "select * from sales.orders": None,
        'from "sales.orders@1"': None,
        "select o from sales.orders o": None,
        "select email, salary, rate, score, born, seen, picture, is_rich, number, labels from sales.orders": None,
        "select columns(*) from sales.orders": None,
        "select columns('e') from sales.orders": None,
        "select columns(lambda c: c like '%a%') from sales.orders": None,
        "select min(columns(*)) from sales.orders": None,
        "select max(columns(* exclude (person, labels))) from sales.orders": None,
        "select * replace (coalesce(email, 'none') as email) from sales.orders": None,
        "select * rename (email as mail) from sales.orders": None,
        "select * rename (secret as public) from sales.orders": None,
        "select person.mail as m, person.nick as k from sales.orders limit 1": [{"m": None, "k": None}],
        "select unnest(person) from sales.orders limit 1": None,
        "select unnest(person, recursive := true) from sales.orders limit 1": None,
        "select unnest(labels) as l from sales.orders": [],
        "select struct_extract(person, 'mail') as m from sales.orders limit 1": [{"m": None}],
        "select labels[1] as a, labels[-1] as z, len(labels) as n from sales.orders limit 1": [
            {"a": None, "z": None, "n": None}
        ],
        "select [x for x in labels if x is not null] as l from sales.orders limit 1": [{"l": None}],
        "select list_transform(labels, lambda x: upper(x)) as l from sales.orders limit 1": [{"l": None}],
        "select row_to_json(o) from sales.orders o": None,
        "select to_json(o)::varchar as j from sales.orders o": None,
        "select hex(email) as h, base64(picture) as b from sales.orders limit 1": [{"h": None, "b": None}],
        "select hash(salary) = hash(999999999) as same from sales.orders limit 1": [{"same": True}],
        "select reverse(email) as r, email[1:3] as p, ascii(email) as a from sales.orders limit 1": [
            {"r": None, "p": None, "a": None}
        ],
        "select bin(salary) as b, to_hex(salary) as h from sales.orders limit 1": [
            {"b": "111011100110101100100111111111", "h": "3B9AC9FF"}
        ],
        "select epoch(seen) as e, year(born) as y from sales.orders limit 1": [{"e": 253402214400.0, "y": None}],
        "select encode(email) as e, octet_length(picture) as n from sales.orders limit 1": [{"e": None, "n": None}],
        "select rate * 2 as r, score / 2 as s from sales.orders limit 1": [{"r": None, "s": 0.0}],
        "select email is null as missing from sales.orders": [{"missing": True}] * 4,
        "select * from sales.visits": None,
        "select visitor, address, login, phone, born, income from sales.visits": None,
        "select count(*) as n from sales.visits where visitor = sha256('SENTINEL-visitor')": NONE,
        "select count(*) as n from sales.visits where login = sha256('SENTINEL-login')": NONE,
        "select count(*) as n from sales.visits where address like 'S%' or address like '%visitor%'": NONE,
        "select count(distinct address) as n, max(day(born)) as d from sales.visits": [{"n": 1, "d": 1}],
        "select income % 1000000 as n from sales.visits limit 1": NONE,
        "select * from sales.versions": None,
        "select pay, email from sales.versions": [{"pay": 999999999, "email": None}],
    },
)
CONDITIONS: Final = _answered(
    "conditions on masked cells",
    {
        f"select count(*) as n from sales.orders where salary = {NUMBER}": NONE,
        f"select count(*) as n from sales.orders where email like '{WORD}%'": NONE,
        "select count(*) as n from sales.orders where email is not null": NONE,
        "select count(*) as n from sales.orders where seen < timestamp '2000-01-01'": NONE,
        "select count(*) as n from sales.orders where is_rich": NONE,
        "select count(*) as n from sales.orders where rate > 0 or score > 0": NONE,
        "select count(*) as n from sales.orders where person.mail is not null": NONE,
        "select count(*) as n from sales.orders where list_contains(labels, 'SENTINEL-label-2')": NONE,
        "select count(*) as n from sales.orders where octet_length(picture) > 0": NONE,
        "select count(*) as n from sales.orders where levenshtein(email, 'SENTINEL-email-2') < 3": NONE,
        "select count(*) as n from sales.orders where (salary, region) in ((918273645, 'EU'))": NONE,
        f"select {LEAKED} as x from sales.orders group by region having max(salary) < 999999999": [],
        f"select {LEAKED} as x where exists (from sales.orders where salary = {NUMBER})": [],
        f"select {LEAKED} as x from sales.orders where salary in (select {NUMBER})": [],
        f"select {LEAKED} as x from sales.orders qualify rank() over (order by salary) > 1": [],
        "select id from sales.orders order by salary, id": [{"id": 2}, {"id": 5}, {"id": 6}, {"id": 8}],
        "select id from sales.orders order by email desc, id": [{"id": 2}, {"id": 5}, {"id": 6}, {"id": 8}],
        "select rank() over (order by salary) as n from sales.orders": [{"n": 1}] * 4,
        "select dense_rank() over (partition by email order by born) as n from sales.orders": [{"n": 1}] * 4,
        "select count(*) as n from sales.orders group by email, salary, born": [{"n": 4}],
        "select count(distinct salary) as a, count(email) as b, approx_count_distinct(rate) as c from sales.orders": [
            {"a": 1, "b": 0, "c": 0}
        ],
        "select arg_max(email, id) as a, arg_max(salary, id) as b, mode(salary) as c from sales.orders": [
            {"a": None, "b": 999999999, "c": 999999999}
        ],
        "select min(salary) as a, max(salary) as b, avg(salary) as c, sum(rate) as d from sales.orders": [
            {"a": 999999999, "b": 999999999, "c": 999999999.0, "d": None}
        ],
        "select quantile_cont(salary, 0.5) as a, stddev(salary) as b, entropy(salary) as c from sales.orders": [
            {"a": 999999999.0, "b": 0.0, "c": 0.0}
        ],
        "select histogram(salary) as h, list(email) as l, string_agg(email, ',') as s from sales.orders": [
            {"h": {"999999999": 4}, "l": [None] * 4, "s": None}
        ],
        "select corr(salary, amount) is null or isnan(corr(salary, amount)) as c from sales.orders": [{"c": True}],
        "select count(*) as n from sales.orders a join sales.orders b on a.email = b.email": NONE,
        "select count(*) as n from sales.orders a join sales.orders b on a.salary < b.salary": NONE,
        "select count(*) as n from sales.orders a join sales.orders b using (salary, region)": [{"n": 16}],
        "select count(*) as n from sales.orders a semi join (values (918273645)) g(salary) using (salary)": NONE,
        "select count(*) as n from range(918273640, 918273650) g(s) join sales.orders o on o.salary = g.s": NONE,
        "select count(*) as n from sales.orders o asof join (values (918273645)) g(s) on o.salary <= g.s": NONE,
        "select count(*) as n from sales.orders o, lateral (select 1 where o.is_rich) t": NONE,
        "select (select count(*) from sales.orders i where i.salary < o.salary) as n from sales.orders o": [{"n": 0}]
        * 4,
        "select email from sales.orders except select null": [],
        "select salary as n from sales.orders intersect select 918273645": [],
        "pivot sales.orders on salary in (999999999) using count(*) group by region": [
            {"region": "EU", "999999999": 4}
        ],
        "select count(*) as n from (unpivot sales.orders on email, note)": [{"n": 4}],
        "select n, count(*) as c from (select 1 as n, salary from sales.orders) group by grouping sets ((n, salary))": [
            {"n": 1, "c": 4}
        ],
        "select count(*) filter (where salary < 999999999) as n from sales.orders": NONE,
        "select first_value(email) over (order by id desc) as e from sales.orders limit 1": [{"e": None}],
        "select lag(salary) over (order by id) as s from sales.orders order by id limit 1": [{"s": None}],
        "with recursive r(n) as (select 1 union all select n + 1 from r where n < 9 and exists (from sales.orders where is_rich)) from r": [
            {"n": 1}
        ],
    },
)
IDS: Final = [{"id": 2}, {"id": 5}, {"id": 6}, {"id": 8}]
ROWS: Final = _answered(
    "hidden rows",
    {
        "select count(*) as n from sales.orders": [{"n": 4}],
        "select sum(amount) as a, min(amount) as b, max(amount) as c, avg(amount) as d from sales.orders": [
            {"a": 211, "b": 21, "c": 80, "d": 52.75}
        ],
        "select min(happened) as a, max(happened) as b from sales.orders": [
            {"a": "2024-01-02T00:00:00", "b": "2024-01-08T00:00:00"}
        ],
        "select id from sales.orders where region is distinct from 'EU'": [],
        "select id from sales.orders where region is null or region = 'US'": [],
        "select id from sales.orders where true or region = 'US' order by id": IDS,
        "select region as r, count(*) as n from sales.orders group by all": [{"r": "EU", "n": 4}],
        "select region as r, count(*) as n from sales.orders group by cube (region) order by n, r nulls last": [
            {"r": "EU", "n": 4},
            {"r": None, "n": 4},
        ],
        "select string_agg(note, ';' order by id) as t from sales.orders": [{"t": "note 2;note 5;note 6;note 8"}],
        "select list(id order by id) as l, any_value(region) as r from sales.orders": [{"l": [2, 5, 6, 8], "r": "EU"}],
        "select approx_count_distinct(id) as a, count(distinct note) as n from sales.orders": [{"a": 4, "n": 4}],
        "select id, lead(id) over (order by id) as l from sales.orders order by id": [
            {"id": 2, "l": 5},
            {"id": 5, "l": 6},
            {"id": 6, "l": 8},
            {"id": 8, "l": None},
        ],
        "select count(*) over (rows between unbounded preceding and unbounded following) as n from sales.orders": [
            {"n": 4}
        ]
        * 4,
        "select g.i from range(1, 10) g(i) anti join sales.orders o on o.id = g.i order by i": [
            {"i": 1},
            {"i": 3},
            {"i": 4},
            {"i": 7},
            {"i": 9},
        ],
        "select o.id from range(1, 10) g(i) left join sales.orders o on o.id = g.i where i in (1, 4, 7, 9)": [
            {"id": None}
        ]
        * 4,
        "select count(*) as n from sales.orders a full join sales.orders b on a.id = b.id + 1": [{"n": 7}],
        "select count(*) as n from sales.orders o where exists (from sales.orders i where i.id < o.id)": [{"n": 3}],
        "select count(*) as n from (from sales.orders union all by name from sales.orders)": [{"n": 8}],
        "select id from sales.orders order by amount desc limit 1": [{"id": 8}],
        "select id from sales.orders order by id limit 1 offset 3": [{"id": 8}],
        "select id from sales.orders limit 100%": None,
        "with sales as (select 1 as orders) select count(*) as n from sales.orders": None,
        'with "sales.orders" as (select 42 as id) select count(*) as n from sales.orders': None,
        "with orders as (select 42 as id) select count(*) as n from sales.orders": [{"n": 4}],
        "with o as (from sales.orders) select count(*) as n from o, (with o as (select 1) from o)": [{"n": 4}],
        'select count(*) as n from sales.orders as "sales.payroll"': [{"n": 4}],
        "select id from sales.orders using sample reservoir(100 rows) repeatable (1)": None,
        "select id from sales.orders tablesample reservoir(100 rows) repeatable (7)": None,
        "select count(*) as n from sales.orders tablesample bernoulli(100%) repeatable (1)": None,
        "select count(*) as n from sales.orders tablesample system(100%) repeatable (1)": None,
        "select id from sales.orders where happened < timestamp '2000-01-01'": [],
        "select count(*) as n from sales.visits": [{"n": 2}],
        "select id from sales.visits where region <> 'EU' or visitor is null": [],
        "select count(*) as n from sales.versions": [{"n": 1}],
        "select count(*) as n from sales.orders o join sales.visits v using (id)": NONE,
        "select count(*) as n, sum(pay) as s from sales.leads": [{"n": 0, "s": None}],
        "select name, pay from sales.leads": [],
    },
)
# What a condition of `mesh read --where` may not be.
WHERE: Final = [
    Attack(name=f"where: {text}", ask=Ask(kind=Kind.READ, port="sales.orders", where=text))
    for text in (
        "1 = 1) union all (select * from sales.payroll",
        "1 = 1) union all by name select secret as note from sales.orders where (1 = 1",
        "true) or (select true from sales.payroll",
        "1 = 1; copy (select 1) to '{root}/written.csv'",
        "true) limit 1 --",
        "true) order by (secret",
        "true) group by all having (true",
        "true) qualify (true",
        "true\n) or true; --",
        "true /*",
        "exists (from sales.payroll)",
        "exists (from sales.orders)",
        "exists (from t)",
        "id in (select id from sales.orders)",
        "id in (from read_text('{outside}'))",
        "read_text('{outside}') is null",
        "exists (from '{warehouse}')",
        "(select count(*) from glob('{root}/**')) > 0",
        "exists (with c as (copy (select 1) to '{root}/written.csv') select 1)",
        "getenv('HOME') = '/root'",
        "current_setting('allowed_directories') is not null",
        "getvariable('x') is null",
        "secret like 'S%'",
        "orders.secret is null",
        "\"secret\" = ''",
        "columns('secret') is null",
        "rowid = 0",
        "filename like '%'",
        "file_row_number = 0",
        "$1",
        "?",
        "?::boolean",
        "stats(salary) is null",
        "query('select 1')",
        "",
        "from sales.payroll",
        "(select secret) = ''",
        "note::integer = 1",
        "error(note)",
        "person.salary > 0",
        "unnest(labels) = 'x'",
        "sum(salary) > 0",
        "rank() over (order by salary) = 1",
        "pg_sleep(1)",
    )
    if text
]
FOUND: Final = [
    Attack(
        name=f"where: {text}",
        ask=Ask(kind=Kind.READ, port="sales.orders", columns="id", where=text),
        refused=False,
        answer=answer,
    )
    for text, answer in {
        f"salary = {NUMBER}": [],
        "salary <> 999999999": [],
        f"email like '{WORD}%' or email is not null": [],
        "is_rich or score > 0 or rate > 0 or born < date '2000-01-01'": [],
        "person.mail is not null or labels is not null or picture is not null": [],
        "region is null or region <> 'EU'": [],
        "amount > 1000": [],
        "true) or (true": IDS,
        "1 = 1 or region = 'US'": IDS,
        f"id in (1, 4, 7, 9) and error({LEAKED})": [],
        f"case when salary = {NUMBER} then error({LEAKED}) else false end": [],
        f"amount > 1000 and cast({LEAKED} as integer) = 1": [],
        "happened < timestamp '2000-01-01'": [],
        "(select true)": IDS,
        "select true": IDS,
        "true -- )": IDS,
    }.items()
]
# What is written where a name, a number or a time belongs.
OPTIONS: Final = [
    Attack(name=f"read: {ask}", ask=ask)
    for ask in (
        *(
            Ask(kind=Kind.READ, port="sales.orders", columns=columns)
            for columns in (
                "secret", "SECRET", "id,secret", "*", 'id" from sales.payroll --', "(select secret)", "rowid", "filename",
                "person.mail", "count(*)", "nothing", "_change_type",
            )
        ),
        *(
            Ask(kind=Kind.READ, port=port)
            for port in (
                "sales.payroll", "sales.payroll.payroll", "sales.payroll@1", "sales.ideas", "sales.orders.secret", "sales",
                "sales.orders@2", "sales.orders@", "sales.orders@-1", "sales.orders@dev", "sales.orders' --", "../sales.orders",
                "sales/orders", "sales.orders.orders.orders", "*", "sales.*", "", " ", "{outside}", "data/orders.parquet",
                "sales.orders;drop", "s\u0430les.orders",
            )
        ),
        *(
            Ask(kind=Kind.READ, port="sales.orders", since=since)
            for since in ("' or true --", "x", "2024-13-01", "now()", "(select 1)", "2024-01-01' union select secret --")
        ),
        *(Ask(kind=Kind.READ, port="sales.orders", as_of=as_of) for as_of in ("0", "-1", "99", "1; --", "x", "1980-01-01", "1e3")),
        *(Ask(kind=Kind.READ, port="sales.payroll", as_of=as_of) for as_of in ("1", "2030-01-01")),
        *(Ask(kind=Kind.READ, port="sales.orders", environment=name) for name in ("../prod", "dev", "prod' --", "PROD")),
        *(Ask(kind=Kind.READ, port="sales.orders", purpose=name) for name in ("Snooping", "Marketing' --", "*")),
        Ask(kind=Kind.READ, port="sales.leads", purpose="ResearchAndDevelopment"),
        Ask(kind=Kind.READ, port="sales.leads", purpose="unspecified"),
        Ask(kind=Kind.READ, port="sales.visits", since="1980-01-01"),
        Ask(kind=Kind.READ, port="sales.report"),
    )
]  # fmt: skip
PAST: Final = [
    Attack(name=f"the past: {ask}", ask=ask, refused=False, answer=answer)
    for ask, answer in (
        (
            Ask(kind=Kind.READ, port="sales.orders", as_of="1", columns="id"),
            [{"id": 2}, {"id": 3}, {"id": 5}, {"id": 6}],
        ),
        (Ask(kind=Kind.READ, port="sales.orders", as_of="1"), None),
        (Ask(kind=Kind.READ, port="sales.orders", since="1980-01-01", until="2000-01-01"), []),
        (Ask(kind=Kind.READ, port="sales.orders", since="1980-01-01", columns="id"), IDS),
        (Ask(kind=Kind.READ, port="sales.orders", limit=1, columns="id"), [{"id": 2}]),
        (Ask(kind=Kind.READ, port="sales.visits"), None),
        (
            Ask(kind=Kind.READ, port="sales.versions", as_of="1"),
            [{"id": 1, "region": "EU", "email": None, "pay": 999999999}],
        ),
        (
            Ask(kind=Kind.READ, port="sales.versions", as_of="2"),
            [{"id": 1, "region": "EU", "mail": None, "pay": 999999999}],
        ),
        (
            Ask(kind=Kind.READ, port="sales.versions", as_of="3"),
            [{"id": 1, "region": "EU", "email": None, "pay": 999999999}],
        ),
        (Ask(kind=Kind.READ, port="sales.leads", purpose="Marketing"), []),
        (Ask(kind=Kind.READ, port="sales.leads", purpose="Advertising"), []),
        (
            Ask(
                kind=Kind.SQL,
                sql="select count(*) as n from sales.versions where email is not null or pay < 0",
                as_of="1",
            ),
            NONE,
        ),
        (Ask(kind=Kind.SQL, sql="select sum(amount) as n from sales.orders", as_of="1"), [{"n": 160}]),
        (
            Ask(kind=Kind.SQL, sql="select count(*) as n from sales.orders", since="1980-01-01", until="2000-01-01"),
            NONE,
        ),
        (Ask(kind=Kind.SQL, sql="select * from sales.versions", as_of="2"), None),
        (Ask(kind=Kind.CHANGES, port="sales.orders", before="1"), None),
        (Ask(kind=Kind.CHANGES, port="sales.orders", before="2", after="1"), None),
        (Ask(kind=Kind.CHANGES, port="sales.orders", before="2"), []),
        (Ask(kind=Kind.CHANGES, port="sales.orders", before="1", limit=1), None),
        (Ask(kind=Kind.CHANGES, port="sales.versions", before="1"), []),
        (Ask(kind=Kind.CHANGES, port="sales.versions", before="1", after="2"), []),
        (Ask(kind=Kind.CHANGES, port="sales.versions", before="2"), []),
        (Ask(kind=Kind.CHANGES, port="sales.visits", before="1"), []),
        (Ask(kind=Kind.DIFF, port="sales.orders"), None),
        (Ask(kind=Kind.DIFF, port="sales.orders", before="1", after="2", limit=100), None),
        (Ask(kind=Kind.DIFF, port="sales.orders", before="2", after="1", limit=100), None),
        (Ask(kind=Kind.DIFF, port="sales.orders", key="salary", limit=100), None),
        (Ask(kind=Kind.DIFF, port="sales.orders", key="email,born", limit=100), None),
        (Ask(kind=Kind.DIFF, port="sales.versions", before="1", limit=100), None),
        (Ask(kind=Kind.DIFF, port="sales.versions", before="2", after="3", limit=100), None),
    )
]
BETWEEN: Final = [
    Attack(name=f"between publications: {ask}", ask=ask)
    for ask in (
        *(
            Ask(kind=Kind.CHANGES, port="sales.orders", before=before)
            for before in ("0", "-1", "99", "x", "1; --", "1980-01-01", "dev", "' or true --")
        ),
        Ask(kind=Kind.CHANGES, port="sales.payroll", before="1"),
        Ask(kind=Kind.CHANGES, port="sales.ideas", before="1"),
        Ask(kind=Kind.CHANGES, port="sales.report", before="1"),
        *(
            Ask(kind=Kind.DIFF, port="sales.orders", key=key)
            for key in ("secret", "id,secret", 'id" --', "rowid", "(select 1)", "person.mail")
        ),
        *(Ask(kind=Kind.DIFF, port="sales.orders", before=before) for before in ("99", "dev", "x'", "../prod")),
        Ask(kind=Kind.DIFF, port="sales.payroll", before="1", after="1"),
        Ask(kind=Kind.DIFF, port="sales.payroll"),
        Ask(kind=Kind.DIFF, port="sales.ideas", before="1", after="1"),
        Ask(kind=Kind.FILES, port="sales.report"),
        Ask(kind=Kind.FILES, port="sales.orders"),
        Ask(kind=Kind.FILES, port="sales.payroll"),
        Ask(kind=Kind.FILES, port="../data"),
        Ask(kind=Kind.EXPLAIN, port="sales.payroll"),
        Ask(kind=Kind.EXPLAIN, port="sales.ideas"),
        Ask(kind=Kind.START, port="sales.payroll"),
        Ask(kind=Kind.START, port="sales.ideas"),
        Ask(kind=Kind.START, port="sales.report"),
    )
]
TOLD: Final = [
    Attack(name=f"told: {ask}", ask=ask, refused=False)
    for ask in (
        Ask(kind=Kind.LIST),
        Ask(kind=Kind.NAMES),
        Ask(kind=Kind.NAMES, port="sales.visits"),
        Ask(kind=Kind.EXPLAIN, port="sales.orders"),
        Ask(kind=Kind.EXPLAIN, port="sales.orders", columns="salary"),
        Ask(kind=Kind.EXPLAIN, port="sales.visits"),
        Ask(kind=Kind.START, port="sales.orders"),
        Ask(kind=Kind.START, port="sales.visits"),
    )
]
SQL: Final = [
    *FILES, *TEXT, *SYSTEM, *WRITES, *STATEMENTS, *NAMES, *ABSENT, *VOLATILE, *ERRORS, *SHOWN_ERRORS, *MASKED, *CONDITIONS, *ROWS,
]  # fmt: skip

OTHERS: Final = [*WHERE, *FOUND, *OPTIONS, *PAST, *BETWEEN, *TOLD]
