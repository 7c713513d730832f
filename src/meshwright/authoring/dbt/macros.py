"""Macros of dbt and of dbt_utils that many projects call, as SQL in the project's own dialect."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DUCKDB: Final = "duckdb"
SLOT: Final = re.compile(r"\{(\w+)\}")


class NotRendered(Exception):
    """What a template asks for is not known here; the message says what."""


def expression(dialect: str, template: str, **arguments: Any) -> str:  # noqa: ANN401 - pieces of SQL
    """The DuckDB expression *template* in *dialect*, its `{slots}` filled with *arguments*, SQL of that dialect already."""
    found = _translated(dialect, template)
    for name, value in arguments.items():
        found = re.sub(rf'["`\[]?slot_{name}_["`\]]?', lambda _, text=str(value): text, found)  # type: ignore[misc]
    return found


@lru_cache(maxsize=512)
def _translated(dialect: str, template: str) -> str:
    marked = SLOT.sub(r"slot_\1_", template)
    if dialect == DUCKDB:
        return marked
    import sqlglot

    found: str = sqlglot.parse_one(marked, read=DUCKDB).sql(dialect=dialect)
    return found


def _part(text: str) -> str:
    return str(text).strip().strip("'\"").lower()


def date_trunc(dialect: str, datepart: str, date: str) -> str:
    """`dbt.date_trunc`."""
    return expression(dialect, f"date_trunc('{_part(datepart)}', {{date}})", date=date)


def dateadd(dialect: str, datepart: str, interval: Any, from_date_or_timestamp: str) -> str:  # noqa: ANN401 - SQL or a number
    """`dbt.dateadd`."""
    template = f"({{start}} + ({{amount}}) * INTERVAL '1' {_part(datepart)})"
    return expression(dialect, template, start=from_date_or_timestamp, amount=interval)


def datediff(dialect: str, first_date: str, second_date: str, datepart: str) -> str:
    """`dbt.datediff`: how many boundaries of *datepart* lie between."""
    return expression(
        dialect, f"date_diff('{_part(datepart)}', {{first}}, {{second}})", first=first_date, second=second_date
    )


def last_day(dialect: str, date: str, datepart: str) -> str:
    """`dbt.last_day`."""
    template = (
        f"CAST(date_trunc('{_part(datepart)}', {{date}}) + INTERVAL '1' {_part(datepart)} - INTERVAL '1' day AS DATE)"
    )
    return expression(dialect, template, date=date)


def concat(dialect: str, fields: Sequence[str]) -> str:
    """`dbt.concat`."""
    del dialect
    return "(" + " || ".join(fields) + ")"


def listagg(
    dialect: str,
    measure: str,
    delimiter_text: str = "','",
    order_by_clause: str | None = None,
    limit_num: int | None = None,
) -> str:
    """`dbt.listagg`, in DuckDB's dialect only."""
    if dialect != DUCKDB or limit_num is not None:
        raise NotRendered("dbt.listagg differs too much between databases")
    return f"string_agg({measure}, {delimiter_text} {order_by_clause or ''})".replace(" )", ")")


def split_part(dialect: str, string_text: str, delimiter_text: str, part_number: int) -> str:
    """`dbt.split_part`."""
    return expression(
        dialect, "split_part({text}, {by}, {part})", text=string_text, by=delimiter_text, part=part_number
    )


def _call(template: str, *names: str) -> Callable[..., str]:
    """A macro whose SQL is *template*, filled with its arguments called *names*."""

    def made(dialect: str, *arguments: Any, **named: Any) -> str:  # noqa: ANN401 - pieces of SQL
        given = {**dict(zip(names, arguments, strict=False)), **named}
        missing = [name for name in names if name not in given]
        if missing:
            raise NotRendered(f"the argument {missing[0]} is missing")
        return expression(dialect, template, **{name: given[name] for name in names})

    return made


def generate_surrogate_key(dialect: str, field_list: Sequence[str], *_: Any) -> str:  # noqa: ANN401 - the macro's signature
    """`dbt_utils.generate_surrogate_key`: MD5 of the values as text, nulls marked, joined by '-'."""
    if isinstance(field_list, str):
        raise NotRendered("dbt_utils.generate_surrogate_key takes a list of columns")
    parts = [
        expression(dialect, "coalesce(cast({field} as VARCHAR), '_dbt_utils_surrogate_key_null_')", field=field)
        for field in field_list
    ]
    return expression(dialect, "md5({joined})", joined=" || '-' || ".join(parts))


def star(
    dialect: str,
    from_: str = "",
    relation_alias: str | bool = False,  # noqa: FBT001, FBT002 - the macro's signature
    except_: Sequence[str] = (),
    prefix: str = "",
    suffix: str = "",
    quote_identifiers: bool = True,  # noqa: FBT001, FBT002 - the macro's signature
    **named: Any,  # noqa: ANN401 - `from` and `except`, which Python keeps for itself
) -> str:
    """`dbt_utils.star`, as `* EXCLUDE (…)`: the columns are those that the table has when the query runs."""
    del dialect, from_, quote_identifiers
    if prefix or suffix:
        raise NotRendered(
            "dbt_utils.star with a prefix or suffix looks at the table's columns while the SQL is written"
        )
    left_out = [name.lower() for name in named.get("except", except_)]
    alias = f"{relation_alias}." if relation_alias else ""
    return f"{alias}* EXCLUDE ({', '.join(left_out)})" if left_out else f"{alias}*"


def union_relations(
    dialect: str,
    relations: Sequence[str],
    source_column_name: str | None = "_dbt_source_relation",
    **more: Any,  # noqa: ANN401 - the macro's signature
) -> str:
    """`dbt_utils.union_relations`, as `UNION ALL BY NAME`; the source column holds the table's name."""
    del dialect
    if {key for key, value in more.items() if value} - {"column_override"} or more.get("column_override"):
        raise NotRendered(
            "dbt_utils.union_relations with include, exclude, where or overrides looks at the tables' columns"
        )
    selects = []
    for one in relations:
        marked = f"'{getattr(one, 'identifier', one)}' AS {source_column_name}, " if source_column_name else ""
        selects.append(f"SELECT {marked}* FROM {one}")
    return "(\n" + "\nUNION ALL BY NAME\n".join(selects) + "\n)"


def date_spine(dialect: str, datepart: str, start_date: str, end_date: str) -> str:
    """`dbt_utils.date_spine`: one row for each step from the start up to, without, the end."""
    if dialect != DUCKDB:
        raise NotRendered("dbt_utils.date_spine: write SELECT unnest(generate_series(…)) in DuckDB's dialect")
    part = _part(datepart)
    return (
        f"(SELECT unnest(generate_series(CAST({start_date} AS TIMESTAMP), "
        f"CAST({end_date} AS TIMESTAMP) - INTERVAL '1' {part}, INTERVAL '1' {part})) AS date_{part})"
    )


def deduplicate(dialect: str, relation: str, partition_by: str, order_by: str, **_: Any) -> str:  # noqa: ANN401 - the macro's signature
    """`dbt_utils.deduplicate`."""
    del dialect
    return f"SELECT * FROM {relation} QUALIFY row_number() OVER (PARTITION BY {partition_by} ORDER BY {order_by}) = 1"


def pivot(  # noqa: PLR0913, PLR0917 - the macro's signature
    dialect: str,
    column: str,
    values: Sequence[Any],
    alias: bool = True,  # noqa: FBT001, FBT002 - the macro's signature
    agg: str = "sum",
    cmp: str = "=",
    prefix: str = "",
    suffix: str = "",
    then_value: Any = 1,  # noqa: ANN401 - SQL or a number
    else_value: Any = 0,  # noqa: ANN401 - SQL or a number
    quote_identifiers: bool = True,  # noqa: FBT001, FBT002 - the macro's signature
    distinct: bool = False,  # noqa: FBT001, FBT002 - the macro's signature
) -> str:
    """`dbt_utils.pivot` over values that are written out."""
    del dialect
    rows = []
    for value in values:
        text = str(value).replace("'", "''")
        name = f"{prefix}{value}{suffix}"
        named = f' AS "{name}"' if alias and quote_identifiers else f" AS {name}" if alias else ""
        whether = "DISTINCT " if distinct else ""
        rows.append(f"{agg}({whether}CASE WHEN {column} {cmp} '{text}' THEN {then_value} ELSE {else_value} END){named}")
    return ",\n".join(rows)


def group_by(dialect: str, n: int) -> str:
    """`dbt_utils.group_by`."""
    del dialect
    return "group by " + ", ".join(str(at) for at in range(1, int(n) + 1))


def _sum(operator: str) -> Callable[..., str]:
    def made(dialect: str, *values: Any) -> str:  # noqa: ANN401 - pieces of SQL
        del dialect
        parts = values[0] if values and isinstance(values[0], list) else values
        return "(" + f" {operator} ".join(f"coalesce({value}, 0)" for value in parts) + ")"

    return made


def _type(name: str) -> Callable[..., str]:
    def made(dialect: str, *_: Any) -> str:  # noqa: ANN401 - the macro's signature
        return name if dialect == DUCKDB else _type_in(dialect, name)

    return made


@lru_cache(maxsize=256)
def _type_in(dialect: str, name: str) -> str:
    from sqlglot import exp

    return exp.DataType.build(name, dialect=DUCKDB).sql(dialect=dialect)


# (namespace, macro) → a function of the dialect and the macro's arguments.
BUILTIN: Final[dict[tuple[str, str], Callable[..., str]]] = {
    ("dbt", "date_trunc"): date_trunc,
    ("dbt", "dateadd"): dateadd,
    ("dbt", "datediff"): datediff,
    ("dbt", "last_day"): last_day,
    ("dbt", "concat"): concat,
    ("dbt", "listagg"): listagg,
    ("dbt", "split_part"): split_part,
    ("dbt", "current_timestamp"): _call("current_timestamp"),
    ("dbt", "hash"): _call("md5(cast({field} as VARCHAR))", "field"),
    ("dbt", "length"): _call("length({expression})", "expression"),
    ("dbt", "right"): _call("right({string_text}, {length_expression})", "string_text", "length_expression"),
    ("dbt", "replace"): _call("replace({field}, {old_chars}, {new_chars})", "field", "old_chars", "new_chars"),
    ("dbt", "position"): _call("strpos({string_text}, {substring_text})", "substring_text", "string_text"),
    # Every dialect's reader understands it, and a translation would lose the "try" where types are not known.
    ("dbt", "safe_cast"): lambda dialect, field, type: f"try_cast({field} as {type})",  # noqa: A006, ARG005 - the macro's signature
    ("dbt", "cast"): _call("cast({field} as {type})", "field", "type"),
    ("dbt", "bool_or"): _call("bool_or({expression})", "expression"),
    ("dbt", "any_value"): _call("any_value({expression})", "expression"),
    ("dbt", "escape_single_quotes"): lambda dialect, text: str(text).replace("'", "''"),  # noqa: ARG005 - one signature for all
    ("dbt", "string_literal"): lambda dialect, text: f"'{text}'",  # noqa: ARG005 - one signature for all
    ("dbt", "type_string"): _type("VARCHAR"),
    ("dbt", "type_timestamp"): _type("TIMESTAMP"),
    ("dbt", "type_int"): _type("INTEGER"),
    ("dbt", "type_bigint"): _type("BIGINT"),
    ("dbt", "type_float"): _type("DOUBLE"),
    ("dbt", "type_numeric"): _type("DECIMAL(28, 6)"),
    ("dbt", "type_boolean"): _type("BOOLEAN"),
    ("dbt_utils", "generate_surrogate_key"): generate_surrogate_key,
    ("dbt_utils", "surrogate_key"): generate_surrogate_key,
    ("dbt_utils", "star"): star,
    ("dbt_utils", "union_relations"): union_relations,
    ("dbt_utils", "date_spine"): date_spine,
    ("dbt_utils", "deduplicate"): deduplicate,
    ("dbt_utils", "pivot"): pivot,
    ("dbt_utils", "group_by"): group_by,
    ("dbt_utils", "safe_add"): _sum("+"),
    ("dbt_utils", "safe_subtract"): _sum("-"),
    ("dbt_utils", "safe_divide"): _call("({numerator} / nullif({denominator}, 0))", "numerator", "denominator"),
}
