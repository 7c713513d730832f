"""dbt's data tests as rules of a contract: each says the same, or is refused with the reason."""

from __future__ import annotations

from typing import Any

import pytest

from meshwright.authoring.dbt.macros import NotRendered
from meshwright.authoring.dbt.project import DataTest, Place
from meshwright.authoring.dbt.tests import Target, carry
from meshwright.authoring.promises import Promises

PLACE = Place("models/x.yml", 3)


class Around:
    """A port whose project has one other table, and can render nothing."""

    def table(self, text: str) -> Target:
        if "step" in text:
            raise NotRendered("it reads a step")
        return Target("shop.sales.orders", is_late="late" in text, is_downstream="late" in text)

    def rendered(self, test: DataTest) -> Target:
        if not test.sql:
            raise NotRendered(f"no rule says what {test.name} does")
        return Target(test.sql)

    def sql(self, text: str) -> str:
        return text


def carried(name: str, column: str = "a", **body: Any) -> tuple[Promises, str]:
    config = body.pop("config", {})
    promises = Promises()
    test = DataTest(name=name, column=column, arguments=body, config=config, place=PLACE, sql=body.pop("sql", ""))
    note = carry(test, promises, Around())
    return promises, note


@pytest.mark.parametrize(
    ("name", "body", "promised"),
    [
        ("not_null", {}, {"required": True}),
        ("unique", {}, {"unique": True}),
        ("accepted_values", {"values": ["x"]}, {"options": {"enum": ["x"]}}),
        ("dbt_utils.accepted_range", {"min_value": 0, "inclusive": False}, {"options": {"exclusiveMinimum": 0}}),
        ("dbt_expectations.expect_column_values_to_match_regex", {"regex": "^x"}, {"options": {"pattern": "^x"}}),
        (
            "dbt_expectations.expect_column_value_lengths_to_equal",
            {"value": 3},
            {"options": {"minLength": 3, "maxLength": 3}},
        ),
    ],
)
def test_plain_tests_become_what_odcs_has_words_for(name: str, body: dict[str, Any], promised: dict[str, Any]) -> None:
    promises, note = carried(name, **body)
    assert {key: getattr(promises.column("a"), key) for key in promised} == promised
    assert promises.quality == []
    assert note == ""


@pytest.mark.parametrize(
    ("name", "body", "query"),
    [
        ("not_null", {"config": {"where": "b > 1"}}, "SELECT count(*) FROM ${table} WHERE (b > 1) AND a IS NULL"),
        (
            "unique",
            {"config": {"severity": "warn"}},
            "SELECT count(*) FROM (SELECT a FROM ${table} WHERE a IS NOT NULL GROUP BY a HAVING count(*) > 1) AS repeated",
        ),
        (
            "accepted_values",
            {"values": ["it's", 1], "config": {"severity": "warn"}},
            "SELECT count(*) FROM ${table} WHERE a NOT IN ('it''s', 1)",
        ),
        ("dbt_utils.expression_is_true", {"expression": "> 0"}, "SELECT count(*) FROM ${table} WHERE NOT (a > 0)"),
        (
            "dbt_utils.relationships_where",
            {"to": "ref('o')", "field": "id", "to_condition": "ok"},
            (
                "SELECT count(*) FROM ${table} WHERE a IS NOT NULL AND a NOT IN "
                "(SELECT id FROM shop.sales.orders WHERE id IS NOT NULL AND (ok))"
            ),
        ),
        ("mine", {"sql": "select 1 from x"}, "SELECT count(*) FROM (\nselect 1 from x\n) AS failing"),
    ],
)
def test_other_tests_become_queries_that_count_failures(name: str, body: dict[str, Any], query: str) -> None:
    promises, _ = carried(name, **body)
    rule = promises.quality[0]
    assert (rule.kind, rule.query, rule.comparisons) == ("sql", query, {"mustBe": 0})
    assert rule.severity == ("warning" if body.get("config", {}).get("severity") == "warn" else "error")


def test_a_threshold_is_turned_into_what_must_be() -> None:
    promises, _ = carried("not_null", config={"error_if": ">= 10"})
    assert promises.quality[0].comparisons == {"mustBeLessThan": 10}


def test_a_relationship_to_a_later_product_warns() -> None:
    promises, note = carried("relationships", to="ref('late')", field="id")
    assert promises.column("a").relationships == []
    assert promises.quality[0].severity == "warning"
    assert "built later" in note
    promises, note = carried("relationships", to="ref('orders')", field="id")
    assert promises.column("a").relationships[0].to == ("shop.sales.orders.id",)


def test_recency_is_a_service_level() -> None:
    promises, note = carried("dbt_utils.recency", column="", datepart="hour", field="at", interval=3)
    level = promises.service_levels[0]
    assert (level.property, level.value, level.unit, level.element) == ("freshness", 3, "h", "at")
    assert "service level" in note


@pytest.mark.parametrize(
    ("name", "body", "why"),
    [
        ("elementary.volume_anomalies", {}, "no rule says"),
        ("relationships", {"to": "ref('step')", "field": "id"}, "it reads a step"),
        ("not_null", {"config": {"error_if": "sometimes"}}, "no comparison"),
    ],
)
def test_what_a_contract_cannot_say_is_refused_with_the_reason(name: str, body: dict[str, Any], why: str) -> None:
    with pytest.raises(NotRendered, match=why):
        carried(name, **body)
