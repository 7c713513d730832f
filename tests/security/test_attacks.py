"""The attack suite: whatever is asked, by whichever way, nothing that is hidden comes out, and nothing is changed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from meshwright.model.restriction import EVERYTHING
from meshwright.operating.gate import Gate
from security.attacks import OTHERS, SQL, Attack
from security.leaks import found_in, leaks
from security.shop import NUMBER, WORD
from security.ways import TOKEN, WAYS, Ask, Kind, Way, ways

if TYPE_CHECKING:
    from pathlib import Path

    from security.shop import Shop
    from security.ways import Obtained

pytestmark = pytest.mark.slow

ATTACKS: Final = [*SQL, *OTHERS]
ATTACKS_MIN: Final = 150
# What a refusal that is not the mesh's own looks like: an error that is no answer to the caller.
OUTSIDE: Final = 3


def _ways_of(number: int, attack: Attack) -> list[Way]:
    """By which ways an attack is tried: by both entrances, or where that takes a process, by one of all in turn."""
    every = ways(attack.ask.kind)
    if attack.runs:
        # What the SDK makes of the rows comes after what is asked here: one of its shapes is enough.
        turns = [one for one in every if not one.is_imported or one.name.endswith("to_arrow")]
        return [turns[number % len(turns)]]
    return [one for one in every if one.tells_json] or every


# Answers of a query can be had many at once: a process for each would take minutes.
TOGETHER: Final = [
    attack for attack in ATTACKS if attack.answer is not None and attack.ask == Ask(kind=Kind.SQL, sql=attack.ask.sql)
]
BATCH: Final = 12
BATCHES: Final = [TOGETHER[at : at + BATCH] for at in range(0, len(TOGETHER), BATCH)]
ALONE: Final = [attack for attack in ATTACKS if attack not in TOGETHER]
TRIALS: Final = [(attack, _ways_of(number, attack)) for number, attack in enumerate(ALONE)]
# By every way there is: everything that the attacker may see some of, and what is forbidden. Queries are tried in turn above.
ASKED_OF_ALL: Final = {
    Kind.SQL: (Ask(kind=Kind.SQL, sql="from sales.payroll"),),
    Kind.READ: tuple(Ask(kind=Kind.READ, port=f"sales.{name}") for name in ("orders", "visits", "versions", "payroll")),
    Kind.CHANGES: tuple(
        Ask(kind=Kind.CHANGES, port=f"sales.{name}", before="1") for name in ("orders", "versions", "payroll")
    ),
    Kind.DIFF: tuple(Ask(kind=Kind.DIFF, port=f"sales.{name}") for name in ("orders", "versions", "payroll")),
    Kind.FILES: tuple(Ask(kind=Kind.FILES, port=f"sales.{name}") for name in ("report", "orders")),
    Kind.LIST: (Ask(kind=Kind.LIST),),
    Kind.NAMES: (
        Ask(kind=Kind.NAMES),
        Ask(kind=Kind.NAMES, port="sales.orders"),
        Ask(kind=Kind.NAMES, port="sales.payroll"),
    ),
    Kind.EXPLAIN: tuple(Ask(kind=Kind.EXPLAIN, port=f"sales.{name}") for name in ("orders", "payroll", "visits")),
    Kind.START: tuple(Ask(kind=Kind.START, port=f"sales.{name}") for name in ("orders", "visits", "versions")),
    Kind.SHOW: tuple(
        Ask(kind=Kind.SHOW, port=f"sales.{name}")
        for name in ("orders", "visits", "versions", "payroll", "ideas", "report")
    ),
    Kind.TRY: tuple(
        Ask(kind=Kind.TRY, sql=f"from sales.{name}") for name in ("orders", "visits", "versions", "payroll")
    ),
    Kind.TEST: tuple(
        Ask(kind=Kind.TEST, port=port)
        for port in ("sales.orders", "sales.visits", "sales.versions", "sales.payroll", "")
    ),
}


@pytest.fixture(scope="module")
def places(attacked: Shop, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Where what attacks aim at lies, by a link: that the real place is told, shows."""
    link = tmp_path_factory.mktemp("link") / "mesh"
    link.symlink_to(attacked.root)
    (file, *_) = sorted((attacked.root / ".mesh/warehouse/sales").rglob("*.parquet"))
    return {
        "{root}": str(link),
        "{outside}": str(link / "outside.txt"),
        "{warehouse}": str(link / file.relative_to(attacked.root)),
        "{copies}": str(link / ".mesh/cache/governed/files/*/*.parquet"),
    }


def _placed(ask: Ask, places: dict[str, str]) -> Ask:
    sql, where, port = ask.sql, ask.where, ask.port
    for name, place in places.items():
        sql, where, port = (text.replace(name, place) for text in (sql, where, port))
    return replace(ask, sql=sql, where=where, port=port)


def _tried(attacked: Shop, places: dict[str, str], way: Way, attack: Attack) -> Obtained:
    """What an attack obtains: nothing that is hidden, and no other answer than is expected."""
    ask = _placed(attack.ask, places)
    found = way(attacked, ask)
    assert not leaks(found, ask, attacked.root, said=places.values()), f"{attack} by {way}: {found.text}"
    assert found.code < OUTSIDE, f"{attack} by {way}: {found.text}"
    assert (found.code != 0) == attack.refused, f"{attack} by {way}: {found.text}"
    return found


@pytest.mark.parametrize(("attack", "chosen"), TRIALS, ids=[f"{number}" for number in range(len(TRIALS))])
def test_an_attack_obtains_nothing(attacked: Shop, places: dict[str, str], attack: Attack, chosen: list[Way]) -> None:
    for way in chosen:
        found = _tried(attacked, places, way, attack)
        if attack.answer is not None and way.tells_json and way.answers is not Kind.DIFF:
            assert json.loads(found.out) == attack.answer, f"{attack} by {way}: {found.text}"


@pytest.mark.parametrize("number", range(len(BATCHES)))
def test_an_answer_is_that_of_what_may_be_seen(attacked: Shop, places: dict[str, str], number: int) -> None:
    batch, told = BATCHES[number], [way for way in ways(Kind.SQL) if way.tells_json]
    # A line each, as some end in a comment.
    asked = ", ".join(
        f"(select list(whole_row) from (\n{attack.ask.sql}\n) whole_row) as a{at}" for at, attack in enumerate(batch)
    )
    whole = Attack(name=f"batch {number}", ask=Ask(kind=Kind.SQL, sql=f"select {asked}"), refused=False)
    (row,) = json.loads(_tried(attacked, places, told[number % len(told)], whole).out)
    answers = {attack.name: row[f"a{at}"] or [] for at, attack in enumerate(batch)}
    assert answers == {attack.name: attack.answer for attack in batch}


# A query that is being written for a product runs elsewhere than one that is asked: some of those that are refused, or run.
PREVIEWED: Final = [attack for attack in SQL if attack.ask == Ask(kind=Kind.SQL, sql=attack.ask.sql)][::4]
AT_ONCE: Final = 10


@pytest.mark.parametrize("at", range(0, len(PREVIEWED), AT_ONCE))
def test_a_query_that_is_being_written_obtains_nothing(attacked: Shop, places: dict[str, str], at: int) -> None:
    for number, attack in enumerate(PREVIEWED[at : at + AT_ONCE]):
        every = ways(Kind.TRY)
        way, ask = every[number % len(every)], replace(_placed(attack.ask, places), kind=Kind.TRY)
        found = way(attacked, ask)
        assert not leaks(found, ask, attacked.root, said=places.values()), f"{attack} by {way}: {found.text}"
        assert found.code < OUTSIDE, f"{attack} by {way}: {found.text}"


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_by_no_way_anything_hidden_is_obtained(attacked: Shop, way: Way) -> None:
    for ask in ASKED_OF_ALL[way.answers]:
        found = way(attacked, ask)
        assert not leaks(found, ask, attacked.root), f"{ask} by {way}: {found.text}"
        assert found.code < OUTSIDE, f"{ask} by {way}: {found.text}"


def test_there_are_many_attacks_and_questions_for_every_way() -> None:
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS) >= ATTACKS_MIN
    tried = {str(way) for _, chosen in TRIALS for way in chosen}
    assert {str(way) for way in ways(Kind.SQL) if not way.is_imported} <= tried
    assert ASKED_OF_ALL.keys() == {way.answers for way in WAYS} == set(Kind)


def test_nothing_outside_is_changed_or_made(attacked: Shop, tmp_path: Path) -> None:
    """What is not in the mesh's folder, too: the fixture looks at what is."""
    before = (attacked.root / "outside.txt").read_bytes()
    for text in (f"copy (select 1) to '{tmp_path}/made.csv'", f"attach '{tmp_path}/made.db'"):
        for way in ways(Kind.SQL):
            assert way(attacked, Ask(kind=Kind.SQL, sql=text)).code != 0
    assert list(tmp_path.iterdir()) == []
    assert (attacked.root / "outside.txt").read_bytes() == before


# With a guard that hides nothing, what is hidden is found: these are asked of every way that shows rows.
BARED: Final = [
    way
    for way in WAYS
    if way.by == TOKEN
    and (
        way.answers in {Kind.READ, Kind.CHANGES, Kind.DIFF}
        or way.name == "mesh preview"
        or (way.answers is Kind.SQL and way.name in {"mesh query", "mesh query --out .parquet", "SDK sql().to_arrow"})
    )
]  # fmt: skip


@pytest.mark.parametrize("way", BARED, ids=str)
def test_the_suite_has_teeth(attacked: Shop, way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Gate, "restrict", lambda gate, resolved: EVERYTHING)
    ask = ASKED_OF_ALL[way.answers][0] if way.answers is not Kind.SQL else Ask(kind=Kind.SQL, sql="from sales.orders")
    found = way(attacked, ask)
    told = leaks(found, ask, attacked.root)
    assert (found.code, WORD in told, any(str(NUMBER) in one for one in told)) == (0, True, True), found.text


@pytest.mark.parametrize("number", range(0, len(BATCHES), 3))
def test_where_nothing_is_hidden_answers_are_others(
    attacked: Shop, places: dict[str, str], number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Gate, "restrict", lambda gate, resolved: EVERYTHING)
    with pytest.raises(AssertionError):
        test_an_answer_is_that_of_what_may_be_seen(attacked, places, number)


@pytest.mark.parametrize(
    "sql",
    [
        f"select reverse(max(email)) as x, max(amount) from sales.orders where salary = {NUMBER}",
        "select base64(encode('?' || max(secret))) as x from sales.orders",
        "select strftime(max(born), '%d %b %Y') as x, format('{:,}', max(salary)) as y from sales.orders",
        "select error('LEA' || 'KED') from sales.orders where is_rich",
    ],
)
def test_what_is_hidden_is_known_however_it_is_spelt(attacked: Shop, sql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Gate, "restrict", lambda gate, resolved: EVERYTHING)
    (way, *_) = ways(Kind.SQL, by="token", names=["mesh query --json"])
    ask = Ask(kind=Kind.SQL, sql=sql)
    assert leaks(way(attacked, ask), ask, attacked.root), sql


@pytest.mark.parametrize(
    "text", ["", "999999999", "XXXXXXXX-xxxxx", "1987-01-01", "918000000", "9999-12-31", "note 2", "sales.orders"]
)
def test_what_may_be_seen_is_not_taken_for_hidden(text: str) -> None:
    assert found_in(text) == []
