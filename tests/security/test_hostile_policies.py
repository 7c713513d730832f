"""Policies that err, policies of others, and policies that change while somebody reads: whatever happens, less is seen."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pytest

import meshwright
from meshwright.build.previewing import Preview
from meshwright.build.product_tests import run_tests
from meshwright.model.errors import Denied, MeshwrightError
from meshwright.model.policy_version import PolicyVersion
from meshwright.node import Node
from meshwright.reading.session import open_session
from meshwright.reading.sql_gate import SqlGate
from security.leaks import leaks
from security.shop import ATTACKER, BY_REGION, NUMBER, POLICIES, Data, Shop, masking, small_shop
from security.ways import ORDERS, TOKEN, WAYS, Kind, bearing

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

TOLD: Final = [way for way in WAYS if way.by == TOKEN and way.tells_json and way.answers in ORDERS]
GLOBAL: Final = POLICIES + masking()
# A policy is noticed after half a second, and what was decided is good for as long.
NOTICED_SECONDS: Final = 0.7


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A mesh whose policies each test leaves as it found them."""
    shop = small_shop(tmp_path_factory.mktemp("quiet") / "mesh", Data())
    shop.folder.product("sales.many", "select range as id, 'EU' as region from range(400000)")
    shop.folder.contract("sales.many", "- {name: id, physicalType: BIGINT}\n- {name: region, physicalType: VARCHAR}\n")
    shop.folder.build("--select", "sales.many")
    return shop


@pytest.fixture
def peaceful(quiet: Shop) -> Iterator[Shop]:
    """The mesh, whose usual policies bind again afterwards."""
    yield quiet
    _bind(quiet, "", {"policies/all.cedar": GLOBAL})
    _bind(quiet, "sales", {"domains/sales/policies/rows.cedar": BY_REGION})


def _bind(shop: Shop, scope: str, files: dict[str, str]) -> None:
    """Let *files* bind whatever they say: `mesh policy publish` would refuse most of these."""
    policies = Node(shop.root).policies
    newest = max((one.version for one in policies.binding() if one.scope == scope), default=0)
    at = datetime.now(UTC).isoformat()
    policies.publish(
        PolicyVersion(
            scope=scope,
            version=newest + 1,
            published_at=at,
            published_by="somebody",
            files=files,
            attributes={"region": "String", "clearance": "Long"},
        )
    )


PERMITS: Final = "permit (principal, action, resource is Row); permit (principal, action, resource is Column);"
ERRING: Final = {
    "a missing attribute": "forbid (principal, action, resource) when { principal.clearance < 3 };",
    "a missing attribute of a port": 'forbid (principal, action == Action::"read", resource) when { resource.level == "x" };',
    "a missing attribute of columns": 'forbid (principal, action == Action::"readClear", resource) when { resource.level == 1 };',
    "a missing attribute of rows": 'forbid (principal, action == Action::"readRow", resource) when { resource.level == 1 };',
    "an overflow": "forbid (principal, action, resource) when { 9223372036854775807 + 1 > 0 };",
    "an overflow of rows": f'forbid (principal, action == Action::"readRow", resource) when {{ resource has amount && resource.amount * {2**62} > 0 }};',
    "an overflow in a permit": "permit (principal, action, resource) when { -9223372036854775807 - 2 < 0 };",
    "somebody unknown": 'forbid (principal, action, resource) when { Person::"nobody".region == "EU" };',
    "a comparison of two types": "forbid (principal, action, resource) when { principal.region < 3 };",
    "a pattern of a number": 'forbid (principal, action, resource) when { 1 like "x*" };',
    "a set of what is none": 'forbid (principal, action, resource) when { principal.region.contains("EU") };',
    "a wrong date": 'forbid (principal, action, resource) when { context.now < datetime("yesterday") };',
    "an unknown extension": 'forbid (principal, action, resource) when { ip("x").isLoopback() };',
    "no Cedar": "forbid (",
    "half a policy": "permit (principal, action, resource) when {",
    "a template": "permit (principal == ?principal, action, resource);",
    "nothing": "",
    "letters that are none": "\x00\x01",
    "a mask that is none": '@mask("rot13") forbid (principal, action == Action::"readClear", resource is Column);',
    "a width that is none": '@mask("generalise:-1") forbid (principal, action == Action::"readClear", resource is Column);',
}  # fmt: skip


@pytest.mark.parametrize("kind", ERRING)
def test_a_policy_that_errs_shows_nothing_more(peaceful: Shop, kind: str) -> None:
    _bind(peaceful, "", {"policies/all.cedar": GLOBAL, "policies/wrong.cedar": ERRING[kind]})
    for way in (one for one in TOLD if one.answers is not Kind.SQL or kind == "an overflow"):
        ask = ORDERS[way.answers]
        found = way(peaceful, ask)
        assert not leaks(found, ask, peaceful.root), f"{way}: {found.text}"
        assert found.code < 3, f"{way}: {found.text}"


@pytest.mark.parametrize(
    "policies",
    [{}, {"policies/all.cedar": PERMITS}, {"policies/all.cedar": "forbid (principal, action, resource);"}],
    ids=["none", "no read", "a prohibition"],
)
def test_without_a_permit_nobody_reads(peaceful: Shop, policies: dict[str, str]) -> None:
    _bind(peaceful, "", policies)
    for way in TOLD:
        found = way(peaceful, ORDERS[way.answers])
        assert found.code == 1, f"{way}: {found.text}"
        assert "may not read sales.orders" in found.text
    assert len(peaceful.folder.rows("sales.orders")) == 8


@pytest.mark.parametrize(
    "text",
    [
        'permit (principal, action, resource in Domain::"sales");',
        "permit (principal, action, resource);",
        'permit (principal == Person::"bob", action, resource == Port::"sales.orders.orders");',
        'permit (principal, action, resource) when { resource in Domain::"marketing" };',
        'permit (principal, action, resource is Port in Domain::"sales");',
        'permit (principal, action, resource is Row in Port::"sales.orders.orders");',
        'permit (principal, action, resource in Product::"sales.orders");',
        'permit (principal, action, resource == Column::"sales.orders.orders.email");',
        'permit (principal, action == Action::"administer", resource);',
        'permit (principal, action, resource in Domain::"marketing"); permit (principal, action, resource);',
        '@id("marketing") permit (principal, action, resource) when { true }; // resource in Domain::"marketing"',
        'permit (principal, action, resource in Domain::"sales\\u{6d}arketing");',
    ],
)
def test_a_domain_speaks_of_itself_only(peaceful: Shop, text: str) -> None:
    file = peaceful.folder.write("domains/marketing/policies/ours.cedar", text)
    try:
        refused = peaceful.folder.mesh("policy", "publish", "--domain", "marketing")
        with bearing(peaceful.token()):
            by_bearer = peaceful.folder.mesh("policy", "publish", "--domain", "marketing")
    finally:
        file.unlink()
    assert (refused.code, "policy-scope" in refused.err or "policy-invalid" in refused.err) == (2, True), refused
    assert by_bearer.code == 2
    # Also when it got into the registry somehow, it speaks of nobody else.
    _bind(peaceful, "marketing", {"domains/marketing/policies/ours.cedar": text})
    try:
        for way in (one for one in TOLD if one.answers is Kind.READ):
            ask = ORDERS[way.answers]
            found = way(peaceful, ask)
            assert not leaks(found, ask, peaceful.root), f"{way}: {found.text}"
    finally:
        _bind(peaceful, "marketing", {})


def test_policies_from_outside_the_folder_are_not_followed(peaceful: Shop) -> None:
    outside = peaceful.root.parent / "outside.cedar"
    outside.write_text("permit (principal, action, resource);")
    link = peaceful.root / "policies/linked.cedar"
    link.symlink_to(outside)
    try:
        refused = peaceful.folder.mesh("policy", "publish")
    finally:
        link.unlink()
    assert (refused.code, "leaves-mesh" in refused.err) == (2, True), refused


CLOSED: Final = 'forbid (principal, action == Action::"read", resource in Domain::"sales");'


def _close(shop: Shop) -> None:
    _bind(
        shop, "sales", {"domains/sales/policies/rows.cedar": BY_REGION, "domains/sales/policies/closed.cedar": CLOSED}
    )


@pytest.mark.parametrize("how", ["a policy", "a revoked token"])
def test_a_stream_ends_when_its_reader_may_not_go_on(peaceful: Shop, how: str) -> None:
    made = peaceful.owner("token", "create", "--for", ATTACKER, "--json").data
    with bearing(made["token"]):
        reader = meshwright.connect(peaceful.root).read("sales.many").batches()
    first = reader.read_next_batch()
    if how == "a policy":
        _close(peaceful)
    else:
        peaceful.owner("token", "revoke", made["id"])
    time.sleep(NOTICED_SECONDS)
    with pytest.raises(pa.ArrowInvalid, match="may not read"):
        reader.read_all()
    assert 0 < first.num_rows < 400_000


def test_a_query_ends_when_its_reader_may_not_go_on(peaceful: Shop) -> None:
    told: list[MeshwrightError] = []
    sql = "select count(*) from sales.many a, sales.many b, sales.many c where a.id + b.id < c.id"
    with bearing(peaceful.token()):
        mesh = meshwright.connect(peaceful.root)

    def ask() -> None:
        try:
            mesh.sql(sql)
        except MeshwrightError as error:
            told.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(NOTICED_SECONDS)
    _close(peaceful)
    thread.join(20)
    assert not thread.is_alive()
    assert [type(error) for error in told] == [Denied]
    assert "may not read" in str(told[0])


@pytest.mark.parametrize("kind", [Kind.SQL, Kind.READ, Kind.CHANGES, Kind.DIFF, Kind.TRY, Kind.TEST])
def test_what_is_decided_otherwise_between_asking_and_answering_is_not_answered(
    peaceful: Shop, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in the query already was seen by somebody who may see less by now."""
    stricter = GLOBAL + '@id("all") forbid (principal, action == Action::"readClear", resource is Column) unless { principal in resource.domain };'  # fmt: skip

    def change(*_: Any) -> None:
        _bind(peaceful, "", {"policies/all.cedar": stricter})
        time.sleep(NOTICED_SECONDS)

    def slow_session(*arguments: Any, **named: Any) -> Any:
        change()
        return open_session(*arguments, **named)

    run = SqlGate.run

    def slow_run(*arguments: Any, **named: Any) -> Any:
        change()
        return run(*arguments, **named)

    monkeypatch.setattr("meshwright.reading.reader.open_session", slow_session)
    monkeypatch.setattr(SqlGate, "run", slow_run)
    # What is tried out asks when it reads its inputs, and again when it has ended.
    preview, test = Preview.run, run_tests

    def slow_preview(*arguments: Any) -> Any:
        found = preview(*arguments)
        change()
        return found

    def slow_test(*arguments: Any, **named: Any) -> Any:
        found = test(*arguments, **named)
        change()
        return found

    monkeypatch.setattr(Preview, "run", slow_preview)
    monkeypatch.setattr("meshwright.build.product_tests.run_tests", slow_test)
    (way,) = (one for one in TOLD if one.answers is kind)
    found = way(peaceful, ORDERS[kind])
    assert (found.code, "changed while it was read" in found.text) == (1, True), found.text
    assert "note 2" not in found.text


def test_a_decision_that_cannot_be_kept_is_none_by_any_way(peaceful: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise MeshwrightError("the registry is full")

    monkeypatch.setattr("meshwright.storage.sql_access.SqlAccess.record", full)
    # Every way that needs no process of its own, and one that does.
    for way in (one for one in WAYS if one.by == TOKEN and (one.answers in ORDERS.keys() - {Kind.SQL} or one in TOLD)):
        found = way(peaceful, ORDERS[way.answers])
        assert found.code == 3, f"{way}: {found.text}"
        assert "note" not in found.text
        assert str(NUMBER) not in found.text
