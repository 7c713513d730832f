"""Where a contract says that a table's rows are, as a source that an input port can name."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from meshwright.authoring.connection_advice import connection_advice, table_advice
from meshwright.authoring.dbt.products import identifier
from meshwright.model.errors import InvalidInput
from meshwright.model.names import nearest

if TYPE_CHECKING:
    from pathlib import Path

    from meshwright.authoring.adoption import Adoption
    from meshwright.model.contract import Table
    from meshwright.workspace.loading import Workspace

FILES: Final = frozenset({"csv", "json", "ndjson", "parquet"})
PLACEHOLDER: Final = re.compile(r"\{(?:model|table|name)\}")


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """A path of the mesh, a URL or `connection#table`; `file` is there now, beside the contract, or None."""

    path: str
    file: Path | None = None
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def format(self) -> str:
        """The format of the files, as far as it is said."""
        return str(self.options.get("format", ""))


@dataclass(slots=True)
class Servers:
    """The servers of one contract *document*; `chosen` is the one that is meant, "" the first."""

    document: dict[str, Any]
    workspace: Workspace
    contract: Path
    domain: str
    chosen: str
    connection: str
    adoption: Adoption

    @property
    def server(self) -> dict[str, Any] | None:
        """The server that the rows are read from. Raises InvalidInput when the chosen one is not there."""
        servers = self.document.get("servers") or []
        if not self.chosen:
            return servers[0] if servers else None
        named = {str(one.get("server")): one for one in servers}
        if self.chosen not in named:
            close = nearest(self.chosen, named)
            message = f"{self.contract} has no server '{self.chosen}'" + (f": did you mean {close}?" if close else "")
            raise InvalidInput(f"{message} It has {', '.join(named) or 'none'}")
        return dict(named[self.chosen])

    def of(self, entry: dict[str, Any], table: Table) -> Whereabouts:
        """Where the rows of the schema object *entry*, read as *table*, are."""
        name, server = str(entry.get("physicalName") or entry["name"]), self.server
        if server is None:
            return self._nowhere(name, table)
        given, lines = str(server.get("format") or "").lower(), server.get("delimiter") == "new_line"
        form = "ndjson" if given == "json" and lines else given
        options: dict[str, Any] = {"format": form} if form in FILES else {}
        if server.get("type") == "local":
            return self._local(PLACEHOLDER.sub(name, str(server.get("path", ""))), name, options)
        if server.get("location"):
            return Whereabouts(PLACEHOLDER.sub(name, str(server["location"])), options=options)
        return self._table(name, server)

    def _nowhere(self, name: str, table: Table) -> Whereabouts:
        path = f"data/{self.domain}/{name}.csv"
        note, action = "the contract does not say where its rows are", f"put its file at {path}, or correct mesh.path"
        self.adoption.changed("table", name, self.contract, to=path, note=note, action=action)
        columns = {column.name: str(column.type) for column in table.columns}
        return Whereabouts(path, options={"format": "csv", "columns": columns})

    def _local(self, path: str, name: str, options: dict[str, Any]) -> Whereabouts:
        base, root = self.contract.resolve().parent, self.workspace.root.resolve()
        file = base / path
        if file.is_dir():
            file /= f"{name}.{options.get('format', 'csv')}"
        if file.is_file() and file.resolve().is_relative_to(root):
            return Whereabouts(file.resolve().relative_to(root).as_posix(), file.resolve(), options)
        target = f"data/{self.domain}/{file.name}"
        if file.is_file() and file.resolve().is_relative_to(base):
            self.adoption.files[target] = file
            return Whereabouts(target, file, options)
        # Nothing is copied from beyond the contract's own folder, whatever a contract says.
        where = "is outside the contract's folder" if file.is_file() else "is not there"
        note, action = f"{path} {where}", f"put its file at {target}"
        self.adoption.changed("table", name, self.contract, to=target, note=note, action=action)
        return Whereabouts(target, None, options)

    def _table(self, name: str, server: dict[str, Any]) -> Whereabouts:
        kind, schema = str(server.get("type", "")), str(server.get("schema") or server.get("dataset") or "")
        connection = self.connection or identifier(str(server.get("server") or kind))
        path = f"{connection}#{name if '.' in name or not schema else f'{schema}.{name}'}"
        if self.workspace.mesh.connection(connection, domain=self.domain, environment="prod") is None:
            note = f"it is a table of {kind or 'a database'}, and its connection is not declared"
            action = table_advice(connection, kind)
            self.adoption.changed("table", name, self.contract, to=path, note=note, action=action)
            step = connection_advice(connection, kind, len(self.document.get("schema") or ()))
            if step not in self.adoption.next_steps:
                self.adoption.next_steps.append(step)
        return Whereabouts(path)
