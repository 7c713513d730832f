"""Data products: ports and transformations. The words are those of Bitol ODPS v1.1.0."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from meshwright.model.contract import Contract  # noqa: TC001 - decoders read the annotation when they run
from meshwright.model.maintenance import History  # noqa: TC001
from meshwright.model.names import PortAddress  # noqa: TC001
from meshwright.model.schedule import Schedule  # noqa: TC001


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What an input port reads from outside the mesh: files, or what a URL or a connection leads to.

    `path` is relative to the mesh's root, with `/` between parts; it may be a glob, and may end in `.gz` or `.zip`. It is a
    URL (`https://…`, `s3://…`), or, with a `connection`, a table or a path at its other end; a `query` is asked of a
    database instead. `incremental` is the column by which only new rows are taken. `format` is csv, json, ndjson, parquet,
    arrow or excel ("" until sniffed); `options` are those of mesh.options (delimiter, header, quote, nulls, encoding,
    date_format, timestamp_format, decimal_separator, skip, sheet, columns).
    """

    path: str
    format: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    connection: str = ""
    query: str = ""
    incremental: str = ""

    @property
    def is_remote(self) -> bool:
        """Whether it is fetched: a file of the mesh is not."""
        return bool(self.connection) or "://" in self.path

    @property
    def address(self) -> str:
        """What people call it: the path, the URL, or `connection#path`."""
        return f"{self.connection}#{self.path}" if self.connection else self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class InputPort:
    """Where a product reads: another product's output port (`address`) or files (`source`).

    `name` is what transformations call the table; `version` the range of versions that will do ("" any).
    """

    name: str
    address: PortAddress | None = None
    source: Source | None = None
    version: str = ""
    contract_id: str = ""
    implied: bool = False
    pointer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transformation:
    """The SQL or Python that makes one output port or intermediate step; `name` is the file's stem."""

    name: str
    language: str
    path: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputPort:
    """Where a product serves.

    `kind` is tables or files; `materialization` full, append or merge; `key` the columns that identify a row (the
    contract's primary key unless set). `contract` is None only until a draft is inferred.
    """

    name: str
    version: str
    kind: str = "tables"
    description: str = ""
    contract: Contract | None = None
    contract_id: str = ""
    materialization: str = "full"
    key: tuple[str, ...] = ()
    event_time: str = ""
    deprecated: bool = False
    implied: bool = False
    transformation: Transformation | None = None
    pointer: str = ""

    @property
    def major(self) -> int:
        """The major version that this port serves: its contract's when there is one."""
        if self.contract is not None:
            return self.contract.major
        head = self.version.removeprefix("v").split(".", 1)[0]
        return int(head) if head.isdecimal() else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCase:
    """One of the product's own tests: rows given to inputs, rows expected of a port or step."""

    __test__ = False

    name: str
    port: str
    given: dict[str, list[dict[str, Any]]]
    expected: list[dict[str, Any]]
    ordered: bool = False
    path: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a Python transformation may use. 0 seconds or megabytes: the mesh's default."""

    seconds: int = 0
    memory_mb: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A data product. `folder` is relative to the mesh's root; `descriptor_id` is the ODPS id."""

    domain: str
    name: str
    descriptor_id: str
    version: str
    status: str
    folder: str
    title: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    owner: str = ""
    input_ports: tuple[InputPort, ...] = ()
    output_ports: tuple[OutputPort, ...] = ()
    steps: tuple[Transformation, ...] = ()
    tests: tuple[TestCase, ...] = ()
    limits: Limits = field(default_factory=Limits)
    schedule: Schedule | None = None
    # What it reads other products for, "" unspecified.
    purpose: str = ""
    # How much of its past is kept, where it says so itself.
    history: History | None = None
    custom: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """`domain.product`."""
        return f"{self.domain}.{self.name}"

    @property
    def path(self) -> str:
        """The descriptor's path, relative to the mesh's root."""
        return f"{self.folder}/product.yaml"

    def output_port(self, name: str, major: int | None = None) -> OutputPort | None:
        """The output port called *name*; its newest major version unless *major* says which."""
        ports = [port for port in self.output_ports if port.name == name and major in {None, port.major}]
        return max(ports, key=lambda port: port.major, default=None)

    def input_port(self, name: str) -> InputPort | None:
        """The input port that transformations call *name*."""
        return next((port for port in self.input_ports if port.name == name), None)

    @property
    def references(self) -> list[str]:
        """The ids of other products that relationships of this one's contracts point to, sorted."""
        found = set()
        for port in self.output_ports:
            for table in port.contract.tables if port.contract is not None else ():
                ends = [*table.relationships, *(one for column in table.columns for one in column.relationships)]
                found |= {".".join(to.split(".")[:2]) for one in ends for to in one.to if to.count(".") > 1}
        return sorted(found - {self.id})

    @property
    def upstream(self) -> list[str]:
        """The ids of the products whose ports this one reads, each once, sorted."""
        return sorted({port.address.product_id for port in self.input_ports if port.address is not None})
