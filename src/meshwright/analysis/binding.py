"""Binding: the exact columns and types that a query gives, by DuckDB over empty tables; no data is ever read."""

from __future__ import annotations

import difflib
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self

from meshwright.analysis.problem import Problem, SqlError
from meshwright.analysis.rewriting import Rewritten
from meshwright.analysis.sql_text import character_offset, position, with_plain_spaces, without_semicolon
from meshwright.analysis.usage import Scans, scans_of
from meshwright.model.datatype import DataType, quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

__all__ = ["Binder", "SqlError"]

Columns = tuple[tuple[str, DataType], ...]

DESCRIBE = "DESCRIBE "
EXPLAIN = "EXPLAIN (FORMAT json) "
# Words without which a query has neither; in a name or a string they do no harm.
WINDOW = re.compile(r"\bover\b", re.IGNORECASE)
CTE = re.compile(r"\bwith\b", re.IGNORECASE)
# What was answered last is kept: a product's columns are asked for one after the other.
KEPT = 64
CANDIDATES_SHOWN = 5


class Binder:
    """One locked-down DuckDB in memory that holds only empty tables. Use it from one thread.

    The SQL it is given has passed `query.parse` and the fence, and was rewritten to the declared names. To bind it evaluates
    constants, which may take any time, and of memory what `memory_mb` leaves (0: no limit): SQL of strangers is bound where
    that is bound, too.
    """

    def __init__(self, *, memory_mb: int = 0) -> None:
        self._connection = _locked_connection(memory_mb)
        self._tables: dict[str, Columns] = {}
        self._spelling: dict[str, str] = {}
        self._columns: dict[str, list[str]] = {}
        self._bound: dict[str, Columns] = {}
        self._plans: dict[str, Scans] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the engine; the binder cannot be used afterwards."""
        self._connection.close()

    def declare(self, name: str, columns: Sequence[tuple[str, DataType]]) -> None:
        """Let *name* be a table with *columns*; what it was before is replaced. Letter case does not tell names apart.

        Raises SqlError for columns that no table can have, such as none or two of one name.
        """
        wanted = tuple(columns)
        if self._tables.get(name) == wanted:
            return
        same = self._spelling.setdefault(name.lower(), name)
        if same != name:
            del self._tables[same], self._columns[same]
            self._spelling[name.lower()] = name
        self._bound.clear()
        self._plans.clear()
        definitions = ", ".join(f"{quote(column)} {kind}" for column, kind in wanted)
        self._run(f"CREATE OR REPLACE TABLE {quote(name)} ({definitions})", 0, "")
        self._tables[name] = wanted
        self._columns[name] = [column for column, _ in wanted]

    def bind(self, sql: str) -> Columns:
        """The names and types of the columns that *sql* gives, in order.

        Raises SqlError, placed in *sql*, for what does not bind: unknown tables, columns and functions, wrong types,
        two columns of one name (in any letter case), a type that no contract can name.
        """
        known = self._bound.get(sql)
        if known is not None:
            return known
        rows = self._run(DESCRIBE + without_semicolon(with_plain_spaces(sql)), len(DESCRIBE), sql)
        seen: dict[str, str] = {}
        for name, *_ in rows:
            if name.lower() in seen:
                raise _duplicate(seen[name.lower()], name)
            seen[name.lower()] = name
        columns = tuple((name, _type_of(name, kind)) for name, kind, *_ in rows)
        _keep(self._bound, sql, columns)
        return columns

    def used_columns(self, sql: str, column: str | None = None) -> dict[str, frozenset[str]]:
        """For each declared table that *sql* reads, the columns it needs; a table of which only the rows count has none.

        With *column*, those that determine that output column and which rows there are; with "" only the latter.
        Sound: columns may be named that do not matter, never the other way round. Raises SqlError when it does not bind.
        """
        body = without_semicolon(with_plain_spaces(sql))
        if column is None:
            return dict(self._plan(body, sql).columns)
        part = self._part(body, quote(column) if column else "1", sql)
        if column == "" and any(part.values()) and CTE.search(body):
            # A CTE of which no column is read keeps them all in DuckDB's plan; what the rows rest on is also a part of
            # what any column rests on.
            other = self._part(body, quote(self.bind(sql)[0][0]), sql)
            part = {table: used & other.get(table, used) for table, used in part.items()}
        return dict(part)

    def _part(self, body: str, wanted: str, original: str) -> dict[str, frozenset[str]]:
        """What is read when only *wanted* is asked of *body*."""
        try:
            part = self._plan(f"SELECT {wanted} FROM (\n{body}\n)")
        except SqlError:
            # E.g. no such column; if it does not bind at all, this raises the error placed in *body*.
            return self._plan(body, original).columns
        # A window that nobody reads is planned away, but the rows come in its order when it is there.
        if WINDOW.search(body) and part.windows != self._plan(body).windows:
            return self._plan(body).columns
        return part.columns

    def _plan(self, sql: str, original: str = "") -> Scans:
        kept = self._plans.get(sql)
        if kept is None:
            rows = self._run(EXPLAIN + sql, len(EXPLAIN), original or sql)
            kept = scans_of(rows[0][1], self._columns)
            _keep(self._plans, sql, kept)
        return kept

    def _run(self, statement: str, prefix: int, sql: str) -> list[Any]:
        """The statement's rows; it begins with *prefix* characters of ours, the rest is *sql*."""
        import duckdb

        try:
            return self._connection.execute(statement).fetchall()
        except duckdb.Error as error:
            raise SqlError(_problem(str(error), statement, prefix, sql, list(self._tables))) from None


def _keep(answers: dict[str, Any], sql: str, answer: object) -> None:
    if len(answers) >= KEPT:
        answers.clear()
    answers[sql] = answer


def _locked_connection(memory_mb: int) -> duckdb.DuckDBPyConnection:
    import duckdb

    settings: dict[str, str | bool | int | float | list[str]] = {
        "threads": 1,
        "enable_external_access": False,
        "python_enable_replacements": False,
        "autoload_known_extensions": False,
        "autoinstall_known_extensions": False,
        "allow_community_extensions": False,
    }
    if memory_mb:
        settings["memory_limit"] = f"{memory_mb}MB"
    connection = duckdb.connect(":memory:", config=settings)
    # Only this optimizer runs: the others would drop whole scans of tables that are empty.
    names = connection.execute("SELECT name FROM duckdb_optimizers() WHERE name <> 'unused_columns'").fetchall()
    connection.execute("SET disabled_optimizers = $1", [",".join(name for (name,) in names)])
    connection.execute("SET errors_as_json = true")
    connection.execute("SET lock_configuration = true")
    return connection


@lru_cache(maxsize=1024)
def _parsed_type(text: str) -> DataType:
    # A contract may say BIT for a boolean, as SQL Server does; to DuckDB it is a string of bits.
    if text == "BIT":
        return DataType("BIT")
    if re.search(r"\bBIT\b(?=[^\"]*(?:\"[^\"]*\"[^\"]*)*\Z)", text):
        raise ValueError(text)
    return DataType.parse(text)


def _type_of(name: str, text: str) -> DataType:
    try:
        return _parsed_type(text)
    except ValueError:
        message = f"the column {name} has the type {text}, which no contract can name"
        raise SqlError(
            Problem(code="sql-type", message=message, value=text, hint=f"cast it: CAST({quote(name)} AS VARCHAR)")
        ) from None


def _duplicate(first: str, second: str) -> SqlError:
    message = f"two columns are called {first}"
    if first != second:
        message = f"the columns {first} and {second} differ in letter case only"
    return SqlError(
        Problem(code="sql-duplicate-column", message=message, value=second, hint="give each its own name with AS")
    )


def _problem(text: str, statement: str, prefix: int, sql: str, tables: list[str]) -> Problem:
    """What DuckDB's error says, placed in *sql* (for a rewritten one in its original)."""
    details = _details(text)
    line = column = 0
    if details.get("position"):
        offset = character_offset(statement, int(details["position"])) - prefix
        line, column = sql.original_position(offset) if isinstance(sql, Rewritten) else position(sql, offset)
    message, _, rest = details["exception_message"].partition("\n")
    candidates = _candidates(details, message, rest, tables)
    return Problem(
        code=_code(details, message),
        message=message.strip().removesuffix("!").removesuffix("."),
        value=details.get("call") or details.get("name", ""),
        hint=f"did you mean {', '.join(candidates)}?" if candidates else _advice(rest),
        line=line,
        column=column,
    )


def _details(text: str) -> dict[str, str]:
    import msgspec

    start = text.find("{")
    if start >= 0:
        try:
            return msgspec.json.decode(text[start:], type=dict[str, str])
        except msgspec.DecodeError:
            pass
    message = text.split("\nLINE ", 1)[0].partition(": ")[2] or text
    return {"exception_message": message}


UNKNOWN = {"Table": "sql-unknown-table", "Scalar Function": "sql-unknown-function"}


def _code(details: dict[str, str], message: str) -> str:
    subtype = details.get("error_subtype", "")
    if subtype == "COLUMN_NOT_FOUND" or "does not have a column named" in message:
        return "sql-unknown-column"
    if subtype == "MISSING_ENTRY":
        return UNKNOWN.get(details.get("type", ""), "sql-unknown-function")
    if subtype == "NO_MATCHING_FUNCTION" or details.get("exception_type") in {"Conversion", "Mismatch Type"}:
        return "sql-type"
    return "sql-syntax" if details.get("exception_type") == "Parser" else "sql-binding"


def _candidates(details: dict[str, str], message: str, rest: str, tables: list[str]) -> list[str]:
    """Names near the one that is unknown, the nearest first."""
    if details.get("error_subtype") == "NO_MATCHING_FUNCTION":
        return []
    # The name stands last in quotes in messages that do not give it apart.
    quoted = re.findall(r'"([^"]+)"', message)
    name = details.get("name") or (quoted[-1] if quoted else "")
    if details.get("type") == "Table":
        return difflib.get_close_matches(name, tables, n=CANDIDATES_SHOWN)
    if details.get("candidates"):
        return details["candidates"].split(",")[:CANDIDATES_SHOWN]
    found = re.findall(r'"((?:[^"]|"")*)"', rest.partition("Candidate bindings:")[2])
    return difflib.get_close_matches(name, found, n=CANDIDATES_SHOWN)


def _advice(rest: str) -> str:
    """DuckDB's own advice, when it is one sentence and no list."""
    lines = [line.strip() for line in rest.split("\n") if line.strip()]
    return lines[0] if len(lines) == 1 and not lines[0].endswith(":") else ""
