from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from meshwright.model.errors import NotFound
from meshwright.workspace.loading import load

if TYPE_CHECKING:
    from pathlib import Path

    from workspace.conftest import MeshFolder

PRODUCT = "domains/sales/orders"
CONTRACT = """\
apiVersion: v3.2.0
kind: DataContract
id: orders-contract
version: 1.0.0
status: active
schema:
  - name: orders
    properties:
      - name: id
        physicalType: BIGINT
        primaryKey: true
      - name: amount
        physicalType: DECIMAL(10,2)
"""


def test_the_smallest_product_is_two_files(mesh: MeshFolder) -> None:
    workspace = mesh.load()
    assert workspace.findings == ()
    product = workspace.mesh.products["sales.orders"]
    (port,) = product.output_ports
    assert (port.name, port.implied, port.contract, port.version) == ("orders", True, None, "0.1.0")
    assert port.transformation is not None
    assert port.transformation.text == "select * from 'data/orders.csv'\n"
    assert workspace.mesh.domains["sales"].team == "sales_team"


def test_a_written_contract_completes_the_port(mesh: MeshFolder) -> None:
    mesh.write(
        f"{PRODUCT}/contracts/orders.yaml", CONTRACT + "customProperties: [{property: mesh.eventTime, value: id}]\n"
    )
    workspace = mesh.load()
    assert workspace.findings == ()
    (port,) = workspace.mesh.products["sales.orders"].output_ports
    assert port.contract is not None
    assert port.contract.path == f"{PRODUCT}/contracts/orders.yaml"
    assert (port.version, port.key, port.event_time, port.major) == ("1.0.0", ("id",), "id", 1)


def test_other_stems_are_steps(mesh: MeshFolder) -> None:
    mesh.write(f"{PRODUCT}/transform/cleaned.sql", "select 1")
    product = mesh.load().mesh.products["sales.orders"]
    assert [step.name for step in product.steps] == ["cleaned"]


def test_two_majors_of_a_port_are_served_side_by_side(mesh: MeshFolder) -> None:
    mesh.write(f"{PRODUCT}/contracts/orders.yaml", CONTRACT)
    mesh.write(f"{PRODUCT}/contracts/orders@2.yaml", CONTRACT.replace("version: 1.0.0", "version: 2.1.0"))
    mesh.write(f"{PRODUCT}/transform/orders@2.sql", "select 2")
    workspace = mesh.load()
    assert workspace.findings == ()
    product = workspace.mesh.products["sales.orders"]
    assert [(port.name, port.major, port.version) for port in product.output_ports] == [
        ("orders", 1, "1.0.0"),
        ("orders", 2, "2.1.0"),
    ]
    codes = [port.transformation.path.rpartition("/")[2] for port in product.output_ports if port.transformation]
    assert codes == ["orders.sql", "orders@2.sql"]


def test_declared_versions_find_their_contract(mesh: MeshFolder) -> None:
    mesh.product("outputPorts:\n  - {name: orders, version: 2.0.0}\n  - {name: orders, version: 1.0.0}\n")
    mesh.write(f"{PRODUCT}/contracts/orders.yaml", CONTRACT)
    mesh.write(f"{PRODUCT}/contracts/orders@2.yaml", CONTRACT.replace("version: 1.0.0", "version: 2.0.0"))
    workspace = mesh.load()
    assert workspace.findings == ()
    assert [port.major for port in workspace.mesh.products["sales.orders"].output_ports] == [2, 1]


def test_contracts_of_a_product_without_declared_ports_are_its_ports(mesh: MeshFolder) -> None:
    mesh.write(f"{PRODUCT}/contracts/lines.yaml", CONTRACT)
    mesh.write(f"{PRODUCT}/transform/lines.sql", "select 1")
    product = mesh.load().mesh.products["sales.orders"]
    assert [port.name for port in product.output_ports] == ["orders", "lines"]


def test_an_input_is_found_by_its_contract(mesh: MeshFolder) -> None:
    mesh.write(f"{PRODUCT}/contracts/orders.yaml", CONTRACT)
    mesh.product("inputPorts: [{name: o, contractId: orders-contract}, {name: sales.orders}]\n", name="daily")
    mesh.write("domains/sales/daily/daily.sql", "select 1")
    workspace = mesh.load()
    assert workspace.findings == ()
    assert [str(port.address) for port in workspace.mesh.products["sales.daily"].input_ports] == ["sales.orders"] * 2


def test_a_contract_with_a_warning_is_read(mesh: MeshFolder) -> None:
    rule = "    quality: [{metric: rowCount, mustBe: 1, severity: blocker}]\n"
    mesh.write(f"{PRODUCT}/contracts/orders.yaml", CONTRACT + rule)
    workspace = mesh.load()
    assert [(finding.code, finding.severity) for finding in workspace.findings] == [("wrong-value", "warning")]
    assert workspace.mesh.products["sales.orders"].output_ports[0].contract is not None


def test_an_input_may_bear_an_address_and_a_contract(mesh: MeshFolder) -> None:
    mesh.product("inputPorts: [{name: sales.orders, contractId: elsewhere}]\n", name="daily")
    mesh.write("domains/sales/daily/daily.sql", "select 1")
    workspace = mesh.load()
    assert workspace.findings == ()
    assert str(workspace.mesh.products["sales.daily"].input_ports[0].address) == "sales.orders"


def test_tests_belong_to_their_product(mesh: MeshFolder) -> None:
    mesh.write(f"{PRODUCT}/tests/a.yaml", "- name: it works\n  given: {}\n  expect: [{id: 1}]\n")
    (case,) = mesh.load().mesh.products["sales.orders"].tests
    assert (case.name, case.port, case.path, case.line) == ("it works", "orders", f"{PRODUCT}/tests/a.yaml", 1)


def test_a_fingerprint_changes_with_every_file_of_the_product_and_no_other(mesh: MeshFolder) -> None:
    seen = [mesh.load().fingerprints["sales.orders"]]
    for path, content in [
        ("product.yaml", "apiVersion: v1.1.0\nkind: DataProduct\nid: other\n"),
        ("orders.sql", "select 1"),
        ("contracts/orders.yaml", CONTRACT),
        ("transform/step.sql", "select 2"),
        ("tests/a.yaml", "- {name: a, given: {}, expect: []}\n"),
        ("inputs.lock.yaml", "a: {format: csv}\n"),
    ]:
        mesh.write(f"{PRODUCT}/{path}", content)
        seen.append(mesh.load().fingerprints["sales.orders"])
    assert len(set(seen)) == len(seen)
    mesh.write(f"{PRODUCT}/README.md", "words")
    mesh.write(f"{PRODUCT}/data/orders.csv", "id\n1\n")
    workspace = mesh.load()
    assert workspace.fingerprints["sales.orders"] == seen[-1]
    assert workspace.locks == {"sales.orders": {"a": {"format": "csv"}}}


def test_findings_of_the_whole_mesh_come_at_once_in_reading_order(mesh: MeshFolder) -> None:
    mesh.write("mesh.yaml", "nme: acme\n")
    mesh.write("domains/sales/domain.yaml", "team: sales\n")
    mesh.write(f"{PRODUCT}/contracts/orders.yaml", "a: 1\na: 2\n")
    mesh.product("version: one\n")
    found = [(finding.path, finding.line, finding.code) for finding in mesh.load().findings]
    assert found == [
        ("domains/sales/domain.yaml", 1, "wrong-type"),
        (f"{PRODUCT}/contracts/orders.yaml", 2, "duplicate-key"),
        (f"{PRODUCT}/product.yaml", 4, "bad-version"),
        ("mesh.yaml", 1, "missing-key"),
        ("mesh.yaml", 1, "unknown-key"),
    ]


def test_a_place_is_found_by_its_pointer(mesh: MeshFolder) -> None:
    workspace = mesh.load()
    assert workspace.place(f"{PRODUCT}/product.yaml", "/id") == (3, 5)
    assert workspace.place("gone.yaml", "/id") == (1, 1)


def test_a_folder_without_mesh_yaml_is_no_mesh(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="mesh init"):
        load(tmp_path)


def test_an_empty_mesh_has_no_products(tmp_path: Path) -> None:
    (tmp_path / "mesh.yaml").write_text("name: acme\n")
    workspace = load(tmp_path)
    assert (workspace.mesh.products, workspace.findings) == ({}, ())


@pytest.mark.parametrize("folder", ["policies", ".hidden", "notes"])
def test_folders_that_are_no_products_are_left_alone(mesh: MeshFolder, folder: str) -> None:
    mesh.write(f"domains/sales/{folder}/readme.txt", "x")
    assert mesh.codes() == []


BROKEN = [
    ("extra: 1\n", {}, "unknown-key", 4),
    ("version: '1'\n", {}, "bad-version", 4),
    ("outputPorts: [{name: ordrs}]\n", {}, "port-without-transformation", 4),
    ("status: active\n", {}, "active-without-contract", 4),
    ("outputPorts: [{name: orders, version: 2.0.0}]\n", {"contracts/orders.yaml": CONTRACT}, "version-mismatch", 4),
    ("outputPorts: [{name: orders, contractId: x}]\n", {"contracts/orders.yaml": CONTRACT}, "contract-id-mismatch", 4),
    ("outputPorts: [{name: orders}]\n", {"contracts/order.yaml": CONTRACT}, "contract-without-port", 1),
    ("outputPorts: [{name: orders}, {name: orders}]\n", {}, "duplicate-name", 4),
    ("inputPorts: [{name: x}]\n", {}, "input-without-source", 4),
    ("inputPorts: [{name: x-y, customProperties: [{property: mesh.port, value: a.b}]}]\n", {}, "bad-name", 4),
    (
        "outputPorts: [{name: orders, customProperties: [{property: mesh.materialization, value: merge}]}]\n",
        {},
        "merge-without-key",
        4,
    ),
    (
        "outputPorts: [{name: orders, customProperties: [{property: mesh.key, value: idd}]}]\n",
        {"contracts/orders.yaml": CONTRACT},
        "unknown-column",
        4,
    ),
    ("", {"contracts/orders.yaml": CONTRACT + "  - {name: b}\n"}, "several-schema-objects", 6),
    ("", {"contracts/orders.yaml": CONTRACT.partition("schema")[0]}, "no-schema-object", 1),
    ("", {"contracts/orders.yaml": CONTRACT.replace("BIGINT", "BIGNT")}, "unknown-type", 10),
    ("", {"contracts/orders.yaml": CONTRACT.replace("1.0.0", "1.0")}, "wrong-type", 4),
    ("", {"contracts/orders.yaml": CONTRACT, "contracts/orders@2.yaml": CONTRACT}, "version-mismatch", 4),
    ("", {"contracts/orders.yml": CONTRACT}, "unexpected-file", 0),
    ("", {"contracts/orders.yaml": CONTRACT.partition("    properties")[0]}, "no-columns", 7),
    ("domain: finance\n", {}, "name-mismatch", 4),
    ("status: activ\n", {}, "wrong-value", 4),
    ("inputPorts: [{name: x, customProperties: [{property: mesh.port, value: nowhere}]}]\n", {}, "wrong-value", 4),
    ("", {"transform/orders.sql": "select 1"}, "several-transformations", 0),
    ("", {"transform/Step.sql": "select 1"}, "bad-name", 0),
    ("", {"transform/step@2.sql": "select 1"}, "transformation-without-port", 0),
    ("", {"orders.sql": b"select '\xff'"}, "not-utf8", 1),
    ("", {"orders.sql": "  \n"}, "empty-file", 0),
    ("", {"tests/a.yaml": "- {name: a, port: order, given: {}, expect: []}\n"}, "unknown-port", 1),
    ("", {"tests/a.yaml": "- {name: a, given: {}}\n"}, "missing-key", 1),
    ("", {"inputs.lock.yaml": "- a\n"}, "wrong-type", 0),
    ("", {"product.yaml": ""}, "empty-file", 0),
    ("", {"product.yaml": b"a: 1\n" * 2_200_000}, "too-large", 0),
]


@pytest.mark.parametrize(
    ("extra", "files", "code", "line"), BROKEN, ids=[f"{case[2]}-{n}" for n, case in enumerate(BROKEN)]
)
def test_what_is_wrong_with_a_product_is_one_finding_with_its_line(
    mesh: MeshFolder, extra: str, files: dict[str, str | bytes], code: str, line: int
) -> None:
    mesh.product(extra)
    for path, content in files.items():
        mesh.write(f"{PRODUCT}/{path}", content)
    found = [finding for finding in mesh.load().findings if finding.code == code]
    if code not in {"several-transformations", "bad-name", "port-without-transformation"}:
        assert mesh.codes() == [code] * len(found)
    assert [finding.line for finding in found][:1] == [line]
    assert found[0].hint


def test_an_id_is_used_once_in_the_mesh(mesh: MeshFolder) -> None:
    mesh.write("domains/sales/copy/product.yaml", "apiVersion: v1.1.0\nkind: DataProduct\nid: orders-product\n")
    mesh.write("domains/sales/copy/copy.sql", "select 1")
    finding = mesh.finding()
    assert (finding.code, finding.path, finding.line) == ("duplicate-id", f"{PRODUCT}/product.yaml", 3)
    assert "domains/sales/copy/product.yaml" in finding.message


def test_people_must_be_known_where_there_are_people_files(mesh: MeshFolder) -> None:
    mesh.write("people/all.yaml", "groups:\n  sales_teams: [adam]\n")
    mesh.product("team: {name: x, members: [{username: eve}]}\n")
    found = [(finding.code, finding.path, finding.line, finding.value) for finding in mesh.load().findings]
    assert found == [
        ("unknown-owner", "domains/sales/domain.yaml", 2, "sales_team"),
        ("unknown-owner", "domains/sales/domain.yaml", 4, "ada"),
        ("unknown-owner", f"{PRODUCT}/product.yaml", 4, "eve"),
    ]
    mesh.write("people/all.yaml", "groups:\n  sales_team: [ada]\n")
    mesh.write("people/more.yaml", "groups:\n  sales_team: [eve]\n")
    assert mesh.codes() == []


def test_a_domain_without_its_file_is_a_finding_and_its_products_are_read(mesh: MeshFolder) -> None:
    (mesh.root / "domains/sales/domain.yaml").unlink()
    workspace = mesh.load()
    assert [finding.code for finding in workspace.findings] == ["missing-file"]
    assert "sales.orders" in workspace.mesh.products


def test_a_product_folder_without_descriptor_is_a_finding(mesh: MeshFolder) -> None:
    mesh.write("domains/sales/lost/transform/lost.sql", "select 1")
    assert (mesh.finding().code, mesh.finding().path) == ("missing-file", "domains/sales/lost/product.yaml")


@pytest.mark.parametrize("name", ["Orders2", "orders-2", "2orders", "bestellungen_ä", "o" * 64])
def test_a_folder_whose_name_cannot_be_used_is_a_finding(mesh: MeshFolder, name: str) -> None:
    mesh.write(f"domains/sales/{name}/product.yaml", "id: x\n")
    assert (mesh.finding().code, mesh.finding().value) == ("bad-name", name)


@pytest.mark.parametrize(
    ("first", "second"), [("orders", "Orders"), ("caf\u00e9", "cafe\u0301"), ("stra\u00dfe", "strasse")]
)
def test_names_that_other_file_systems_confuse_are_a_finding(mesh: MeshFolder, first: str, second: str) -> None:
    for name in (first, second):
        mesh.write(f"domains/sales/{name}/product.yaml", "id: x\n")
    assert "case-collision" in mesh.codes()


def test_a_link_out_of_the_mesh_is_not_followed(mesh: MeshFolder, tmp_path: Path) -> None:
    outside = tmp_path / "outside.sql"
    outside.write_text("select secret")
    (mesh.root / PRODUCT / "orders.sql").unlink()
    (mesh.root / PRODUCT / "orders.sql").symlink_to(outside)
    assert "leaves-mesh" in mesh.codes()
    (tmp_path / "domain").mkdir()
    (mesh.root / "domains/linked").symlink_to(tmp_path / "domain")
    assert [finding.path for finding in mesh.load().findings if finding.code == "leaves-mesh"] == [
        "domains/linked",
        f"{PRODUCT}/orders.sql",
    ]


@pytest.mark.parametrize("folder", ["domains", "people"])
def test_a_linked_top_folder_out_of_the_mesh_is_not_followed(mesh: MeshFolder, tmp_path: Path, folder: str) -> None:
    (mesh.root / "domains").rename(tmp_path / "elsewhere")
    (mesh.root / folder).symlink_to(tmp_path / "elsewhere")
    workspace = mesh.load()
    assert [(finding.code, finding.path) for finding in workspace.findings] == [("leaves-mesh", folder)]
    assert workspace.mesh.products == {}


def test_a_linked_subfolder_out_of_the_mesh_is_not_followed(mesh: MeshFolder, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "step.sql").write_text("select secret")
    (mesh.root / PRODUCT / "transform").symlink_to(tmp_path / "elsewhere")
    workspace = mesh.load()
    assert [finding.code for finding in workspace.findings] == ["leaves-mesh"]
    assert workspace.mesh.products["sales.orders"].steps == ()


def test_a_link_within_the_mesh_is_followed(mesh: MeshFolder) -> None:
    mesh.write("shared/step.sql", "select 1")
    (mesh.root / PRODUCT / "transform").mkdir()
    (mesh.root / PRODUCT / "transform" / "step.sql").symlink_to(mesh.root / "shared/step.sql")
    workspace = mesh.load()
    assert workspace.findings == ()
    assert [step.text for step in workspace.mesh.products["sales.orders"].steps] == ["select 1"]


def test_what_is_no_regular_file_is_not_read(mesh: MeshFolder) -> None:
    (mesh.root / PRODUCT / "contracts").mkdir()
    os.mkfifo(mesh.root / PRODUCT / "contracts" / "orders.yaml")
    (mesh.root / PRODUCT / "tests" / "a.yaml").mkdir(parents=True)
    assert mesh.codes() == ["unreadable", "unreadable"]


def test_loading_is_the_same_through_a_linked_root(mesh: MeshFolder, tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(mesh.root)
    assert load(tmp_path / "linked").findings == ()
