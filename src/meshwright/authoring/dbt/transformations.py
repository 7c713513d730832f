"""dbt models → transformations: one query each in DuckDB's dialect, its tables named as the mesh names them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from meshwright.authoring.dbt import references
from meshwright.authoring.dbt.dialects import DUCKDB, translate
from meshwright.authoring.dbt.incremental import Incremental, recognised
from meshwright.authoring.dbt.macros import NotRendered

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshwright.authoring.dbt.project import Relation
    from meshwright.authoring.dbt.rendering import Rendered, Renderer

TOKEN: Final = re.compile(r"([`\"\[]?)mesh_table_(\d+)_[`\"\]]?")
BLANK_LINES: Final = re.compile(r"(?:[ \t]*\n){3,}")
CHANGES: Final = "__changes"
# How the changes of a table come: not at all, as it is made in the same product; as a whole when anything is new in it;
# row by row.
SIBLING: Final = ""
WHOLE: Final = "whole"
ROWS: Final = "rows"
TWICE: Final = (
    "rows have no key, and the input is new as a whole when anything in it is, so that rows would be added twice"
)
UNFINISHED: Final = """\
-- TODO: this model could not be carried over by itself.
-- {path}{line}: {problem}.
-- Write it as one SELECT in DuckDB's dialect; what it reads is named already.
"""


@dataclass(slots=True)
class Written:
    """A model's transformation. `notes` say what differs; `problem`, when it is set, why a person must finish it.

    `sql` is the query with tokens for its `tables`; `given` maps the table whose changes are read to how these are called.
    """

    text: str
    sql: str = ""
    tables: Tables | None = None
    given: dict[tuple[str, str, str], str] = field(default_factory=dict)
    incremental: Incremental = field(default_factory=Incremental)
    notes: list[str] = field(default_factory=list)
    problem: str = ""
    line: int = 0


class Tables:
    """Stands for the tables of one text while it is rendered and translated: tokens first, the mesh's names in the end.

    *resolve(kind, name, version or table)* gives the SQL that names a table, and how its changes come.
    """

    def __init__(self, resolve: Callable[[str, str, str], tuple[str, str]]) -> None:
        self._resolve = resolve
        self._numbers: dict[tuple[str, str, str], int] = {}
        self._names: list[tuple[str, str]] = []

    def token(self, kind: str, name: str, more: str) -> str:
        """What stands for a table until `named`."""
        key = (kind, name, more)
        if key not in self._numbers:
            self._names.append(self._resolve(*key))
            self._numbers[key] = len(self._names) - 1
        return f"mesh_table_{self._numbers[key]}_"

    def changing(self, token: str) -> str:
        """How the changes of the table that *token* stands for come: `SIBLING`, `WHOLE` or `ROWS`."""
        return self._names[_number(token)][1]

    def key(self, token: str) -> tuple[str, str, str]:
        """What *token* stands for: kind, name, version or table."""
        return next(key for key, number in self._numbers.items() if number == _number(token))

    def changes(self, token: str) -> str:
        """How the changes of the input that *token* stands for are called in SQL."""
        text = self._names[_number(token)][0]
        # Within quotes, at the end: `"group".orders`, `"group"`, `"sales.orders@2"`.
        bare = text.removesuffix('"')
        return f"{bare}{CHANGES}{text[len(bare) :]}"

    def named(self, sql: str, *, token: str = "", instead: str = "", alias: bool = False) -> str:
        """*sql* with every table named, that of *token* by the name *instead*, under an *alias* if it needs its own."""

        def name(match: re.Match[str]) -> str:
            number = int(match[2])
            text = self._names[number][0]
            if not token or number != _number(token):
                return text
            last = text.replace('"', "").rpartition(".")[2].partition("@")[0]
            return f'{instead} AS "{last}"' if alias else instead

        return TOKEN.sub(name, sql)


def _number(token: str) -> int:
    return int(token.removeprefix("mesh_table_").rstrip("_"))


def write_transformation(
    model: Relation, renderer: Renderer, dialect: str, resolve: Callable[[str, str, str], tuple[str, str]]
) -> Written:
    """The transformation of *model*, finished or, with a `problem`, as far as it could be carried over."""
    tables = Tables(resolve)
    whole = _render(model, renderer, tables, incremental=False)
    if whole.sql is None:
        return _unfinished(model, tables, whole.problem, whole.line)
    translated = translate(whole.sql, dialect)
    if translated.sql is None:
        return _unfinished(model, tables, f"the SQL is not understood as {dialect}: {translated.problems[0]}", 0)
    written = Written(text="")
    if dialect != DUCKDB:
        written.notes.append(f"its SQL was rewritten from {dialect} to DuckDB; compare the results")
        written.notes += [f"no equal in DuckDB: {problem}" for problem in translated.problems]
    written.notes += [f"rendered as if {asked}" for asked in sorted(whole.asked)]
    if model.materialized == "incremental":
        written.incremental = _kept(model, renderer, tables, whole.sql, dialect)
    written.sql, written.tables = translated.sql, tables
    token = written.incremental.token
    if token and tables.changing(token) != SIBLING:
        read_changes(written, model.path, tables.changes(token), tables.changing(token))
    else:
        written.text = finished(tables.named(translated.sql), model.path)
    return written


def read_changes(written: Written, path: str, instead: str, changing: str) -> None:
    """Let *written* read the changes called *instead* of the table that its model filters; *changing* is how they come."""
    assert written.tables is not None  # noqa: S101 - it is finished
    kept = written.incremental
    if kept.materialization == "append" and changing == WHOLE:
        written.incremental = Incremental(why=TWICE)
        written.text = finished(written.tables.named(written.sql), path)
        return
    sql = written.tables.named(written.sql, token=kept.token, instead=instead, alias=not kept.has_alias)
    written.text = finished(sql, path)
    written.given[written.tables.key(kept.token)] = instead.replace('"', "")


def finished(sql: str, path: str) -> str:
    """The text of the transformation *sql* of the model at *path*."""
    return f"-- From {path}.\n{_tidy(sql)}\n"


def _render(model: Relation, renderer: Renderer, tables: Tables, *, incremental: bool) -> Rendered:
    return renderer.render(
        model.text, package=model.package, relation=model, namer=tables.token, incremental=incremental
    )


def _kept(model: Relation, renderer: Renderer, tables: Tables, whole: str, dialect: str) -> Incremental:
    filtered = _render(model, renderer, tables, incremental=True)
    if filtered.sql is None:
        return Incremental(why=filtered.problem)
    if sorted(TOKEN.findall(filtered.sql)) != sorted(TOKEN.findall(whole)):
        return Incremental(why="it reads other tables in its first run than later")
    found = recognised(filtered.sql, whole, config=model.config, dialect=dialect)
    if found.token and not TOKEN.fullmatch(found.token):
        return Incremental(why="the filtered rows do not come from a table")
    return found


def _unfinished(model: Relation, tables: Tables, problem: str, line: int) -> Written:
    text = model.text
    try:
        text = tables.named(references.named(model.text, tables.token))
    except NotRendered as error:
        problem = problem or str(error)
    head = UNFINISHED.format(path=model.path, line=f":{line}" if line else "", problem=problem.replace("\n", " "))
    return Written(text=f"{head}{text.strip()}\n", problem=problem, line=line)


def _tidy(sql: str) -> str:
    lines = "\n".join(line.rstrip() for line in sql.strip().splitlines())
    return BLANK_LINES.sub("\n\n", lines)
