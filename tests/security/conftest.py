"""What the attack suite shares: a mesh with everything that is attacked, made once for a file of tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from security.shop import whole_shop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from security.shop import Shop


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The mesh that is attacked; nothing may change it."""
    shop = whole_shop(tmp_path_factory.mktemp("attacked") / "mesh")
    before = shop.contents()
    yield shop
    assert shop.contents() == before
