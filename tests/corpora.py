"""Published documents of the standards that lie beside the repository: used where they are, demanded in CI."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

CORPORA = Path(__file__).parents[2] / "shared" / "corpora"

needs_corpora = pytest.mark.skipif(
    not CORPORA.is_dir() and not os.environ.get("CI"), reason="the published corpora are not beside the repository"
)


def examples(folder: str) -> list[Path]:
    """The documents in *folder* of the corpora, by name; none where there are no corpora."""
    return sorted((CORPORA / folder).glob("*.yaml"))
