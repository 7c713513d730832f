"""Non-interference: what is hidden may be anything, and everything that somebody obtains stays the same, byte for byte."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from security.shop import AFTER, BEFORE, REGION, Cells, Data, Row, sentinels, small_shop
from security.ways import WAYS, Ask, Kind, Way

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from security.shop import Shop

pytestmark = pytest.mark.slow

# Reviewed: what differs from mesh to mesh whatever is hidden. When something was published, by the machine's clock.
# A new product's own id is drawn.
DRAWN_ID: Final = re.compile(rb'(?<=\nid: )"?[0-9a-f-]{36}"?(?=\n)')
PUBLISHED: Final = re.compile(
    rb"(?<=\()20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?=, )|(?<= of )20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?=Z)|(?<=\"published_at\": \")[^\"]+"
)
# How long something took, and when it was looked at.
TOOK: Final = re.compile(
    rb'(?<= rows in )[0-9.]+(?= s)|(?<= row in )[0-9.]+(?= s)|(?<="seconds": )[0-9.e-]+|(?<="durationSeconds": )[0-9.e-]+|(?<="observedAt": ")[^"]+'
)
PORT: Final = "sales.orders"
QUERIES: Final = (
    "from sales.orders",
    "select count(*), sum(amount), min(happened), max(note), any_value(region) from sales.orders",
    "select id, row_number() over (order by salary, email, born, rate) from sales.orders order by email, score",
    "select salary, email, count(*), list(id) from sales.orders group by all",
    "select * from sales.orders a join sales.orders b on a.id < b.id and a.salary = b.salary",
    "select * from sales.orders using sample reservoir(2 rows) repeatable (7)",
    "select * from sales.orders tablesample bernoulli(50%) repeatable (7)",
    "select cast(note as integer) from sales.orders where salary > 0",
    "select approx_count_distinct(id), approx_quantile(amount, 0.5), histogram(region) from sales.orders",
    "select * from sales.orders limit 2 offset 1",
)
ASKED: Final = {
    Kind.SQL: tuple(Ask(kind=Kind.SQL, sql=text) for text in QUERIES),
    Kind.READ: (
        Ask(kind=Kind.READ, port=PORT),
        Ask(kind=Kind.READ, port=PORT, limit=2),
        Ask(kind=Kind.READ, port=PORT, as_of="1"),
        Ask(kind=Kind.READ, port=PORT, columns="note,email,id", since="1980-01-01"),
    ),
    Kind.CHANGES: (
        Ask(kind=Kind.CHANGES, port=PORT, before="1"),
        Ask(kind=Kind.CHANGES, port=PORT, before="1", limit=2),
    ),
    Kind.DIFF: (
        Ask(kind=Kind.DIFF, port=PORT),
        Ask(kind=Kind.DIFF, port=PORT, key="id,salary", limit=100),
        Ask(kind=Kind.DIFF, port=PORT, key="region", limit=100),
    ),
    Kind.FILES: (Ask(kind=Kind.FILES, port=PORT),),
    Kind.LIST: (Ask(kind=Kind.LIST),),
    Kind.NAMES: (Ask(kind=Kind.NAMES), Ask(kind=Kind.NAMES, port=PORT)),
    Kind.EXPLAIN: (Ask(kind=Kind.EXPLAIN, port=PORT), Ask(kind=Kind.EXPLAIN, port=PORT, columns="salary")),
    Kind.START: (Ask(kind=Kind.START, port=PORT),),
    Kind.SHOW: (Ask(kind=Kind.SHOW, port=PORT),),
    Kind.TRY: tuple(
        Ask(kind=Kind.TRY, sql=text)
        for text in (
            "select id, region, note, email, salary, rate, born, person, labels from sales.orders",
            "select count(*) as n, sum(salary) as s, max(email) as e, any_value(happened) as h from sales.orders",
            "select id, cast(note as integer) as broken from sales.orders where salary > 0",
        )
    ),
    Kind.TEST: (Ask(kind=Kind.TEST, port=PORT),),
}


def compared(way: Way, shop: Shop, ask: Ask) -> tuple[object, ...]:
    """Everything that is obtained, but for what is reviewed."""
    found = way(shop, ask)
    out = TOOK.sub(b"TIME", PUBLISHED.sub(b"TIME", found.out))
    files = tuple((name, DRAWN_ID.sub(b"ID", content)) for name, content in found.files)
    return found.code, out, found.err, files, found.words


def with_hidden(rows: Sequence[Row], hidden: Sequence[Row], cells: Callable[[int], Cells]) -> list[Row]:
    """The visible ones of *rows* with other *cells*, and *hidden* rows between them."""
    visible = [replace(row, cells=cells(row.id)) for row in rows if row.region == REGION]
    return sorted([*visible, *hidden], key=lambda row: row.id)


def crowd(number: int) -> list[Row]:
    """More hidden rows than an engine's batch holds, before, between and after the visible ones."""
    nobody = Cells(**dict.fromkeys(Cells.__dataclass_fields__))
    ids = [
        at for at in range(-number, number) if at not in {row.id for row in (*BEFORE, *AFTER) if row.region == REGION}
    ]
    return [
        Row(id=at, region=None, note="x" * (at % 50), amount=None, happened=dt.datetime(2030, 1, 1), cells=nobody)  # noqa: DTZ001
        for at in ids
    ]


CROWDED: Final = Data(
    before=with_hidden(BEFORE, crowd(1500), lambda _: crowd(1)[0].cells),
    after=with_hidden(AFTER, crowd(1400), lambda number: replace(sentinels(number), email=None, picture=b"\0" * 1000)),
)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The mesh as it is."""
    return small_shop(tmp_path_factory.mktemp("one") / "mesh", Data())


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The same mesh with everything hidden otherwise."""
    return small_shop(tmp_path_factory.mktemp("other") / "mesh", CROWDED)


NAMES: Final = list(dict.fromkeys(way.name for way in WAYS))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_hidden_makes_no_difference_by_any_way(one: Shop, other: Shop, name: str) -> None:
    """Who comes with a token obtains of one mesh what is obtained in the same one's name of the other."""
    entrances, number = [way for way in WAYS if way.name == name], NAMES.index(name)
    asked = ASKED[entrances[0].answers]
    # Each thing is asked by some: to ask everything by each would take minutes.
    ask = asked[number % len(asked)]
    assert compared(entrances[0], one, ask) == compared(entrances[-1], other, ask), ask


WORDS: Final = st.one_of(st.none(), st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12))
BIGINTS: Final = st.integers(-(2**63), 2**63 - 1)
TIMES: Final = st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31))  # noqa: DTZ001 - a column without a zone


def maybe(strategy: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.one_of(st.none(), strategy)


CELLS: Final[st.SearchStrategy[Cells]] = st.builds(
    Cells,
    email=WORDS,
    salary=maybe(BIGINTS),
    rate=maybe(st.decimals(Decimal(-(10**11)), Decimal(10**11), places=3)),
    score=maybe(st.floats()),
    born=maybe(st.dates()),
    seen=maybe(TIMES),
    picture=maybe(st.binary(max_size=12)),
    is_rich=maybe(st.booleans()),
    number=maybe(st.uuids()),
    nick=WORDS,
    mail=WORDS,
    labels=maybe(st.lists(WORDS, max_size=3)),
    secret=WORDS,
)
SEEN: Final = {row.id for row in (*BEFORE, *AFTER) if row.region == REGION}
HIDDEN_ROWS: Final = st.lists(
    st.builds(
        Row,
        id=st.one_of(st.integers(-3, 12), BIGINTS).filter(lambda number: number not in SEEN),
        region=WORDS.filter(lambda text: text != REGION),
        note=WORDS,
        amount=maybe(BIGINTS),
        happened=TIMES,
        cells=CELLS,
    ),
    max_size=4,
    unique_by=lambda row: row.id,
)


@st.composite
def datasets(draw: st.DrawFn) -> Data:
    """What may be seen as it is, and everything else anyhow."""
    before, after = (
        with_hidden(rows, draw(HIDDEN_ROWS), dict(zip(sorted(SEEN), draw(st.lists(CELLS, min_size=len(SEEN), max_size=len(SEEN))), strict=True)).__getitem__)
        for rows in (BEFORE, AFTER)
    )  # fmt: skip
    return Data(before=before, after=after)


CHEAP: Final = [
    (way, ask) for way in WAYS if way.answers not in {Kind.SQL, Kind.START, Kind.FILES} for ask in ASKED[way.answers]
]
DEAR: Final = [(way, ask) for way in WAYS if str(way) == "mesh query --json by token" for ask in ASKED[Kind.SQL]]
ANSWERS: Final[dict[tuple[str, Ask], tuple[object, ...]]] = {}


# An example takes a second: to look for the smallest that fails would take minutes.
@settings(
    max_examples=12,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    data=datasets(),
    asked=st.tuples(st.lists(st.sampled_from(CHEAP), min_size=5, max_size=5), st.sampled_from(DEAR)).map(
        lambda drawn: [*drawn[0], drawn[1]]
    ),
)
def test_whatever_is_hidden_makes_no_difference(
    one: Shop, tmp_path_factory: pytest.TempPathFactory, data: Data, asked: list[tuple[Way, Ask]]
) -> None:
    shop = small_shop(tmp_path_factory.mktemp("hypothesis") / "mesh", data)
    for way, ask in asked:
        name = str(way), ask
        if name not in ANSWERS:
            ANSWERS[name] = compared(way, one, ask)
        assert compared(way, shop, ask) == ANSWERS[name], f"{ask} by {way}"
