"""The process that a reader's SQL runs in: whose code it runs, what it says when it cannot begin, and when memory is used up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import meshwright
from meshwright.model.errors import InvalidInput, MeshwrightError, Refused, Unavailable
from meshwright.model.mesh import Governed
from meshwright.reading import sql_gate

if TYPE_CHECKING:
    from meshwright.reading.sql_gate import SqlGate


def explain(error: Exception) -> MeshwrightError:
    return InvalidInput(str(error))


def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let this process run a Meshwright whose worker's `main` is *code*."""
    place = tmp_path / "elsewhere"
    (place / "reading").mkdir(parents=True)
    (place / "__init__.py").touch()
    (place / "reading/__init__.py").touch()
    (place / "reading/sql_worker.py").write_text(f"import os, sys\ndef main():\n    {code}\n", encoding="utf-8")
    monkeypatch.setattr(sql_gate, "PACKAGE", place)


def test_it_runs_the_package_that_started_it(gate: SqlGate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Path(str(meshwright.__file__)).parent == sql_gate.PACKAGE
    package(
        tmp_path,
        monkeypatch,
        "print('{\"ready\": true}', flush=True), sys.stdin.readline(), print('{\"used\": [[0]]}', flush=True)",
    )
    with gate.worker("ada") as worker, gate.preparing(worker):
        tables = [("t", [("id", "BIGINT"), ("name", "VARCHAR")])]
        assert gate.used_columns(worker, tables, "anything", check=lambda: None, explain=explain) == [("id",)]


def test_it_finds_what_is_beside_its_package_and_nothing_in_the_folder_it_works_in(
    gate: SqlGate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "beside_it.py").write_text("raise SystemExit('found beside it')\n", encoding="utf-8")
    (tmp_path / "json.py").write_text("raise SystemExit('found instead')\n", encoding="utf-8")
    package(tmp_path, monkeypatch, "import json, beside_it")
    with gate.worker("ada") as worker, pytest.raises(Unavailable):
        gate.ready(worker, lambda: None)
    assert "found beside it" in caplog.text


def test_what_it_says_when_it_cannot_begin_is_logged(
    gate: SqlGate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    package(tmp_path, monkeypatch, "sys.exit('the kernel is too old')")
    with gate.worker("ada") as worker, pytest.raises(Unavailable, match="ended before it began") as caught:
        gate.ready(worker, lambda: None)
    assert "the kernel is too old" in caplog.text
    assert "kernel" not in str(caught.value)


def test_what_it_says_of_a_query_goes_nowhere(gate: SqlGate) -> None:
    with gate.worker("ada") as worker:
        gate.ready(worker, lambda: None)
        assert worker.process.stderr is not None
        # Nothing holds the other end any more.
        assert worker.process.stderr.read() == b""
        assert worker.process.poll() is None


@pytest.mark.parametrize(
    "sql", ["select repeat('x', 1000000000) as x", "select repeat('x', 1000000000) as x from range(9)"]
)
def test_a_value_that_is_too_large_for_memory_is_the_limits_business(gate: SqlGate, sql: str) -> None:
    gate.limits = Governed(seconds=20, memory_mb=512)
    with gate.worker("ada") as worker, pytest.raises(Refused, match="needs more than 512 MB of memory"):
        gate.run(worker, [], sql, check=lambda: None, explain=explain)
