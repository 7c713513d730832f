"""The same layered graph of small products twice: as a mesh and as a dbt project.

One in twenty is a source; every other reads up to three of the 200 before it. Each has a query of a dozen lines, five
described columns, and two rules on its key: required and unique.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOMAIN_SIZE = 50
COLUMNS = {
    "id": ("integer", "BIGINT"),
    "cat": ("string", "VARCHAR"),
    "amount": ("number", "DOUBLE"),
    "dt": ("date", "DATE"),
    "src": ("integer", "INTEGER"),
}


def graph(count: int) -> Iterator[tuple[int, list[int]]]:
    """Each product's number and those that it reads, () for a source."""
    chance = random.Random(7)
    sources = max(3, count // 20)
    for number in range(count):
        yield number, [] if number < sources else chance.sample(range(max(0, number - 200), number), min(3, number))


def write(path: Path, text: str) -> None:
    """Write *text*, making the folder when it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def name(number: int) -> str:
    """The name of a product and of a model."""
    return f"m_{number:05d}"


def address(number: int) -> str:
    """The address of a product's only port."""
    return f"dom_{number // DOMAIN_SIZE:03d}.{name(number)}"


def folder(root: Path, number: int) -> Path:
    """A product's folder."""
    return root / "domains" / f"dom_{number // DOMAIN_SIZE:03d}" / name(number)


def source(number: int, rows: int) -> str:
    """The query of a source."""
    return f"""SELECT
    range AS id,
    'c' || (range % 17) AS cat,
    CAST(range * 1.5 AS DOUBLE) AS amount,
    DATE '2024-01-01' + CAST(range % 365 AS INTEGER) AS dt,
    CAST({number} AS INTEGER) AS src
FROM range({rows})
"""


def derived(number: int, first: str, second: str, third: str, factor: float = 1.01) -> str:
    """The query of a product that reads three others."""
    return f"""-- Product {number}: what the first one says, where the others know of it, too.
WITH base AS (
    SELECT * FROM {first}
),
joined AS (
    SELECT base.id, base.cat, base.amount, base.dt, base.src
    FROM base
    LEFT JOIN {second} AS x ON base.id = x.id
    LEFT JOIN {third} AS y ON base.id = y.id
)
SELECT id, cat, CAST(amount * {factor} AS DOUBLE) AS amount, dt, CAST({number} AS INTEGER) AS src
FROM joined
WHERE id >= 0
"""


def write_mesh(root: Path, count: int, *, rows: int) -> None:
    """A mesh of *count* products, sources with *rows* rows."""
    write(root / "mesh.yaml", "name: synthetic\nengine: {memory: 4GB, threads: 2}\n")
    for domain in range((count + DOMAIN_SIZE - 1) // DOMAIN_SIZE):
        write(
            root / "domains" / f"dom_{domain:03d}" / "domain.yaml",
            f"description: Domain {domain} of a synthetic mesh.\nteam: {{name: team-{domain:03d}}}\n",
        )
    for number, reads in graph(count):
        place = folder(root, number)
        write(place / "product.yaml", descriptor(number, reads))
        write(place / "contracts" / f"{name(number)}.yaml", contract(number))
        text = derived(number, *(name(one) for one in reads)) if reads else source(number, rows)
        write(place / "transform" / f"{name(number)}.sql", text)


def descriptor(number: int, reads: list[int]) -> str:
    """A product's ODPS document."""
    inputs = "".join(
        f"  - name: {name(one)}\n    customProperties:\n      - {{property: mesh.port, value: {address(one)}}}\n"
        for one in reads
    )
    return f"""apiVersion: v1.1.0
kind: DataProduct
id: {address(number)}
name: Product {number}
version: 1.0.0
status: active
domain: dom_{number // DOMAIN_SIZE:03d}
description:
  purpose: Product {number} of a synthetic mesh.
team:
  name: team-{number // DOMAIN_SIZE:03d}
{"inputPorts:" if inputs else ""}
{inputs}outputPorts:
  - name: {name(number)}
    version: 1.0.0
    contractId: contract-{name(number)}
"""


def contract(number: int) -> str:
    """A port's ODCS document: five described columns, two rules."""
    properties = ""
    for column, (logical, physical) in COLUMNS.items():
        properties += f"      - name: {column}\n        description: Column {column} of product {number}.\n"
        properties += f"        logicalType: {logical}\n        physicalType: {physical}\n"
        if column == "id":
            properties += "        required: true\n        unique: true\n"
    return f"""apiVersion: v3.2.0
kind: DataContract
id: contract-{name(number)}
name: Product {number}
version: 1.0.0
status: active
domain: dom_{number // DOMAIN_SIZE:03d}
schema:
  - name: {name(number)}
    physicalType: table
    description: Rows of product {number}.
    properties:
{properties}"""


def write_dbt(root: Path, count: int, *, rows: int) -> None:
    """The same as a dbt project for DuckDB: each model a table, the same columns described, the same two tests."""
    write(
        root / "dbt_project.yml",
        "name: synth\nversion: '1.0'\nprofile: synth\nmodel-paths: [models]\nmodels:\n  synth:\n    +materialized: table\n",
    )
    write(
        root / "profiles.yml",
        "synth:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: synth.duckdb, threads: 2}\n",
    )
    schemas: dict[int, str] = {}
    for number, reads in graph(count):
        domain = number // DOMAIN_SIZE
        references = [f"{{{{ ref('{name(one)}') }}}}" for one in reads]
        text = derived(number, *references) if reads else source(number, rows)
        write(root / "models" / f"dom_{domain:03d}" / f"{name(number)}.sql", text)
        schemas[domain] = schemas.get(domain, "version: 2\nmodels:\n") + model(number)
    for domain, text in schemas.items():
        write(root / "models" / f"dom_{domain:03d}" / "schema.yml", text)


def model(number: int) -> str:
    """A model's part of a dbt schema file."""
    text = f"  - name: {name(number)}\n    description: Rows of product {number}.\n    columns:\n"
    for column, (_, physical) in COLUMNS.items():
        text += f"      - name: {column}\n        description: Column {column} of product {number}.\n"
        text += f"        data_type: {physical.lower()}\n"
        if column == "id":
            text += "        data_tests: [not_null, unique]\n"
    return text
