from __future__ import annotations

import re
from pathlib import Path

from meshwright.formats import codes as formats_codes
from meshwright.workspace import codes

EMITTED = re.compile(r'code=\(?\s*"([a-z0-9-]+)"(?: if [^"]*? else "([a-z0-9-]+)")?')


def test_every_code_that_is_emitted_is_explained_once_and_none_is_left_over() -> None:
    used: set[str] = set()
    for file in Path(codes.__file__).parent.glob("*.py"):
        for match in EMITTED.finditer(file.read_text(encoding="utf-8")):
            used |= {code for code in match.groups() if code}
    own = {code.code for code in codes.CODES}
    shared = {code.code for code in formats_codes.CODES}
    assert own <= used <= own | shared
    assert not own & shared


def test_explanations_say_more_than_their_titles() -> None:
    assert all(len(code.explanation) > len(code.title) for code in codes.CODES)
