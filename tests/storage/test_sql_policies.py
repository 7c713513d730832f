"""Published policies and access records, in each database that a registry may be in."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from meshwright.model.access_record import AccessRecord
from meshwright.model.errors import Conflict
from meshwright.model.policy_version import PolicyVersion
from meshwright.storage.sql_access import SqlAccess
from meshwright.storage.sql_policies import SqlPolicies

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def policies(registry_url: str, tmp_path: Path) -> Iterator[SqlPolicies]:
    opened = SqlPolicies(registry_url, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def access(registry_url: str, tmp_path: Path) -> Iterator[SqlAccess]:
    opened = SqlAccess(registry_url, tmp_path)
    yield opened
    opened.close()


def version(number: int, scope: str = "") -> PolicyVersion:
    files = {"policies/a.cedar": f"// {number} ü 100 % :scope"}
    return PolicyVersion(
        scope=scope, version=number, published_at=f"2026-01-0{number}", published_by="ann", files=files
    )


def test_before_anything_is_published_nothing_binds_and_nothing_is_made(policies: SqlPolicies) -> None:
    assert policies.newest() == {}
    assert policies.binding() == []
    assert policies.history("") == []


def test_the_newest_version_of_each_scope_binds(policies: SqlPolicies) -> None:
    for one in (version(1), version(2), version(1, "sales"), version(1, "sales_eu")):
        policies.publish(one)
    assert policies.newest() == {"": 2, "sales": 1, "sales_eu": 1}
    assert policies.binding() == [version(2), version(1, "sales"), version(1, "sales_eu")]
    assert policies.history("") == [version(2), version(1)]


def test_of_many_that_publish_one_version_at_once_exactly_one_wins(policies: SqlPolicies) -> None:
    outcomes: list[str] = []

    def publish() -> None:
        try:
            policies.publish(version(1))
        except Conflict as error:
            outcomes.append(str(error))
        else:
            outcomes.append("published")

    threads = [threading.Thread(target=publish) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("published") == 1
    assert sum("was published meanwhile" in one for one in outcomes) == 7


def test_every_decision_is_recorded_once_however_many_decide_at_once(access: SqlAccess) -> None:
    def record(who: int) -> None:
        for number in range(10):
            access.record(
                AccessRecord(at=f"{number}", principal=f"p{who}", port="a.b", publication=1, allowed=number % 2 == 0)
            )

    threads = [threading.Thread(target=record, args=[who]) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = access.records(limit=100)
    assert [one.number for one in found] == list(range(40, 0, -1))
    for who in range(4):
        assert [one.at for one in found if one.principal == f"p{who}"] == [str(number) for number in range(9, -1, -1)]
    assert [one.number for one in access.records(limit=3, after=35)] == [40, 39, 38]
