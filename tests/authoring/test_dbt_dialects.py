"""SQL of other databases in DuckDB's dialect: what is known to be lost otherwise is kept, and what has no equal is named."""

from __future__ import annotations

import pytest

from meshwright.authoring.dbt.dialects import data_type, translate


def test_duckdbs_own_text_is_kept_as_it_is() -> None:
    text = "select  1 as a -- why\nfrom range(3)"
    assert translate(text, "duckdb").sql == text


@pytest.mark.parametrize(
    ("sql", "dialect", "expected"),
    [
        ("select x:a.b::string from t", "snowflake", "x ->> '$.a.b'"),
        ("select to_char(d, 'YYYY-MM') from t", "snowflake", "STRFTIME(d, '%Y-%m')"),
        ("select safe_cast(a as int64) from `p.t`", "bigquery", "TRY_CAST(a AS BIGINT)"),
        ("select dateadd(day, 1, d) from t", "redshift", "INTERVAL 1 DAY"),
        ("select a from t qualify row_number() over (partition by a order by b) = 1", "snowflake", "QUALIFY"),
    ],
)
def test_what_is_translated_means_the_same(sql: str, dialect: str, expected: str) -> None:
    found = translate(sql, dialect)
    assert found.sql is not None
    assert expected in found.sql


@pytest.mark.parametrize("sql", ["select a from {{ x }}", "select from from", "select 1; select 2"])
def test_what_cannot_be_read_is_named(sql: str) -> None:
    found = translate(sql, "postgres")
    assert found.sql is None
    assert found.problems


@pytest.mark.parametrize(
    ("text", "dialect", "expected"),
    [
        ("NUMBER(38,0)", "snowflake", "DECIMAL(38,0)"),
        ("VARIANT", "snowflake", "VARIANT"),
        ("OBJECT", "snowflake", "JSON"),
        ("NUMERIC", "bigquery", "DECIMAL(38,9)"),
        ("character varying(10)", "postgres", "VARCHAR"),
        ("timestamp without time zone", "duckdb", "TIMESTAMP"),
        ("geography", "bigquery", None),
    ],
)
def test_types_are_those_that_duckdb_has(text: str, dialect: str, expected: str | None) -> None:
    found = data_type(text, dialect)
    assert (str(found) if found is not None else None) == expected
