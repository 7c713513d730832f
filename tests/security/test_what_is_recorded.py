"""Whatever a reader takes leaves a usage record, by every way there is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from security.shop import ATTACKER
from security.ways import ORDERS, WAYS, Ask, Kind

if TYPE_CHECKING:
    from security.shop import Shop
    from security.ways import Way

pytestmark = pytest.mark.slow

ASKED: Final = {
    **ORDERS,
    Kind.FILES: Ask(kind=Kind.FILES, port="sales.report"),
    Kind.START: Ask(kind=Kind.START, port="sales.orders"),
}
# What these tell is of ports, not of what they hold.
NOTHING_TAKEN: Final = {Kind.LIST, Kind.EXPLAIN, Kind.NAMES, Kind.SHOW}
# Nothing changed; no rule failed, of which rows would be shown; only what a product is written from is looked at.
NO_ROWS: Final = {Kind.CHANGES, Kind.DIFF, Kind.TEST, Kind.START}


def _records(shop: Shop) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shop.owner("audit", "usage", "--json").data
    return found


def test_every_kind_of_question_is_asked_or_takes_nothing() -> None:
    assert {way.answers for way in WAYS} == ASKED.keys() | NOTHING_TAKEN


@pytest.mark.parametrize("way", [way for way in WAYS if way.answers in ASKED], ids=str)
def test_every_way_records_who_took_what(attacked: Shop, way: Way) -> None:
    ask = ASKED[way.answers]
    # Whoever may read a port of files sees all of it: its own domain.
    port, who = ("sales.report.report", "ada") if way.answers is Kind.FILES else ("sales.orders.orders", ATTACKER)
    before = {one["at"] for one in _records(attacked)}
    obtained = way(attacked, ask, name=who)
    assert obtained.code in {0, 2}, obtained.err
    new = [one for one in _records(attacked) if one["at"] not in before]
    assert {one["port"] for one in new} == {port}
    for one in new:
        assert one["principal"] == f"person:{who}"
        assert one["seconds"] > 0
    if way.answers not in NO_ROWS:
        assert max(one["bytes"] for one in new) > 0


def test_what_is_denied_takes_nothing(attacked: Shop) -> None:
    # No more than the latest are shown: their number would not change.
    before = _records(attacked)
    for way in WAYS:
        if way.answers is Kind.READ:
            assert way(attacked, replace(ORDERS[Kind.READ], port="sales.payroll")).code != 0
    assert _records(attacked) == before


@pytest.mark.parametrize(
    ("arguments", "columns"),
    [
        (("query", "select cast(note as integer) as n from sales.orders"), ["note"]),
        (("query", "select error(note) as n from sales.orders"), ["note"]),
        (("read", "sales.orders", "--where", "cast(note as integer) > 1", "--columns", "id"), ["id", "note"]),
    ],
)
def test_a_query_that_fails_leaves_a_record_of_what_its_error_may_tell(
    attacked: Shop, arguments: tuple[str, ...], columns: list[str]
) -> None:
    before = {one["at"] for one in _records(attacked)}
    assert attacked.folder.mesh(*arguments, "--as", ATTACKER).code == 2
    (new,) = [one for one in _records(attacked) if one["at"] not in before]
    assert (new["principal"], new["columns"], new["rows"]) == (f"person:{ATTACKER}", columns, 0)


def test_a_record_names_the_columns_that_were_asked_for(attacked: Shop) -> None:
    before = {one["at"] for one in _records(attacked)}
    assert attacked.folder.mesh("read", "sales.orders", "--columns", "id", "--as", ATTACKER).code == 0
    (new,) = [one for one in _records(attacked) if one["at"] not in before]
    assert new["columns"] == ["id"]


@pytest.mark.parametrize(
    ("port", "who", "states"), [("sales.orders", ATTACKER, (1, 2)), ("sales.report", "ada", (1, 1))]
)
def test_a_difference_leaves_one_record_for_each_state(
    attacked: Shop, port: str, who: str, states: tuple[int, int]
) -> None:
    before = {one["at"] for one in _records(attacked)}
    found = attacked.folder.mesh("diff", port, "--from", str(states[0]), "--to", str(states[1]), "--as", who)
    assert found.code in {0, 1}, found.err
    new = [one["publication"] for one in _records(attacked) if one["at"] not in before]
    assert sorted(new) == sorted(set(states))
