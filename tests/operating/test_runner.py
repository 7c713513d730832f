"""What `mesh run` builds, when, and what it leaves alone."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mesh_folder import MeshFolder
from meshwright.model.errors import InvalidInput, InvalidMesh, Unavailable
from meshwright.node import Node
from meshwright.operating.events import LeftToOthers, Troubled, Waited
from meshwright.operating.product_leases import ProductLeases
from meshwright.storage.sql_runs import SqlRuns
from operating.conftest import Operated, outcomes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from meshwright.model.schedule import Run

DAILY = '{cron: "0 6 * * *"}'
DAY = timedelta(days=1)


@pytest.fixture
def chain(operated: Operated) -> Operated:
    """`raw` every day, `clean` on new inputs, `top` ten minutes after; `manual` has no schedule."""
    operated.mesh.write("data/o.csv", "id,k\n1,a\n2,b\n")
    operated.product("sales.raw", "select * from 'data/o.csv'", DAILY)
    operated.product("sales.clean", "select id, upper(k) as k from sales.raw", "{on: inputs}")
    operated.product("sales.top", "select max(id) as id from sales.clean", "{on: inputs, debounce: 10min}")
    operated.product("sales.manual", "select * from sales.clean")
    return operated


def test_what_was_never_published_is_built_upstream_first_and_then_nothing_is_due(chain: Operated) -> None:
    assert chain.once() == dict.fromkeys(["sales.raw", "sales.clean", "sales.top"], "published")
    assert chain.built == [["sales.raw", "sales.clean", "sales.top"]]
    assert chain.once() == {}
    assert len(chain.built) == 1


def test_a_moment_of_the_schedule_builds_the_product_and_what_reads_it_once(chain: Operated) -> None:
    chain.once()
    chain.mesh.write("data/o.csv", "id,k\n1,a\n3,c\n")
    assert chain.once() == {}
    chain.clock.jump(DAY)
    assert chain.once() == {"sales.raw": "published", "sales.clean": "published"}
    assert chain.mesh.rows("sales.clean")[-1] == {"id": 3, "k": "C"}
    # Its input must have rested for ten minutes.
    assert chain.once() == {}
    chain.clock.jump(timedelta(minutes=10))
    assert chain.once() == {"sales.top": "published"}
    assert chain.once() == {}


def test_a_moment_is_done_also_when_nothing_new_was_found(chain: Operated) -> None:
    chain.once()
    chain.clock.jump(DAY)
    assert chain.once() == {"sales.raw": "reused"}
    assert chain.once() == {}
    assert chain.last("sales.raw").cause == "cron"


def test_moments_that_passed_while_nobody_ran_are_one_build(chain: Operated) -> None:
    chain.once()
    chain.mesh.write("data/o.csv", "id,k\n9,z\n")
    chain.clock.jump(5 * DAY)
    assert chain.once()["sales.raw"] == "published"
    assert "sales.raw" not in chain.once()


def test_only_selected_products_are_run(chain: Operated) -> None:
    assert list(chain.once(select=("sales.raw",))) == ["sales.raw"]
    with pytest.raises(InvalidInput, match="means no product here"):
        chain.once(select=("sales.rwa",))


def test_what_is_asked_for_is_run_whether_it_is_due_or_not(chain: Operated) -> None:
    chain.once()
    assert outcomes(chain.runner(select=("sales.raw", "sales.manual")).asked()) == {
        "sales.raw": "reused",
        "sales.manual": "published",
    }
    assert chain.last("sales.manual").cause == "asked"


def test_a_failed_test_is_not_tried_again_until_something_changes(chain: Operated) -> None:
    contract = "- {name: id, physicalType: bigint, unique: true}\n- {name: k, physicalType: string}\n"
    chain.mesh.contract("sales.raw", contract)
    chain.mesh.write("data/o.csv", "id,k\n1,a\n1,b\n")
    assert chain.once() == {"sales.raw": "failed", "sales.clean": "skipped", "sales.top": "skipped"}
    assert chain.clock.slept == []
    assert chain.once() == {}
    assert chain.last("sales.clean").blocked_by == ("sales.raw",)
    chain.mesh.contract("sales.raw", contract.replace(", unique: true", ""))
    assert chain.once() == dict.fromkeys(["sales.raw", "sales.clean", "sales.top"], "published")
    assert chain.last("sales.raw").failing_since == ""


def test_what_fails_from_outside_is_tried_again_with_growing_pauses(chain: Operated) -> None:
    blocker = block_warehouse(chain)
    assert chain.once(select=("sales.raw",), retries=3, delay_seconds=10) == {"sales.raw": "error"}
    assert len(chain.clock.slept) == 3
    for slept, longest in zip(chain.clock.slept, (10, 20, 40), strict=True):
        assert longest / 2 - 1 <= slept <= longest
    # Four tries, then no more before the next moment.
    assert (chain.last("sales.raw").tries, chain.last("sales.raw").retry_at) == (4, "")
    assert chain.once(select=("sales.raw",)) == {}
    blocker.unlink()
    chain.clock.jump(DAY)
    assert chain.once(select=("sales.raw",)) == {"sales.raw": "published"}


def test_a_try_that_succeeds_ends_the_trying_and_builds_what_waited_for_it(chain: Operated) -> None:
    blocker = block_warehouse(chain)
    chain.clock.on_sleep = lambda: blocker.unlink(missing_ok=True)
    report = chain.once()
    assert report == dict.fromkeys(["sales.raw", "sales.clean", "sales.top"], "published")
    assert len(chain.clock.slept) == 1
    history = Node(chain.mesh.root).runs.history("prod", "sales.raw")
    assert [(one.outcome, one.cause) for one in history] == [("published", "retry"), ("error", "first")]


def block_warehouse(chain: Operated) -> Path:
    """A file where the warehouse's folder of the domain should be: what is written there fails from outside."""
    chain.mesh.write(".mesh/warehouse/.staging/.keep", "")
    return chain.mesh.write(".mesh/warehouse/sales", "")


def test_what_another_runner_builds_and_what_reads_it_are_left_to_it(chain: Operated) -> None:
    node = Node(chain.mesh.root)
    now = chain.clock.now()
    assert node.runs.lease("prod", ["sales.raw"], "other", now=now, until=now + timedelta(minutes=1))
    assert chain.once() == {}
    everyone = dict.fromkeys(["sales.raw", "sales.clean", "sales.top"], "other")
    assert chain.told == [LeftToOthers(runners=everyone)]
    chain.clock.jump(timedelta(minutes=1))
    assert list(chain.once()) == list(everyone)
    assert node.runs.leased("prod", now=now) == {}
    node.runs.close()


def test_what_another_runner_built_between_the_look_and_the_lease_is_not_built_again(
    chain: Operated, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Operated(chain.mesh)
    other.clock = chain.clock
    take = ProductLeases.take

    def late(self: ProductLeases, products: list[str]) -> list[str]:
        monkeypatch.undo()
        assert len(other.once()) == 3
        return take(self, products)

    monkeypatch.setattr(ProductLeases, "take", late)
    assert chain.once() == {}
    assert (len(other.built), len(chain.built)) == (1, 0)
    node = Node(chain.mesh.root)
    assert node.runs.leased("prod", now=chain.clock.now()) == {}
    node.runs.close()


def test_what_is_asked_for_waits_until_the_other_runner_is_done(chain: Operated) -> None:
    node = Node(chain.mesh.root)
    now = chain.clock.now()
    assert node.runs.lease("prod", ["sales.raw"], "other", now=now, until=now + timedelta(minutes=1))
    assert outcomes(chain.runner(select=("sales.raw",), poll_seconds=10).asked()) == {"sales.raw": "published"}
    assert 6 <= len(chain.clock.slept) <= 7
    node.runs.close()


def test_environments_are_due_on_their_own(chain: Operated) -> None:
    chain.once()
    assert chain.mesh.mesh("env", "create", "trial").code == 0
    # What it serves from below was built for it, too.
    assert chain.once(environment="trial") == {}
    chain.clock.jump(DAY)
    assert chain.once(environment="trial") == {"sales.raw": "reused"}
    assert chain.once(environment="trial") == {}
    assert chain.once() == {"sales.raw": "reused"}


def test_a_mesh_file_that_cannot_be_read_is_an_error_and_writes_nothing(chain: Operated) -> None:
    chain.mesh.write("mesh.yaml", "nme: x\n")
    with pytest.raises(InvalidMesh):
        chain.once()
    assert not (chain.mesh.root / ".mesh/registry.db").exists()


class Stop(BaseException):
    """Ends a runner that stays."""


def test_a_runner_that_stays_follows_changed_files_and_outlives_errors(chain: Operated) -> None:
    steps: list[Callable[[], object]] = [
        lambda: chain.mesh.write("mesh.yaml", "nme: x\n"),
        lambda: None,
        lambda: chain.mesh.write("mesh.yaml", "name: x\n"),
        lambda: chain.product("sales.fresh", "select 1 as one", "{on: inputs}"),
        lambda: chain.clock.jump(DAY),
    ]

    def step() -> None:
        if not steps:
            raise Stop
        steps.pop(0)()

    chain.clock.on_sleep = step
    with pytest.raises(Stop):
        chain.runner().watch()
    assert chain.built == [["sales.raw", "sales.clean", "sales.top"], ["sales.fresh"], ["sales.raw"]]
    assert [type(one).__name__ for one in chain.told if isinstance(one, Troubled | Waited)] == [
        "Waited",
        "Troubled",
        "Waited",
        "Waited",
        "Waited",
    ]


def test_a_runner_that_stays_and_finds_nothing_new_looks_into_nothing(
    chain: Operated, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain.once()
    looked: list[str] = []
    effective = Node.effective

    def counted(self: Node, environment: str, **more: Any) -> object:
        looked.append(environment)
        return effective(self, environment, **more)

    monkeypatch.setattr(Node, "effective", counted)
    rounds = iter(range(8))

    def step() -> None:
        if next(rounds, None) is None:
            raise Stop

    chain.clock.on_sleep = step
    with pytest.raises(Stop):
        chain.runner(poll_seconds=2).watch()
    assert len(chain.clock.slept) == 8
    assert looked == ["prod"]


def test_a_schedule_that_waits_for_inputs_that_never_publish_is_a_warning_with_its_line(operated: Operated) -> None:
    operated.product("sales.raw", "select 1 as id", "{on: inputs}")
    answer = operated.mesh.mesh("validate")
    assert answer.code == 0
    assert "domains/sales/raw/product.yaml:4:1: warning[idle-schedule]: It is due on new publications" in answer.out
    operated.product("sales.clean", "select id from sales.raw", "{on: inputs}")
    operated.product("sales.raw", "select 1 as id", DAILY)
    assert "idle-schedule" not in operated.mesh.mesh("validate").out


def test_a_bad_schedule_is_a_finding_with_its_line_and_what_to_write(operated: Operated) -> None:
    operated.product("sales.raw", "select 1 as id", '{cron: "0 26 * * *"}')
    answer = operated.mesh.mesh("validate")
    assert answer.code == 2
    place = "domains/sales/raw/product.yaml:5"
    assert place in answer.out + answer.err
    assert "'0 26 * * *' has no such hour: write e.g. 0 6 * * * for every day at six" in answer.out + answer.err


def test_giving_a_published_product_a_schedule_builds_nothing_anew(operated: Operated) -> None:
    operated.product("sales.raw", "select 1 as id")
    operated.mesh.build()
    operated.product("sales.raw", "select 1 as id", DAILY)
    assert operated.mesh.actions() == {"sales.raw": "reuse"}


def test_a_run_that_cannot_be_recorded_leaves_the_others_going(
    chain: Operated, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = SqlRuns.record

    def failing(self: SqlRuns, run: Run) -> None:
        if run.product == "sales.raw":
            raise Unavailable("the registry went away")
        record(self, run)

    monkeypatch.setattr(SqlRuns, "record", failing)
    assert chain.once() == dict.fromkeys(["sales.raw", "sales.clean", "sales.top"], "published")
    monkeypatch.undo()
    node = Node(chain.mesh.root)
    assert node.runs.leased("prod", now=chain.clock.now()) == {}
    node.runs.close()
    # What it published covers it all the same.
    assert chain.once() == {}


def test_domains_in_two_checkouts_follow_each_other_through_one_registry(chain: Operated, tmp_path: Path) -> None:
    chain.once()
    node = Node(chain.mesh.root, now=chain.clock.now)
    other = tmp_path / "other"
    registry = f"registry: sqlite:////{str(chain.mesh.root).lstrip('/')}/.mesh/registry.db\n"
    elsewhere = Operated(MeshFolder(other))
    elsewhere.mesh.write("mesh.yaml", f"name: other\n{registry}warehouse: {chain.mesh.root}/.mesh/warehouse\n")
    elsewhere.product("core.all", "select * from sales.clean", "{on: inputs}")
    elsewhere.clock = chain.clock
    assert elsewhere.once() == {"core.all": "published"}
    assert chain.once() == {}
    chain.mesh.write("data/o.csv", "id,k\n7,x\n")
    chain.clock.jump(DAY)
    assert chain.once() == {"sales.raw": "published", "sales.clean": "published"}
    assert elsewhere.once() == {"core.all": "published"}
    assert set(node.runs.last("prod")) == {"sales.raw", "sales.clean", "sales.top", "core.all"}
    node.runs.close()


def test_the_command_line_says_what_it_cannot_do_and_what_to_write(operated: Operated, tmp_path: Path) -> None:
    operated.product("sales.raw", "select 1 as id")
    mesh = operated.mesh
    for arguments, code, says in (
        (("run",), 2, "say what to run: --due, --watch, or products with --select"),
        (("run", "--due", "--watch"), 2, "choose one"),
        (("run", "--due", "--delay", "soon"), 2, "--delay soon: write a duration"),
        (("run", "--due", "--select", "sales.rwa"), 2, "did you mean sales.raw?"),
        (("run", "--due", "--select", "changed"), 2, "a run goes by schedules"),
        (("run", "--due", "--env", "nowhere"), 2, "there is no environment nowhere"),
        (("run", "--due"), 0, "nothing is due: no product here says when (`mesh.schedule`"),
        (("export", "airflow", str(tmp_path / "no/such.py")), 2, "name a file in a folder that exists"),
    ):
        answer = mesh.mesh(*arguments)
        assert answer.code == code, arguments
        assert says in answer.out + answer.err


def test_json_says_what_was_due_what_became_of_it_and_what_comes_next(chain: Operated) -> None:
    lines = [json.loads(line) for line in chain.mesh.mesh("run", "--due", "--json").out.splitlines()]
    assert [one["id"] for one in lines[0]["products"]] == ["sales.raw", "sales.clean", "sales.top"]
    assert {one["cause"] for one in lines[0]["products"]} == {"first"}
    assert lines[-1]["outcomes"] == dict.fromkeys(["sales.raw", "sales.clean", "sales.top"], "published")
    assert [one["id"] for one in lines[-1]["next"]] == ["sales.raw"]


@pytest.mark.parametrize("error", [RuntimeError("Query interrupted"), Unavailable("interrupted")])
def test_a_runner_that_is_told_to_stop_stops_though_a_library_made_an_error_of_it(
    operated: Operated, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    came: list[int] = []
    runner = operated.runner(is_stopped=lambda: bool(came))

    def fail() -> Node:
        came.append(1)
        raise error

    monkeypatch.setattr(runner, "_open", fail)
    with pytest.raises(KeyboardInterrupt):
        runner.watch()
    assert operated.told == []
