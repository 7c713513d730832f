"""SQL of other databases → DuckDB's dialect, and what of it has no equal there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from meshwright.model.datatype import DataType

DUCKDB: Final = "duckdb"
# dbt's adapters and the dialects that sqlglot knows them by.
DIALECTS: Final = {
    "athena": "athena",
    "bigquery": "bigquery",
    "clickhouse": "clickhouse",
    "databricks": "databricks",
    "duckdb": DUCKDB,
    "fabric": "fabric",
    "materialize": "materialize",
    "mysql": "mysql",
    "oracle": "oracle",
    "postgres": "postgres",
    "redshift": "redshift",
    "snowflake": "snowflake",
    "spark": "spark",
    "sqlite": "sqlite",
    "sqlserver": "tsql",
    "synapse": "tsql",
    "trino": "trino",
}
# Types without parameters whose meaning a translation would not keep.
TYPES: Final = {
    ("bigquery", "NUMERIC"): "DECIMAL(38,9)",
    ("snowflake", "ARRAY"): "JSON",
    ("snowflake", "OBJECT"): "JSON",
    ("redshift", "SUPER"): "JSON",
}
DATE_FORMAT: Final = re.compile(r"YY|MM|DD|HH|MI|SS|MON|DY", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Translated:
    """SQL in DuckDB's dialect; `sql` is None when the original could not be read, `problems` say what has no equal."""

    sql: str | None
    problems: tuple[str, ...] = ()


def translate(sql: str, dialect: str) -> Translated:
    """*sql*, one query of *dialect*, in DuckDB's; the text is kept as it is where that is its dialect already."""
    if dialect == DUCKDB:
        return Translated(sql)
    import sqlglot
    from sqlglot.errors import ErrorLevel, SqlglotError, UnsupportedError

    try:
        parsed = [tree for tree in sqlglot.parse(sql, read=dialect) if tree is not None]
    except SqlglotError as error:
        return Translated(None, (_first(error),))
    except RecursionError:
        return Translated(None, ("the query is nested too deeply",))
    if len(parsed) != 1:
        return Translated(None, (f"there are {len(parsed)} statements",))
    parsed[0] = parsed[0].transform(_corrected, dialect)
    problems: tuple[str, ...] = ()
    try:
        parsed[0].sql(DUCKDB, unsupported_level=ErrorLevel.RAISE, max_unsupported=5)
    except UnsupportedError as error:
        problems = tuple(line.strip() for line in str(error).splitlines() if line.strip())
    text = parsed[0].sql(DUCKDB, pretty=True, unsupported_level=ErrorLevel.IGNORE)
    return Translated(text, problems)


def _corrected(node: Any, dialect: str) -> Any:  # noqa: ANN401 - a node of sqlglot, which is imported where it is used
    """*node*, or what it means where sqlglot would say something else in DuckDB's dialect."""
    from sqlglot import exp
    from sqlglot.dialects.dialect import Dialect

    if (
        isinstance(node, exp.Cast)
        and isinstance(node.this, exp.JSONExtract)
        and node.to.is_type(*exp.DataType.TEXT_TYPES)
    ):
        # The value itself, not its JSON in quotes.
        return exp.JSONExtractScalar(this=node.this.this, expression=node.this.expression)
    if isinstance(node, exp.ToChar) and isinstance(node.args.get("format"), exp.Literal):
        written = node.args["format"].name
        if DATE_FORMAT.search(written):
            spoken = Dialect.get_or_raise(dialect).format_time(exp.Literal.string(written))
            return exp.TimeToStr(this=node.this, format=spoken)
    return node


def data_type(text: str, dialect: str) -> DataType | None:
    """The type that *dialect* calls *text*; None when it is not known here."""
    found = TYPES.get((dialect, text.strip().upper()), text.strip())
    if dialect != DUCKDB and found == text.strip():
        from sqlglot import exp
        from sqlglot.errors import SqlglotError

        try:
            found = exp.DataType.build(found, dialect=dialect).sql(DUCKDB)
        except (SqlglotError, ValueError):
            found = text.strip()
    # Postgres' spelling, also where the project does not say what it runs on.
    found = found.removesuffix(" without time zone")
    try:
        return DataType.parse(found)
    except ValueError:
        return None


def _first(error: Exception) -> str:
    return str(error).split("\n", 1)[0].replace("\x1b[4m", "").replace("\x1b[0m", "")
