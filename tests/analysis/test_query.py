"""Parsing one query, finding its tables with their places, and calling them by other names."""

from __future__ import annotations

import duckdb
import pytest

from meshwright.analysis.query import Query, SqlError, TableReference, alias_of, parse, parse_all, rewrite


def names_in(text: str) -> list[str]:
    return sorted(".".join(reference.path) for reference in parse(text).references)


def written(query: Query) -> list[str]:
    return [query.text[reference.start : reference.end] for reference in query.references]


def named_by_address(text: str) -> str:
    query = parse(text)
    return rewrite(query, {reference.path: ".".join(reference.path) for reference in query.references})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select * from flights", ["flights"]),
        ("FROM operations.flights", ["operations.flights"]),
        ("select 1 from a.b.c", ["a.b.c"]),
        ("select 1", []),
        ("values (1), (2)", []),
        ("from 'data/orders.csv'", ["data/orders.csv"]),
        ("with c as (select * from t) select * from c", ["t"]),
        ("with C as (select * from t) select * from c", ["t"]),
        ('with c as (select * from t) select * from "C"', ["t"]),
        ("with t as (select * from t) select * from t", ["t"]),
        ("with recursive t as (select * from t) select * from t", ["t"]),
        ("with a as (select * from b), b as (select 1) select * from a", ["b"]),
        ("with a as (select 1), b as (select * from a) select * from b", []),
        ("with c as (select 1) select * from s.c", ["s.c"]),
        ("select * from (with c as (select 1) select * from c), c", ["c"]),
        ("with c as (select 1) select * from (with d as (from c) from d)", []),
        ("with c as (select 1) (select * from c) union all (with d as (from c) select * from d, e)", ["e"]),
        ("(with c as (select 1) select * from c) union all (select * from c)", ["c"]),
        ("with recursive r(n) as (select 1 union all select n + 1 from r where n < 3) from r", []),
        ("with recursive r(n) as (select n from r union all select n + 1 from r) from r", ["r"]),
        ("with recursive r(n) as (select 1 union all (with d as (from r) select n + 1 from d)) from r", []),
        ("select (select max(x) from u where u.id = t.id) from t", ["t", "u"]),
        ("select * from t where id in (select id from u) and exists (from v)", ["t", "u", "v"]),
        ("with c as (select 1) select * from t where id in (select * from c)", ["t"]),
        ("from t, lateral (select * from u where u.id = t.id) x", ["t", "u"]),
        ("from t join u using (id) semi join v using (id) asof join w on t.a >= w.a", ["t", "u", "v", "w"]),
        ("from a union by name from b except from c intersect from d", ["a", "b", "c", "d"]),
        ("pivot flights on origin in ('EWR') using count(*)", ["flights"]),
        ("from (pivot flights on origin in ('EWR') using count(*)) p join u on true", ["flights", "u"]),
        ("unpivot t on a, b into name n value v", ["t"]),
        ("select * from t order by (select max(x) from u) limit (select 1 from v)", ["t", "u", "v"]),
        ("select sum(a) over (partition by (select 1 from u)) from t qualify exists (from v)", ["t", "u", "v"]),
        ("select case when exists (from u) then 1 end from t group by (select 1 from v) having exists (from w)",
         ["t", "u", "v", "w"]),
        ("select list_transform(l, lambda x: x + (select max(n) from u)) from t", ["t", "u"]),
        ("select * from (values ((select 1 from u))) v", ["u"]),
        ("select * from range((select max(n) from u))", ["u"]),
        ("select array(select a from u)", ["u"]),
        ("select * replace ((select 1 from u) as a) from t", ["t", "u"]),
        ("from t t1, t t2", ["t", "t"]),
    ],
)  # fmt: skip
def test_the_tables_of_a_query_are_those_that_are_no_cte_in_scope(text: str, expected: list[str]) -> None:
    assert names_in(text) == expected


def test_a_table_is_placed_by_characters_lines_and_columns_counted_from_one() -> None:
    query = parse("-- é ü\nselect é.x\n  from  operations . flights  as é,\n 'data/ö.csv'")
    assert query.references == (
        TableReference(path=("operations", "flights"), start=26, end=46, alias="é", is_literal=False, line=3, column=9),
        TableReference(path=("data/ö.csv",), start=55, end=67, alias="", is_literal=True, line=4, column=2),
    )
    assert written(query) == ["operations . flights", "'data/ö.csv'"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select\u00a01 from\u3000t", ["t"]),
        ("select '\u00a0', \"\u2003\" as x from t", ["t"]),
        ("/* \u00a0 /* nested \u00a0 */ */ from t -- \u00a0\n, u", ["t", "u"]),
        ("\ufefffrom t", ["t"]),
        ("from é\u00a0, 'ö.csv' -- ä", ["é", "'ö.csv'"]),
        ("select $é$\u00a0$é$ from t", ["t"]),
        ("from f: operations.flights, g : 'x.csv'", ["operations.flights", "'x.csv'"]),
        ('from "weird ""name""" w', ['"weird ""name"""']),
        ("from a /* x */ . -- y\n b", ["a /* x */ . -- y\n b"]),
        ("select 1;; -- nothing more\n", []),
        ("from t\r\n, u\r\n;", ["t", "u"]),
    ],
)
def test_places_fit_whatever_spaces_comments_and_letters_stand_around(text: str, expected: list[str]) -> None:
    assert written(parse(text)) == expected


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("", "sql-not-one-query", 1, 1),
        ("-- only a comment\n", "sql-not-one-query", 1, 1),
        (";", "sql-not-one-query", 1, 1),
        ("select 1;\n select 2", "sql-not-one-query", 2, 2),
        ("select ';' /* ; */;\n-- ;\ninsert into t select 1", "sql-not-one-query", 3, 1),
        ("-- note\n  insert into t select 1", "sql-not-one-query", 2, 3),
        ("create table t as select 1", "sql-not-one-query", 1, 1),
        ("copy (select 1) to 'x'", "sql-not-one-query", 1, 1),
        ("with c as (select 1) delete from t", "sql-not-one-query", 1, 1),
        ("attach 'x'", "sql-not-one-query", 1, 1),
        ("set threads = 1", "sql-not-one-query", 1, 1),
        ("pragma database_list", "sql-not-one-query", 1, 1),
        ("explain select 1", "sql-not-one-query", 1, 1),
        ("pivot t on a using sum(b)", "sql-not-one-query", 1, 1),
        ("\n\nselec 1 from t", "sql-syntax", 3, 1),
        ("select é,\n 'é' é é", "sql-syntax", 2, 8),
        ("select 'open", "sql-syntax", 1, 8),
        ("select \0 1", "sql-syntax", 1, 8),
        ("select " + "(" * 3000 + "1" + ")" * 3000, "sql-syntax", 1, 1),
    ],
)
def test_what_is_not_one_query_is_refused_with_its_place(text: str, code: str, line: int, column: int) -> None:
    with pytest.raises(SqlError) as raised:
        parse(text)
    assert (raised.value.code, raised.value.line) == (code, line)
    assert raised.value.column == column or len(text) > 1000


def test_many_texts_are_parsed_at_once_each_with_its_query_or_its_error() -> None:
    found = parse_all(["select 1", "selec", "a\0", "", "from é.t", "select " + "(" * 3000])
    assert [type(each) for each in found] == [Query, SqlError, SqlError, SqlError, Query, SqlError]
    assert found[4] == parse("from é.t")
    assert parse_all([]) == []


@pytest.mark.parametrize("text", ["select '\ud800'", "values " + ", ".join(["('x')"] * 200_000), "\0" * 1_000_001])
def test_a_text_that_duckdb_cannot_take_is_refused_before(text: str) -> None:
    with pytest.raises(SqlError) as raised:
        parse(text)
    assert raised.value.code == "sql-syntax"


def test_a_pivot_over_its_data_is_refused_with_the_list_that_it_lacks() -> None:
    with pytest.raises(SqlError, match="list of its values"):
        parse("pivot t on a using sum(b)")


@pytest.mark.parametrize(
    ("text", "alias"),
    [
        ("from operations.flights", "flights"),
        ("from operations.flights f", "f"),
        ("from 'data/orders.csv'", "orders"),
        ("from 'data/orders.csv.gz'", "orders"),
        ("from 'data/My Orders.v2.csv'", "My Orders"),
        ("from 'data/*.csv'", "data/*.csv"),
        ("from 'orders.parquet' o", "o"),
    ],
)
def test_a_tables_columns_are_qualified_by_the_alias_that_duckdb_gives(text: str, alias: str) -> None:
    assert alias_of(parse(text).references[0]) == alias


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select flights.a from operations.flights", 'select flights.a from "operations.flights" AS "flights"'),
        ("select f.a from operations.flights f", 'select f.a from "operations.flights" f'),
        ("from f: operations.flights", 'from f: "operations.flights"'),
        ("select operations.flights.a from operations.flights",
         'select "flights".a from "operations.flights" AS "flights"'),
        ("select OPERATIONS.Flights.s.x from operations.flights",
         'select "flights".s.x from "operations.flights" AS "flights"'),
        ("select b.c.x, a.b.c.x, c.x from a.b.c", 'select "c".x, "c".x, c.x from "a.b.c" AS "c"'),
        ("select a.t.x from a.t join b.t on a.t.i = b.t.i",
         'select "a.t".x from "a.t" AS "a.t" join "b.t" AS "b.t" on "a.t".i = "b.t".i'),
        ("select * from a.t where exists (from b.u where b.u.i = a.t.i)",
         'select * from "a.t" AS "t" where exists (from "b.u" AS "u" where "u".i = "t".i)'),
        ("select a.t from a.t", 'select "t" from "a.t" AS "t"'),
        ("select x.y.z from a.t", 'select x.y.z from "a.t" AS "t"'),
        ("select orders.id from 'data/orders.csv'; -- done",
         'select orders.id from "data/orders.csv" AS "orders"'),
        ("from a\n.\nt select t.x", 'from "a.t" AS "t"\n\n select t.x'),
        ("with c as (from a.t) select c.x from c", 'with c as (from "a.t" AS "t") select c.x from c'),
    ],
)  # fmt: skip
def test_tables_are_called_by_other_names_and_columns_keep_their_meaning(text: str, expected: str) -> None:
    assert named_by_address(text) == expected


QUALIFIED = [
    "select ops.t.a, t.b, ops.u.a from ops.t join ops.u on ops.t.a = ops.u.a order by ops.t.a, 2, 3",
    "select a.t.a, b.t.b from a.t, b.t where a.t.a = b.t.a order by all",
    "select (select max(ops.u.b) from ops.u where ops.u.a = ops.t.a) m from ops.t order by all",
    "select ops.t.s.x, t.s.x, s.x from ops.t order by all",
    "select ops.t from ops.t order by all",
    "with t as (select 7 as k) select k, ops.t.a from t, ops.t order by all",
    "from ops.t left join lateral (select * from ops.u where ops.u.a < ops.t.a) z on true select ops.t.a, z.b order by all",
    "select ops.t.a, count(*) from ops.t group by ops.t.a having max(ops.t.b) > 1 order by ops.t.a",
    "pivot ops.t on a in (1, 2) using sum(b) group by s order by all",
    "select * from ops.t tablesample reservoir(100 rows) repeatable (1) order by all",
    "select t.* exclude (s) from ops.t order by all",
    "unpivot (select t.a, t.b from ops.t) on a, b into name n value v order by all",
]


@pytest.mark.parametrize("text", QUALIFIED)
def test_a_rewritten_query_gives_the_rows_of_the_original(text: str) -> None:
    connection = duckdb.connect()
    for schema in ("ops", "a", "b"):
        connection.execute(f"create schema {schema}")
        for table in ("t", "u"):
            rows = "select i as a, i * 10 as b, {'x': i} as s from range(1, 5) r(i)"
            connection.execute(f"create table {schema}.{table} as {rows}")
            connection.execute(f'create view "{schema}.{table}" as from {schema}.{table}')
    assert connection.execute(named_by_address(text)).fetchall() == connection.execute(text).fetchall()


def test_a_table_without_a_name_to_use_is_an_error_at_its_place() -> None:
    with pytest.raises(SqlError, match=r"operations\.flights is not known here") as raised:
        rewrite(parse("select 1\nfrom operations.flights"), {})
    assert (raised.value.code, raised.value.line, raised.value.column) == ("sql-unknown-table", 2, 6)


def test_a_near_table_is_suggested_and_letter_case_does_not_matter() -> None:
    names = {("operations", "flights"): "operations.flights", ("data/A.csv",): "a"}
    with pytest.raises(SqlError, match=r"did you mean operations\.flights\?"):
        rewrite(parse("from operations.fligths"), names)
    assert rewrite(parse("from Operations.FLIGHTS f"), names) == 'from "operations.flights" f'
    with pytest.raises(SqlError, match="not known"):
        rewrite(parse("from 'data/a.csv'"), names)


def test_an_address_with_a_version_outside_quotes_gets_a_hint() -> None:
    with pytest.raises(SqlError) as raised:
        parse("SELECT * FROM sales.orders@1")
    assert (raised.value.column, raised.value.hint) == (
        27,
        'put an address with a major version in double quotes: "domain.product@1"',
    )
