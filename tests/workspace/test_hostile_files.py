"""Whatever a mesh's files hold, loading says what is wrong and does not break."""

from __future__ import annotations

import copy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshwright.formats import odcs, odps, yaml_text
from meshwright.model.findings import Severity
from meshwright.workspace.loading import load

FILES = {
    "mesh.yaml": "name: acme\nengine: {memory: 4GB, threads: 2}\npython: {timeout: 10min}\nenvironments: {prod: {}}\n",
    "people/a.yaml": "groups: {sales_team: [ada]}\n",
    "domains/sales/domain.yaml": "team: {name: sales_team, members: [{username: ada}]}\napprovers: [ada]\n",
    "domains/sales/orders/product.yaml": (
        "apiVersion: v1.1.0\nkind: DataProduct\nid: p\nversion: 1.0.0\nstatus: active\nteam: {members: [{username: ada}]}\n"
        "inputPorts:\n- {name: a, version: 1.x, customProperties: [{property: mesh.path, value: '*.csv'}]}\n"
        "- {name: b, contractId: c}\n"
        "outputPorts:\n- {name: orders, version: 1.0.0, contractId: c, customProperties: [{property: mesh.key, value: [id]}]}\n"
        "customProperties: [{property: mesh.timeLimit, value: 10min}]\n"
    ),
    "domains/sales/orders/contracts/orders.yaml": (
        "apiVersion: v3.2.0\nkind: DataContract\nid: c\nversion: 1.0.0\nschema:\n- name: orders\n  properties:\n"
        "  - {name: id, logicalType: integer, physicalType: BIGINT, primaryKey: true, relationships: [{to: t.id}]}\n"
        "  - {name: l, logicalType: array, items: {logicalType: object, properties: [{name: x, logicalType: date}]}}\n"
        "  - {name: m, logicalType: map, map: {key: {logicalType: string}, value: {logicalType: number}}}\n"
        "  - {name: e, logicalType: string, enum: [{value: a}], logicalTypeOptions: {pattern: a}}\n"
        "  quality: [{metric: rowCount, mustBe: 1, severity: error, customProperties: [{property: mesh.quarantineMax, value: 1}]}]\n"
        "slaProperties: [{property: freshness, value: 1, unit: h}]\nteam: {name: t}\n"
    ),
    "domains/sales/orders/tests/a.yaml": "- {name: one, given: {a: [{id: 1}]}, expect: [{id: 1}]}\n",
    "domains/sales/orders/transform/orders.sql": "select * from a",
    "domains/sales/orders/inputs.lock.yaml": "a: {format: csv}\n",
    "domains/sales/orders/x.csv": "id\n1\n",
}
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
WORDS = st.sampled_from(
    ["", "v3.0.0", "v1.0.0", "1.0.0", "mesh.path", "mesh.nothing", "a.b", "orders", "@", "../x", "int", "array"]
)
VALUES = st.recursive(
    SCALARS | WORDS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS | st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


def places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place, *(found for key, child in inner for found in places(child, (*place, key)))]


def replaced(document: Any, place: tuple[Any, ...], value: Any) -> Any:
    if not place:
        return value
    changed = copy.deepcopy(document)
    parent = changed
    for part in place[:-1]:
        parent = parent[part]
    parent[place[-1]] = value
    return changed


def test_the_files_are_valid_as_they_are(tmp_path: Path) -> None:
    write(tmp_path, {})
    assert load(tmp_path).findings == ()


def write(root: Path, changes: dict[str, bytes]) -> None:
    for path, text in FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(changes.get(path, text.encode()))


@pytest.mark.slow
@pytest.mark.parametrize("path", [path for path in FILES if path.endswith(".yaml")])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_value_in_any_place_is_read_or_a_finding(path: str, data: st.DataObject) -> None:
    document, _ = yaml_text.parse(FILES[path].encode(), path)
    place = data.draw(st.sampled_from(places(document)))
    changed = replaced(document, place, data.draw(VALUES))
    with TemporaryDirectory() as folder:
        write(Path(folder), {path: yaml_text.dump(changed).encode()})
        for cache in (None, Path(folder) / "cache", Path(folder) / "cache"):
            for finding in load(Path(folder), cache=cache).findings:
                assert finding.message
                assert finding.code


@pytest.mark.slow
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_damage_to_any_file_is_read_or_a_finding(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(FILES)))
    content = FILES[path].encode()
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, len(content)))
    with TemporaryDirectory() as folder:
        write(Path(folder), {path: content[:start] + data.draw(st.binary(max_size=6)) + content[end:]})
        load(Path(folder))


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_contract_that_is_accepted_can_be_read_and_written(data: st.DataObject) -> None:
    document, _ = yaml_text.parse(FILES["domains/sales/orders/contracts/orders.yaml"].encode(), "c.yaml")
    changed = replaced(document, data.draw(st.sampled_from(places(document))), data.draw(VALUES))
    if not any(finding.severity is Severity.ERROR for finding in odcs.check(changed, "c.yaml")):
        contract, _ = odcs.read(changed, path="c.yaml")
        assert [finding.message for finding in odcs.check(odcs.write(contract), "c.yaml")] == []


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_product_that_is_accepted_can_be_read_and_written(data: st.DataObject) -> None:
    document, _ = yaml_text.parse(FILES["domains/sales/orders/product.yaml"].encode(), "p.yaml")
    changed = replaced(document, data.draw(st.sampled_from(places(document))), data.draw(VALUES))
    if not odps.check(changed, "p.yaml"):
        product, _ = odps.read(changed, domain="d", name="p", folder="domains/d/p")
        assert [finding.message for finding in odps.check(odps.write(product), "p.yaml")] == []
