"""A dbt project as far as it can be adopted: models, sources, seeds, tests and who owns them; how it was read is forgotten."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003 - a field's type
from typing import Any


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where in the project something stands: a path relative to its folder and a line from 1 (0: the whole file)."""

    path: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line else self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class DataTest:
    """A dbt data test: a generic one (`not_null`, `dbt_utils.accepted_range`) or a singular one, which has `sql`.

    `model` is what it is attached to, "" for a singular test; `column` is "" for a test of the whole table.
    """

    name: str
    place: Place
    model: str = ""
    column: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    description: str = ""
    sql: str = ""

    @property
    def severity(self) -> str:
        """ODCS's severity: error or warning."""
        return "warning" if str(self.config.get("severity", "error")).lower() == "warn" else "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class DbtColumn:
    """A column as a property file documents it; `data_type` is in the project's own dialect."""

    name: str
    description: str = ""
    data_type: str = ""
    constraints: tuple[dict[str, Any], ...] = ()
    tests: tuple[DataTest, ...] = ()
    tags: tuple[str, ...] = ()
    meta: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A model, seed or snapshot (`kind`), one for each version of a versioned model.

    `path` is that of its SQL, Python or CSV file relative to the project, `folders` the folders between the model path
    and the file. `place` is where it is described, its own file when nowhere.
    """

    name: str
    kind: str
    package: str
    path: str
    place: Place
    folders: tuple[str, ...] = ()
    text: str = ""
    compiled: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    description: str = ""
    columns: tuple[DbtColumn, ...] = ()
    tests: tuple[DataTest, ...] = ()
    constraints: tuple[dict[str, Any], ...] = ()
    version: str = ""
    latest_version: str = ""
    deprecated_from: str = ""

    @property
    def key(self) -> str:
        """What tells it from all others: its name, with `.v2` when it is versioned."""
        return f"{self.name}.v{self.version}" if self.version else self.name

    @property
    def language(self) -> str:
        """Sql or python."""
        return "python" if self.path.endswith(".py") else "sql"

    @property
    def materialized(self) -> str:
        """How dbt keeps it: as a view, table, incremental or ephemeral."""
        return str(self.config.get("materialized") or "view")

    @property
    def is_contracted(self) -> bool:
        """Whether dbt enforces its contract."""
        contract = self.config.get("contract")
        return bool(contract.get("enforced")) if isinstance(contract, dict) else False

    @property
    def access(self) -> str:
        """public, protected or private; "" when nothing is said."""
        return str(self.config.get("access") or "")

    @property
    def group(self) -> str:
        """The group that owns it; "" for none."""
        return str(self.config.get("group") or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTable:
    """A table that the project reads and does not make; `location` is dbt-duckdb's external_location."""

    source: str
    name: str
    place: Place
    identifier: str = ""
    schema: str = ""
    database: str = ""
    location: str = ""
    description: str = ""
    columns: tuple[DbtColumn, ...] = ()
    tests: tuple[DataTest, ...] = ()
    has_freshness: bool = False

    @property
    def key(self) -> str:
        """`source.table`."""
        return f"{self.source}.{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DbtUnitTest:
    """A unit test: rows given to the inputs of a model, rows expected of it."""

    name: str
    model: str
    place: Place
    given: tuple[dict[str, Any], ...] = ()
    expect: dict[str, Any] = field(default_factory=dict)
    overrides: dict[str, Any] = field(default_factory=dict)
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DbtMacro:
    """A macro's text, whatever file it came from; `package` is the project or package that has it."""

    package: str
    name: str
    text: str
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """Something of the project for which a mesh has no counterpart.

    `kind` is exposure, metric, hook …; `reads` are the `ref(…)` and `source(…)` expressions that it depends on.
    """

    kind: str
    name: str
    place: Place
    reads: tuple[str, ...] = ()
    owner: str = ""


@dataclass(slots=True, kw_only=True)
class DbtProject:
    """A project and its installed packages. `adapter` is the database's dialect as dbt calls it ("" when unknown).

    `variables` are by package ("" for all); `types` the columns and types that dbt's catalog knows, by the key of
    relation or source table; `from_manifest` says that dbt itself had parsed it.
    """

    name: str
    root: Path
    adapter: str = ""
    target: str = ""
    from_manifest: bool = False
    relations: list[Relation] = field(default_factory=list)
    sources: list[SourceTable] = field(default_factory=list)
    macros: list[DbtMacro] = field(default_factory=list)
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    singular_tests: list[DataTest] = field(default_factory=list)
    unit_tests: list[DbtUnitTest] = field(default_factory=list)
    others: list[Other] = field(default_factory=list)
    packages: set[str] = field(default_factory=set)
    variables: dict[str, dict[str, Any]] = field(default_factory=dict)
    types: dict[str, dict[str, str]] = field(default_factory=dict)
    problems: list[Other] = field(default_factory=list)

    def versions(self, name: str) -> list[Relation]:
        """The relations called *name*: several where a model has versions."""
        return [relation for relation in self.relations if relation.name == name]
