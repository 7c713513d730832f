"""Publications: the immutable record of one successful build of one product."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from meshwright.model.contract import Contract  # noqa: TC001 - decoders read the annotation when they run
from meshwright.model.datatype import DataType  # noqa: TC001
from meshwright.model.results import RuleResult  # noqa: TC001


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A stored column. `id` is the Iceberg field id: never reused within a table, kept when the column is widened."""

    id: int
    name: str
    type: DataType
    # Ids of nested values in depth-first order (struct members; a list's element; a map's key, then value).
    nested_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnStatistics:
    """A column of one data file: counts exact, bounds as text (None when unknown), `content` a hash of its bytes."""

    nulls: int | None = None
    lowest: str | None = None
    highest: str | None = None
    bytes: int = 0
    content: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """An immutable Parquet file of a table. `path` is relative to the warehouse; `columns` is keyed by field id."""

    path: str
    rows: int
    bytes: int
    schema: tuple[Field, ...]
    columns: dict[int, ColumnStatistics] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One state of one table, as Iceberg knows it; `metadata` is its metadata file, relative to the warehouse.

    `added` and `removed` (paths) are the difference to `parent`; the whole list is asked of the registry. `order` is the
    whole list of paths where `added` does not come last.
    """

    table: str
    id: int
    parent: int | None
    sequence: int
    schema: tuple[Field, ...]
    last_field_id: int
    metadata: str
    added: tuple[DataFile, ...] = ()
    removed: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    rows: int = 0
    bytes: int = 0
    files: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A file of a port of kind files; `path` as published, `location` relative to the warehouse."""

    path: str
    location: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedPort:
    """What one output port serves in one publication.

    `columns` maps a column's name to its content version: equal versions mean equal values in the same row order.
    `written_in` is the environment whose builds go on with the table; `origin` the table that it branched off in another
    one, "" when it never did: they share files and the ids of columns.
    """

    name: str
    version: str
    contract: Contract
    contract_fingerprint: str
    kind: str = "tables"
    materialization: str = "full"
    key: tuple[str, ...] = ()
    table: str = ""
    snapshot: int = 0
    written_in: str = ""
    origin: str = ""
    schema: tuple[Field, ...] = ()
    rows: int = 0
    bytes: int = 0
    files: int = 0
    event_time: str = ""
    event_time_lowest: str | None = None
    event_time_highest: str | None = None
    columns: dict[str, str] = field(default_factory=dict)
    artifacts: tuple[Artifact, ...] = ()
    quarantine_table: str = ""
    quarantine_snapshot: int = 0

    @property
    def major(self) -> int:
        """The major version it serves."""
        return self.contract.major

    def continues(self, other: PublishedPort) -> bool:
        """Whether its table goes on with that of *other*, in this environment or another: columns have the same ids."""
        if self.table == other.table:
            return True
        if (self.origin or self.table) != (other.origin or other.table):
            return False
        names = {field.id: field.name for field in other.schema}
        # Two environments may each have added a column since.
        return all(names.get(field.id, field.name) == field.name for field in self.schema)


@dataclass(frozen=True, slots=True, kw_only=True)
class InputRead:
    """What a build read of one input.

    Of a product: its publication's `sequence` and the content version of each column read (`columns`). Of files: the
    sha-256 of each (`files`, by path) and the fingerprint of how they were read (`reading`). `taken` is the publication
    up to which an appending port has taken rows, when that is a later one, because the product was rolled back since.
    `restriction` is the digest of what policies left of it, "" everything.
    """

    name: str
    product: str = ""
    port: str = ""
    major: int = 0
    sequence: int = 0
    columns: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    reading: str = ""
    restriction: str = ""
    rows: int = 0
    bytes: int = 0
    taken: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """One successful build of one product, all its ports at once. Times are ISO 8601 in UTC."""

    product: str
    environment: str
    sequence: int
    version: str
    published_at: str
    code_fingerprint: str
    settings_fingerprint: str
    ports: tuple[PublishedPort, ...]
    inputs: tuple[InputRead, ...] = ()
    tests: dict[str, tuple[RuleResult, ...]] = field(default_factory=dict)
    parent: int | None = None
    reason: str = ""
    principal: str = ""
    policy_set_version: str = ""
    trace_id: str = ""
    run: str = ""
    duration_seconds: float = 0.0
    descriptor: dict[str, Any] = field(default_factory=dict)
    # The environment it was built in, when it was promoted from another.
    promoted_from: str = ""
    # Whether it serves the rows of its parent, in other files.
    compacted: bool = False
    # When its rows were built, if that was for an earlier publication; "" when it was for this one.
    built_at: str = ""

    @property
    def made_at(self) -> str:
        """When the last build that looked at its inputs published: maintenance publishes, too, and looks at none."""
        return self.built_at or self.published_at

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags that its product had."""
        return tuple(self.descriptor.get("tags", ()))

    @property
    def domain_tags(self) -> tuple[str, ...]:
        """The tags that its domain had; none where an older Meshwright did not keep them."""
        return tuple(self.descriptor.get("domain_tags", ()))

    def port(self, name: str, major: int | None = None) -> PublishedPort | None:
        """The port called *name*, its newest major version unless *major* says which."""
        ports = [port for port in self.ports if port.name == name and major in {None, port.major}]
        return max(ports, key=lambda port: port.major, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A build that published nothing: what failed, with its test results and where its staged data is kept."""

    product: str
    environment: str
    run: str
    started_at: str
    ended_at: str
    outcome: str
    message: str = ""
    tests: dict[str, tuple[RuleResult, ...]] = field(default_factory=dict)
    staged: str = ""
    principal: str = ""
