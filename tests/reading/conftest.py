from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meshwright.model.mesh import Governed
from meshwright.reading.sql_gate import SqlGate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[SqlGate]:
    made = SqlGate(folder=tmp_path / "gate", limits=Governed(seconds=20))
    yield made
    made.close()
