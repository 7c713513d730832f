from __future__ import annotations

import re
from pathlib import Path

from meshwright.formats import codes

EMITTED = re.compile(r'code=\(?\s*"([a-z0-9-]+)"(?: if [^"]*? else "([a-z0-9-]+)")?')


def emitted(folder: Path) -> set[str]:
    found: set[str] = set()
    for file in folder.glob("*.py"):
        for match in EMITTED.finditer(file.read_text(encoding="utf-8")):
            found |= {code for code in match.groups() if code}
    return found


def test_every_code_that_is_emitted_is_explained_and_none_is_left_over() -> None:
    used = emitted(Path(codes.__file__).parent)
    assert len(used) > 10
    assert used <= {code.code for code in codes.CODES}


def test_codes_are_unique_and_their_explanations_say_more_than_their_titles() -> None:
    assert len({code.code for code in codes.CODES}) == len(codes.CODES)
    for code in codes.CODES:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code.code)
        assert len(code.explanation) > len(code.title)
