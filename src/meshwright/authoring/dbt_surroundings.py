"""What the tests of one adopted port can see: the port's own table, and the ports that a rule may read beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from meshwright.authoring.dbt_dialects import DUCKDB, translate
from meshwright.authoring.dbt_macros import NotRendered
from meshwright.authoring.dbt_naming import quoted
from meshwright.authoring.dbt_rendering import REFERENCE, Table
from meshwright.authoring.dbt_tests import TABLE, Target
from meshwright.authoring.dbt_transformations import Tables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshwright.authoring.dbt_products import Arrangement, Home
    from meshwright.authoring.dbt_project import DataTest, DbtProject
    from meshwright.authoring.dbt_rendering import Renderer

OWN: Final = ("own", "", "")


@dataclass(slots=True)
class Neighbourhood:
    """What all tests of an adopted project share; `upstream` are the products that each one reads, however far."""

    project: DbtProject
    renderer: Renderer
    dialect: str
    arrangement: Arrangement
    upstream: Mapping[str, set[str]]
    keys: dict[tuple[str, str], str]

    def home(self, name: str, version: str) -> Home:
        """Where the model *name* lives. Raises NotRendered when it is no model."""
        key = self.keys.get((name, version))
        if key is None or key not in self.arrangement.homes:
            raise NotRendered(f"it reads {name}, which is no model here")
        return self.arrangement.homes[key]


@dataclass(slots=True)
class PortSurroundings:
    """`dbt_tests.Surroundings` of the port at *home*."""

    all: Neighbourhood
    home: Home
    _late: list[bool] = field(default_factory=list)

    def table(self, text: str) -> Target:
        """The table that `ref('x')` names."""
        match = REFERENCE.search("{{ " + text.strip().removeprefix("{{").removesuffix("}}").strip() + " }}")
        if match is None or match[1] != "ref":
            raise NotRendered(f"{text} names no model")
        names = re.findall(r"['\"]([^'\"]+)['\"]", match[2])
        version = re.search(r"\bv(?:ersion)?\s*=\s*['\"]?(\w+)", match[2])
        return self._target(names[-1] if names else "", version[1] if version else "")

    def _target(self, name: str, version: str) -> Target:
        other = self.all.home(name, version)
        if other == self.home:
            return Target(TABLE)
        if not other.is_port:
            raise NotRendered(f"it reads {name}, a step of {other.product}: rules read output ports only")
        if other.product == self.home.product:
            return Target(other.name)
        above, below = self.all.upstream.get(self.home.product, set()), self.all.upstream.get(other.product, set())
        return Target(
            quoted(other.address(self.all.arrangement.domain)),
            is_late=other.product not in above,
            is_downstream=self.home.product in below,
        )

    def sql(self, text: str) -> str:
        """An expression in DuckDB's dialect."""
        if "{" in text:
            found = self.all.renderer.render(text)
            if found.sql is None:
                raise NotRendered(found.problem)
            text = found.sql
        if self.all.dialect == DUCKDB:
            return text
        import sqlglot
        from sqlglot.errors import SqlglotError

        try:
            return sqlglot.parse_one(text, read=self.all.dialect).sql(DUCKDB)
        except SqlglotError:
            # Part of an expression, such as `> 0` after a column.
            return text

    def rendered(self, test: DataTest) -> Target:
        """The query of a singular or custom test."""
        self._late = []
        tables = Tables(self._resolve)
        text, names = test.sql, {}
        if not text:
            macro = self.all.renderer.test_macro(test.name)
            if macro is None:
                raise NotRendered(f"no rule says what the test {test.name} does, and its macro is not here")
            text = "{{ mesh_test(**mesh_arguments) }}"
            names = {
                "mesh_test": self.all.renderer.callable(macro),
                "mesh_arguments": self._arguments(test, tables),
            }
        found = self.all.renderer.render(text, namer=tables.token, names=names)
        if found.sql is None:
            raise NotRendered(found.problem)
        translated = translate(found.sql, self.all.dialect)
        if translated.sql is None:
            raise NotRendered(f"its SQL is not understood: {translated.problems[0]}")
        sql = tables.named(translated.sql).strip().rstrip(";").strip()
        return Target(sql, is_late=any(self._late))

    def _arguments(self, test: DataTest, tables: Tables) -> dict[str, Any]:
        def given(value: Any) -> Any:  # noqa: ANN401 - any argument
            if isinstance(value, str) and re.match(r"\s*({{)?\s*(ref|source)\(", value):
                name = self.table(value)
                return Table(self._keep(tables, name), value)
            return value

        arguments = {name: given(value) for name, value in test.arguments.items()}
        column = {"column_name": test.column} if test.column else {}
        return {"model": Table(tables.token(*OWN), self.home.name), **column, **arguments}

    def _keep(self, tables: Tables, target: Target) -> str:
        self._late.append(target.is_late)
        return tables.token("named", target.name, "")

    def _resolve(self, kind: str, name: str, more: str) -> tuple[str, bool]:
        if kind == OWN[0]:
            return TABLE, False
        if kind == "named":
            return name, False
        if kind == "source":
            raise NotRendered(f"it reads the source {name}.{more}: rules read output ports only")
        target = self._target(name, more)
        self._late.append(target.is_late)
        return target.name, False
