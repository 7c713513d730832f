"""Data contracts become a data product: one output port for each table, read from where the contract says its data is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from meshwright.authoring import binding_ahead
from meshwright.authoring.adoption import Adoption
from meshwright.authoring.binding_ahead import Pin
from meshwright.authoring.contract_sources import Servers
from meshwright.authoring.datacontract_specification import KEY, as_odcs, is_specification
from meshwright.authoring.dbt.dialects import DIALECTS, data_type
from meshwright.authoring.dbt.naming import quoted
from meshwright.authoring.dbt.products import identifier
from meshwright.authoring.naming import title
from meshwright.formats import odcs, odps
from meshwright.formats.yaml_text import dump, parse, placed
from meshwright.model.casting import is_castable
from meshwright.model.datatype import DataType, quote
from meshwright.model.errors import InvalidInput, InvalidMesh, NotFound
from meshwright.model.findings import Severity
from meshwright.model.product import InputPort, OutputPort, Product, Source
from meshwright.model.versions import Version

if TYPE_CHECKING:
    from pathlib import Path

    from meshwright.model.contract import Contract
    from meshwright.workspace.loading import Workspace

# The order in which people read a contract.
FIRST: Final = ("apiVersion", "kind", "id", "name", "version", "status", "domain", "dataProduct")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractImport:
    """Which contract to adopt: `file` is ODCS, or Data Contract Specification; "" leaves names to what it says."""

    file: Path
    domain: str = ""
    product: str = ""
    team: str = ""
    connection: str = ""
    server: str = ""
    is_specification: bool = False


def adopt_contract(workspace: Workspace, asked: ContractImport) -> Adoption:
    """The files of the product that a contract describes, and the report. Nothing is written.

    Raises NotFound when there is no file, InvalidMesh for a document that is not valid, InvalidInput when it is of
    another kind, or names neither domain nor table.
    """
    if not asked.file.is_file():
        message = f"there is no file {asked.file}"
        raise NotFound(message)
    content = asked.file.read_bytes()
    shown = str(asked.file)
    document, findings = parse(content, shown)
    if findings:
        raise InvalidMesh(findings)
    adoption = Adoption(f"the contract {shown}")
    if asked.is_specification:
        if not is_specification(document):
            message = (
                f"{shown} is no Data Contract Specification 0.9 or 1.x: it has no '{KEY}' that is read here"
                + _other(document)
            )
            raise InvalidInput(message)
        document = as_odcs(document, content, shown, adoption)
    elif is_specification(document):
        message = f"{shown} is a Data Contract Specification: run mesh import datacontract {shown}"
        raise InvalidInput(message)
    problems = [one for one in odcs.check(document, shown) if one.severity is Severity.ERROR]
    if problems:
        raise InvalidMesh(placed(problems, content))
    _Adopting(workspace, asked, document, adoption).run()
    return adoption


def _other(document: Any) -> str:  # noqa: ANN401 - any document
    return (
        "; it is ODCS: run mesh import odcs" if isinstance(document, dict) and document.get("kind") == odcs.KIND else ""
    )


@dataclass(slots=True)
class _Table:
    """One table of the contract while its port is made."""

    entry: dict[str, Any]
    port: str
    contract: dict[str, Any]
    read: Contract
    input: InputPort
    file: Path | None = None
    found: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Adopting:
    workspace: Workspace
    asked: ContractImport
    document: dict[str, Any]
    adoption: Adoption
    tables: list[_Table] = field(default_factory=list)

    @property
    def domain(self) -> str:
        return self.asked.domain or identifier(str(self.document.get("domain") or ""), "")

    @property
    def product(self) -> str:
        named = self.asked.product or str(self.document.get("dataProduct") or "")
        return identifier(named or self.asked.file.name.partition(".")[0], "contract")

    @property
    def servers(self) -> Servers:
        asked = self.asked
        return Servers(
            self.document, self.workspace, asked.file, self.domain, asked.server, asked.connection, self.adoption
        )

    @property
    def folder(self) -> str:
        return f"domains/{self.domain}/{self.product}"

    def run(self) -> None:
        if not self.domain:
            message = f"{self.asked.file} names no domain: say which one with --domain"
            raise InvalidInput(message)
        entries = self.document.get("schema") or []
        if not entries:
            message = f"{self.asked.file} describes no table: there is nothing to make a port of"
            raise InvalidInput(message)
        version = str(self.document["version"])
        if _semantic(version) != version:
            note = "versions of a mesh are semantic"
            self.adoption.changed("version", version, self._place, to=_semantic(version), note=note)
        ports: set[str] = set()
        for entry in entries:
            port = identifier(str(entry["name"]))
            while port in ports:
                port = f"{port}_2"
            ports.add(port)
            self.tables.append(self._table(entry, port, is_only=len(entries) == 1))
        self._look()
        self._write()

    def _table(self, entry: dict[str, Any], port: str, *, is_only: bool) -> _Table:
        contract = self._split(entry, port, is_only=is_only)
        read, _ = odcs.read(contract, path=f"{self.folder}/contracts/{port}.yaml")
        place = self.servers.of(entry, read.table)
        options = {key: value for key, value in place.options.items() if key != "format"}
        source = Source(path=place.path, format=place.format, options=options)
        return _Table(entry, port, contract, read, InputPort(name=f"{port}_source", source=source), place.file)

    def _split(self, entry: dict[str, Any], port: str, *, is_only: bool) -> dict[str, Any]:
        """The contract of one table: everything that holds for all, and of the rest what speaks of this one."""
        version = str(self.document["version"])
        contract: dict[str, Any] = {
            **dict.fromkeys(key for key in FIRST if key in {*self.document, "domain", "dataProduct"}),
            **self.document,
            "id": self.document["id"] if is_only else f"{self.document['id']}.{port}",
            "version": _semantic(version),
            "domain": self.domain,
            "dataProduct": self.product,
            "schema": [self._storable(entry)],
        }
        names = {str(other["name"]) for other in self.document["schema"]} - {str(entry["name"])}
        levels = [
            level for level in self.document.get("slaProperties") or ()
            if str(level.get("element") or "").partition(".")[0] not in names
        ]  # fmt: skip
        if "slaProperties" in contract:
            contract["slaProperties"] = levels
        if not contract.get("slaProperties"):
            contract.pop("slaProperties", None)
        return contract

    @property
    def _place(self) -> str:
        return str(self.asked.file)

    def _storable(self, entry: dict[str, Any]) -> dict[str, Any]:
        """The table with types that are known here: those of the contract's server are translated."""
        server = next((str(one.get("type", "")) for one in self.document.get("servers") or ()), "")
        dialect = DIALECTS.get({"postgresql": "postgres"}.get(server, server), "duckdb")
        properties = []
        for column in entry.get("properties") or ():
            physical = str(column.get("physicalType") or "")
            found = data_type(physical, dialect) if physical and not _is_known(physical) else None
            if found is not None:
                note = f"{physical} is called so by {server or 'another database'}"
                self.adoption.changed(
                    "type", f"{entry['name']}.{column['name']}", self._place, to=str(found), note=note
                )
            properties.append(column if found is None else {**column, "physicalType": str(found)})
        return self._pointing({**entry, "properties": properties} if properties else entry)

    def _pointing(self, entry: dict[str, Any]) -> dict[str, Any]:
        """The table with relationships to others of the same contract by the names of their ports."""
        ports = {str(other["name"]): identifier(str(other["name"])) for other in self.document["schema"]}

        def renamed(to: Any) -> Any:  # noqa: ANN401 - one reference or several
            if isinstance(to, list):
                return [renamed(one) for one in to]
            table, dot, column = str(to).partition(".")
            return f"{ports[table]}.{column}" if dot and table in ports else to

        def written(owner: dict[str, Any]) -> dict[str, Any]:
            if not owner.get("relationships"):
                return owner
            return {**owner, "relationships": [{**one, "to": renamed(one.get("to"))} for one in owner["relationships"]]}

        found = written(entry)
        if found.get("properties"):
            found = {**found, "properties": [written(column) for column in found["properties"]]}
        return found

    def _look(self) -> None:
        """Find out what columns the files have that are there."""
        pins = {}
        for table in self.tables:
            source = table.input.source
            if source is not None:
                base, name = (table.file.parent, table.file.name) if table.file is not None else (None, "")
                pins[source.path] = Pin(source.path, base, name)
        found = binding_ahead.looked_at(self.workspace, self.domain, pins) if pins else {}
        for table in self.tables:
            if table.input.source is not None:
                table.found = dict(found.get(table.input.source.path, {}).get("columns", {}))
                _keep_text(table)

    def _write(self) -> None:
        ports = []
        for table in self.tables:
            self.adoption.files[f"{self.folder}/contracts/{table.port}.yaml"] = dump(table.contract)
            self.adoption.files[f"{self.folder}/transform/{table.port}.sql"] = self._query(table)
            to = f"{self.domain}.{self.product}.{table.port}"
            self.adoption.carried("table", str(table.entry["name"]), self._place, to)
            self._note_rules(table)
            ports.append(
                OutputPort(name=table.port, version=table.contract["version"], contract_id=table.contract["id"])
            )
        team = self.document.get("team")
        product = Product(
            domain=self.domain,
            name=self.product,
            descriptor_id=f"{self.domain}.{self.product}",
            version=_semantic(str(self.document["version"])),
            status=str(self.document.get("status") or "draft"),
            folder=self.folder,
            title=str(self.document.get("name") or title(self.product)),
            description=self._purpose,
            owner=str(team.get("name") or "") if isinstance(team, dict) else "",
            input_ports=tuple(table.input for table in self.tables),
            output_ports=tuple(ports),
        )
        self.adoption.files[f"{self.folder}/product.yaml"] = dump(odps.write(product))
        if self.domain not in self.workspace.mesh.domains:
            name = self.asked.team or product.owner or f"{self.domain}_team"
            self.adoption.files[f"domains/{self.domain}/domain.yaml"] = dump({"team": {"name": name}})
        self.adoption.products = [product.id]

    @property
    def _purpose(self) -> str:
        description = self.document.get("description")
        return str(description.get("purpose") or "") if isinstance(description, dict) else str(description or "")

    def _query(self, table: _Table) -> str:
        """The columns that the contract promises, cast where the file's types would not do."""
        found = {name.lower(): kind for name, kind in table.found.items()}
        physical = {
            str(column.get("name")): str(column.get("physicalName") or "")
            for column in table.entry.get("properties") or ()
        }
        lines = []
        for column in table.read.table.columns:
            origin = physical.get(column.name) or column.name
            origin = origin if origin.lower() in found or column.name.lower() not in found else column.name
            kind = found.get(origin.lower())
            fits = kind is not None and is_castable(DataType.parse(kind), column.type)
            if kind is not None and not fits:
                lines.append(f"    CAST({_column(origin)} AS {column.type}) AS {_column(column.name)}")
            elif origin == column.name:
                lines.append(f"    {_column(column.name)}")
            else:
                lines.append(f"    {_column(origin)} AS {_column(column.name)}")
        head = f"-- What the contract promises, from where {self.asked.file.name} says it is.\n"
        listed = ",\n".join(lines)
        return (
            f"{head}SELECT\n{listed}\nFROM {table.input.name}\n"
            if lines
            else f"{head}SELECT * FROM {table.input.name}\n"
        )

    def _note_rules(self, table: _Table) -> None:
        rules = [*table.read.table.quality, *(rule for column in table.read.table.columns for rule in column.quality)]
        for rule in rules:
            if rule.kind == "custom" and not self.asked.is_specification:
                note = f"a rule of the engine '{rule.engine}': it is kept, and reported as not run"
                self.adoption.changed(
                    "quality",
                    rule.name or table.port,
                    self._place,
                    note=note,
                    action="write it as a sql or library rule",
                )


def _keep_text(table: _Table) -> None:
    """Declare as text what the contract calls text and a file's values do not look like: `0815` is no number."""
    source = table.input.source
    promised = {column.name.lower() for column in table.read.table.columns if column.type.name == "VARCHAR"}
    text = {name: "VARCHAR" for name, kind in table.found.items() if name.lower() in promised and kind != "VARCHAR"}
    if source is None or not text or source.format not in {"", "csv"}:
        return
    # Without a format the rest is sniffed as before.
    table.input = replace(table.input, source=Source(path=source.path, options={**source.options, "columns": text}))
    table.found |= text


def _is_known(physical: str) -> bool:
    try:
        DataType.parse(physical)
    except ValueError:
        return False
    return True


def _semantic(version: str) -> str:
    """*version* as a semantic one: `2` is 2.0.0, `v1.1` is 1.1.0; 0.1.0 for what is no version at all."""
    parts = re.match(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(.*)\Z", version.strip())
    if parts is None:
        return "0.1.0"
    made = ".".join(part or "0" for part in parts.groups()[:3])
    try:
        Version.parse(version)
    except ValueError:
        return made
    return version


def _column(name: str) -> str:
    """A column as it is written in SQL: in quotes where it needs them."""
    return quoted(name) if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else quote(name)
