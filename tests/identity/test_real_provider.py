"""Signing in with the tokens of a real identity provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from identity_server import IdentityServer
from meshwright.cli.main import run
from meshwright.governance import key_sets
from meshwright.governance.oidc import TokenVerifier
from meshwright.model.errors import Denied
from meshwright.node import Node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mesh_folder import MeshFolder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
BY_REGION = """
@id("by-region") forbid (principal, action == Action::"readRow", resource is Row in Domain::"sales")
unless { principal in Domain::"sales" || (principal has region && resource has region && resource.region == principal.region) };
@id("cleared") forbid (principal, action == Action::"readClear", resource is Column in Domain::"sales")
when { resource.name == "amount" } unless { principal has clearance && principal.clearance >= 3 };
"""


@pytest.fixture(scope="module")
def identity() -> Iterator[IdentityServer]:
    with IdentityServer.started() as server:
        yield server


def trusting(mesh: MeshFolder, identity: IdentityServer, extra: str = "") -> None:
    mesh.write(
        "mesh.yaml",
        f"""name: shop
identity:
  issuers:
    company:
      url: {identity.issuer}
      audiences: [mesh]
      subject: oid
      own: true
      groups: groups
      attributes: {{region: region, clearance: {{claim: clearance, type: number}}}}
{extra}""",
    )


def test_people_and_programs_are_who_their_provider_says(
    mesh: MeshFolder, identity: IdentityServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusting(mesh, identity)
    mesh.product("sales.orders", "select * from (values (1, 'EU', 10), (2, 'US', 20)) t(id, region, amount)")
    mesh.contract(
        "sales.orders",
        "- {name: id, physicalType: INTEGER}\n- {name: region, physicalType: VARCHAR}\n- {name: amount, physicalType: INTEGER}\n",
    )
    mesh.write("domains/sales/domain.yaml", "team: {name: sales_team}\n")
    mesh.build()
    assert run(["init", str(mesh.root / "other")]) == 0
    mesh.write("policies/starter.cedar", (mesh.root / "other/policies/starter.cedar").read_text())
    mesh.write("domains/sales/policies/rows.cedar", BY_REGION)
    for scope in ((), ("--domain", "sales")):
        assert mesh.mesh("policy", "publish", *scope).code == 0

    monkeypatch.setenv("MESH_TOKEN", identity.token("ada"))
    assert [(row["id"], row["amount"]) for row in mesh.rows("sales.orders")] == [(1, 10), (2, 20)]
    mesh.edit("domains/sales/orders/transform/orders.sql", "'US', 20", "'US', 21")
    assert mesh.mesh("build").code == 0
    assert mesh.mesh("rollback", "sales.orders").code == 0
    monkeypatch.setenv("MESH_TOKEN", identity.token("bob"))
    assert [row["id"] for row in mesh.rows("sales.orders")] == [2]
    assert mesh.rows("sales.orders")[0]["amount"] != 20
    denied = mesh.mesh("build", "--full")
    assert (denied.code, "person:bob may not publish sales.orders" in denied.err) == (1, True)

    # A token that is for somebody else, one that says nothing of who acts, and one that was altered.
    monkeypatch.setenv("MESH_TOKEN", identity.token("ada", client="elsewhere"))
    assert "the token is not for this mesh" in mesh.mesh("read", "sales.orders").err
    monkeypatch.setenv("MESH_TOKEN", identity.service_token())
    assert "the token's oid does not say who acts" in mesh.mesh("read", "sales.orders").err
    head, body, signature = identity.token("bob").split(".")
    other = identity.token("ada").split(".")[1]
    for forged in (f"{head}.{other}.{signature}", f"{head}.{body}.{signature[:-8]}AAAAAAAA"):
        monkeypatch.setenv("MESH_TOKEN", forged)
        assert "signature is not the issuer's" in mesh.mesh("read", "sales.orders").err

    # The same provider, trusted for its programs, whose names are then its own.
    mesh.write(
        "mesh.yaml",
        f"name: shop\nidentity: {{issuers: {{jobs: {{url: '{identity.issuer}', audiences: [mesh], subject: azp, kind: service}}}}}}\n",
    )
    monkeypatch.setenv("MESH_TOKEN", identity.service_token())
    caller = Node(mesh.root).caller.principal
    assert (caller.kind, caller.id, caller.groups) == ("Service", "etl@jobs", ())


def test_keys_are_kept_and_rotated(mesh: MeshFolder, identity: IdentityServer, monkeypatch: pytest.MonkeyPatch) -> None:
    trusting(mesh, identity)
    asked: list[str] = []

    def counted(url: str) -> object:
        asked.append(url)
        return key_sets.fetch_json(url)

    sets = key_sets.KeySets(fetch=counted)
    node = Node(mesh.root)
    verifier = TokenVerifier(node.settings.issuers, sets, node.now)
    old = identity.token("ada")
    for _ in range(5):
        assert verifier.verify(old).subject == "ada"
    assert len(asked) == 2, "once for where the keys are, once for the keys"
    identity.rotate()
    new = identity.token("ada")
    monkeypatch.setattr(key_sets, "AGAIN_SECONDS", 0)
    assert verifier.verify(new).subject == "ada"
    assert len(asked) == 3
    # The old key is known no more.
    with pytest.raises(Denied, match="no key"):
        verifier.verify(old)
    monkeypatch.setattr(key_sets, "AGAIN_SECONDS", 1000)
    before = len(asked)
    for _ in range(20):
        with pytest.raises(Denied, match="no key"):
            verifier.verify(old)
    assert len(asked) == before, "a token cannot make us ask again and again"
