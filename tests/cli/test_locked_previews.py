"""Previews of bearers run where their queries do: in a process of their own, within limits, with the same result."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from meshwright.engines.duckdb_engine import DuckDBEngine
from security.shop import Data, small_shop
from security.ways import Who, command

if TYPE_CHECKING:
    from security.shop import Shop

TYPES = """
select id, amount::hugeint * 3 as big, (amount / 7)::decimal(18,4) as part, uuid '00000000-0000-0000-0000-00000000000a' as u,
    timestamptz '2026-01-01 12:00:00+02' as at, time '12:30:00' as hour, date '2026-02-03' as day, [amount, null] as many,
    {'a': id, 'b': region} as both, map {region: amount} as by_region, 'é''"' as text, null::integer as nothing,
    'ab'::blob as raw, amount > 20 as is_much, sum(amount) over () as total, region
from sales.orders order by id
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    made = small_shop(tmp_path_factory.mktemp("locked") / "mesh", Data())
    made.folder.write("mesh.yaml", (made.root / "mesh.yaml").read_text() + "governed: {timeout: 2, memory: 512MB}\n")
    made.folder.product("sales.types", TYPES)
    made.folder.product(
        "sales.slow", "select sum(a.range * b.range)::double as n from sales.orders, range(60000) a, range(60000) b"
    )
    made.folder.product("sales.wide", "select string_agg(repeat(note, 20000000)) as n from sales.orders")
    made.folder.product("sales.none", "select id from sales.orders where id < 0")
    made.folder.product("sales.step", "select id + 1 as more from cleaned")
    made.folder.write("domains/sales/step/transform/cleaned.sql", "select id, note from sales.orders")
    return made


def preview(shop: Shop, name: str, who: str = "ada", *options: str) -> dict[str, Any]:
    asker = Who(token=shop.token(who)) if who else Who(name="")
    found = command(shop, asker, "preview", name, "--json", *options)
    assert found.code == 0, found.err
    data: dict[str, Any] = json.loads(found.out)
    return {key: value for key, value in data.items() if key != "seconds"}


@pytest.mark.parametrize("name", ["sales.types", "sales.none", "sales.step"])
def test_a_locked_preview_shows_what_the_owners_does(shop: Shop, name: str) -> None:
    assert preview(shop, name) == preview(shop, name, "")


def test_the_query_does_not_run_in_this_process(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    run = []
    stage = DuckDBEngine.stage_first

    def watched(self: DuckDBEngine, rows: int, query: str, **named: Any) -> Any:
        run.append(query)
        return stage(self, rows, query, **named)

    monkeypatch.setattr(DuckDBEngine, "stage_first", watched)
    preview(shop, "sales.types")
    assert run == ["SELECT * FROM locked"]


@pytest.mark.parametrize(("name", "said"), [("sales.slow", "ran longer than 2 s"), ("sales.wide", "more than 512 MB")])
def test_a_preview_has_the_limits_of_a_query(shop: Shop, name: str, said: str) -> None:
    started = time.monotonic()
    found = command(shop, Who(token=shop.token("ada")), "preview", name)
    assert (found.code, said in found.err.decode()) == (1, True), found.err
    assert time.monotonic() - started < 20
