"""What bearers are told of environments: no product that policies keep from them, not even by its number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.test_rights import shop
from cli.test_tokens import bearer

if TYPE_CHECKING:
    import pytest

    from mesh_folder import MeshFolder

__all__ = ["shop"]


def test_own_products_are_counted_as_far_as_they_may_be_discovered(
    shop: MeshFolder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert shop.mesh("env", "create", "dev").code == 0
    shop.write("domains/hr/salaries/transform/salaries.sql", "select 2 as id, 2::bigint as secret_pay")
    shop.write("domains/sales/orders/transform/orders.sql", "select 2 as id, 'bob@x.org' as email")
    shop.build("--env", "dev")
    counts = {
        who: {
            one["name"]: one["own_products"]
            for one in bearer(shop, who, monkeypatch).mesh("env", "list", "--json").data
        }
        for who in ("bob", "hana")
    }
    assert (counts["bob"]["dev"], counts["hana"]["dev"]) == (1, 2)
    assert {one["name"]: one["own_products"] for one in shop.mesh("env", "list", "--json").data}["dev"] == 2
