from __future__ import annotations

from pathlib import Path

import pytest

from corpora import CORPORA, examples, needs_corpora
from meshwright.model.findings import Severity
from meshwright.workspace.documents import check_files


@needs_corpora
def test_every_published_example_is_valid_outside_a_mesh() -> None:
    paths = [*examples("odcs-examples"), *examples("odps-examples")]
    assert len(paths) == 20
    assert [str(finding) for finding in check_files(paths) if finding.severity is Severity.ERROR] == []


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        ("kind: DataContract\napiVersion: v3.1.0\nid: a\nversion: 1.0.0\nschma: []\n", "unknown-key", 5),
        ("kind: DataProduct\napiVersion: v2.0.0\nid: a\n", "bad-version", 2),
        ("kind: DataProdukt\nid: a\n", "unknown-document", 1),
        ("a: 1\n", "unknown-document", 1),
        ("- 1\n", "unknown-document", 1),
        ("a: 1\na: 2\n", "duplicate-key", 2),
        ("", "empty-file", 0),
    ],
)
def test_what_is_wrong_has_its_place(tmp_path: Path, content: str, code: str, line: int) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(content)
    (finding,) = check_files([file])
    assert (finding.code, finding.path, finding.line) == (code, str(file), line)


@needs_corpora
def test_a_truncated_file_is_a_finding(tmp_path: Path) -> None:
    whole = (CORPORA / "odcs-examples" / "full-example.odcs.yaml").read_bytes()
    file = tmp_path / "a.yaml"
    file.write_bytes(whole[: whole.index(b"[ 'finance'") + 4])
    assert [finding.code for finding in check_files([file])] == ["bad-yaml"]


def test_findings_come_in_the_order_of_the_files(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yaml"):
        (tmp_path / name).write_text("a: 1\n")
    paths = [tmp_path / "b.yaml", tmp_path / "gone.yaml", tmp_path / "a.yaml"]
    assert [Path(finding.path).name for finding in check_files(paths)] == ["b.yaml", "gone.yaml", "a.yaml"]


def test_a_type_of_another_database_is_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    head = "kind: DataContract\napiVersion: v3.2.0\nid: a\nversion: 1.0.0\n"
    file.write_text(head + "schema: [{name: t, properties: [{name: c, physicalType: AccountNumber}]}]\n")
    (finding,) = check_files([file])
    assert (finding.code, finding.severity) == ("unknown-type", Severity.WARNING)
