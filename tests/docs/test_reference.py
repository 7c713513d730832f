from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"
PAGES: dict[str, str] = runpy.run_path(str(REFERENCE / "generate.py"))["pages"]()


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_reference_page_says_what_the_code_says(name: str) -> None:
    written = (REFERENCE / name).read_text("utf-8") if (REFERENCE / name).exists() else ""
    assert written == PAGES[name], "run: python docs/reference/generate.py"


def test_no_reference_page_is_written_by_hand() -> None:
    assert {path.name for path in REFERENCE.glob("*.md")} == set(PAGES)


def test_every_verb_is_in_the_reference() -> None:
    from meshwright.cli.main import COMMANDS

    assert [verb for verb in COMMANDS if f"## mesh {verb}\n" not in PAGES["command-line.md"]] == []


def test_every_custom_property_and_every_code_is_in_the_reference() -> None:
    from meshwright.build.codes import all_codes
    from meshwright.formats.custom_properties import KEYS

    assert [key.name for key in KEYS if f"`{key.name}`" not in PAGES["custom-properties.md"]] == []
    assert [code.code for code in all_codes() if f"## {code.code}\n" not in PAGES["findings.md"]] == []


def test_every_make_target_that_a_page_names_exists() -> None:
    root = REFERENCE.parents[1]
    makefile = (root / "Makefile").read_text("utf-8")
    pages = [*root.glob("*.md"), *(root / "docs").rglob("*.md")]
    named = {
        name for page in pages for name in re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text("utf-8"), re.MULTILINE)
    }
    assert {"demo", "test", "check"} <= named
    assert [name for name in sorted(named) if f"\n{name}:" not in makefile] == []
