"""Tokens that are not good, or not good for this: by no way anything is read with them, and none is repeated."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any, Final

import pytest

from mesh_folder import MeshFolder
from meshwright.governance.access_tokens import digest, new_token
from security.leaks import leaks
from security.shop import ATTACKER, Shop, people
from security.ways import AS, ORDERS, TOKEN, WAYS, Ask, Kind, Way, holding

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow

ASKED: Final = {
    **ORDERS,
    Kind.FILES: Ask(kind=Kind.FILES, port="sales.report"),
    Kind.LIST: Ask(kind=Kind.LIST),
    Kind.EXPLAIN: Ask(kind=Kind.EXPLAIN, port="sales.orders"),
    Kind.START: Ask(kind=Kind.START, port="sales.orders"),
    Kind.SHOW: Ask(kind=Kind.SHOW, port="sales.orders"),
}
# A shell that completes is told names, whoever asks: it holds the folder.
WITH_TOKEN: Final = [way for way in WAYS if way.by == TOKEN and way.answers in ASKED]
TRIED_BY_ALL: Final = 4
OF_ROWS: Final = [way for way in WITH_TOKEN if way.answers not in {Kind.LIST, Kind.EXPLAIN, Kind.FILES, Kind.SHOW}]


def _kept(shop: Shop, text: str, **change: Any) -> str:
    """The token *text* as if something else had been kept of it."""
    with sqlite3.connect(shop.root / ".mesh/registry.db") as registry:
        ((document,),) = registry.execute("SELECT document FROM access_tokens WHERE digest = ?", [digest(text)])
        changed = json.dumps({**json.loads(document), **change})
        registry.execute("UPDATE access_tokens SET document = ? WHERE digest = ?", [changed, digest(text)])
    registry.close()
    return text


def _revoked(shop: Shop) -> str:
    made = shop.owner("token", "create", "--for", ATTACKER, "--json").data
    shop.owner("token", "revoke", made["id"])
    return str(made["token"])


def _of_another(shop: Shop) -> str:
    root = shop.root.parent / "another"
    if not root.exists():
        root.mkdir()
        people(MeshFolder(root))
    return Shop(folder=MeshFolder(root)).token("ada")


def _switched(text: str) -> str:
    """*text* with the case of its letters turned round."""
    return text[:5] + text[5:].swapcase()


FORGED: Final[dict[str, Callable[[Shop], str]]] = {
    "forged, with its checksum": lambda shop: new_token(),
    "of another mesh": _of_another,
    "revoked": _revoked,
    "expired": lambda shop: _kept(shop, shop.token(ATTACKER, "--note", "old"), expires_at="2001-01-01T00:00:00+00:00"),
    "of somebody who is gone": lambda shop: _kept(shop, shop.token(ATTACKER, "--note", "zoe"), principal="zoe"),
    "of nobody's kind": lambda shop: _kept(shop, shop.token(ATTACKER, "--note", "root"), principal="root:ada"),
    "cut off": lambda shop: shop.token()[:-1],
    "too long": lambda shop: shop.token() + "0",
    "twice": lambda shop: shop.token() * 2,
    "with another checksum": lambda shop: shop.token()[:-6] + "AAAAAA",
    "in other letters": lambda shop: _switched(shop.token()),
    "without what it begins with": lambda shop: shop.token().removeprefix("mesh_"),
    "with a line end": lambda shop: shop.token() + "\n",
    "after a space": lambda shop: " " + shop.token(),
    "as a header has it": lambda shop: f"Bearer {shop.token()}",
    "what is kept of one": lambda shop: digest(shop.token()),
    "what is kept of one, as one": lambda shop: f"mesh_{digest(shop.token())[:36]}",
    "a question to the registry": lambda shop: "mesh_' or 1=1 --",
    "a JSON web token without a signature": lambda shop: "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.",
    "the name of the owner": lambda shop: "local:root",
}


@pytest.mark.parametrize("kind", FORGED)
def test_with_a_token_that_is_not_good_nothing_is_obtained_by_any_way(attacked: Shop, kind: str) -> None:
    token, number = FORGED[kind](attacked), list(FORGED).index(kind)
    # The first few by every way; all are refused at the same door, before anything is asked.
    for way in WITH_TOKEN if number < TRIED_BY_ALL else WITH_TOKEN[number % TRIED_BY_ALL :: TRIED_BY_ALL]:
        ask = ASKED[way.answers]
        found = way(attacked, ask, token=token)
        assert found.code == 1, f"{way}: {found.text}"
        assert token.strip() not in found.text, f"{way}: {found.text}"
        assert "note" not in found.text
        assert not leaks(found, ask, attacked.root), f"{way}: {found.text}"


@pytest.mark.parametrize(
    ("options", "is_good"),
    [
        (("--port", "marketing.*"), False),
        (("--port", "sales.order"), False),
        (("--port", "sales.orders.other"), False),
        (("--port", "sale?"), False),
        (("--port", "sales.o?ders.[a-n]*"), False),
        (("--port", "marketing.*", "--purpose", "Marketing"), False),
        # A read that names no purpose is for the token's only one.
        (("--port", "sales.orders", "--purpose", "Marketing"), True),
        (("--port", "sales.orders"), True),
        (("--port", "*", "--purpose", "unspecified"), True),
    ],
)
def test_a_token_for_something_else_reads_nothing_by_any_way(
    attacked: Shop, options: tuple[str, ...], *, is_good: bool
) -> None:
    token = attacked.token(ATTACKER, *options)
    # By each verb: these get further than what is refused at the door.
    for way in (way for way in OF_ROWS if way.tells_json):
        found = way(attacked, ASKED[way.answers], token=token)
        assert (found.code == 0) == is_good, f"{way}: {found.text}"
        assert is_good or "the token is for" in found.text, f"{way}: {found.text}"


@pytest.mark.parametrize("way", [way for way in WAYS if way.by == AS], ids=str)
def test_the_bearer_of_a_token_reads_in_nobody_elses_name(attacked: Shop, way: Way) -> None:
    """The token is in the environment of whoever says `--as`, or `acting`."""
    with holding(attacked.token()):
        for name in ("ada", "agent:helper/ada"):
            found = way(attacked, ASKED[way.answers], name=name)
            assert found.code == 1, f"{way}: {found.text}"
            assert "may not administer the mesh" in found.text, f"{way}: {found.text}"
            assert "note" not in found.text


def test_a_token_is_no_name(attacked: Shop, tmp_path: Path) -> None:
    (way, *_) = (one for one in WAYS if one.by == AS and one.answers is Kind.READ)
    found = way(attacked, ASKED[Kind.READ], name=attacked.token())
    assert found.code == 2
    assert "note" not in found.text


def test_an_agent_obtains_no_more_than_the_person_for_whom_it_acts(attacked: Shop) -> None:
    ask = ASKED[Kind.READ]
    for way in (one for one in WAYS if one.tells_json and one.answers is Kind.READ):
        person = way(attacked, ask)
        for name in (f"agent:helper/{ATTACKER}", "agent:helper"):
            agent = way(attacked, ask, name=name)
            assert not leaks(agent, ask, attacked.root), agent.text
            assert agent.code == 0
            assert all(row in json.loads(person.out) for row in json.loads(agent.out))
