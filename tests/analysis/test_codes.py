"""Every code that analysis emits is explained, and every explained code is emitted."""

from __future__ import annotations

import re
from pathlib import Path

from meshwright import analysis
from meshwright.analysis.codes import CODES

SOURCES = Path(analysis.__file__).parent.glob("*.py")


def test_the_codes_in_the_sources_are_those_that_are_explained() -> None:
    texts = [path.read_text() for path in SOURCES if path.name != "codes.py"]
    emitted = set(re.findall(r'"((?:sql|python)-[a-z-]+)"', "\n".join(texts)))
    assert emitted == {code.code for code in CODES}


def test_each_code_is_listed_once_and_says_something() -> None:
    assert len({code.code for code in CODES}) == len(CODES)
    assert all(code.title and len(code.explanation) > 40 for code in CODES)
