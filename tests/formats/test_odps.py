from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from meshwright.formats import odps, yaml_text

if TYPE_CHECKING:
    from pathlib import Path

    from meshwright.model.product import Product

SMALLEST = {"apiVersion": "v1.1.0", "kind": "DataProduct", "id": "p1"}


def read(**keys: Any) -> tuple[Product, list[str]]:
    document = {**SMALLEST, **keys}
    assert odps.check(document, "product.yaml") == []
    product, findings = odps.read(document, domain="sales", name="orders", folder="domains/sales/orders")
    return product, [finding.code for finding in findings]


def custom(**keys: Any) -> list[dict[str, Any]]:
    return [{"property": f"mesh.{key}", "value": value} for key, value in keys.items()]


def test_published_examples_load_and_round_trip(odps_example: Path) -> None:
    found, findings = yaml_text.parse(odps_example.read_bytes(), odps_example.name)
    assert not findings
    assert odps.check(found, "p.yaml") == []
    assert yaml_text.parse(yaml_text.dump(found).encode(), "p.yaml") == (found, [])
    product, problems = odps.read(found, domain="d", name="p", folder="domains/d/p")
    assert problems == []
    assert len(product.output_ports) == len(found["outputPorts"])
    assert odps.check(odps.write(product), "p.yaml") == []


def test_three_lines_are_a_product() -> None:
    product, findings = read()
    assert findings == []
    assert (product.id, product.version, product.status) == ("sales.orders", "0.1.0", "draft")


@pytest.mark.parametrize("version", ["v1.1.0", "v1.0.0", "v0.9.0"])
def test_every_published_version_is_read(version: str) -> None:
    assert odps.check({**SMALLEST, "apiVersion": version}, "p.yaml") == []


def test_another_version_is_refused() -> None:
    (finding,) = odps.check({**SMALLEST, "apiVersion": "1.1.0"}, "p.yaml")
    assert (finding.code, finding.hint.partition("?")[0]) == ("bad-version", "did you mean 'v1.1.0'")


def test_an_unknown_key_in_a_port_suggests_the_near_one() -> None:
    (finding,) = odps.check({**SMALLEST, "outputPorts": [{"name": "a", "contractID": "x"}]}, "p.yaml")
    assert (finding.code, finding.pointer) == ("unknown-key", "/outputPorts/0/contractID")
    assert "'contractId'" in finding.hint


def test_our_own_keys_are_checked_even_where_the_rest_is_wrong() -> None:
    port = {"nme": "a", "customProperties": custom(materialization="fulll")}
    document = {**SMALLEST, "outputPorts": [port, 3], "customProperties": [*custom(timelimit="1s"), 5, {"property": 1}]}
    assert {finding.pointer for finding in odps.check(document, "p.yaml")} >= {
        "/outputPorts/0/nme",
        "/outputPorts/0/customProperties/0/value",
        "/customProperties/0/property",
    }


def test_an_input_port_reads_an_address_or_files() -> None:
    product, findings = read(
        inputPorts=[
            {"name": "flights", "version": "1.x", "customProperties": custom(port="operations.flights@1")},
            {
                "name": "raw",
                "customProperties": custom(
                    path="data/*.csv", format="csv", options={"dateFormat": "%d.%m.%Y", "nulls": "NA"}
                ),
            },
            {"name": "operations.planes"},
        ]
    )
    assert findings == []
    first, second, third = product.input_ports
    assert str(first.address) == "operations.flights@1"
    assert second.source is not None
    assert second.source.options == {"date_format": "%d.%m.%Y", "nulls": ["NA"]}
    assert str(third.address) == "operations.planes"


@pytest.mark.parametrize(
    ("port", "code"),
    [
        ({"name": "a", "customProperties": custom(port="nowhere")}, "wrong-value"),
        ({"name": "a", "customProperties": custom(prt="a.b")}, "unknown-key"),
        ({"name": "a", "customProperties": custom(key=["a"])}, "unknown-key"),
        ({"name": "a", "customProperties": custom(port="a.b", path="x.csv")}, "ambiguous-input"),
        ({"name": "a", "customProperties": custom(path="x.csv", format="cvs")}, "wrong-value"),
        ({"name": "a", "customProperties": custom(path="x.csv", options={"delimeter": ";"})}, "wrong-value"),
        ({"name": "a", "customProperties": custom(path="x.csv", options={"columns": {"a": "nope"}})}, "wrong-value"),
        ({"name": "a", "version": "newest", "customProperties": custom(port="a.b")}, "bad-version"),
    ],
)
def test_what_an_input_port_says_wrongly_is_a_finding(port: dict[str, Any], code: str) -> None:
    assert read(inputPorts=[port])[1] == [code]


def test_output_ports_and_limits_are_typed() -> None:
    product, findings = read(
        customProperties=custom(timeLimit="90s", memoryLimit="2GB"),
        outputPorts=[
            {"name": "o", "type": "files", "customProperties": custom(materialization="merge", key="id", eventTime="t")}
        ],
    )
    assert findings == []
    assert (product.limits.seconds, product.limits.memory_mb) == (90, 2048)
    (port,) = product.output_ports
    assert (port.kind, port.materialization, port.key, port.event_time) == ("files", "merge", ("id",), "t")


def test_an_output_port_of_another_type_is_a_finding() -> None:
    assert read(outputPorts=[{"name": "o", "type": "table"}])[1] == ["wrong-value"]


def test_a_product_written_and_read_again_is_the_same() -> None:
    product, _ = read(
        name="Orders",
        version="1.0.0",
        inputPorts=[
            {"name": "a", "version": "1.x", "customProperties": custom(port="x.y.z@2")},
            {"name": "b", "customProperties": custom(path="d/*.csv", format="csv", options={"decimalSeparator": ","})},
        ],
        outputPorts=[
            {"name": "o", "version": "1.0.0", "customProperties": custom(materialization="append", eventTime="t")}
        ],
        team={"name": "sales_team"},
        customProperties=custom(timeLimit="10min"),
    )
    document = odps.write(product)
    assert odps.check(document, "p.yaml") == []
    assert odps.read(document, domain="sales", name="orders", folder="domains/sales/orders") == (product, [])
