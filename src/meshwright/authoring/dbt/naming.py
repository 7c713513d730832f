"""What the tables that a dbt model reads are called in the query of its new product."""

from __future__ import annotations

import glob
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from meshwright.authoring.dbt.macros import NotRendered
from meshwright.authoring.dbt.products import identifier
from meshwright.authoring.dbt.transformations import ROWS, SIBLING, WHOLE

if TYPE_CHECKING:
    from meshwright.authoring.dbt.inputs import DbtInput, Inputs
    from meshwright.authoring.dbt.products import Arrangement, Home
    from meshwright.authoring.dbt.understanding import Understood
    from meshwright.workspace.loading import Workspace

RESERVED: Final = frozenset(
    {
        "all", "and", "any", "array", "as", "asc", "between", "case", "cast", "check", "column", "constraint", "create",
        "default", "desc", "distinct", "do", "else", "end", "except", "false", "fetch", "for", "foreign", "from", "grant",
        "group", "having", "in", "initially", "intersect", "into", "lambda", "lateral", "leading", "limit", "not", "null",
        "offset", "on", "only", "or", "order", "pivot", "placing", "primary", "qualify", "references", "returning",
        "select", "show", "some", "summarize", "symmetric", "table", "then", "to", "trailing", "true", "union", "unique",
        "unpivot", "using", "variadic", "when", "where", "window", "with",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TableNames:
    """Names the tables of an adopted project: inputs, siblings, ports of other products, those of the mesh included."""

    workspace: Workspace
    found: Understood
    arrangement: Arrangement
    inputs: Inputs

    def table(self, home: Home, kind: str, name: str, more: str) -> tuple[str, str]:
        """The SQL name of what a model at *home* reads, and how its changes come: `SIBLING`, `WHOLE`, `ROWS`.

        *kind* is ref or source, *more* the version or the table. Raises NotRendered when nobody knows it.
        """
        if kind == "source":
            source = self.found.sources.get(f"{name}.{more}")
            if source is None:
                raise NotRendered(f"source('{name}', '{more}') is declared nowhere")
            return self._input(home, self.inputs.source(source), f"{name}_{more}")
        key = self.found.keys.get((name, more), "")
        other = self.arrangement.homes.get(key)
        if other is None:
            return self._elsewhere(home, name, key)
        if other.product == home.product:
            return quoted(other.stem), SIBLING
        address = other.address(self.arrangement.domain)
        return quoted(address), ROWS

    def _elsewhere(self, home: Home, name: str, key: str) -> tuple[str, str]:
        """A seed, something that dbt goes on making, or a port that the mesh has already."""
        relation = self.found.others.get(key)
        if relation is not None:
            found = self.inputs.seed(relation) if relation.kind == "seed" else self.inputs.relation(relation)
            return self._input(home, found, f"{relation.kind}_{name}")
        ports = [
            (product, port)
            for product in self.workspace.mesh.products.values()
            for port in product.output_ports
            if port.name == identifier(name)
        ]
        if len(ports) != 1:
            raise NotRendered(f"ref('{name}') is no model of the project or its installed packages")
        product, port = ports[0]
        return f"{product.id}{'' if port.name == product.name else f'.{port.name}'}", ROWS

    def _input(self, home: Home, found: DbtInput, alternative: str) -> tuple[str, str]:
        taken = {other.stem for other in self.arrangement.homes.values() if other.product == home.product}
        # One file, or one table of a database, is new as a whole when anything in it is.
        changes = ROWS if glob.has_magic(found.path) and "#" not in found.path else WHOLE
        return quoted(self.inputs.port(home.product, found, taken, alternative=alternative).name), changes


def quoted(name: str) -> str:
    """A name or address as it is written in SQL: in quotes where it needs them."""
    if "@" in name:
        return f'"{name}"'
    return ".".join(f'"{part}"' if part in RESERVED else part for part in name.split("."))
