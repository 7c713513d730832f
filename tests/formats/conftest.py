"""What the tests of formats share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corpora import examples

if TYPE_CHECKING:
    import pytest


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test with `odcs_example` or `odps_example` on every published example."""
    for fixture, folder in (("odcs_example", "odcs-examples"), ("odps_example", "odps-examples")):
        if fixture in metafunc.fixturenames:
            files = examples(folder)
            metafunc.parametrize(fixture, files, ids=[file.name.partition(".")[0] for file in files])
