from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest

from meshwright.formats import mesh_files, yaml_text
from meshwright.model.mesh import People


def test_a_mesh_needs_only_a_name() -> None:
    settings, findings = mesh_files.read_mesh({"name": "acme"}, "mesh.yaml")
    assert findings == []
    assert settings is not None
    assert (settings.registry, settings.environments, settings.python_seconds) == (
        "sqlite:///.mesh/registry.db",
        ("prod",),
        600,
    )


def test_settings_are_typed() -> None:
    document = {
        "name": "acme",
        "engine": {"memory": "4GB", "threads": 2},
        "python": {"timeout": "1h", "memory": "512MB"},
        "environments": {"prod": {}, "dev": None},
    }
    settings, findings = mesh_files.read_mesh(document, "mesh.yaml")
    assert findings == []
    assert settings is not None
    assert (settings.memory_mb, settings.threads, settings.python_seconds, settings.python_memory_mb) == (
        4096,
        2,
        3600,
        512,
    )
    assert settings.environments == ("prod", "dev")


@pytest.mark.parametrize(
    ("document", "pointer", "code"),
    [
        ({"nme": "x", "name": "x"}, "/nme", "unknown-key"),
        ({}, "", "missing-key"),
        ({"name": "x", "engine": {"memory": "much"}}, "/engine/memory", "wrong-value"),
        ({"name": "x", "engine": {"threads": 0}}, "/engine/threads", "wrong-value"),
        ({"name": "x", "environments": {"Prod": {}}}, "/environments/Prod", "bad-name"),
        ([1], "", "wrong-type"),
    ],
)
def test_bad_settings_are_findings(document: Any, pointer: str, code: str) -> None:
    (finding,) = mesh_files.read_mesh(document, "mesh.yaml")[1]
    assert (finding.pointer, finding.code) == (pointer, code)


def test_a_domain_has_a_team() -> None:
    document = {"team": {"name": "sales_team", "members": [{"username": "ada", "role": "owner"}]}, "approvers": ["ada"]}
    domain, findings = mesh_files.read_domain(document, name="sales", path="d")
    assert findings == []
    assert domain is not None
    assert (domain.name, domain.team, domain.members, domain.approvers) == ("sales", "sales_team", ("ada",), ("ada",))


def test_a_domain_without_owner_is_a_finding() -> None:
    assert [finding.code for finding in mesh_files.read_domain({}, name="sales", path="d")[1]] == ["missing-key"]


def test_a_domain_is_called_like_its_folder() -> None:
    _, (finding,) = mesh_files.read_domain({"name": "sale", "team": {"name": "t"}}, name="sales", path="d")
    assert (finding.code, finding.value) == ("name-mismatch", "sale")


def test_people_are_groups() -> None:
    assert mesh_files.read_people({"groups": {"a": ["x", "y"]}}, "p") == (People(groups={"a": ("x", "y")}), [])


def test_a_file_may_have_attributes_only() -> None:
    found, findings = mesh_files.read_people({"attributes": {"x": {"region": "EU"}}}, "p")
    assert (found.groups, found.attributes, findings) == ({}, {"x": {"region": "EU"}}, [])


def test_people_have_attributes_that_policies_can_ask() -> None:
    document = {"groups": {}, "attributes": {"ada": {"region": "EU", "clearance": 3, "teams": ["a", "b"]}}}
    found, findings = mesh_files.read_people(document, "p")
    assert findings == []
    assert found.attributes == {"ada": {"region": "EU", "clearance": 3, "teams": ("a", "b")}}


CASES = b"""\
# comment
- name: one
  given: {orders: [{id: 1}]}
  expect: [{id: 1}]

- name: two
  port: lines
  given: {}
  expect: []
  ordered: true
"""


@pytest.mark.parametrize(
    "content",
    [
        CASES,
        CASES.replace(b"- name", b"- given: {}\n  name")
        .replace(b"\n  given: {}\n  expect: []", b"\n  expect: []")
        .replace(b"  given: {orders: [{id: 1}]}\n", b""),
    ],
)
def test_cases_know_their_line(content: bytes) -> None:
    document, _ = yaml_text.parse(content, "t.yaml")
    cases, findings = mesh_files.read_tests(document, content=content, path="t.yaml", port="orders")
    assert findings == []
    lines = content.decode().splitlines()
    assert [lines[case.line - 1][:2] for case in cases] == ["- ", "- "]
    assert [(case.name, case.port, case.ordered) for case in cases] == [
        ("one", "orders", False),
        ("two", "lines", True),
    ]


def test_cases_may_stand_below_tests() -> None:
    content = b"tests:\n  - name: one\n    given: {}\n    expect: []\n"
    document, _ = yaml_text.parse(content, "t.yaml")
    (case,), _ = mesh_files.read_tests(document, content=content, path="t.yaml", port="orders")
    assert case.line == 2


def test_a_wrong_case_is_a_finding_at_its_key() -> None:
    document = [{"name": "one", "given": {}, "expected": []}]
    _, findings = mesh_files.read_tests(document, content=b"", path="t.yaml", port="o")
    assert {(finding.code, finding.pointer) for finding in findings} == {
        ("unknown-key", "/0/expected"),
        ("missing-key", "/0"),
    }


def test_there_is_a_valid_schema_for_every_kind_of_file() -> None:
    schemas = mesh_files.schemas()
    assert list(schemas) == ["mesh", "domain", "product", "contract", "people", "tests", "policy_cases"]
    for schema in schemas.values():
        assert jsonschema_rs.meta.is_valid(schema)
