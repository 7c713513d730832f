"""Single ODPS and ODCS documents, checked outside any mesh by the version of the standard that each declares."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from meshwright.formats import odcs, odps
from meshwright.formats.yaml_text import parse, placed
from meshwright.model.findings import Finding, Severity
from meshwright.model.names import nearest
from meshwright.workspace.files import read_bytes, unreadable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

KINDS: Final = (odps.KIND, odcs.KIND)
# Documents of other tools describe tables of other databases, in those databases' types.
LENIENT: Final = frozenset({"unknown-type", "missing-type"})


def check_files(paths: Sequence[Path]) -> list[Finding]:
    """What is wrong with the documents at *paths*, in the order of the paths; findings have the paths as given.

    Types that Meshwright does not know are warnings: only a mesh needs to store them. Nothing is fetched from anywhere.
    """
    return [finding for path in paths for finding in sorted(_check_file(path), key=lambda finding: finding.order)]


def _check_file(path: Path) -> list[Finding]:
    shown = str(path)
    try:
        resolved = path.resolve(strict=True)
    except OSError as error:
        return [unreadable(shown, error.strerror or str(error))]
    # The file's own folder is the root here: a link was followed knowingly, by naming it.
    content, findings = read_bytes(resolved.parent, resolved.name)
    if content is None:
        return [replace(finding, path=shown) for finding in findings]
    document, findings = parse(content, shown)
    return findings or placed(_check_document(document, shown), content)


def _check_document(document: Any, path: str) -> list[Finding]:  # noqa: ANN401 - any document
    kind = document.get("kind") if isinstance(document, dict) else None
    if kind == odcs.KIND:
        findings = odcs.check(document, path)
        if any(finding.severity is Severity.ERROR for finding in findings):
            return findings
        return findings + [_softened(finding) for finding in odcs.read(document, path=path)[1]]
    if kind == odps.KIND:
        findings = odps.check(document, path)
        if findings:
            return findings
        # Names of domain and product come from folders, and here is none.
        found = odps.read(document, domain="", name="", folder="")[1]
        return [replace(finding, path=path) for finding in found]
    close = nearest(str(kind), KINDS) if kind else None
    return [
        Finding(
            code="unknown-document",
            message="The document is neither a data product nor a data contract",
            path=path,
            value=str(kind) if kind else "no 'kind'",
            hint=f"did you mean 'kind: {close}'?"
            if close
            else "write 'kind: DataProduct' (ODPS) or 'kind: DataContract' (ODCS)",
            pointer="/kind",
        )
    ]


def _softened(finding: Finding) -> Finding:
    return replace(finding, severity=Severity.WARNING) if finding.code in LENIENT else finding
