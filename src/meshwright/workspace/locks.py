"""`inputs.lock.yaml`: what was sniffed once of inputs without a contract, pinned so that nothing changes in silence."""

from __future__ import annotations

import os
from contextlib import suppress
from threading import get_ident
from typing import TYPE_CHECKING, Any, Final

from meshwright.formats import yaml_text
from meshwright.model.datatype import DataType
from meshwright.model.errors import Unavailable
from meshwright.model.findings import Finding
from meshwright.workspace.files import read_document

if TYPE_CHECKING:
    from pathlib import Path

LOCK_FILE: Final = "inputs.lock.yaml"
HEADER: Final = """\
# What Meshwright found out about inputs without a contract. Commit this file; delete an entry to sniff it again.
"""


def read_lock(root: Path, folder: str) -> tuple[dict[str, Any], list[Finding]]:
    """The lock of the product in *folder* (relative to *root*), {} when there is none, and what is wrong with it."""
    path = f"{folder}/{LOCK_FILE}" if folder else LOCK_FILE
    if not (root / path).exists():
        return {}, []
    document, _, findings = read_document(root, path)
    return accepted(document, findings, path)


def accepted(document: Any, findings: list[Finding], path: str) -> tuple[dict[str, Any], list[Finding]]:  # noqa: ANN401 - any document
    """*document* when it is a lock, else {} and a finding."""
    if findings:
        return {}, findings
    if not isinstance(document, dict) or not all(isinstance(key, str) for key in document):
        hint = "delete the file; the next build writes it again"
        return {}, [Finding(code="wrong-type", message="The lock must be a mapping of inputs", path=path, hint=hint)]
    problem = _problem(document.get("inputs", {}))
    if problem:
        hint = "delete the entry; the next plan looks at the file and writes it again"
        return {}, [
            Finding(code="wrong-value", message="The lock is not understood", path=path, value=problem, hint=hint)
        ]
    return document, []


def _problem(inputs: Any) -> str:  # noqa: ANN401 - any document
    """What is wrong with the pins of *inputs*, "" when nothing is."""
    if not isinstance(inputs, dict):
        return "inputs: must map names to what was found out"
    for name, pin in inputs.items():
        if not isinstance(pin, dict) or not isinstance(pin.get("path"), str) or not isinstance(pin.get("format"), str):
            return f"{name}: must have a path, a format and columns"
        columns = pin.get("columns")
        if not isinstance(columns, dict) or not isinstance(pin.get("options", {}), dict):
            return f"{name}: columns and options must be mappings"
        for column, kind in columns.items():
            try:
                DataType.parse(str(kind))
            except ValueError as error:
                return f"{name}: column {column}: {error}"
    return ""


def write_lock(root: Path, folder: str, lock: dict[str, Any]) -> None:
    """Write the *lock* of the product in *folder*, whole or not at all; an empty one removes the file.

    Raises Unavailable when the folder cannot be written.
    """
    file = root / folder / LOCK_FILE
    draft = file.with_name(f".{LOCK_FILE}.{os.getpid()}.{get_ident()}")
    try:
        if not lock:
            file.unlink(missing_ok=True)
            return
        with draft.open("w", encoding="utf-8") as handle:
            handle.write(HEADER + yaml_text.dump(lock))
            handle.flush()
            os.fsync(handle.fileno())
        draft.replace(file)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        message = f"{file} cannot be written: {error.strerror or error}. Make the folder writable and try again"
        raise Unavailable(message) from error
