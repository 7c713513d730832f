"""dbt's incremental models → append or merge over an input's changes, where the model's own filter says which input."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from meshwright.authoring.dbt.configs import listed
from meshwright.authoring.dbt.rendering import THIS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlglot import exp

# What makes of rows something else than the same rows.
MORE: Final = ("group", "distinct", "limit", "offset")
COLUMN: Final = re.compile(r"\"?([A-Za-z_]\w*)\"?\Z")


@dataclass(frozen=True, slots=True)
class Incremental:
    """How an incremental model is kept: `token` is the table whose changes it reads, "" where it is built in full.

    `has_alias` says that the query gives that table a name of its own. `why` tells why it is built in full.
    """

    materialization: str = "full"
    key: tuple[str, ...] = ()
    token: str = ""
    has_alias: bool = False
    why: str = ""


def recognised(filtered: str, whole: str, *, config: Mapping[str, Any], dialect: str) -> Incremental:
    """How a model is kept whose query is *filtered* in an incremental run, and *whole* in a full one.

    Tables in both are called by tokens; the model's own is `__this__`. The filter is recognised when one WHERE compares with
    the model's own table, and the rows it filters come from a single table that is read once.
    """
    strategy = str(config.get("incremental_strategy") or "")
    if strategy in {"insert_overwrite", "microbatch"}:
        return Incremental(why=f"the strategy {strategy} replaces whole partitions")
    keys = [COLUMN.match(str(name)) for name in listed(config.get("unique_key"))]
    if not all(keys):
        return Incremental(why="its unique_key is an expression, not columns")
    token, has_alias, why = _filtered_table(filtered, dialect)
    if why:
        return Incremental(why=why)
    if len(re.findall(rf"\b{token}\b", whole)) != 1:
        return Incremental(why="it reads the filtered table in several places")
    key = tuple(match[1] for match in keys if match is not None)
    return Incremental("merge" if key else "append", key, token, has_alias)


def passed_on(sql: str, dialect: str) -> tuple[str, bool]:
    """The one table whose rows the query *sql* passes on row by row, and whether it has an alias; "" when it does more."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(sql, read=dialect)
    except (SqlglotError, RecursionError):
        return "", False
    table = _single_table(tree, tree, is_filtered=False) if isinstance(tree, exp.Select) else None
    return (table.name, bool(table.alias)) if table is not None else ("", False)


def _filtered_table(sql: str, dialect: str) -> tuple[str, bool, str]:
    """The table whose rows the filter on the model's own table keeps, whether it has an alias, or why none was found."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(sql, read=dialect)
    except (SqlglotError, RecursionError):
        return "", False, "its query cannot be analysed"
    own = [table for table in tree.find_all(exp.Table) if table.name == THIS]
    filters = {id(where): where for where in (_outer_filter(table) for table in own) if where is not None}
    if not own:
        return "", False, "it compares nothing with what it holds already"
    if not all(_asks_what_is_newest(table) for table in own):
        return "", False, "its filter asks more of what it holds than keys or the newest value"
    if len(filters) != 1 or any(_outer_filter(table) is None for table in own):
        return "", False, "it compares with what it holds already outside a single WHERE"
    select = next(iter(filters.values())).parent
    table = _single_table(select, tree, is_filtered=True) if isinstance(select, exp.Select) else None
    if table is None:
        return "", False, "the filtered rows come from several tables, or from grouped rows"
    return table.name, bool(table.alias), ""


def _asks_what_is_newest(table: exp.Table) -> bool:
    """Whether the subquery over the model's own *table* takes all its rows: a retry of some of them is no news of an input."""
    from sqlglot import exp

    inner = table.find_ancestor(exp.Select)
    return inner is not None and (inner.args.get("where") is None or isinstance(inner.parent, exp.Exists))


def _outer_filter(table: exp.Table) -> exp.Where | None:
    """The WHERE of the query that the subquery with *table* stands in."""
    from sqlglot import exp

    node: exp.Expr | None = table.find_ancestor(exp.Select)
    outer = node.find_ancestor(exp.Where) if node is not None else None
    return outer if isinstance(outer, exp.Where) else None


def _filters_only(table: exp.Table, select: exp.Select) -> bool:
    """Whether the filter of *select* speaks of columns of its first *table* alone, and what is joined only adds to its rows."""
    from sqlglot import exp

    if any(join.side in {"RIGHT", "FULL"} for join in select.args["joins"]):
        return False
    where = select.args["where"].this
    conditions = where.flatten() if isinstance(where, exp.And) else [where]
    asking = [one for one in conditions if any(inner.name == THIS for inner in one.find_all(exp.Table))]
    columns = [
        one for condition in asking for one in condition.find_all(exp.Column) if one.find_ancestor(exp.Select) is select
    ]
    return bool(columns) and all(one.table == table.alias_or_name for one in columns)


def _single_table(select: exp.Select, tree: exp.Expr, *, is_filtered: bool) -> exp.Table | None:
    """The one table that *select* takes its rows from, through CTEs that only pass rows on.

    What a select that *is_filtered* makes of its rows itself does not matter: it sees only new ones in dbt, too.
    """
    from sqlglot import exp

    ctes = {cte.alias: cte.this for cte in tree.find_all(exp.CTE)}
    seen: set[str] = set()
    first = is_filtered
    while True:
        source = select.args.get("from_") or select.args.get("from")
        table = source.this if source is not None else None
        if not isinstance(table, exp.Table):
            return None
        if select.args.get("joins") and not (first and _filters_only(table, select)):
            return None
        if not first and (any(select.args.get(part) for part in MORE) or select.find(exp.AggFunc, exp.Window)):
            return None
        inner = ctes.get(table.name)
        if inner is None:
            return table
        if table.name in seen or not isinstance(inner, exp.Select):
            return None
        seen.add(table.name)
        select, first = inner, False
