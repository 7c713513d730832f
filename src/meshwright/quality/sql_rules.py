"""Rules that a query measures: placeholders filled in, fenced, and run where nothing but the data can be read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from meshwright.model.datatype import literal, quote
from meshwright.quality import rows
from meshwright.quality.comparison import Uncheckable

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb

    from meshwright.model.contract import Table
    from meshwright.quality import Dataset

PLACEHOLDER = re.compile(r"""(["'`]?)(?:\$\{(\w+)\}|\{(\w+)\})\1""")
TABLES: Final = frozenset({"table", "object", "schema", "model", "dataset"})
COLUMNS: Final = frozenset({"column", "property", "field"})


def fill(query: str, table: str, column: str | None) -> str:
    """*query* with `${table}`, `{object}`, `${column}`, `{property}` … filled in as quoted names.

    A placeholder that already stands in quotes keeps them; one that is not known, or a column's in a rule of the table,
    stays as it is written.
    """

    def replace(match: re.Match[str]) -> str:
        word = (match.group(2) or match.group(3)).lower()
        name = table if word in TABLES else column if word in COLUMNS else None
        if name is None:
            return match.group(0)
        return literal(name) if match.group(1) == "'" else ".".join(quote(part) for part in name.split("."))

    return PLACEHOLDER.sub(replace, query)


@dataclass(slots=True)
class Sandbox:
    """A DuckDB of its own that can open the data's files and no others, made when the first rule needs it.

    `names` are views, by the dataset that they show.
    """

    table: Table
    data: Dataset
    references: Callable[[str], Dataset | None]
    connection: duckdb.DuckDBPyConnection
    _own: duckdb.DuckDBPyConnection | None = None
    _allowed: set[str] = field(default_factory=set)

    def measure(self, query: str) -> Any:  # noqa: ANN401 - a value of any type
        """The one value that *query* yields. Raises Uncheckable when it is refused, fails, or yields none or several."""
        import duckdb

        tables, text = self._fenced(query)
        try:
            own = self._locked(tables)
            found = own.execute(f"SELECT * FROM ({text}\n) AS measured").fetchmany(2)
        except duckdb.InterruptException:
            raise
        except duckdb.Error as error:
            raise Uncheckable(_first_line(error)) from error
        if len(found) != 1 or len(found[0]) != 1:
            shape = "no row" if not found else f"{len(found[0])} columns" if len(found) == 1 else "several rows"
            message = f"the query yields {shape}: it must yield one value"
            raise Uncheckable(message)
        return found[0][0]

    def close(self) -> None:
        """Give the sandbox's memory back."""
        if self._own is not None:
            self._own.close()

    def _fenced(self, query: str) -> tuple[dict[str, Dataset], str]:
        """The views that *query* needs, and the query reading them. Raises Uncheckable for what the fence refuses."""
        from meshwright.analysis import fence
        from meshwright.analysis.problem import SqlError
        from meshwright.analysis.query import parse, rewrite

        try:
            parsed = parse(query)
            problems = fence.check(parsed)
        except SqlError as error:
            raise Uncheckable(str(error)) from error
        if problems:
            raise Uncheckable(problems[0].message)
        tables: dict[str, Dataset] = {}
        names: dict[tuple[str, ...], str] = {}
        for reference in parsed.references:
            if reference.is_literal:
                message = f"the query reads the file '{reference.path[0]}': a rule reads only the contract's data"
                raise Uncheckable(message)
            path = ".".join(reference.path)
            view = f"dataset {path.lower()}"
            tables[view] = self._dataset(path)
            names[reference.path] = view
        return tables, rewrite(parsed, names)

    def _dataset(self, path: str) -> Dataset:
        if path.lower() in {self.table.name.lower(), self.table.physical_name.lower(), "this"}:
            return self.data
        found = self.references(path)
        if found is None:
            message = f"the query reads '{path}', which is not known here: its own table is '{self.table.name}'"
            raise Uncheckable(message)
        return found

    def _locked(self, tables: dict[str, Dataset]) -> duckdb.DuckDBPyConnection:
        """A connection that sees *tables* as views and can open no file but theirs."""
        import duckdb

        files = {file for data in tables.values() for file in data.files}
        if self._own is None or not files <= self._allowed:
            self.close()
            self._allowed |= files
            settings = {"python_enable_replacements": False, "autoload_known_extensions": False}
            self._own = duckdb.connect(config={**settings, "autoinstall_known_extensions": False, **self._limits()})
            allowed = ", ".join(literal(file) for file in sorted(self._allowed))
            self._own.execute(f"SET allowed_paths = [{allowed}]")
            self._own.execute("SET TimeZone = 'UTC'")
            # Locked before any text of a contract is run: from here on nothing opens another file, or writes one.
            self._own.execute("SET enable_external_access = false")
            self._own.execute("SET lock_configuration = true")
        for view, data in tables.items():
            self._own.execute(f"CREATE OR REPLACE TEMP VIEW {quote(view)} AS SELECT * FROM {rows.everything(data)}")
        return self._own

    def _limits(self) -> dict[str, Any]:
        found = self.connection.execute("SELECT current_setting('memory_limit'), current_setting('threads')").fetchone()
        return {} if found is None else {"memory_limit": found[0].replace(" ", ""), "threads": found[1]}


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0]
