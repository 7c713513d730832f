"""10,000 ODCS contracts (13 MB) read and checked by `mesh validate`: the first time, and again.

They are the output ports of 500 draft products, twenty each, in five domains; each has a description, tags, servers, six
columns, a quality rule, an SLA property and a team. A port must have a transformation: here it is a Python function of two
lines, so that next to nothing but contracts is measured, though the time of reading those functions is in the figures.
The last line checks the same contracts as single documents, without any mesh and so without anything to remember.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from bench import meshes
from bench.measuring import BENCH, MESH, Row, at_most, figure, in_turns, run

DOMAINS = ("sales", "finance", "people", "supply", "marketing")
KINDS = (
    ("integer", "BIGINT"),
    ("string", "VARCHAR"),
    ("number", "DECIMAL(15,2)"),
    ("date", "DATE"),
    ("timestamp", "TIMESTAMP"),
)
PRODUCTS = 500


def rows(*, quick: bool) -> list[Row]:
    """The table of this benchmark."""
    count = 1000 if quick else 10_000
    root = BENCH / "contracts" / f"mesh-{count}"
    if not (root / "mesh.yaml").exists():
        write_mesh(root, count)
    validate = [MESH, "-C", str(root), "validate", "--json"]
    singles = [str(path) for path in sorted(Path(root).glob("domains/*/*/contracts/*.yaml"))]
    assert len(singles) == count

    def cold() -> object:
        shutil.rmtree(root / ".mesh", ignore_errors=True)
        return run(validate)

    times = 1 if quick else 3
    found = in_turns(
        {
            "cold": cold,
            "warm": lambda: run(validate),
            "single": lambda: run([MESH, "validate", "--json", *singles]),
        },
        times,
    )
    return [
        at_most(f"{count:,} contracts, cold: CPU", found["cold"].cpu, 5),
        figure(f"{count:,} contracts, cold: memory", found["cold"].rss_mb, "MB"),
        at_most(f"{count:,} contracts, warm: CPU", found["warm"].cpu, 0.5),
        figure(f"{count:,} contracts, warm: memory", found["warm"].rss_mb, "MB"),
        figure(f"{count:,} single documents: CPU", found["single"].cpu),
    ]


def write_mesh(root: Path, count: int) -> None:
    """A mesh whose draft products have *count* contracts in all."""
    chance = random.Random(1)
    meshes.write(root / "mesh.yaml", "name: contracts\n")
    for domain in DOMAINS:
        text = f"description: The domain {domain}.\nteam: {{name: {domain}-team}}\n"
        meshes.write(root / "domains" / domain / "domain.yaml", text)
    ports: dict[int, list[int]] = {}
    for number in range(count):
        ports.setdefault(number % min(PRODUCTS, count), []).append(number)
    for product, numbers in ports.items():
        domain = DOMAINS[product % len(DOMAINS)]
        folder = root / "domains" / domain / f"product_{product:03d}"
        meshes.write(folder / "product.yaml", _descriptor(domain, product, numbers))
        for number in numbers:
            port = f"port_{number:05d}"
            meshes.write(folder / "contracts" / f"{port}.yaml", _contract(chance, domain, product, number))
            meshes.write(folder / "transform" / f"{port}.py", f"def {port}(inputs):\n    return []\n")


def _descriptor(domain: str, product: int, numbers: list[int]) -> str:
    ports = "".join(
        f"  - name: port_{number:05d}\n    version: 1.{number % 7}.0\n    contractId: urn:dp:{domain}:{number:05d}\n"
        for number in numbers
    )
    return f"""apiVersion: v1.1.0
kind: DataProduct
id: {domain}.product_{product:03d}
name: Product {product}
version: 1.0.0
status: draft
domain: {domain}
outputPorts:
{ports}"""


def _contract(chance: random.Random, domain: str, product: int, number: int) -> str:
    properties = ""
    for column in range(6):
        logical, physical = chance.choice(KINDS)
        properties += f"  - name: c{column}\n    logicalType: {logical}\n    physicalType: {physical}\n"
        properties += f"    required: {'true' if column < 3 else 'false'}\n"
        if column == 0:
            properties += "    primaryKey: true\n    unique: true\n"
        if column == 1:
            properties += "    classification: internal\n"
    return f"""apiVersion: v3.1.0
kind: DataContract
id: urn:dp:{domain}:{number:05d}
name: {domain}_product_{number}
version: 1.{number % 7}.0
status: active
domain: {domain}
tenant: acme
dataProduct: product_{product:03d}
description:
  purpose: "Serves {domain} analytics; product number {number}: daily snapshot"
  usage: Use for reporting only
  limitations: |
    Not for billing.
    Late data possible for up to 3 days.
tags: [{domain}, 'tier{number % 3}']
servers:
- server: prod
  type: local
  path: data/{domain}/{number}/*.parquet
  format: parquet
schema:
- name: port_{number:05d}
  physicalType: table
  description: Table {number}
  quality:
  - metric: rowCount
    mustBeGreaterThan: {chance.randint(1, 1000)}
  properties:
{properties}slaProperties:
- property: freshness
  element: port_{number:05d}.c0
  value: {chance.randint(1, 48)}
  unit: h
team:
  name: {domain}-team
  members:
  - username: user{number % 100}@example.com
    role: owner
"""
