from __future__ import annotations

import copy
import time
from typing import TYPE_CHECKING, Any

import pytest

from corpora import examples, needs_corpora
from meshwright.formats import odcs, yaml_text
from meshwright.model.findings import Severity

if TYPE_CHECKING:
    from pathlib import Path

    from meshwright.model.contract import Contract

COLUMN: dict[str, Any] = {"name": "amount", "logicalType": "number", "physicalType": "DECIMAL(10,2)"}


def document(**changes: Any) -> dict[str, Any]:
    """A small valid contract; each change replaces a key of it."""
    whole = {
        "apiVersion": "v3.2.0",
        "kind": "DataContract",
        "id": "orders",
        "version": "1.2.0",
        "status": "active",
        "schema": [{"name": "orders", "properties": [copy.deepcopy(COLUMN)]}],
    }
    return {**whole, **changes}


def with_column(**keys: Any) -> dict[str, Any]:
    return document(schema=[{"name": "orders", "properties": [{"name": "c", **keys}]}])


def with_rule(**keys: Any) -> dict[str, Any]:
    return document(schema=[{"name": "orders", "properties": [COLUMN], "quality": [keys]}])


def read(whole: dict[str, Any]) -> Contract:
    assert odcs.check(whole, "c.yaml") == []
    contract, findings = odcs.read(whole, path="c.yaml")
    assert findings == []
    return contract


@needs_corpora
def test_the_published_examples_are_present() -> None:
    assert (len(examples("odcs-examples")), len(examples("odps-examples"))) == (18, 2)


def test_published_examples_load_and_round_trip(odcs_example: Path) -> None:
    found, findings = yaml_text.parse(odcs_example.read_bytes(), odcs_example.name)
    assert not findings
    assert [one for one in odcs.check(found, "c.yaml") if one.severity is Severity.ERROR] == []
    assert yaml_text.parse(yaml_text.dump(found).encode(), "c.yaml") == (found, [])
    contract, unknown = odcs.read(found, path="c.yaml")
    assert contract.id == found["id"]
    assert len(contract.tables) == len(found.get("schema", []))
    assert {finding.code for finding in unknown} <= {"unknown-type", "missing-type"}


def test_a_published_example_written_again_is_valid_and_says_the_same(odcs_example: Path) -> None:
    found, _ = yaml_text.parse(odcs_example.read_bytes(), odcs_example.name)
    contract, _ = odcs.read(found, path="c.yaml")
    again = odcs.write(contract)
    assert odcs.check(again, "c.yaml") == []
    reread, _ = odcs.read(again, path="c.yaml")
    assert [[c.type for c in t.columns] for t in reread.tables] == [
        [c.type for c in t.columns] for t in contract.tables
    ]
    assert [t.primary_key for t in reread.tables] == [t.primary_key for t in contract.tables]
    assert len(reread.service_levels) == len(contract.service_levels)


@pytest.mark.parametrize("version", ["v3.0.0", "v3.0.2", "v3.0.9", "v3.1.0", "v3.1.1", "v3.2.0"])
def test_every_version_from_3_0_on_is_read(version: str) -> None:
    assert odcs.check(document(apiVersion=version), "c.yaml") == []


@pytest.mark.parametrize(("version", "hint"), [("3.2.0", "'v3.2.0'"), ("v2.2.2", "v3.0.2"), ("v4.0.0", "v3.0.0")])
def test_other_versions_are_refused_naming_those_known(version: str, hint: str) -> None:
    (finding,) = odcs.check(document(apiVersion=version), "c.yaml")
    assert (finding.code, finding.value, finding.pointer) == ("bad-version", version, "/apiVersion")
    assert hint in finding.hint


def test_an_unknown_key_suggests_the_near_one() -> None:
    whole = document()
    whole["schema"][0]["propertis"] = []
    (finding,) = odcs.check(whole, "c.yaml")
    assert (finding.code, finding.pointer) == ("unknown-key", "/schema/0/propertis")
    assert "'properties'" in finding.hint


def test_a_missing_key_is_named() -> None:
    whole = document()
    del whole["version"]
    (finding,) = odcs.check(whole, "c.yaml")
    assert (finding.code, finding.message) == ("missing-key", "'version' is missing")


def test_a_value_of_the_wrong_kind_shows_the_value() -> None:
    (finding,) = odcs.check(with_column(logicalType="string", required="yes"), "c.yaml")
    assert (finding.code, finding.value, finding.hint) == ("wrong-type", "yes", "write true or false")


def test_the_kinds_that_would_do_are_each_named_once() -> None:
    (finding,) = odcs.check(document(slaProperties=[{"property": "x", "value": [1]}]), "c.yaml")
    assert finding.message.endswith("must be text or a number or true or false or nothing, not a list")


def test_a_wrong_choice_suggests_the_near_one_and_lists_all() -> None:
    (finding,) = odcs.check(with_column(logicalType="strng"), "c.yaml")
    assert finding.code == "wrong-value"
    assert "did you mean 'string'?" in finding.hint
    assert "integer" in finding.hint


def test_a_key_in_the_wrong_kind_of_rule_is_refused() -> None:
    (finding,) = odcs.check(with_rule(type="text", description="x", query="select 1"), "c.yaml")
    assert (finding.code, finding.pointer) == ("unknown-key", "/schema/0/quality/0/query")


def test_a_rule_with_two_comparisons_is_refused() -> None:
    (finding,) = odcs.check(with_rule(metric="rowCount", mustBeGreaterThan=1, mustBeLessThan=3), "c.yaml")
    assert "mustBeGreaterThan, mustBeLessThan" in finding.message


def test_a_rule_without_comparison_lists_the_comparisons() -> None:
    (finding,) = odcs.check(with_rule(metric="rowCount"), "c.yaml")
    assert "mustBeBetween" in finding.hint


def test_every_error_of_a_document_is_found_at_once() -> None:
    whole = document(foo=1, id=5)
    whole["schema"][0]["properties"] += [{"nam": "x"}, "y"]
    assert {finding.pointer for finding in odcs.check(whole, "c.yaml")} == {
        "/foo",
        "/id",
        "/schema/0/properties/1",
        "/schema/0/properties/1/nam",
        "/schema/0/properties/2",
    }


def test_keys_that_are_no_text_are_findings() -> None:
    (finding,) = odcs.check({**document(), 1: 2}, "c.yaml")
    assert (finding.code, finding.value) == ("wrong-type", "1")


@pytest.mark.parametrize("whole", [None, [], "text", 3])
def test_a_document_that_is_no_mapping_is_refused(whole: Any) -> None:
    assert [finding.code for finding in odcs.check(whole, "c.yaml")] == ["wrong-type"]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"physicalType": "varchar(20)", "logicalType": "string"}, "VARCHAR"),
        ({"physicalType": "varchar[50]", "logicalType": "string"}, "VARCHAR"),
        ({"physicalType": "int4"}, "INTEGER"),
        ({"logicalType": "integer"}, "BIGINT"),
        ({"logicalType": "number"}, "DOUBLE"),
        ({"logicalType": "timestamp"}, "TIMESTAMP"),
        ({"logicalType": "timestamp", "logicalTypeOptions": {"timezone": True}}, "TIMESTAMP WITH TIME ZONE"),
        (
            {"logicalType": "timestamp", "physicalType": "timestamp", "logicalTypeOptions": {"timezone": True}},
            "TIMESTAMP WITH TIME ZONE",
        ),
        ({"logicalType": "object", "physicalType": "json"}, "JSON"),
        ({"logicalType": "object"}, "JSON"),
        (
            {"logicalType": "object", "properties": [{"name": "zip", "logicalType": "string"}]},
            'STRUCT("zip" VARCHAR)',
        ),
        ({"logicalType": "array", "items": {"logicalType": "integer"}}, "BIGINT[]"),
        (
            {
                "logicalType": "array",
                "items": {"logicalType": "object", "properties": [{"name": "a", "physicalType": "date"}]},
            },
            'STRUCT("a" DATE)[]',
        ),
        (
            {"logicalType": "map", "map": {"key": {"logicalType": "string"}, "value": {"logicalType": "number"}}},
            "MAP(VARCHAR, DOUBLE)",
        ),
        ({"logicalType": "vector", "logicalTypeOptions": {"dimensions": 3, "elementType": "float64"}}, "DOUBLE[]"),
        ({"physicalType": "decimal(38,10)"}, "DECIMAL(38,10)"),
    ],
)
def test_a_column_has_the_type_that_the_contract_says(keys: dict[str, Any], expected: str) -> None:
    assert str(read(with_column(**keys)).table.columns[0].type) == expected


def test_an_unknown_physical_type_suggests_the_near_one() -> None:
    _, (finding,) = odcs.read(with_column(physicalType="varchr(3)"), path="c.yaml")
    assert (finding.code, finding.value, finding.hint) == ("unknown-type", "varchr(3)", "did you mean 'VARCHAR'?")


def test_a_column_without_any_type_is_a_finding() -> None:
    whole = with_column()
    assert odcs.check(whole, "c.yaml") == []
    assert [finding.code for finding in odcs.read(whole, path="c.yaml")[1]] == ["missing-type"]


def test_two_columns_that_differ_in_letter_case_are_a_finding() -> None:
    columns = [{"name": name, "physicalType": "int"} for name in ("id", "x", "ID")]
    _, (finding,) = odcs.read(document(schema=[{"name": "t", "properties": columns}]), path="c.yaml")
    assert (finding.code, finding.pointer) == ("duplicate-name", "/schema/0/properties/2/name")


def test_five_thousand_columns_are_read() -> None:
    columns = [{"name": f"c{index}", "physicalType": "BIGINT"} for index in range(5000)]
    assert len(read(document(schema=[{"name": "t", "properties": columns}])).table.columns) == 5000


def test_five_thousand_wrong_columns_are_found_in_time() -> None:
    columns = [{"name": f"c{index}", "logicalType": "strng", "requird": True} for index in range(5000)]
    start = time.process_time()
    findings = odcs.check(document(schema=[{"name": "t", "properties": columns}]), "c.yaml")
    assert len(findings) == 10_000
    assert time.process_time() - start < 20


def test_allowed_values_become_the_option_enum() -> None:
    contract = read(with_column(logicalType="string", enum=[{"value": "a"}, {"value": "b"}]))
    assert contract.table.columns[0].options == {"enum": ["a", "b"]}


@pytest.mark.parametrize(
    ("rule", "kind"),
    [
        ({"metric": "rowCount", "mustBe": 1}, "library"),
        ({"type": "sql", "query": "select 1", "mustBe": 1}, "sql"),
        ({"type": "custom", "engine": "soda", "implementation": "x"}, "custom"),
        ({"description": "words"}, "text"),
    ],
)
def test_the_kind_of_a_rule_is_implied_by_its_keys(rule: dict[str, Any], kind: str) -> None:
    assert read(with_rule(**rule)).table.quality[0].kind == kind


def test_rules_of_version_3_0_are_kept() -> None:
    whole = with_rule(rule="nullCheck", description="x") | {"apiVersion": "v3.0.2"}
    (rule,) = read(whole).table.quality
    assert (rule.kind, rule.metric) == ("library", "nullCheck")
    assert odcs.check(with_rule(rule="nullCheck", description="x"), "c.yaml")


def test_a_measure_is_no_column() -> None:
    assert read(with_column(semanticType="measure", logicalType="number")).table.columns == ()


def test_a_quarantine_threshold_is_checked() -> None:
    properties = [
        {"property": "mesh.onFailure", "value": "quarantine"},
        {"property": "mesh.quarantineMax", "value": "lots"},
    ]
    (finding,) = odcs.check(with_rule(metric="rowCount", mustBe=1, customProperties=properties), "c.yaml")
    assert finding.pointer == "/schema/0/quality/0/customProperties/1/value"


def test_a_contract_written_and_read_again_is_the_same() -> None:
    contract = read(
        document(
            name="Orders",
            description={"purpose": "All orders"},
            tags=["a"],
            schema=[
                {
                    "name": "orders",
                    "physicalType": "table",
                    "description": "d",
                    "quality": [
                        {"type": "library", "metric": "rowCount", "mustBeBetween": [1, 9], "severity": "warning"}
                    ],
                    "relationships": [{"type": "foreignKey", "from": ["orders.a", "orders.b"], "to": ["t.x", "t.y"]}],
                    "properties": [
                        {"name": "a", "logicalType": "integer", "physicalType": "INTEGER", "primaryKey": True},
                        {"name": "b", "logicalType": "string", "physicalType": "VARCHAR", "enum": [{"value": "x"}]},
                        {
                            "name": "m",
                            "logicalType": "map",
                            "map": {"key": {"logicalType": "string"}, "value": {"logicalType": "date"}},
                        },
                        {"name": "l", "logicalType": "array", "items": {"logicalType": "string"}},
                    ],
                }
            ],
            slaProperties=[{"property": "freshness", "value": 24, "unit": "h"}],
            customProperties=[{"property": "x", "value": {"y": 1}}],
        )
    )
    again = odcs.write(contract)
    assert odcs.check(again, "c.yaml") == []
    reread, _ = odcs.read(again, path="c.yaml")
    assert [str(c.type) for c in reread.table.columns] == [str(c.type) for c in contract.table.columns]
    assert odcs.write(reread) == again
    assert (reread.table.quality, reread.custom, reread.service_levels) == (
        contract.table.quality,
        contract.custom,
        contract.service_levels,
    )


def test_importing_the_schema_does_not_import_the_standards_models() -> None:
    import subprocess
    import sys

    code = "import sys; from meshwright.formats import odcs; odcs.schema(); print('pydantic' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "False"


@pytest.mark.parametrize(("version", "codes"), [("v3.0.2", ["newer-than-declared"]), ("v3.1.0", []), ("v3.2.0", [])])
def test_what_the_declared_version_does_not_have_is_a_warning(version: str, codes: list[str]) -> None:
    document = {
        "apiVersion": version,
        "kind": "DataContract",
        "id": "a",
        "version": "1.0.0",
        "status": "draft",
        "schema": [{"name": "t", "properties": [{"name": "seen", "logicalType": "timestamp"}]}],
    }
    findings = odcs.check(document, "c.yaml")
    assert [finding.code for finding in findings] == codes
    assert all(finding.severity is Severity.WARNING for finding in findings)
