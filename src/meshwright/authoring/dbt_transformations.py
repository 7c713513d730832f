"""dbt models → transformations: one query each in DuckDB's dialect, its tables named as the mesh names them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from meshwright.authoring import dbt_references as references
from meshwright.authoring.dbt_dialects import DUCKDB, translate
from meshwright.authoring.dbt_incremental import Incremental, recognised
from meshwright.authoring.dbt_macros import NotRendered

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshwright.authoring.dbt_project import Relation
    from meshwright.authoring.dbt_rendering import Rendered, Renderer

TOKEN: Final = re.compile(r"([`\"\[]?)mesh_table_(\d+)_[`\"\]]?")
BLANK_LINES: Final = re.compile(r"(?:[ \t]*\n){3,}")
CHANGES: Final = "__changes"
UNFINISHED: Final = """\
-- TODO: this model could not be carried over by itself.
-- {path}{line}: {problem}.
-- Write it as one SELECT in DuckDB's dialect; what it reads is named already.
"""


@dataclass(slots=True)
class Written:
    """A model's transformation. `notes` say what differs; `problem`, when it is set, why a person must finish it."""

    text: str
    incremental: Incremental = field(default_factory=Incremental)
    notes: list[str] = field(default_factory=list)
    problem: str = ""
    line: int = 0


class Tables:
    """Stands for the tables of one text while it is rendered and translated: tokens first, the mesh's names in the end.

    *resolve(kind, name, version or table)* gives the SQL that names a table, and whether `__changes` may follow it.
    """

    def __init__(self, resolve: Callable[[str, str, str], tuple[str, bool]]) -> None:
        self._resolve = resolve
        self._numbers: dict[tuple[str, str, str], int] = {}
        self._names: list[tuple[str, bool]] = []

    def token(self, kind: str, name: str, more: str) -> str:
        """What stands for a table until `named`."""
        key = (kind, name, more)
        if key not in self._numbers:
            self._names.append(self._resolve(*key))
            self._numbers[key] = len(self._names) - 1
        return f"mesh_table_{self._numbers[key]}_"

    def has_changes(self, token: str) -> bool:
        """Whether the table that *token* stands for is an input, whose changes can be read."""
        return self._names[_number(token)][1]

    def named(self, sql: str, *, changes: str = "", alias: bool = False) -> str:
        """*sql* with every table named; of the token *changes* the changes are read, under an *alias* if one is needed."""

        def name(match: re.Match[str]) -> str:
            number = int(match[2])
            text = self._names[number][0]
            if not changes or number != _number(changes):
                return text
            # Within quotes, at the end: `"group".orders`, `"group"`, `"sales.orders@2"`.
            bare = text.removesuffix('"')
            last = bare.replace('"', "").rpartition(".")[2].partition("@")[0]
            quote = '"' if text != bare else ""
            changed = f"{bare}{CHANGES}{quote}"
            return f'{changed} AS "{last}"' if alias else changed

        return TOKEN.sub(name, sql)


def _number(token: str) -> int:
    return int(token.removeprefix("mesh_table_").rstrip("_"))


def write_transformation(
    model: Relation, renderer: Renderer, dialect: str, resolve: Callable[[str, str, str], tuple[str, bool]]
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
        if written.incremental.why:
            written.notes.append(f"every build makes it in full: {written.incremental.why}")
    changes = written.incremental.token
    sql = tables.named(translated.sql, changes=changes, alias=not written.incremental.has_alias)
    written.text = f"-- From {model.path}.\n{_tidy(sql)}\n"
    return written


def _render(model: Relation, renderer: Renderer, tables: Tables, *, incremental: bool) -> Rendered:
    return renderer.render(
        model.text, package=model.package, relation=model, namer=tables.token, incremental=incremental
    )


def _kept(model: Relation, renderer: Renderer, tables: Tables, whole: str, dialect: str) -> Incremental:
    filtered = _render(model, renderer, tables, incremental=True)
    if filtered.sql is None:
        return Incremental(why=filtered.problem)
    found = recognised(filtered.sql, whole, config=model.config, dialect=dialect)
    if found.token and not TOKEN.fullmatch(found.token):
        return Incremental(why="the filtered rows do not come from a table")
    if found.token and not tables.has_changes(found.token):
        return Incremental(why="the filtered rows come from a table of the same product, and only inputs have changes")
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
