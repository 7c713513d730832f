"""What the storage tests share: a warehouse, tables, and Parquet files as the engine writes them."""

from __future__ import annotations

import secrets
import shutil
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from meshwright.model.contract import Column, Contract, Table
from meshwright.model.datatype import DataType, quote
from meshwright.model.publication import (
    ColumnStatistics,
    DataFile,
    Field,
    InputRead,
    Publication,
    PublishedPort,
    Snapshot,
)
from meshwright.model.results import Outcome, RuleResult
from meshwright.storage.domain_warehouses import DomainWarehouses
from meshwright.storage.iceberg import IcebergTables
from meshwright.storage.local_files import LocalWarehouse
from meshwright.storage.s3_files import S3Warehouse
from meshwright.storage.sql_registry import SqlRegistry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from meshwright.storage import Warehouse
    from postgres_server import PostgresDatabase
    from s3_server import Bucket


class LocalPlace:
    """Where a local warehouse's files are: what tests do behind its back."""

    def __init__(self, root: Path) -> None:
        self.root = root
        # What pyiceberg needs to know to read from here.
        self.properties: dict[str, str] = {}

    def open(self) -> LocalWarehouse:
        return LocalWarehouse(self.root)

    def put(self, path: str, content: bytes) -> None:
        (self.root / path).write_bytes(content)

    def get(self, path: str) -> bytes:
        return (self.root / path).read_bytes()

    def delete(self, path: str) -> None:
        (self.root / path).unlink()

    def paths(self) -> list[str]:
        return sorted(path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file())


class S3Place:
    """Where the files of a warehouse in an object store are; *folder* keeps the copies."""

    def __init__(self, bucket: Bucket, folder: Path) -> None:
        self.bucket, self.folder = bucket, folder
        server = bucket.server
        self.settings = {
            "endpoint": server.endpoint,
            "access_key_id": server.user,
            "secret_access_key": server.password,
            "region": "us-east-1",
        }
        self.properties = {
            "s3.endpoint": server.endpoint,
            "s3.access-key-id": server.user,
            "s3.secret-access-key": server.password,
            "s3.region": "us-east-1",
        }

    def open(self) -> S3Warehouse:
        return S3Warehouse(f"{self.bucket.url}/some/folder", self.folder, settings=self.settings)

    def put(self, path: str, content: bytes) -> None:
        self.forget()
        self.bucket.put(f"some/folder/{path}", content)

    def get(self, path: str) -> bytes:
        return self.bucket.get(f"some/folder/{path}")

    def delete(self, path: str) -> None:
        self.forget()
        self.bucket.delete(f"some/folder/{path}")

    def paths(self) -> list[str]:
        return [key.removeprefix("some/folder/") for key in self.bucket.keys()]  # noqa: SIM118 - a bucket is no mapping

    def forget(self) -> None:
        """Be another machine: there are no copies."""
        shutil.rmtree(self.folder, ignore_errors=True)


class DomainPlace(LocalPlace):
    """Where the files are of a mesh whose domain `sales` has a warehouse of its own."""

    def __init__(self, root: Path) -> None:
        super().__init__(root / "shared")
        self.own = LocalPlace(root / "own")

    def open(self) -> Warehouse:  # type: ignore[override] # two local ones as one
        shared, own = LocalWarehouse(self.root), LocalWarehouse(self.own.root)
        return DomainWarehouses(shared, {"sales": own}, is_shared=lambda _: False)

    def of(self, path: str) -> LocalPlace:
        return self.own if path.startswith("sales/") else LocalPlace(self.root)

    def put(self, path: str, content: bytes) -> None:
        self.of(path).put(path, content)

    def get(self, path: str) -> bytes:
        return self.of(path).get(path)

    def delete(self, path: str) -> None:
        self.of(path).delete(path)

    def paths(self) -> list[str]:
        return sorted(super().paths() + self.own.paths())


Place = LocalPlace | S3Place


@pytest.fixture(params=["local", "s3", "domains"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Where a new warehouse may be, of each kind: the conformance suite's parameter."""
    if request.param == "local":
        return LocalPlace(tmp_path / "warehouse")
    if request.param == "domains":
        return DomainPlace(tmp_path / "warehouses")
    return S3Place(request.getfixturevalue("bucket"), tmp_path / "copies")


@pytest.fixture
def warehouse(place: Place) -> Iterator[Warehouse]:
    """A new warehouse of each kind."""
    opened = place.open()
    yield opened
    if isinstance(opened, S3Warehouse):
        opened.close()


@pytest.fixture
def tables(warehouse: Warehouse) -> IcebergTables:
    return IcebergTables(warehouse)


class Parquet:
    """Writes data files into a warehouse."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.connection = duckdb.connect(config={"threads": 1})
        self.connection.execute("SET TimeZone = 'UTC'")

    def write(self, table: str, query: str, schema: Sequence[Field], **parameters: Any) -> DataFile:
        """The rows of *query*, whose columns are those of *schema* in order, as a new file of *table*."""
        run = secrets.token_hex(4)
        staged = self.warehouse.staging(run) / "rows.parquet"
        columns = ", ".join(f"column{i}::{field.type} AS {quote(field.name)}" for i, field in enumerate(schema))
        names = ", ".join(f"column{i}" for i in range(len(schema)))
        select = f"SELECT {columns} FROM ({query}) AS rows({names})"
        ids = ", ".join(
            f"{quote(field.name)}: {_ids(field.type, field.id, iter(field.nested_ids))}" for field in schema
        )
        self.connection.execute(f"COPY ({select}) TO '{staged}' (FORMAT parquet, FIELD_IDS {{{ids}}})", parameters)
        path = f"{table}/data/{secrets.token_hex(8)}.parquet"
        self.warehouse.adopt(staged, path)
        return self.describe(path, schema)

    def describe(self, path: str, schema: Sequence[Field]) -> DataFile:
        located = self.warehouse.locate(path)
        statistics = {}
        for field in schema:
            name = quote(field.name)
            ordered = "NULL, NULL" if field.type.is_nested else f"min({name})::VARCHAR, max({name})::VARCHAR"
            nulls, lowest, highest = self.rows(
                f"SELECT count(*) FILTER ({name} IS NULL), {ordered} FROM read_parquet('{located}')"
            )[0]
            statistics[field.id] = ColumnStatistics(nulls=nulls, lowest=lowest, highest=highest, bytes=10)
        rows = self.rows(f"SELECT count(*) FROM read_parquet('{located}')")[0][0]
        return DataFile(path=path, rows=rows, bytes=located.stat().st_size, schema=tuple(schema), columns=statistics)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(query).fetchall()


@pytest.fixture
def parquet(warehouse: Warehouse) -> Iterator[Parquet]:
    writer = Parquet(warehouse)
    yield writer
    writer.connection.close()


class Publications:
    """Makes publications and snapshots that no engine wrote."""

    def publication(self, sequence: int = 1, **changed: Any) -> Publication:
        """A publication of `sales.orders` in prod with a contract, a test result and everything else that nests."""
        column = Column(name="a", type=DataType.parse("STRUCT(x DECIMAL(4,2)[])"), custom={"n": 1.5, "l": [None, "ü"]})
        contract = Contract(id="c", version="1.0.0", status="active", tables=(Table(name="t", columns=(column,)),))
        port = PublishedPort(
            name="orders", version="1.0.0", contract=contract, contract_fingerprint="f", key=("a",), columns={"a": "v"}
        )
        result = RuleResult(rule="a:required", kind="required", outcome=Outcome.FAILED, sample=({"a": None},))
        values: dict[str, Any] = {
            "product": "sales.orders",
            "environment": "prod",
            "sequence": sequence,
            "version": "1.0.0",
            "published_at": "2026-01-01T00:00:00+00:00",
            "code_fingerprint": "code",
            "settings_fingerprint": "settings",
            "ports": (port,),
            "inputs": (InputRead(name="i", files={"a.csv": "sha"}),),
            "tests": {"orders": (result,)},
            "run": f"run-{secrets.token_hex(8)}",
        }
        return Publication(**values | changed)

    def file(self, table: str, name: str) -> DataFile:
        schema = (Field(id=1, name="a", type=DataType.parse("BIGINT")),)
        return DataFile(
            path=f"{table}/data/{name}.parquet",
            rows=2,
            bytes=10,
            schema=schema,
            columns={1: ColumnStatistics(nulls=0, lowest="1", highest="2", bytes=5, content="h")},
        )

    def snapshot(
        self,
        table: str,
        identifier: int,
        parent: Snapshot | None = None,
        *,
        added: Sequence[DataFile] = (),
        removed: Sequence[str] = (),
    ) -> Snapshot:
        files = (parent.files if parent else 0) + len(added) - len(removed)
        return Snapshot(
            table=table,
            id=identifier,
            parent=parent.id if parent else None,
            sequence=parent.sequence + 1 if parent else 1,
            schema=(Field(id=1, name="a", type=DataType.parse("BIGINT")),),
            last_field_id=1,
            metadata=f"{table}/metadata/{identifier}.metadata.json",
            added=tuple(added),
            removed=tuple(removed),
            rows=2 * files,
            bytes=10 * files,
            files=files,
        )


@pytest.fixture
def publications() -> Publications:
    return Publications()


SQLITE = "sqlite:///.mesh/registry.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def registry_url(request: pytest.FixtureRequest) -> str:
    """Where a new registry may be made, in each database that a registry may be in: the conformance suite's parameter."""
    if request.param == "sqlite":
        return SQLITE
    database: PostgresDatabase = request.getfixturevalue("postgres")
    return database.url


@pytest.fixture
def registry(registry_url: str, tmp_path: Path) -> Iterator[SqlRegistry]:
    """A new registry in each database."""
    opened = SqlRegistry(registry_url, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def make_parquet() -> type[Parquet]:
    return Parquet


def _ids(kind: DataType, identifier: int, nested: Iterator[int]) -> str:
    if not kind.is_nested:
        return str(identifier)
    names = {"LIST": ["element"], "MAP": ["key", "value"]}.get(kind.name)
    inside = [f"__duckdb_field_id: {identifier}"]
    for position, (name, inner) in enumerate(kind.fields):
        child = next(nested)
        inside.append(f"{quote(names[position] if names else name)}: {_ids(inner, child, nested)}")
    return "{" + ", ".join(inside) + "}"
