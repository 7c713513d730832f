"""Maintenance publishes, and is no build: what is due, late or failing stays so."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from meshwright.node import Node
from operating.conftest import schedule

if TYPE_CHECKING:
    from operating.conftest import Operated

DAILY = '{cron: "0 6 * * *"}'
HOURS = timedelta(hours=1)
LANDING = """
inputPorts:
- {name: landing, customProperties: [{property: mesh.path, value: data/landing/*.csv}]}
outputPorts:
- {name: events, customProperties: [{property: mesh.materialization, value: append}]}
"""


def land(operated: Operated, number: int) -> None:
    operated.mesh.write(f"data/landing/{number:03d}.csv", f"id\n{number}\n")


@pytest.fixture
def landing(operated: Operated) -> Operated:
    """`events` takes in every day what has landed, for nine days; `total` is built when it has published."""
    mesh = operated.mesh
    mesh.product("ingest.events", "select id from landing__changes", descriptor=schedule(DAILY) + LANDING)
    operated.product("core.total", "select count(*) as n from ingest.events", "{on: inputs}")
    for number in range(9):
        land(operated, number)
        assert operated.once() == {"ingest.events": "published", "core.total": "published"}
        operated.clock.jump(24 * HOURS)
    operated.once()
    return operated


def maintain(operated: Operated) -> None:
    node = Node(operated.mesh.root, now=operated.clock.now)
    (done,) = node.maintaining("prod").run().rewritten
    assert (done.product, done.publication) == ("ingest.events", 10)
    node.registry.close()


def test_compacted_files_make_no_reader_due(landing: Operated) -> None:
    maintain(landing)
    landing.clock.jump(HOURS)
    assert landing.once() == {}
    land(landing, 20)
    landing.clock.jump(24 * HOURS)
    assert landing.once() == {"ingest.events": "published", "core.total": "published"}
    assert landing.mesh.rows("core.total") == [{"n": 10}]


def test_a_moment_of_the_schedule_is_not_done_by_maintenance(landing: Operated) -> None:
    land(landing, 20)
    landing.clock.jump(24 * HOURS)
    maintain(landing)
    assert landing.once() == {"ingest.events": "published", "core.total": "published"}


def test_a_product_that_fails_still_fails_after_maintenance(landing: Operated) -> None:
    mesh = landing.mesh
    mesh.write("data/landing/030.csv", "id\nmany\n")
    landing.clock.jump(24 * HOURS)
    assert landing.once()["ingest.events"] != "published"
    before = {one["product"]: one["state"] for one in mesh.mesh("status", "--json").data}
    maintain(landing)
    assert {one["product"]: one["state"] for one in mesh.mesh("status", "--json").data} == before
    assert before["ingest.events"] != "served"
