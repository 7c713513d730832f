"""What the tests of one adopted port can see: the port's own table, and the ports that a rule may read beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from meshwright.authoring.dbt.dialects import DUCKDB, translate
from meshwright.authoring.dbt.macros import NotRendered
from meshwright.authoring.dbt.naming import quoted
from meshwright.authoring.dbt.references import reference
from meshwright.authoring.dbt.rendering import Table
from meshwright.authoring.dbt.tests import TABLE, Target
from meshwright.authoring.dbt.transformations import SIBLING, Tables
from meshwright.model.graph import reachable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from meshwright.authoring.adoption import Adoption
    from meshwright.authoring.dbt.products import Arrangement, Home
    from meshwright.authoring.dbt.project import DataTest, DbtProject
    from meshwright.authoring.dbt.rendering import Renderer

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

    def hosts(self, adoption: Adoption) -> dict[str, list[DataTest]]:
        """The singular tests by the model whose contract takes them: of the ports that they read, the one built last."""
        order = {key: at for at, key in enumerate(self.arrangement.homes)}
        found: dict[str, list[DataTest]] = {}
        for test in self.project.singular_tests:
            rendered = self.renderer.render(test.sql)
            keys = [self.keys.get((name, version), "") for _, name, version in rendered.refs]
            ports = [key for key in keys if key in order and self.arrangement.homes[key].is_port]
            if ports:
                found.setdefault(max(ports, key=lambda key: order[key]), []).append(test)
            else:
                note = rendered.problem or "it reads no output port, and rules read nothing else"
                adoption.left("test", test.name, test.place, note=note)
        return found


def upstream_products(arrangement: Arrangement, reads: Mapping[str, Sequence[str]]) -> dict[str, set[str]]:
    """The products that each product reads, however far."""
    direct: dict[str, set[str]] = {product: set() for product in arrangement.products}
    for key, home in arrangement.homes.items():
        direct[home.product] |= {arrangement.homes[one].product for one in reads.get(key, ())}
    return {product: reachable(above, direct) - {product} for product, above in direct.items()}


@dataclass(slots=True)
class PortSurroundings:
    """`dbt_tests.Surroundings` of the port at *home*."""

    all: Neighbourhood
    home: Home
    _late: list[bool] = field(default_factory=list)

    def table(self, text: str) -> Target:
        """The table that `ref('x')` names."""
        found = reference(text)
        if found is None or found.kind != "ref":
            raise NotRendered(f"{text} names no model")
        return self._target(found.name, found.more)

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
            if isinstance(value, str) and reference(value) is not None:
                name = self.table(value)
                return Table(self._keep(tables, name), value)
            return value

        arguments = {name: given(value) for name, value in test.arguments.items()}
        column = {"column_name": test.column} if test.column else {}
        return {"model": Table(tables.token(*OWN), self.home.name), **column, **arguments}

    def _keep(self, tables: Tables, target: Target) -> str:
        self._late.append(target.is_late)
        return tables.token("named", target.name, "")

    def _resolve(self, kind: str, name: str, more: str) -> tuple[str, str]:
        if kind == OWN[0]:
            return TABLE, SIBLING
        if kind == "named":
            return name, SIBLING
        if kind == "source":
            raise NotRendered(f"it reads the source {name}.{more}: rules read output ports only")
        target = self._target(name, more)
        self._late.append(target.is_late)
        return target.name, SIBLING
