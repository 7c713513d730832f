"""A transformation's SQL: one query, parsed by DuckDB, with the tables it names and where it names them."""

from __future__ import annotations

import difflib
import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from meshwright.analysis.problem import Problem, SqlError
from meshwright.analysis.rewriting import Rewritten
from meshwright.analysis.scope import Frame, Tables, tables_of
from meshwright.analysis.sql_text import (
    character_offset,
    name_parts,
    next_token,
    position,
    statement_starts,
    with_plain_spaces,
    without_semicolon,
)
from meshwright.model.connection import remote_address
from meshwright.model.datatype import quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb

__all__ = ["Query", "SqlError", "TableReference", "alias_of", "parse", "parse_all", "rewrite"]

# DuckDB's "no location": the largest unsigned 64-bit number.
NOWHERE = 2**64 - 1
SCHEMA_QUALIFIED = 2
SURROGATE = re.compile("[\ud800-\udfff]")
# A parse tree is some hundred times as large as its text.
LENGTH_MAX = 1_000_000
# What DuckDB says then ends with a setting that nobody can make here.
TOO_DEEP = "Max expression depth limit"
VERSION_HINT = 'put an address with a major version in double quotes: "domain.product@1"'
GLOB = frozenset("*?[")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableReference:
    """A table that a query names and that is no CTE there.

    `path` is the dotted name as written, without quotes; `start` and `end` its characters in the text, quotes included
    (-1 where DuckDB does not say, as in `TABLE flights`: the fence refuses those); `alias` is "" when none is written;
    `is_literal` says that it was written as `'file.csv'`.
    """

    path: tuple[str, ...]
    start: int
    end: int
    alias: str
    is_literal: bool
    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One query: its text as given, DuckDB's parse tree and the tables it reads, in the order of the text."""

    text: str
    tree: dict[str, Any]
    references: tuple[TableReference, ...]
    tables: Tables = field(repr=False, compare=False)

    def position(self, node: Mapping[str, Any]) -> tuple[int, int]:
        """The line and column of a node of the tree; (1, 1) when DuckDB does not say."""
        location = node.get("query_location", NOWHERE)
        return position(self.text, character_offset(self.text, location)) if location != NOWHERE else (1, 1)


def parse(text: str) -> Query:
    """The one query that *text* holds; comments and a semicolon at its end are fine.

    Raises SqlError for what does not parse, for more than one statement and for anything but a query.
    """
    found = parse_all([text])[0]
    if isinstance(found, SqlError):
        raise found
    return found


def parse_all(texts: Sequence[str]) -> list[Query | SqlError]:
    """For each text its query, or the error that `parse` would raise; half the cost of parsing one by one."""
    plain = [with_plain_spaces(text) for text in texts]
    unfit = [_unfit(text) for text in plain]
    asked = ["" if error else text for text, error in zip(plain, unfit, strict=True)]
    if len(asked) == 1:
        rows = _parser().execute("SELECT json_serialize_sql($1::VARCHAR)", asked).fetchall()
    else:
        rows = _parser().execute("SELECT json_serialize_sql(unnest($1::VARCHAR[]))", [asked]).fetchall()
    answers = zip(texts, plain, (answer for (answer,) in rows), strict=True)
    return [error or _query(*each) for error, each in zip(unfit, answers, strict=True)]


def _unfit(text: str) -> SqlError | None:
    """What keeps *text* from being given to DuckDB at all, which reads a string up to a NUL only."""
    if len(text) > LENGTH_MAX:
        hint = "put data into a file and name it in FROM"
        return _error("sql-syntax", f"the text is longer than {LENGTH_MAX:,} characters", text, 0, hint=hint)
    if "\0" in text:
        return _error("sql-syntax", "the text holds a NUL character", text, text.index("\0"))
    surrogate = SURROGATE.search(text) if not text.isascii() else None
    if surrogate is not None:
        return _error("sql-syntax", "the text holds half a character", text, surrogate.start(), hint="save it as UTF-8")
    return None


def _query(text: str, plain: str, answer: str) -> Query | SqlError:
    import msgspec

    try:
        tree = _tree(plain, msgspec.json.decode(answer))
        tables = tables_of(tree)
        references = tuple(_reference(plain, node) for node in tables.nodes)
    except SqlError as error:
        return error
    except (RecursionError, msgspec.DecodeError):
        return _error("sql-syntax", "the query is nested too deeply", plain, 0, hint="split it into steps")
    return Query(text=text, tree=tree, references=references, tables=tables)


def _tree(text: str, answer: dict[str, Any]) -> dict[str, Any]:
    if answer["error"]:
        raise _parse_error(text, answer)
    statements = answer["statements"]
    if len(statements) != 1:
        raise _count_error(text, len(statements))
    tree: dict[str, Any] = statements[0]["node"]
    return tree


def _parse_error(text: str, answer: dict[str, Any]) -> SqlError:
    if TOO_DEEP in answer["error_message"]:
        return _error("sql-syntax", "the query is nested too deeply", text, 0, hint="split it into steps")
    if answer["error_type"] != "not implemented":
        offset = character_offset(text, int(answer.get("position", 0)))
        hint = VERSION_HINT if text[offset : offset + 1] == "@" else ""
        return _error("sql-syntax", answer["error_message"].strip().split("\n")[0], text, offset, hint=hint)
    starts = statement_starts(text)
    if len(starts) > 1:
        return _count_error(text, len(starts))
    # DuckDB turns a PIVOT that must look at the data first into several statements.
    if "pivot" in text.lower():
        hint = "write PIVOT … ON column IN ('a', 'b') so that the columns are known beforehand"
        return _error("sql-not-one-query", "a PIVOT needs a list of its values", text, starts[0], hint=hint)
    word = text[starts[0] :].split(None, 1)[0] if starts else ""
    message = "this is no query, a transformation is one SELECT"
    return _error("sql-not-one-query", message, text, starts[0] if starts else 0, value=word, hint="write a SELECT")


def _count_error(text: str, count: int) -> SqlError:
    if count == 0:
        return _error("sql-not-one-query", "there is no query in this text", text, 0, hint="write a SELECT")
    starts = statement_starts(text)
    offset = starts[1] if len(starts) > 1 else 0
    hint = "put each query into its own file: a step of the same product"
    return _error("sql-not-one-query", f"there are {count} statements, one query is wanted", text, offset, hint=hint)


def _error(code: str, message: str, text: str, offset: int, *, value: str = "", hint: str = "") -> SqlError:
    line, column = position(text, offset)
    return SqlError(Problem(code=code, message=message, value=value, hint=hint, line=line, column=column))


def _reference(text: str, node: dict[str, Any]) -> TableReference:
    path = tuple(node["qualified_name"]["path"])
    location = node["query_location"]
    if location == NOWHERE:
        return TableReference(path=path, start=-1, end=-1, alias=node["alias"], is_literal=False, line=1, column=1)
    start = _after_prefix_alias(text, character_offset(text, location), node["alias"])
    written, ends = name_parts(text, start, len(path))
    line, column = position(text, start)
    if written != path:
        raise _error("sql-syntax", f"the name {'.'.join(path)} cannot be found in the text", text, start)
    is_literal = text[start] == "'"
    return TableReference(
        path=path, start=start, end=ends[-1], alias=node["alias"], is_literal=is_literal, line=line, column=column
    )


def _after_prefix_alias(text: str, start: int, alias: str) -> int:
    """Where the name begins in `alias: name`, whose location is the alias's; *start* for any other spelling."""
    names, ends = name_parts(text, start, 1) if alias else ((), [])
    colon = next_token(text, ends[0]) if names == (alias,) else -1
    return next_token(text, colon + 1) if colon >= 0 and text.startswith(":", colon) else start


def alias_of(reference: TableReference) -> str:
    """The name that qualifies the table's columns: its alias, else its last part; for a file its name up to a dot.

    A glob qualifies as it is written.
    """
    if reference.alias:
        return reference.alias
    last = reference.path[-1]
    if not reference.is_literal:
        return last
    through = remote_address(last)
    if through is not None and through.connection and "/" not in through.path:
        return through.path.rpartition(".")[2].strip('"') or last
    if through is not None:
        last = through.path.partition("?")[0]
    if GLOB & set(last):
        return last
    name = last.replace("\\", "/").rsplit("/", 1)[-1]
    return name.split(".", 1)[0] or last


def rewrite(query: Query, names: Mapping[tuple[str, ...], str]) -> Rewritten:
    """The query's text with each table called by its name in *names* (by path), lines unchanged.

    The binder places its errors in the original. The text ends before a semicolon, so that it can stand in brackets (on lines of its own: it may end in a comment).
    A table without an alias gets the one that it had by itself, so that qualified columns keep their meaning;
    `operations.flights.delay` becomes a column of that alias. Raises SqlError for a table that *names* lacks.
    """
    aliases = _aliases(query)
    edits: list[tuple[int, int, str]] = []
    for index, reference in enumerate(query.references):
        name = _name_of(reference, names)
        if name is None or reference.start < 0:
            raise _unknown(reference, names)
        alias = "" if reference.alias else f" AS {quote(aliases[index])}"
        edits.append((reference.start, reference.end, quote(name) + alias))
    plain = with_plain_spaces(query.text)
    for node, frame in query.tables.dotted:
        edit = _column_edit(query, plain, node, frame, aliases)
        if edit is not None:
            edits.append(edit)
    return Rewritten.by(query.text[: len(without_semicolon(plain))], edits)


def _name_of(reference: TableReference, names: Mapping[tuple[str, ...], str]) -> str | None:
    """The name for a path as it is written, else, as SQL reads names, in lower case; a file's path is exact."""
    name = names.get(reference.path)
    if name is None and not reference.is_literal:
        name = names.get(tuple(part.lower() for part in reference.path))
    return name


def _unknown(reference: TableReference, names: Mapping[tuple[str, ...], str]) -> SqlError:
    dotted = ".".join(reference.path)
    near = difflib.get_close_matches(dotted, [".".join(path) for path in names], n=3)
    hint = f"did you mean {', '.join(near)}?" if near else "declare it as an input port"
    if reference.start < 0:
        hint = "write FROM instead of TABLE"
    return SqlError(
        Problem(
            code="sql-unknown-table",
            message=f"the table {dotted} is not known here",
            value=dotted,
            hint=hint,
            line=reference.line,
            column=reference.column,
        )
    )


def _aliases(query: Query) -> list[str]:
    """The alias of each reference; the whole path where something else in its FROM has that name, too."""
    aliases = [alias_of(reference) for reference in query.references]
    for index, frame in enumerate(query.tables.frames):
        reference = query.references[index]
        if not reference.alias and len(reference.path) > 1 and frame.names.count(reference.path[-1].lower()) > 1:
            aliases[index] = ".".join(reference.path)
    return aliases


def _column_edit(
    query: Query, plain: str, node: dict[str, Any], frame: Frame | None, aliases: list[str]
) -> tuple[int, int, str] | None:
    """Replaces the table's part of a column that is qualified by more than an alias; None for any other column."""
    written = [part.lower() for part in node["column_names"]]
    while frame is not None:
        for index in frame.tables:
            reference = query.references[index]
            count = 0 if reference.alias else _qualified_by(written, [part.lower() for part in reference.path])
            if count:
                start = character_offset(plain, node["query_location"])
                _, ends = name_parts(plain, start, count)
                return start, ends[-1], quote(aliases[index])
        frame = frame.parent
    return None


def _qualified_by(written: list[str], path: list[str]) -> int:
    """How many parts of the column name *written* name the table *path*: all of it or its end, two at least."""
    for count in range(len(path), SCHEMA_QUALIFIED - 1, -1):
        if written[:count] == path[-count:]:
            return count
    return 0


_local = threading.local()


def _parser() -> duckdb.DuckDBPyConnection:
    """This thread's connection that parses and does nothing else."""
    connection: duckdb.DuckDBPyConnection | None = getattr(_local, "connection", None)
    if connection is None:
        import duckdb

        connection = duckdb.connect(":memory:", config={"threads": 1, "enable_external_access": False})
        row = connection.execute("SELECT string_agg(name, ',') FROM duckdb_optimizers()").fetchone()
        connection.execute("SET disabled_optimizers = $1", row)
        connection.execute("SET lock_configuration = true")
        _local.connection = connection
    return connection
