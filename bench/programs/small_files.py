"""Build the mesh in ROOT with the rows of SOURCE, an append for each of FILES equal parts of it.

Arguments: ROOT SOURCE FILES. Only the first append is a build; the others are published together, one file each, as that
many builds would leave them.
"""

from __future__ import annotations

import sys
import uuid
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from meshwright.build.planning import PlanRequest
from meshwright.build.publishing import column_versions
from meshwright.engines import TableOutput
from meshwright.node import Node

if TYPE_CHECKING:
    from meshwright.model.publication import DataFile

root, source, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
every = int(duckdb.execute(f"SELECT count(*) FROM read_parquet('{source}')").fetchall()[0][0])
part = -(-every // count)
(root / "data").mkdir()
duckdb.sql(
    f"COPY (SELECT * FROM read_parquet('{source}') LIMIT {part}) TO '{root}/data/first.parquet' (FORMAT parquet)"
)
node = Node(root)
ended = node.build(node.plan(PlanRequest(environment="prod")), lambda _: None)
head = ended[0].publication
assert head is not None, ended

workshop = node.workshop("prod", lambda _: None)
workshop.engine.cursor().execute(f"CREATE TABLE everything AS FROM read_parquet('{source}')")
port = head.ports[0]
numbers = range(1, count)


def staged(number: int) -> tuple[DataFile, ...]:
    """The files of one part of the rows."""
    query = f"SELECT * FROM memory.main.everything WHERE rowid BETWEEN {number * part} AND {number * part + part - 1}"
    output = TableOutput(name="lineitem", folder=workshop.staging / "parts", schema=port.schema)
    return workshop.engine.stage(query, inputs=(), output=output).files


added = [file for number in numbers for file in staged(number)]
adopted = [replace(file, path=f"{port.table}/data/{Path(file.path).name}") for file in added]
workshop.warehouse.adopt_all((Path(old.path), new.path) for old, new in zip(added, adopted, strict=True))
parent = node.registry.snapshot(port.table, port.snapshot)
snapshot = workshop.tables.commit(table=port.table, parent=parent, schema=port.schema, added=adopted)
files = [*node.registry.files(port.table, port.snapshot), *adopted]
port = replace(
    port,
    snapshot=snapshot.id,
    rows=snapshot.rows,
    bytes=snapshot.bytes,
    files=snapshot.files,
    columns=column_versions(files, port.schema),
)
publication = replace(head, sequence=2, parent=1, ports=(port,), run=uuid.uuid4().hex)
node.registry.publish(publication, snapshots=[snapshot], head=1)
workshop.engine.close()
workshop.warehouse.discard_staging(workshop.run)
workshop.warehouse.end(workshop.run)
