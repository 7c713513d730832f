"""Columns that a query holds equal are traced to the tables that they come from, and no further than is certain."""

from __future__ import annotations

import pytest

from meshwright.analysis.equalities import Equalities
from meshwright.analysis.query import parse

COLUMNS = {"a.b": ["k", "d", "x"], "p.q": ["z", "m"], "f": ["k", "d", "z", "m", "x"]}
B = '"a.b"'


def equal(sql: str) -> set[frozenset[str]]:
    pairs = Equalities(parse(sql), COLUMNS).pairs()
    return {frozenset({f"{one[0]}.{one[1]}", f"{two[0]}.{two[1]}"}) for one, two in pairs}


def pair(one: str, two: str) -> frozenset[str]:
    return frozenset({one, two})


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        (f"select 1 from f join {B} as b on f.k = b.k and f.d = b.d", {pair("f.k", "a.b.k"), pair("f.d", "a.b.d")}),
        (f"select 1 from f join {B} as b on F.K = B.k", {pair("f.k", "a.b.k")}),
        (f"select 1 from f left join {B} using (k)", {pair("f.k", "a.b.k")}),
        (f"select 1 from f, {B} as b where f.k = b.k and f.x > 1", {pair("f.k", "a.b.k")}),
        (f'select 1 from {B} join "p.q" on x = z', {pair("a.b.x", "p.q.z")}),
        ('select 1 from f join "p.q" as q on f.x = q.z', {pair("f.x", "p.q.z")}),
        (f"with c as (select * from {B}) select 1 from f join c on f.k = c.k", {pair("f.k", "a.b.k")}),
        (f"with c as (select k as kk from {B}), e as (from c) select 1 from f join e on f.k = e.kk", {pair("f.k", "a.b.k")}),
        (f"select 1 from f join (select k, x + 1 as x from {B}) as s on f.k = s.k and f.x = s.x", {pair("f.k", "a.b.k")}),
        (f"select 1 from f where exists (select 1 from {B} as b where b.k = f.k)", {pair("f.k", "a.b.k")}),
        (f"with c as (select 1 from f join {B} as b on f.k = b.k) select 1 from c", {pair("f.k", "a.b.k")}),
        (f"select 1 from f join {B} as b on f.k = b.k or f.d = b.d", set()),
        (f"select 1 from f join {B} as b on f.k > b.k", set()),
        (f"select 1 from f join {B} as b on f.k = b.k + 1", set()),
        (f"select 1 from f join (select * exclude (k) from {B}) as s on f.k = s.k", set()),
        (
            f'select 1 from (select k from f union all select k from {B}) as u join "p.q" as q on u.k = q.z',
            {pair("f.k", "p.q.z"), pair("a.b.k", "p.q.z")},
        ),
        (f"with recursive r as (select k from f union all select k + 1 from r) select 1 from r join {B} as b on r.k = b.k",
         set()),
    ],
)  # fmt: skip
def test_what_is_held_equal_is_found_where_it_comes_from(sql: str, found: set[frozenset[str]]) -> None:
    assert equal(sql) == found


@pytest.mark.parametrize(
    ("sql", "origins"),
    [
        ("select k from f", {("f", "k")}),
        ("select f.* from f", {("f", "k")}),
        ("select d as k from f", {("f", "d")}),
        ("select k + 1 as k from f", set()),
        ("select max(k) as k from f group by d", set()),
        (f"select k from f union all select k from {B}", {("f", "k"), ("a.b", "k")}),
        ("with c as (select * replace (k + 1 as k) from f) select k from c", set()),
    ],
)
def test_an_output_column_comes_from_where_it_was_not_changed(sql: str, origins: set[tuple[str, str]]) -> None:
    assert Equalities(parse(sql), COLUMNS).origins("k") == origins
