"""Samples in Markdown: fenced blocks that are files, commands with what they print, or Python; run in one folder.

A block whose info string has `title=PATH` is written to that path. In a `console` block a line that begins with `$ ` is
a command, `> ` continues it, the lines below are what it prints; a comment `# exit N` at its end says how it ends
otherwise than with 0. A `python` block without a title is run as a script. Other blocks are for the reader.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
TITLE = re.compile(r"title=(\S+)")
EXIT = re.compile(r"# exit (\d)$")
# What differs between two runs of the same command, and what stands for it when they are compared.
VARYING = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?(Z|\+\d\d:?\d\d)?"), "<time>"),
    # A rate is shown only where it says something.
    (re.compile(r", \d[\d,]*(\.\d+)? rows/s"), ""),
    (re.compile(r"\d[\d,]*(\.\d+)? s\b"), "<seconds>"),
    (re.compile(r"\d[\d,]*(\.\d+)? [kMG]?B\b"), "<size>"),
    (re.compile(r"\b[0-9a-f]{12,}\b"), "<hash>"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<uuid>"),
    (re.compile(r"\s+"), " "),
)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: its language, the file that it is ("" none), its text, and the line of the text."""

    language: str
    title: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a console block, the lines shown below it, and the exit code that it is said to end with."""

    text: str
    shown: tuple[str, ...]
    exit_code: int


def blocks(markdown: str) -> list[Block]:
    """Every fenced block of *markdown*, in order."""
    found = []
    for match in FENCE.finditer(markdown):
        info = match["info"].strip()
        title = TITLE.search(info)
        line = markdown.count("\n", 0, match.start("text")) + 1
        found.append(Block(info.partition(" ")[0], title[1] if title else "", match["text"], line))
    return found


def commands(text: str) -> list[Command]:
    """The commands of a console block."""
    found: list[tuple[list[str], list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append(([line[2:]], []))
        elif line.startswith("> ") and found and not found[-1][1]:
            found[-1][0].append(line[2:])
        elif found and line.strip():
            found[-1][1].append(line)
    return [_command("\n".join(lines), tuple(shown)) for lines, shown in found]


def _command(text: str, shown: tuple[str, ...]) -> Command:
    ends = EXIT.search(text)
    return Command(text, shown, int(ends[1]) if ends else 0)


class Walk:
    """Goes through one document's samples in *folder*, as a reader would who types everything."""

    def __init__(self, folder: Path) -> None:
        self.here = folder
        self._pwd = folder / ".pwd"

    def run(self, block: Block) -> list[str]:
        """What is wrong with *block*: nothing, if it does what the document says."""
        if block.title:
            path = self.here / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
            return []
        if block.language == "console":
            return [problem for command in commands(block.text) for problem in self._console(command)]
        if block.language == "python":
            printed, code = self._started([sys.executable, "-c", block.text])
            return [f"line {block.line}: Python ended with {code}:\n{printed}"] if code else []
        return []

    def printed(self, command: Command) -> tuple[str, int]:
        """What *command* prints, errors included, and its exit code. A `cd` in it lasts."""
        script = f"{command.text}\nstatus=$?\npwd > '{self._pwd}'\nexit $status\n"
        printed, code = self._started(["bash", "-c", script])
        if self._pwd.exists():
            self.here = Path(self._pwd.read_text(encoding="utf-8").strip())
        return printed, code

    def _console(self, command: Command) -> list[str]:
        printed, code = self.printed(command)
        if code != command.exit_code:
            return [f"$ {command.text}\nended with {code}, not {command.exit_code}:\n{printed}"]
        missing = first_missing(command.shown, printed.splitlines())
        return [] if missing is None else [f"$ {command.text}\ndoes not print:\n{missing}\nit prints:\n{printed}"]

    def _started(self, arguments: list[str]) -> tuple[str, int]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        env = {**os.environ, "PATH": path, "NO_COLOR": "1", "COLUMNS": "100", "PYTHONWARNINGS": "ignore"}
        done = subprocess.run(
            arguments,
            cwd=self.here,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        return done.stdout, done.returncode


def first_missing(shown: tuple[str, ...], printed: list[str]) -> str | None:
    """The first of the *shown* lines that is not among those *printed*, in order; None when all are.

    Times, sizes, rates and hashes may differ; `…` stands for anything.
    """
    rest = iter([_plain(line) for line in printed])
    for line in shown:
        parts = [re.escape(part) for part in _plain(line).split("…")]
        wanted = re.compile(".*".join(parts))
        if not any(wanted.fullmatch(candidate) for candidate in rest):
            return line
    return None


def _plain(line: str) -> str:
    for pattern, word in VARYING:
        line = pattern.sub(word, line)
    return line.strip()


ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
RUNNABLE = [
    page
    for page in PAGES
    if any(one.title or one.language in {"console", "python"} for one in blocks(page.read_text("utf-8")))
]


@pytest.mark.slow
@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_sample_of_a_page_does_what_the_page_says(page: Path, tmp_path: Path) -> None:
    walk = Walk(tmp_path)
    for block in blocks(page.read_text("utf-8")):
        assert walk.run(block) == []


def test_the_readme_and_every_guide_have_samples_that_are_run() -> None:
    expected = {ROOT / "README.md", *(ROOT / "docs" / "guide").glob("*.md")}
    assert expected <= set(RUNNABLE)


def test_a_command_that_ends_otherwise_than_shown_is_found(tmp_path: Path) -> None:
    (block,) = blocks("```console\n$ false\n```\n")
    assert "ended with 1, not 0" in Walk(tmp_path).run(block)[0]


def test_a_shown_line_that_is_not_printed_is_found(tmp_path: Path) -> None:
    (block,) = blocks("```console\n$ echo one\ntwo\n```\n")
    assert "does not print:\ntwo" in Walk(tmp_path).run(block)[0]


def test_lines_shown_in_another_order_than_printed_are_found() -> None:
    assert first_missing(("a", "b"), ["b", "a"]) == "b"


def test_times_sizes_and_hashes_may_differ_and_an_ellipsis_stands_for_anything() -> None:
    shown = ("done in 0.31 s, 702 B at 2026-01-01T10:00:00Z", "one … three")
    printed = ["done in 12.5 s, 1.2 kB at 2027-02-03T04:05:06Z", "one two three"]
    assert first_missing(shown, printed) is None


def test_counts_may_not_differ() -> None:
    assert first_missing(("3 rows",), ["4 rows"]) == "3 rows"


def test_a_change_of_folder_lasts_and_files_are_written_where_the_reader_is(tmp_path: Path) -> None:
    walk = Walk(tmp_path)
    text = "```console\n$ mkdir inner\n$ cd inner\n```\n```text title=a/b.txt\nhello\n```\n```console\n$ cat a/b.txt\nhello\n```\n"
    assert [walk.run(block) for block in blocks(text)] == [[], [], []]
    assert (tmp_path / "inner" / "a" / "b.txt").read_text("utf-8") == "hello\n"


def test_a_python_block_that_raises_is_found(tmp_path: Path) -> None:
    (block,) = blocks("```python\nraise ValueError('no')\n```\n")
    assert "ValueError: no" in Walk(tmp_path).run(block)[0]


def test_a_command_may_go_on_over_several_lines() -> None:
    (command,) = commands("$ echo 'a\n> b'  # exit 1\na\nb\n")
    assert command.text == "echo 'a\nb'  # exit 1"
    assert command.shown == ("a", "b")
    assert command.exit_code == 1
