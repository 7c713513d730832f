"""SQL as a reader writes it: accepted by the fence or refused, and its errors in a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meshwright.analysis import fence
from meshwright.analysis.query import SqlError, parse
from meshwright.model.errors import InvalidInput

if TYPE_CHECKING:
    from meshwright.analysis.problem import Problem
    from meshwright.analysis.query import Query, TableReference


# What authors of transformations are told, and what readers are instead.
READERS_WORDS: Final = {
    fence.ONE_QUERY: "a query is one SELECT over published ports",
    "a transformation is one SELECT": "a query is one SELECT",
    "in a transformation": "in a query",
    "name an input port, or a file as FROM 'data/file.csv'": "name published ports as domain.product; `mesh list` lists them",
    "transformations compute from their inputs only": "a query computes from published ports only",
    "inputs are read as the plan pinned them; drop the AT clause": "leave out AT: --as-of reads what was served before",
    "read only the product's inputs and steps": "`mesh list` lists the ports, `mesh show` describes one",
    "at each build": "each time",
    "put each query into its own file: a step of the same product": "ask one at a time",
    "split it into steps": "ask for less at once",
}
LOOKING: Final = "SHOW_REF"
LOOK_HINT: Final = "`mesh show` describes what a product serves, `mesh list` lists the ports"


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
        raise InvalidInput(_said(error.problem)) from None
    problems = fence.check(query)
    if problems:
        raise InvalidInput("\n".join(_said(one) for one in problems))
    return query


def _said(problem: Problem) -> str:
    """*problem* in a line, in a reader's words."""
    looks = problem.value == LOOKING
    value = f" ({problem.value})" if problem.value and not looks else ""
    hint = LOOK_HINT if looks else problem.hint
    text = f"{problem.message}{value}" + (f" … {hint}" if hint else "")
    for theirs, ours in READERS_WORDS.items():
        text = text.replace(theirs, ours)
    return f"{problem.line}:{problem.column}: {text}"


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
