"""A new product written from data that was looked at: descriptor, contracts, transformations, README, pinned inputs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from meshwright.analysis import fence
from meshwright.analysis.query import SqlError, parse
from meshwright.authoring.blueprints import BUILT_IN, Blueprint, render, rendered
from meshwright.authoring.input_tables import kept_as
from meshwright.authoring.naming import title, valid_names
from meshwright.authoring.profile import ColumnProfile, profile
from meshwright.authoring.proposals import propose
from meshwright.authoring.table_drafts import TableDraft
from meshwright.build.bound import draft_contract
from meshwright.build.outline import CHANGES
from meshwright.formats import odcs, odps
from meshwright.formats.yaml_text import dump
from meshwright.model.datatype import quote
from meshwright.model.errors import InvalidInput, InvalidMesh
from meshwright.model.names import is_name
from meshwright.model.product import InputPort, OutputPort, Product
from meshwright.workspace.locks import HEADER, LOCK_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from duckdb import DuckDBPyConnection

    from meshwright.authoring.input_tables import InputTable
    from meshwright.model.contract import Column, Contract

CONTRACT_HEADER = """\
# What this port promises, proposed from {rows:,} rows of {title} on {today}. Every rule held for each of them: keep what
# is meant and drop what is chance, describe the columns, then set the status to active.
"""
DEFAULT_FILES = {"product.yaml": "product.yaml.j2", "README.md": "README.md.j2"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """Something about a column that a person has to judge."""

    port: str
    column: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewProduct:
    """A product's files by path within its folder, and what whoever asked for it should know."""

    files: Mapping[str, str]
    ports: tuple[str, ...]
    serves_files: bool = False
    review: tuple[Review, ...] = ()
    hints: tuple[str, ...] = ()


def new_product_files(
    domain: str,
    name: str,
    tables: Sequence[InputTable],
    chosen: Blueprint,
    *,
    connection: DuckDBPyConnection,
    asked: str,
    purpose: str = "",
) -> NewProduct:
    """The files of the product `domain.name` that reads *tables* for a *purpose*, made from the blueprint *chosen*.

    *connection* has each table as a view called like its input port; *asked* is what the data was called. Raises
    InvalidInput for a blueprint that cannot be rendered.
    """
    product = Product(
        domain=domain,
        name=name,
        descriptor_id=str(uuid4()),
        version="0.1.0",
        status="draft",
        folder=f"domains/{domain}/{name}",
        title=title(name),
        custom={"mesh.purpose": purpose} if purpose else {},
    )
    return _Writer(product, tables, chosen, connection, asked).run()


class _Writer:
    def __init__(
        self,
        product: Product,
        tables: Sequence[InputTable],
        chosen: Blueprint,
        connection: DuckDBPyConnection,
        asked: str,
    ) -> None:
        self.product = product
        self.tables = tables
        self.chosen = chosen
        self.connection = connection
        self.asked = asked
        self.today = datetime.now(UTC).date().isoformat()
        self.review: list[Review] = []
        self.hints = [hint for table in tables for hint in table.hints]

    def run(self) -> NewProduct:
        for table in self.tables:
            name = table.port.name
            self.connection.execute(f"CREATE VIEW {quote(f'{name}{CHANGES}')} AS FROM {quote(name)}")
        names = [self.product.name] if len(self.tables) == 1 else valid_names(table.title for table in self.tables)
        drafts = [TableDraft(self.connection, table, port) for table, port in zip(self.tables, names, strict=True)]
        ports = {self.port_name(draft): draft for draft in drafts}
        outputs = tuple(
            OutputPort(name=port, version="", kind=self.chosen.type, materialization=self.chosen.materialization)
            for port in ports
        )
        inputs = tuple(self.input_port(table, draft) for table, draft in zip(self.tables, drafts, strict=True))
        self.product = replace(self.product, input_ports=inputs, output_ports=outputs)
        files = rendered(self.chosen, self.context(drafts, {}), drafts)
        contracts = {
            port.name: contract
            for port in outputs
            if port.kind == "tables" and (contract := self.contract(port, ports[port.name], files)) is not None
        }
        self.product = replace(
            self.product,
            output_ports=tuple(replace(port, contract=contracts.get(port.name)) for port in outputs),
        )
        context = self.context(drafts, contracts)
        for path, template in DEFAULT_FILES.items():
            if path not in files:
                text = (BUILT_IN / template).read_text(encoding="utf-8")
                files[path] = render(text, context, template)
        for port, contract in contracts.items():
            files.setdefault(f"contracts/{port}.yaml", self.contract_text(contract, ports[port]))
        pins = {table.port.name: table.pin for table in self.tables if table.pin is not None}
        if pins:
            files[LOCK_FILE] = HEADER + dump({"inputs": pins})
        files = {path: files[path] for path in sorted(files, key=_as_read)}
        return NewProduct(
            files=files,
            ports=tuple(ports),
            serves_files=self.chosen.type == "files",
            review=tuple(self.review),
            hints=tuple(dict.fromkeys(self.hints)),
        )

    def input_port(self, table: InputTable, draft: TableDraft) -> InputPort:
        """The port of *table*; one of a database that is appended says by which column its new rows are told."""
        if not table.is_table or self.chosen.materialization != "append" or table.port.source is None:
            return table.port
        growing = draft.growing
        if growing is None:
            message = f"{table.title} has no column whose values only grow, by which new rows could be told: use another blueprint"
            raise InvalidInput(message)
        self.hints.append(
            f"new rows of {table.title} are those beyond the highest {growing.original} (mesh.incremental)"
        )
        return replace(table.port, source=replace(table.port.source, incremental=growing.original))

    def port_name(self, draft: TableDraft) -> str:
        name = render(self.chosen.port, {"product": self.product.name, "table": draft}, f"{self.chosen.folder}: port")
        if not is_name(name):
            message = f"{self.chosen.folder}: '{name}' cannot name a port: use a-z, 0-9 and _, starting with a letter"
            raise InvalidInput(message)
        return name

    def context(self, drafts: Sequence[TableDraft], contracts: Mapping[str, Contract]) -> dict[str, Any]:
        """What templates see."""
        return {
            "domain": self.product.domain,
            "product": self.product.name,
            "title": self.product.title,
            "source": self.asked,
            "today": self.today,
            "tables": list(drafts),
            "descriptor": odps.write(self.product),
            "contracts": {port: odcs.write(contract) for port, contract in contracts.items()},
            "review": list(self.review),
        }

    def contract(self, port: OutputPort, draft: TableDraft, files: Mapping[str, str]) -> Contract | None:
        """The contract of what the port's query yields of the rows that were looked at; None when that cannot be told."""
        query = files.get(f"transform/{port.name}.sql") or files.get(f"{port.name}.sql")
        if query is None and not self.has_python(port, files):
            return None
        looked_at = f"made {port.name}"
        kept = kept_as(draft.rows, len(draft.columns))
        profiles = self.made(looked_at, query or draft.query, port, kept=kept)
        if profiles is None:
            return None
        drafted = draft_contract(self.product, port, [(one.name, one.type) for one in profiles])
        proposed = propose(
            drafted.table,
            profiles,
            connection=self.connection,
            looked_at=looked_at,
            origins={column.name: column for column in draft.columns},
        )
        known = next(one.contract for one in self.tables if one.port.name == draft.input)
        self.review += [
            Review(port=port.name, column=column, reason=reason)
            for column, reason in proposed.review
            if not _is_judged(column, known)
        ]
        columns = tuple(_inherited(column, _column_of(known, column.name)) for column in proposed.table.columns)
        return replace(drafted, name=title(port.name), tables=(replace(proposed.table, columns=columns),))

    def has_python(self, port: OutputPort, files: Mapping[str, str]) -> bool:
        return f"transform/{port.name}.py" in files or f"{port.name}.py" in files

    def made(self, table: str, query: str, port: OutputPort, *, kept: str) -> list[ColumnProfile] | None:
        """The profile of what *query* yields, *kept* as a table or a view; None, with a hint, when it cannot be run."""
        import duckdb

        try:
            problems = fence.check(parse(query))
            if not problems:
                self.connection.execute(f"CREATE {kept} {quote(table)} AS {query}")
                return profile(self.connection, table)
            reason = f"{problems[0].message} ({problems[0].value})"
        except (SqlError, duckdb.Error) as error:
            reason = str(error).partition("\n")[0]
        self.hints.append(f"port {port.name} has no contract yet, as its query could not be run: {reason}")
        return None

    def contract_text(self, contract: Contract, draft: TableDraft) -> str:
        document = odcs.write(contract)
        findings = odcs.check(document, f"{self.product.folder}/contracts/{contract.table.name}.yaml")
        if findings:
            raise InvalidMesh(findings)
        header = CONTRACT_HEADER.format(rows=draft.rows, title=self.asked, today=self.today)
        return header + dump(document)


def _as_read(path: str) -> tuple[int, str]:
    """The order in which people read a product's files."""
    first = ("product.yaml", "contracts/", "transform/", "tests/")
    return next((at for at, start in enumerate(first) if path.startswith(start)), len(first)), path


def _is_judged(column: str, contract: Contract | None) -> bool:
    """Whether the contract of the port that *column* comes from classifies it: who owns that one has to judge."""
    known = _column_of(contract, column)
    return known is not None and bool(known.classification)


def _column_of(contract: Contract | None, name: str) -> Column | None:
    return contract.table.column(name) if contract is not None and contract.tables else None


def _inherited(column: Column, known: Column | None) -> Column:
    """*column* with what the contract of the port that it comes from says of it as *known*, and of what is nested in it."""
    if known is None:
        return column
    own = column.custom if not known.classification else {}
    inner = {one.name.lower(): one for one in known.properties}
    return replace(
        column,
        business_name=known.business_name or column.business_name,
        description=known.description or column.description,
        classification=known.classification or column.classification,
        tags=tuple(dict.fromkeys((*known.tags, *column.tags))) if not known.classification else known.tags,
        custom=own,
        properties=tuple(_inherited(one, inner.get(one.name.lower())) for one in column.properties),
        items=_inherited(column.items, known.items) if column.items is not None else None,
    )
