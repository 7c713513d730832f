"""Who is told of what, and how often; and what `mesh status` says meanwhile."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mesh_folder import MeshFolder
from meshwright.build.states import product_states
from meshwright.node import Node
from meshwright.operating.events import NoticeFailed
from meshwright.operating.health import healths
from meshwright.operating.notices import changes
from meshwright.operating.notifying import Notifying
from meshwright.operating.outlook import look
from operating.conftest import Operated
from operating.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshwright.operating.runner import Runner

DAY = timedelta(days=1)
DAILY = '{cron: "0 6 * * *"}'
UNIQUE = "- {name: id, physicalType: bigint, unique: true}\n"


class Told(Operated):
    """A mesh whose runner tells a receiver."""

    def __init__(self, mesh: Any, receiver: Receiver) -> None:
        super().__init__(mesh)
        self.receiver = receiver

    def runner(self, **settings: Any) -> Runner:
        made = super().runner(**settings)
        self.notifying = Notifying(self.mesh.root, tell=self.told.append, clock=self.clock.clock)
        made._after = self.notifying.after
        return made

    def run(self, **settings: Any) -> list[tuple[str, str]]:
        """Run what is due; what was told of it."""
        before = len(self.receiver.received)
        self.once(**settings)
        self.notifying.close(5)
        return sorted(self.receiver.told[before:])


@pytest.fixture
def told(mesh: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    """`raw` every day, held to unique ids, and `clean` on new inputs; both good at first."""
    with Receiver() as receiver:
        monkeypatch.setenv("HOOK", receiver.url)
        mesh.write("mesh.yaml", "name: our mesh\nwebhooks:\n- {url: {env: HOOK}}\n")
        operated = Told(mesh, receiver)
        good(operated)
        operated.product("sales.raw", "select * from 'data/o.csv'", DAILY, contract=UNIQUE)
        operated.product("sales.clean", "select id from sales.raw", DAILY)
        yield operated


def good(one: Operated) -> None:
    one.mesh.write("data/o.csv", "id\n1\n2\n")


def bad(one: Operated) -> None:
    one.mesh.write("data/o.csv", "id\n1\n1\n")


def test_a_healthy_mesh_tells_nothing(told: Told) -> None:
    assert told.run() == []
    told.clock.jump(DAY)
    assert told.run() == []


def test_failing_blocked_and_recovered_are_told_once_each(told: Told) -> None:
    told.run()
    bad(told)
    told.clock.jump(DAY)
    assert told.run() == [("sales.clean", "blocked"), ("sales.raw", "failing")]
    assert told.run() == []
    told.clock.jump(DAY)
    assert told.run() == []
    good(told)
    told.clock.jump(DAY)
    assert told.run() == [("sales.clean", "recovered"), ("sales.raw", "recovered")]
    assert told.run() == []


def test_an_event_says_what_who_when_and_why(told: Told) -> None:
    told.run()
    bad(told)
    told.clock.jump(DAY)
    told.run()
    (event,) = (one.event for one in told.receiver.received if one.event["subject"] == "sales.raw")
    assert event["specversion"] == "1.0"
    assert event["type"] == "io.github.meshwright.product.failing"
    assert event["source"] == "/meshes/our%20mesh/environments/prod"
    assert event["datacontenttype"] == "application/json"
    assert event["data"]["owner"] == "sales_team"
    assert event["data"]["previous"] == "served"
    assert event["data"]["publication"] == 1
    assert "unique" in event["data"]["reasons"][0]
    assert event["data"]["since"] <= told.last("sales.raw").failing_since


def test_a_product_that_nobody_builds_is_told_late(told: Told) -> None:
    told.run()
    told.clock.jump(DAY)
    # A runner for other products looks at everything, and builds only its own.
    told.product("sales.other", "select 1 as one", "{on: inputs}")
    assert told.run(select=("sales.other",)) == [("sales.clean", "late"), ("sales.raw", "late")]
    assert told.run(select=("sales.other",)) == []
    assert told.run() == [("sales.clean", "recovered"), ("sales.raw", "recovered")]


def test_a_webhook_is_told_of_its_own_conditions_and_domains_only(told: Told) -> None:
    told.mesh.write(
        "mesh.yaml",
        "name: m\nwebhooks:\n- {url: {env: HOOK}, on: [blocked]}\n- {url: {env: HOOK}, domains: [elsewhere]}\n",
    )
    told.run()
    bad(told)
    told.clock.jump(DAY)
    assert told.run() == [("sales.clean", "blocked")]


def test_a_reference_that_leads_to_nothing_is_told_and_the_build_goes_on(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOOK")
    bad(told)
    assert told.once()["sales.raw"] == "failed"
    told.notifying.close(5)
    failed = [one for one in told.told if isinstance(one, NoticeFailed)]
    assert {one.product for one in failed} == {"sales.raw", "sales.clean"}
    assert "webhooks[0]: url: the environment variable HOOK is not set" in failed[0].message


def test_of_many_runners_that_see_a_change_one_tells_it(told: Told) -> None:
    bad(told)
    told.mesh.mesh("run", "--due")
    told.mesh.mesh("run", "--due")
    node = Node(told.mesh.root)
    with node.registry._database.writing() as transaction:  # type: ignore[attr-defined]
        transaction.execute("DELETE FROM conditions")
    outlook = look(node, "prod", told.clock.now())
    states = product_states(node.registry, "prod", outlook.products, outlook.published, outlook.now)
    found = healths(states, outlook)
    start = threading.Barrier(8)

    def tell(_: int) -> list[str]:
        start.wait()
        return [one.product for one in changes(node.workspace.mesh, found, node.runs, "prod", outlook.now)]

    with ThreadPoolExecutor(8) as pool:
        seen = [name for names in pool.map(tell, range(8)) for name in names]
    assert sorted(seen) == ["sales.clean", "sales.raw"]
    node.registry.close()
    node.runs.close()


def status(told: Told) -> dict[str, dict[str, Any]]:
    answer = told.mesh.mesh("status", "--json")
    assert answer.code == 0, answer.err
    return {one["product"]: one for one in answer.data}


def test_status_says_failing_and_blocked_since_when_and_why(told: Told) -> None:
    bad(told)
    assert told.mesh.mesh("run", "--due").code == 1
    first = status(told)
    assert {name: one["state"] for name, one in first.items()} == {"sales.raw": "failing", "sales.clean": "blocked"}
    assert first["sales.raw"]["since"] <= first["sales.raw"]["last_run"]["ended_at"]
    assert "sales.raw" in first["sales.clean"]["reasons"][0]
    told.mesh.mesh("run", "--select", "sales.raw")
    assert status(told)["sales.raw"]["since"] == first["sales.raw"]["since"]
    text = told.mesh.mesh("status").out
    assert "sales.raw failing since" in text
    good(told)
    assert told.mesh.mesh("run", "--select", "sales.raw", "--select", "sales.clean").code == 0
    assert {one["state"] for one in status(told).values()} == {"served"}


def test_status_says_when_a_product_is_due_and_that_it_is_late(told: Told) -> None:
    told.product("sales.raw", "select * from 'data/o.csv'", '{cron: "* * * * *", grace: 1s}', contract=UNIQUE)
    told.mesh.build()
    made_older(told, "sales.raw", minutes=10)
    late = status(told)["sales.raw"]
    assert late["state"] == "late"
    assert late["due"]["cause"] == "cron"
    assert "when its schedule's grace ended" in late["reasons"][0]
    assert status(told)["sales.clean"]["state"] == "served"


@pytest.mark.parametrize(("promise", "state"), [("5 minutes", "late"), ("15 minutes", "served")])
def test_a_product_is_late_when_it_is_updated_less_often_than_its_contract_promises(
    told: Told, promise: str, state: str
) -> None:
    value, unit = promise.split()
    path = "domains/sales/raw/contracts/raw.yaml"
    text = (told.mesh.root / path).read_text(encoding="utf-8")
    told.mesh.write(path, f"{text}\nslaProperties:\n- {{property: frequency, value: {value}, unit: {unit}}}\n")
    told.mesh.build()
    made_older(told, "sales.raw", minutes=10)
    found = status(told)["sales.raw"]
    assert found["state"] == state
    assert any(f"promised frequency {value} minutes" in reason for reason in found["reasons"]) == (state == "late")


def made_older(told: Told, product: str, minutes: int) -> None:
    """Let *product* have been published so many minutes earlier."""
    node = Node(told.mesh.root)
    head = node.registry.head("prod", product)
    assert head is not None
    older = told.clock.now().fromisoformat(head.published_at) - timedelta(minutes=minutes)
    with node.registry._database.writing() as transaction:  # type: ignore[attr-defined]
        ((document,),) = transaction.rows("SELECT document FROM publications WHERE product = :product", product=product)
        changed = json.dumps(json.loads(document) | {"published_at": older.isoformat()})
        transaction.execute(
            "UPDATE publications SET document = :changed WHERE product = :product", changed=changed, product=product
        )
    node.registry.close()


def test_a_checkout_tells_of_its_own_products_only(told: Told) -> None:
    told.run()
    bad(told)
    told.clock.jump(DAY)
    other = Told(MeshFolder(told.mesh.root.parent / "other"), told.receiver)
    place = f"{told.mesh.root}/.mesh"
    other.mesh.write(
        "mesh.yaml",
        f"name: other\nregistry: sqlite:////{place.lstrip('/')}/registry.db\nwarehouse: {place}/warehouse\n"
        "webhooks:\n- {url: {env: HOOK}}\n",
    )
    other.product("core.all", "select 1 as one", DAILY)
    other.clock = told.clock
    assert other.run() == []
    assert told.run() == [("sales.clean", "blocked"), ("sales.raw", "failing")]
    assert other.run() == []


def test_the_command_tells_before_it_ends_and_signs_by_a_secret_that_a_command_prints(told: Told) -> None:
    told.mesh.write("key", "whsec_aHVzaA==\n")
    told.mesh.write(
        "mesh.yaml", "name: m\nwebhooks:\n- {url: {env: HOOK}, on: [failing], secret: {exec: [cat, key]}}\n"
    )
    bad(told)
    assert told.mesh.mesh("run", "--due").code == 1
    assert told.receiver.told == [("sales.raw", "failing")]
    (message,) = told.receiver.received
    content = f"{message.headers['webhook-id']}.{message.headers['webhook-timestamp']}.".encode() + message.body
    mac = hmac.new(b"hush", content, hashlib.sha256).digest()
    assert message.headers["webhook-signature"] == f"v1,{base64.b64encode(mac).decode()}"


def test_a_receiver_that_refuses_is_a_warning_and_changes_no_exit_code(told: Told) -> None:
    told.receiver.answers = [400]
    answer = told.mesh.mesh("run", "--due")
    assert (answer.code, answer.err) == (0, "")
    told.mesh.write("mesh.yaml", "name: m\nwebhooks:\n- {url: {env: HOOK}}\n")
    bad(told)
    answer = told.mesh.mesh("run", "--select", "sales.raw")
    assert answer.code == 1
    assert answer.err == "warning: webhooks[0] was not told that sales.raw is failing: 127.0.0.1 answered 400\n"
    assert told.receiver.url not in answer.out + answer.err
