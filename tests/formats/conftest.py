"""What the tests of formats share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

SHARED = Path(__file__).parents[3] / "shared"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test with `odcs_example` or `odps_example` on every published example."""
    for fixture, folder in (("odcs_example", "odcs-examples"), ("odps_example", "odps-examples")):
        if fixture in metafunc.fixturenames:
            files = sorted((SHARED / "corpora" / folder).glob("*.yaml"))
            metafunc.parametrize(fixture, files, ids=[file.name.partition(".")[0] for file in files])
