"""dbt's seeds and sources → input ports: files in place or copied into the mesh, tables of a database through a connection."""

from __future__ import annotations

import glob
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from meshwright.authoring.connection_advice import table_advice
from meshwright.authoring.dbt.dialects import data_type
from meshwright.authoring.dbt.products import identifier
from meshwright.model.product import InputPort, Source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from meshwright.authoring.adoption import Adoption
    from meshwright.authoring.dbt.project import DbtProject, Relation, SourceTable
    from meshwright.model.datatype import DataType

    Columns = Sequence[tuple[str, DataType]]

READER: Final = re.compile(r"\s*\w+\(\s*'([^']+)'.*\)\s*\Z", re.DOTALL)
REMOTE: Final = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
DATA: Final = "data"


@dataclass(slots=True)
class DbtInput:
    """Something outside that models read: a path of the mesh (or `connection#table`), and where its file is now.

    `original` is the path within the project, "" when there is no file to look at; `columns` are what dbt knows.
    """

    name: str
    path: str
    original: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    columns: Columns = ()


@dataclass(slots=True)
class Inputs:
    """Makes input ports of one *project* for the mesh at *root*; each is looked at once, however many products read it."""

    project: DbtProject
    root: Path
    domain: str
    connection: str
    dialect: str
    adoption: Adoption
    is_declared: bool = False
    ports: dict[str, dict[str, InputPort]] = field(default_factory=dict)
    known: dict[tuple[str, str], DbtInput] = field(default_factory=dict)
    tables: list[str] = field(default_factory=list)

    def port(self, product: str, found: DbtInput, taken: set[str], *, alternative: str) -> InputPort:
        """The input port of *product* that reads *found*; a name that is *taken* gives way to the *alternative*."""
        mine = self.ports.setdefault(product, {})
        same = next((port for port in mine.values() if port.source and port.source.path == found.path), None)
        if same is not None:
            return same
        name = found.name if found.name not in taken | set(mine) else identifier(alternative)
        while name in taken | set(mine):
            name = f"{name}_input"
        mine[name] = InputPort(name=name, source=Source(path=found.path, options=found.options))
        return mine[name]

    def seed(self, seed: Relation) -> DbtInput:
        """A seed's CSV file."""
        key = ("seed", seed.name)
        if key not in self.known:
            options: dict[str, Any] = {"header": True}
            types = seed.config.get("column_types")
            if isinstance(types, dict):
                found = {str(name): data_type(str(kind), self.dialect) for name, kind in types.items()}
                options["columns"] = {name: str(kind) for name, kind in found.items() if kind is not None}
            if seed.config.get("delimiter"):
                options["delimiter"] = str(seed.config["delimiter"])
            path = self._file(seed.path)
            self.known[key] = DbtInput(identifier(seed.name), path, seed.path, options)
            self.adoption.carried("seed", seed.name, seed.place, path)
        return self.known[key]

    def source(self, source: SourceTable) -> DbtInput:
        """A source's table: its external location, the seed that fills it, or a table of the database."""
        key = ("source", source.key)
        if key not in self.known:
            self.known[key] = self._source(source)
        return self.known[key]

    def _source(self, source: SourceTable) -> DbtInput:
        name = identifier(source.name)
        if source.location:
            return self._located(source, name)
        seed = next(
            (one for one in self.project.relations if one.kind == "seed" and one.name == source.identifier), None
        )
        if seed is not None:
            found = self.seed(seed)
            self.adoption.carried("source", source.key, source.place, found.path)
            return DbtInput(name, found.path, found.original, found.options)
        schema = source.schema or source.source
        return self._table(name, f"{schema}.{source.identifier}", source.key, source, kind="source")

    def _located(self, source: SourceTable, name: str) -> DbtInput:
        reader = READER.match(source.location)
        location = reader[1] if reader else source.location
        if REMOTE.match(location):
            self.adoption.carried("source", source.key, source.place, location)
            return DbtInput(name, location, columns=self._columns(source.key, source))
        base = self.project.root.resolve()
        matches = glob.glob(location, root_dir=base, recursive=True)  # noqa: PTH207 - relative to the project
        # Nothing is taken from beyond the project's own folder, whatever a location says.
        if matches and all((base / match).resolve().is_relative_to(base) for match in matches):
            path = self._file(location)
            self.adoption.carried("source", source.key, source.place, path)
            return DbtInput(name, path, location)
        path = f"{DATA}/{self.domain}/{location.rpartition('/')[2]}"
        self.adoption.changed(
            "source",
            source.key,
            source.place,
            to=path,
            note=f"{location} is {'outside the project' if matches else 'not there'}",
            action=f"put its file at {path}",
        )
        return DbtInput(name, path, columns=self._columns(source.key, source))

    def relation(self, relation: Relation) -> DbtInput:
        """The table of something that dbt goes on making: a snapshot, a Python model."""
        key = (relation.kind, relation.key)
        if key not in self.known:
            schema = str(relation.config.get("target_schema") or relation.config.get("schema") or "public")
            self.known[key] = self._table(
                identifier(relation.name), f"{schema}.{relation.name}", relation.key, relation
            )
        return self.known[key]

    def _table(self, name: str, table: str, key: str, described: SourceTable | Relation, kind: str = "") -> DbtInput:
        path = f"{self.connection}#{table}"
        self.tables.append(path)
        if kind and self.is_declared:
            self.adoption.carried(kind, key, described.place, path)
        elif kind:
            self.adoption.changed(
                kind,
                key,
                described.place,
                to=path,
                note="it is a table of a database, and its connection is not declared",
                action=table_advice(self.connection, self.dialect),
            )
        return DbtInput(name, path, columns=self._columns(key, described))

    def _columns(self, key: str, described: SourceTable | Relation) -> Columns:
        """The columns that dbt's catalog knows, else those that are documented with their types, all of them or none."""
        types = self.project.types.get(key) or {column.name: column.data_type for column in described.columns}
        found = [(name, data_type(kind, self.dialect) if kind else None) for name, kind in types.items()]
        known = [(name, kind) for name, kind in found if kind is not None]
        return known if len(known) == len(found) else []

    def _file(self, path: str) -> str:
        """Where the project's file (or glob) *path* is in the mesh: in place when the project is inside it, else copied."""
        base, root = self.project.root.resolve(), self.root.resolve()
        if base.is_relative_to(root):
            return os.path.normpath(os.path.join(os.path.relpath(base, root), path)).replace(os.sep, "/")  # noqa: PTH118 - the path may be a glob
        for match in glob.glob(path, root_dir=base, recursive=True):  # noqa: PTH207 - relative to the project
            self.adoption.files[f"{DATA}/{self.domain}/{match.rpartition('/')[2]}"] = base / match
        return f"{DATA}/{self.domain}/{path.rpartition('/')[2]}"
