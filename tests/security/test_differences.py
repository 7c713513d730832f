"""Differences tell a reader only of what they see: not which files, promises or keys of hidden rows and columns changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from mesh_folder import MeshFolder
from security.shop import AFTER, BY_REGION, POLICIES, REGION, Shop, hidden, masking, orders, people, sentinels, visible
from security.test_non_interference import compared
from security.ways import Ask, Kind, Way, ways

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from security.shop import Row

pytestmark = pytest.mark.slow

PORT: Final = "sales.orders"
WAYS: Final = ways(Kind.DIFF)
COLUMNS: Final = """
- {name: id, physicalType: INTEGER, required: true}
- {name: region, physicalType: VARCHAR}
- {name: pay, physicalType: INTEGER, tags: [fixed]}
- {name: ssn, physicalType: VARCHAR, tags: [gone]}
"""
SQL: Final = "select 1 as id, 'EU' as region, 700 as pay, '123-45' as ssn"
ASKED: Final = (
    Ask(kind=Kind.DIFF, port=PORT),
    # Of the rows that are seen, none has another salary or region: whole rows are compared.
    Ask(kind=Kind.DIFF, port=PORT, key="salary"),
    Ask(kind=Kind.DIFF, port=PORT, key="region,note", limit=100),
    Ask(kind=Kind.DIFF, port=PORT, key="region", limit=0),
)
ASK_IDS: Final = ("contract's key", "masked key", "key of two", "key that comes twice")


def begun(root: Path) -> Shop:
    root.mkdir()
    shop = Shop(folder=MeshFolder(root))
    people(shop.folder)
    return shop


def published(root: Path, *states: Sequence[Row]) -> Shop:
    """A shop that served *states* one after another, also one that is as the one before."""
    shop = begun(root)
    orders(shop.folder)
    shop.serve(states[0])
    for rows in states[1:]:
        serve_again(shop, rows)
    shop.publish({"policies/all.cedar": POLICIES + masking(), "domains/sales/policies/rows.cedar": BY_REGION})
    return shop


def serve_again(shop: Shop, rows: Sequence[Row]) -> None:
    """Publish *rows*, also when they are what is served already."""
    before = shop.folder.mesh("show", PORT, "--json").data["sequence"]
    shop.serve(rows)
    if shop.folder.mesh("show", PORT, "--json").data["sequence"] == before:
        shop.folder.build("--full")


def described(root: Path, *contracts: str) -> Shop:
    """A shop with one port of one row, of which one contract after another was published."""
    shop = begun(root)
    shop.folder.product(PORT, SQL)
    for text in contracts:
        columns, _, rules = text.partition("---\n")
        shop.folder.contract(PORT, columns + (f"quality:\n{rules}" if rules else ""), version="0.1.0")
        shop.folder.build("--full")
    shop.publish({"policies/all.cedar": POLICIES + masking()})
    return shop


def with_hidden_cells(rows: Sequence[Row], number: int) -> list[Row]:
    return [visible(row.id, amount=row.amount, cells=sentinels(number)) for row in rows if row.region == REGION]


@pytest.fixture(scope="module")
def same(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A mesh in which nothing changed between two publications."""
    return published(tmp_path_factory.mktemp("same") / "mesh", AFTER, AFTER)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The same mesh, but everything that is hidden did."""
    changed = [*with_hidden_cells(AFTER, 77), hidden(40), hidden(41)]
    return published(tmp_path_factory.mktemp("other") / "mesh", AFTER, changed)


@pytest.mark.parametrize("ask", ASKED, ids=ASK_IDS)
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_that_only_hidden_rows_and_cells_changed_tells_nothing(same: Shop, other: Shop, way: Way, ask: Ask) -> None:
    found = compared(way, same, ask)
    assert found[0] == 0
    assert compared(way, other, ask) == found


def test_how_many_files_differ_is_told_to_who_sees_everything(other: Shop) -> None:
    told = json.loads(WAYS[-1](other, ASKED[0]).out)
    assert (told["files_compared"], told["files_skipped"]) == (None, None)
    assert "data file" not in WAYS[0](other, ASKED[0]).text
    all_of_it = other.owner("diff", PORT, "--json").data
    assert (all_of_it["files_compared"], all_of_it["files_skipped"]) == (2, 0)
    assert "2 data files compared" in other.owner("diff", PORT).out


# What changes of a column that is absent: documentation, promises, its type, whether it is there at all.
ABSENT: Final = {
    "description": COLUMNS.replace("tags: [gone]", "tags: [gone], description: New."),
    "tags": COLUMNS.replace("tags: [gone]", "tags: [gone, more]"),
    "required": COLUMNS.replace("tags: [gone]", "tags: [gone], required: true"),
    "bound": COLUMNS.replace("tags: [gone]", "tags: [gone], logicalType: string, logicalTypeOptions: {maxLength: 9}"),
    "rule": COLUMNS.replace(
        "tags: [gone]}", "tags: [gone], quality: [{metric: nullValues, mustBe: 0, name: complete}]}"
    ),
    "table rule": COLUMNS
    + "---\n  - {metric: duplicateValues, arguments: {properties: [SSN]}, mustBe: 0, name: told once}\n",
    "sql rule": COLUMNS
    + "---\n  - {type: sql, query: 'select count(*) from {table} where ssn is null', mustBe: 0, name: all there}\n",
    "rule in words": COLUMNS + "---\n  - {type: text, description: Social security numbers are checked by hand.}\n",
    "rule of another": COLUMNS.replace(
        "{name: region, physicalType: VARCHAR}",
        "{name: region, physicalType: VARCHAR, quality: "
        "[{type: sql, query: 'select count(*) from {table} where ssn is null', mustBe: 0, name: all}]}",
    ),
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return described(tmp_path_factory.mktemp("plain") / "mesh", COLUMNS, COLUMNS)


@pytest.mark.parametrize("what", ABSENT)
def test_what_is_promised_of_an_absent_column_is_not_told(tmp_path: Path, plain: Shop, what: str) -> None:
    shop = described(tmp_path / "mesh", COLUMNS, ABSENT[what])
    assert shop.owner("diff", PORT, "--json").data["contract"], "the owner is told"
    for way in WAYS:
        assert compared(way, shop, ASKED[0]) == compared(way, plain, ASKED[0])


def test_a_column_that_comes_and_is_absent_is_not_told(tmp_path: Path, plain: Shop) -> None:
    shop = begun(tmp_path / "mesh")
    for sql, columns in ((SQL.replace(", '123-45' as ssn", ""), COLUMNS.partition("- {name: ssn")[0]), (SQL, COLUMNS)):
        shop.folder.product(PORT, sql)
        shop.folder.contract(PORT, columns, version="0.1.0")
        shop.folder.build()
    shop.publish({"policies/all.cedar": POLICIES + masking()})
    assert [one["column"] for one in shop.owner("diff", PORT, "--json").data["columns"]] == ["ssn"]
    for way in WAYS:
        assert compared(way, shop, ASKED[0]) == compared(way, plain, ASKED[0])


MASKED: Final = {
    "bound": ("tags: [fixed]", "tags: [fixed], logicalTypeOptions: {minimum: 699}"),
    "values": (
        "tags: [fixed]}",
        "tags: [fixed], quality: [{metric: invalidValues, arguments: {validValues: [700]}, mustBe: 0, name: n700}]}",
    ),
    "nulls": ("tags: [fixed]", "tags: [fixed], required: true"),
    "differ": ("tags: [fixed]", "tags: [fixed], unique: true"),
}


@pytest.mark.parametrize("what", MASKED)
def test_what_is_promised_of_masked_values_is_not_told(tmp_path: Path, plain: Shop, what: str) -> None:
    shop = described(tmp_path / "mesh", COLUMNS, COLUMNS.replace(*MASKED[what]))
    assert shop.owner("diff", PORT, "--json").data["contract"], "the owner is told"
    for way in WAYS:
        assert compared(way, shop, ASKED[0]) == compared(way, plain, ASKED[0])


def told_of_contract(shop: Shop) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(WAYS[-1](shop, ASKED[0]).out)["contract"]
    return found


def test_what_a_contract_documents_of_a_masked_column_is_told(tmp_path: Path) -> None:
    shop = described(tmp_path / "mesh", COLUMNS, COLUMNS.replace("tags: [fixed]", "tags: [fixed], description: Net."))
    assert [one["kind"] for one in told_of_contract(shop)] == ["documentation changed"]


def test_what_is_promised_of_clear_columns_and_of_rows_is_told(tmp_path: Path) -> None:
    after = COLUMNS.replace("{name: region,", "{name: region, required: true,")
    after += "---\n  - {metric: rowCount, mustBeGreaterThan: 0, name: not empty}\n"
    shop = described(tmp_path / "mesh", COLUMNS, after)
    told = {(one["column"], one["kind"], one["detail"]) for one in told_of_contract(shop)}
    assert told == {("region", "now required", ""), ("", "rule added", "not empty")}


def test_a_port_of_files_is_not_compared_for_whom_rows_are_hidden(tmp_path: Path) -> None:
    """It has no rows and columns to restrict: nothing is told, as nothing is copied."""
    shop = begun(tmp_path / "mesh")
    made = shop.folder.product("sales.report", "", descriptor="outputPorts:\n- {name: report, type: files}\n")
    (shop.root / made / "transform/report.sql").unlink()
    for word in ("one", "two"):
        text = f'def report(inputs):\n    (inputs.folder / "sum.txt").write_text("{word}")\n'
        shop.folder.write(f"{made}/transform/report.py", text)
        shop.folder.build()
    drafts = POLICIES.replace('when { resource.status != "draft" }', "")
    shop.publish({"policies/all.cedar": drafts, "domains/sales/policies/rows.cedar": BY_REGION})
    for way in WAYS:
        found = way(shop, Ask(kind=Kind.DIFF, port="sales.report"))
        assert (found.code, "cannot be restricted" in found.text) == (2, True)
        assert "sum.txt" not in found.text
    assert "sum.txt" in shop.owner("diff", "sales.report").out
