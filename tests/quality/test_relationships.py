"""Relationships: every value is found where it points to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meshwright.model.contract import Table
from meshwright.quality import Dataset
from meshwright.quality.relationships import reference

if TYPE_CHECKING:
    from quality.conftest import Lab


@pytest.mark.parametrize(
    ("written", "table", "column"),
    [
        ("orders.id", "orders", "id"),
        ("sales.orders.id", "sales.orders", "id"),
        ("sales.orders.lines.id", "sales.orders.lines", "id"),
        ("id", "", "id"),
        ("schema/orders/properties/id", "orders", "id"),
        ("https://a.b/c.yaml#/schema/orders/properties/id", "orders", "id"),
    ],
)
def test_a_reference_names_a_table_and_a_column(written: str, table: str, column: str) -> None:
    assert reference(written) == (table, column)


@pytest.mark.parametrize("name", ["orders", "sales.orders", "sales.orders.lines"])
def test_values_that_point_to_nothing_are_counted_and_nulls_are_not(lab: Lab, name: str) -> None:
    lab.tables[name] = lab.data(lab.values("1", "2", "2", "NULL", names="id"))
    promised = lab.typed("v", "INTEGER", relationships=(lab.link("v", to=f"{name}.id"),))
    assert lab.column(lab.values("1", "2", "NULL"), promised)["v:relationship"].outcome == "passed"
    result = lab.column(lab.values("1", "3", "NULL", "3"), promised)["v:relationship"]
    assert (result.outcome, result.failing, result.sample) == ("failed", 2, ({"v": 3}, {"v": 3}))


def test_a_composite_key_points_as_a_whole(lab: Lab) -> None:
    lab.tables["places"] = lab.data(lab.values("1, 'de'", "2, 'fr'", names="id, country"))
    table = Table(
        name="t",
        columns=(lab.typed("a", "INTEGER"), lab.typed("b", "VARCHAR")),
        relationships=(lab.link("a", "b", to=["places.id", "places.country"]),),
    )
    rows = lab.values("1, 'de'", "1, 'fr'", "NULL, 'xx'", "3, NULL", names="a, b")
    result = lab.run(table, lab.data(rows))["(a, b):relationship"]
    assert (result.failing, result.sample) == (1, ({"a": 1, "b": "fr"},))


def test_a_table_may_point_to_itself(lab: Lab) -> None:
    table = Table(
        name="staff",
        columns=(
            lab.typed("id", "INTEGER"),
            lab.typed("boss", "INTEGER", relationships=(lab.link("boss", to="staff.id"),)),
        ),
    )
    result = lab.run(table, lab.data(lab.values("1, NULL", "2, 1", "3, 9", names="id, boss")))["boss:relationship"]
    assert result.sample == ({"id": 3, "boss": 9},)


def test_a_member_of_a_struct_points_too(lab: Lab) -> None:
    lab.tables["places"] = lab.data(lab.values("1", names="id"))
    member = lab.typed("place", "INTEGER", relationships=(lab.link("place", to="places.id"),))
    promised = lab.typed("v", "STRUCT(place INTEGER)", properties=(member,))
    result = lab.column(lab.values("{'place': 1}", "{'place': 2}", "NULL"), promised)["v.place:relationship"]
    assert result.failing == 1


@pytest.mark.parametrize(
    ("to", "words"),
    [("nowhere.id", "'nowhere', which is not known"), ("places.zip", "no such column in 'places'")],
)
def test_an_unknown_target_is_an_error_that_names_it(lab: Lab, to: str, words: str) -> None:
    lab.tables["places"] = lab.data(lab.values("1", names="id"))
    promised = lab.typed("v", "INTEGER", relationships=(lab.link("v", to=to),))
    result = lab.column(lab.values("1"), promised)["v:relationship"]
    assert result.outcome == "error"
    assert words in result.message


def test_keys_of_types_that_do_not_compare_are_an_error(lab: Lab) -> None:
    lab.tables["places"] = lab.data(lab.values("[1]", names="id"))
    promised = lab.typed("v", "INTEGER", relationships=(lab.link("v", to="places.id"),))
    assert lab.column(lab.values("1"), promised)["v:relationship"].outcome == "error"


def test_pointing_to_a_table_without_rows_fails_for_every_value(lab: Lab) -> None:
    lab.tables["places"] = Dataset(files=(), columns=lab.columns("SELECT 1 AS id"))
    promised = lab.typed("v", "INTEGER", relationships=(lab.link("v", to="places.id"),))
    assert lab.column(lab.values("1", "NULL", "2"), promised)["v:relationship"].failing == 2


@pytest.mark.parametrize(("highest", "failing"), [(100_000, 0), (99_999, 1), (50_000, 50_000)])
def test_a_bitmap_proves_dense_integers_and_hashing_counts_the_rest(lab: Lab, highest: int, failing: int) -> None:
    lab.tables["places"] = lab.data(f"SELECT range + 1 AS id FROM range({highest})")
    promised = lab.typed("v", "BIGINT", relationships=(lab.link("v", to="places.id"),))
    result = lab.column("SELECT range + 1 AS v FROM range(100000)", promised)["v:relationship"]
    assert (result.failing, result.proof) == (failing, "hash" if failing else "bitmap")
    assert len(result.sample) == min(failing, 100)
