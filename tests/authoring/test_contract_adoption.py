"""Contracts in, products out: ODCS and Data Contract Specification, one port for each table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from mesh_folder import MeshFolder

SPECIFICATION = """\
dataContractSpecification: 0.9.3
id: urn:datacontract:checkout:orders
info: {title: Orders Latest, version: 2.0.0, description: Orders of the web shop., owner: checkout_team}
servers:
  production: {type: s3, location: "s3://bucket/{model}/*.json", format: json, delimiter: new_line}
  local: {type: local, path: "files/{model}.csv", format: csv}
terms: {usage: For reports., noticePeriod: P3M, policies: [{name: privacy, url: "https://example.com"}]}
models:
  orders:
    description: One record per order.
    type: table
    fields:
      order_id: {$ref: '#/definitions/order_id', required: true, unique: true, primary: true}
      ordered_at: {type: timestamp, required: true}
      total: {type: long, required: true, minimum: 0}
      email: {type: text, format: email, pii: true, classification: sensitive}
      status: {type: string, enum: [open, shipped]}
      discount: {type: decimal, precision: 10, scale: 2}
    quality:
      - {type: sql, query: "SELECT COUNT(*) FROM orders", mustBeGreaterThan: 1}
      - {type: custom, engine: soda, implementation: "row_count > 1"}
  line_items:
    type: table
    primaryKey: [order_id, position]
    fields:
      order_id: {$ref: '#/definitions/order_id', references: orders.order_id}
      position: {type: int}
      weight: {type: mystery}
definitions:
  order_id: {title: Order ID, type: text, pattern: "^[0-9]+$", example: "10"}
servicelevels:
  freshness: {threshold: 2 years, timestampField: orders.ordered_at}
  availability: {percentage: 99.9%}
quality: {type: SodaCL, specification: {checks for orders: [row_count > 1]}}
examples: [{type: csv, data: "order_id"}]
"""
ODCS = """\
apiVersion: v3.1.0
kind: DataContract
id: shop
version: "2"
status: active
domain: Seller
dataProduct: my shop
team: {name: shop_team}
schema:
  - name: Customers
    properties:
      - {name: id, logicalType: integer, physicalType: INT64, primaryKey: true}
      - {name: since, logicalType: date, physicalType: DATE, physicalName: since_}
  - name: visits
    properties:
      - {name: customer, logicalType: integer, physicalType: BIGINT, relationships: [{to: Customers.id}]}
slaProperties: [{property: retention, value: 100, unit: y, element: Customers.since}]
support: [{channel: help}]
"""


def written(mesh: MeshFolder, path: str) -> Any:
    return yaml.safe_load((mesh.root / path).read_text(encoding="utf-8"))


@pytest.fixture
def specification(mesh: MeshFolder) -> str:
    mesh.write("../files/orders.csv", "order_id,ordered_at,total,email,status,discount\n"
               "010,2026-01-03T10:00:00Z,100,a@example.com,open,1.5\n11,2026-02-03T10:00:00Z,300,b@example.com,shipped,\n")  # fmt: skip
    mesh.write("../files/line_items.csv", "order_id,position,weight\n010,1,2\n")
    return str(mesh.write("../orders.yaml", SPECIFICATION))


def test_a_data_contract_specification_becomes_a_product_that_is_built_and_tested(
    mesh: MeshFolder, specification: str
) -> None:
    answer = mesh.mesh("import", "datacontract", specification, "--domain", "checkout", "--server", "local")
    assert answer.code == 0, answer.err
    assert mesh.mesh("validate").code == 0
    assert mesh.build()["checkout.orders"]["outcome"] == "published"
    assert [(row["order_id"], row["total"]) for row in mesh.rows("checkout.orders")] == [("010", 100), ("11", 300)]
    mesh.write(
        "data/checkout/orders.csv",
        "order_id,ordered_at,total,email,status,discount\nx,2026-01-01T00:00:00Z,-1,no,lost,\n",
    )
    mesh.build(code=1)


def test_what_a_specification_says_is_said_in_odcs(mesh: MeshFolder, specification: str) -> None:
    mesh.mesh("import", "datacontract", specification, "--domain", "checkout")
    contract = written(mesh, "domains/checkout/orders/contracts/orders.yaml")
    columns = {column["name"]: column for column in contract["schema"][0]["properties"]}
    assert columns["order_id"]["logicalTypeOptions"] == {"pattern": "^[0-9]+$"}
    assert columns["order_id"]["businessName"] == "Order ID"
    assert columns["ordered_at"]["physicalType"] == "TIMESTAMP WITH TIME ZONE"
    assert columns["discount"]["physicalType"] == "DECIMAL(10,2)"
    assert columns["email"]["customProperties"] == [{"property": "pii", "value": True}]
    assert columns["status"]["enum"] == [{"value": "open"}, {"value": "shipped"}]
    assert {"property": "freshness", "value": 2, "unit": "y", "element": "orders.ordered_at"} in contract[
        "slaProperties"
    ]
    items = written(mesh, "domains/checkout/orders/contracts/line_items.yaml")
    keys = {column["name"]: column.get("primaryKeyPosition") for column in items["schema"][0]["properties"]}
    assert keys == {"order_id": 1, "position": 2, "weight": None}
    # A service level of another table is not promised here.
    assert [level["property"] for level in items["slaProperties"]] == ["availability"]
    descriptor = written(mesh, "domains/checkout/orders/product.yaml")
    paths = [entry["value"] for port in descriptor["inputPorts"] for entry in port["customProperties"]]
    assert "s3://bucket/orders/*.json" in paths
    assert "ndjson" in paths


def test_what_odcs_has_no_place_for_is_listed_with_its_line(mesh: MeshFolder, specification: str) -> None:
    answer = mesh.mesh("import", "datacontract", specification, "--domain", "checkout", "--dry-run", "--json")
    left = {item["kind"]: item for item in answer.data["items"] if item["outcome"] == "left"}
    lines = SPECIFICATION.splitlines()
    assert set(left) == {"quality", "examples", "policies", "type"}
    line = int(left["type"]["place"].rpartition(":")[2])
    assert "mystery" in lines[line - 1]
    assert not (mesh.root / "domains").exists()


def test_an_odcs_contract_of_several_tables_becomes_several_ports(mesh: MeshFolder) -> None:
    file = mesh.write("../shop.yaml", ODCS)
    mesh.write("data/seller/Customers.csv", "id,since_\n1,2026-01-01\n")
    mesh.write("data/seller/visits.csv", "customer\n1\n")
    answer = mesh.mesh("import", "odcs", str(file), "--json")
    assert answer.data["products"] == ["seller.my_shop"]
    changed = {item["kind"]: item for item in answer.data["items"] if item["outcome"] == "changed"}
    assert changed["version"]["to"] == "2.0.0"
    assert changed["type"]["to"] == "BIGINT" if "type" in changed else True
    customers = written(mesh, "domains/seller/my_shop/contracts/customers.yaml")
    assert (customers["id"], customers["version"], customers["support"]) == (
        "shop.customers",
        "2.0.0",
        [{"channel": "help"}],
    )
    visits = written(mesh, "domains/seller/my_shop/contracts/visits.yaml")
    assert visits["schema"][0]["properties"][0]["relationships"] == [{"to": "customers.id"}]
    assert "slaProperties" not in visits
    query = (mesh.root / "domains/seller/my_shop/transform/customers.sql").read_text(encoding="utf-8")
    assert "since_ AS since" in query


def test_a_contract_that_says_nowhere_is_valid_once_its_file_is_there(mesh: MeshFolder) -> None:
    contract = ODCS.replace("physicalName: since_", "description: When.")
    file = mesh.write("../shop.yaml", contract)
    assert mesh.mesh("import", "odcs", str(file)).code == 0
    answer = mesh.mesh("validate", "--json")
    assert {finding["code"] for finding in answer.data["findings"]} == {"missing-source"}
    mesh.write("data/seller/Customers.csv", "id,since\n1,2026-01-01\n")
    mesh.write("data/seller/visits.csv", "customer\n1\n")
    assert mesh.mesh("validate").code == 0
    assert mesh.build()["seller.my_shop"]["outcome"] == "published"


@pytest.mark.parametrize(
    ("command", "text", "said"),
    [
        ("odcs", SPECIFICATION, "run mesh import datacontract"),
        ("datacontract", ODCS, "run mesh import odcs"),
        ("odcs", ODCS.replace("domain: Seller\n", ""), "say which one with --domain"),
        ("odcs", ODCS.replace('version: "2"\n', ""), "version"),
        ("odcs", "kind: DataContract\n\tx: 1", "not valid YAML"),
    ],
)
def test_what_cannot_be_adopted_is_refused_with_the_next_step(
    mesh: MeshFolder, command: str, text: str, said: str
) -> None:
    answer = mesh.mesh("import", command, str(mesh.write("../given.yaml", text)))
    assert answer.code == 2
    assert said in answer.err
    assert not (mesh.root / "domains").exists()


def test_nothing_is_taken_from_outside_the_contracts_folder(mesh: MeshFolder, specification: str) -> None:
    mesh.write("../contracts/orders.yaml", SPECIFICATION.replace("files/{model}", "../files/{model}"))
    file = str(mesh.root.parent / "contracts" / "orders.yaml")
    answer = mesh.mesh("import", "datacontract", file, "--domain", "checkout", "--server", "local", "--json")
    notes = [item["note"] for item in answer.data["items"] if item["kind"] == "table" and item["outcome"] == "changed"]
    assert len(notes) == 2
    assert all("is outside the contract's folder" in note for note in notes)
    assert not [path for path in answer.data["files"] if path.endswith(".csv")]


def test_a_server_that_is_not_there_is_refused_with_those_that_are(mesh: MeshFolder, specification: str) -> None:
    answer = mesh.mesh("import", "datacontract", specification, "--domain", "checkout", "--server", "locl")
    assert answer.code == 2
    assert "did you mean local?" in answer.err
