"""A process that publishes again and again: each publication appends one file of one row to its product's table.

Arguments: the registry's URL, the mesh's folder, how often to publish, then products to take turns with. Prints each sequence published.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from meshwright.model.contract import Contract
from meshwright.model.datatype import BIGINT
from meshwright.model.errors import Conflict
from meshwright.model.publication import DataFile, Field, Publication, PublishedPort
from meshwright.storage.iceberg import IcebergTables
from meshwright.storage.local_files import LocalWarehouse
from meshwright.storage.sql_registry import SqlRegistry

SCHEMA = (Field(id=1, name="a", type=BIGINT),)
CONTRACT = Contract(id="c", version="1.0.0", status="active", tables=())


class Publisher:
    def __init__(self, url: str, root: Path) -> None:
        self.registry = SqlRegistry(url, root)
        self.warehouse = LocalWarehouse(root / ".mesh/warehouse")
        self.tables = IcebergTables(self.warehouse)

    def publish(self, product: str, run: str) -> int:
        """Build on the head and publish. Raises Conflict when another was first."""
        head = self.registry.head("prod", product)
        port = head.ports[0] if head else None
        parent = self.registry.snapshot(port.table, port.snapshot) if port else None
        table = port.table if port else self.tables.create(product=product, port="rows", columns=SCHEMA)
        path = f"{table}/data/{run}.parquet"
        staged = self.warehouse.staging(run) / "rows.parquet"
        staged.write_text(run)
        self.warehouse.adopt(staged, path)
        self.warehouse.discard_staging(run)
        file = DataFile(path=path, rows=1, bytes=len(run), schema=SCHEMA)
        snapshot = self.tables.commit(table=table, parent=parent, schema=SCHEMA, added=[file])
        publication = Publication(
            product=product,
            environment="prod",
            sequence=self.registry.next_sequence("prod", product),
            version="1.0.0",
            published_at="2026-01-01T00:00:00Z",
            code_fingerprint="",
            settings_fingerprint="",
            ports=(
                PublishedPort(
                    name="rows", version="1.0.0", contract=CONTRACT, contract_fingerprint="", table=table,
                    snapshot=snapshot.id, rows=snapshot.rows,
                ),
            ),
            run=run,
        )  # fmt: skip
        self.registry.publish(publication, snapshots=[snapshot], head=head.sequence if head else None)
        return publication.sequence


def main(url: str, root: str, times: str, *products: str) -> None:
    publisher = Publisher(url, Path(root))
    tries = 0
    for number in range(int(times)):
        product = products[number % len(products)]
        while True:
            tries += 1
            run = f"run-{os.getpid()}-{tries}"
            try:
                sequence = publisher.publish(product, run)
            except Conflict:
                continue
            print(product, sequence, run, flush=True)  # noqa: T201 - read by the test that started this process
            break
    publisher.registry.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
