"""SQL as a reader writes it: accepted by the fence or refused, and its errors in a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshwright.analysis import fence
from meshwright.analysis.query import SqlError, parse
from meshwright.model.errors import InvalidInput

if TYPE_CHECKING:
    from meshwright.analysis.query import Query, TableReference


def named(reference: TableReference) -> str:
    """The address that a table is written as. Raises InvalidInput for a file."""
    if reference.is_literal:
        raise InvalidInput(
            f"{reference.line}:{reference.column}: '{reference.path[0]}' is a file, and a query reads published ports only: "
            "name one as domain.product"
        )
    return ".".join(reference.path)


def accepted(sql: str) -> Query:
    """*sql*, when it is one query within the fence. Raises InvalidInput with everything that is refused, and where."""
    try:
        query = parse(sql)
    except SqlError as error:
        hint = f" … {error.hint}" if error.hint else ""
        raise InvalidInput(f"{error.line}:{error.column}: {error.message}{hint}") from None
    problems = fence.check(query)
    if problems:
        lines = [f"{one.line}:{one.column}: {one.message} ({one.value}) … {one.hint}" for one in problems]
        raise InvalidInput("\n".join(lines))
    return query


def condition(where: str) -> str:
    """*where* when it is one SQL condition and nothing more. Raises InvalidInput."""
    whole = accepted(f"SELECT 1 FROM t WHERE (\n{where}\n)")
    query = accepted(f"SELECT (\n{where}\n) FROM t")
    if {whole.tree["type"], query.tree["type"]} != {"SELECT_NODE"}:
        raise InvalidInput("--where takes one condition: what stands in it closes the bracket around it")
    if len(query.references) > 1:
        raise InvalidInput("a --where condition speaks of the port's columns only: use `mesh query` to combine ports")
    return f"(\n{where}\n)"


def first_line(error: Exception) -> str:
    """What DuckDB says of a query, without its excerpt."""
    lines = [
        line
        for line in str(error).splitlines()
        if line.strip() and not line.startswith("LINE ") and set(line.strip()) != {"^"}
    ]
    return "; ".join(lines[:2])
