"""Findings: what is wrong in a mesh's files, as values with a place and a next step."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is; only errors make a mesh invalid."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing wrong at one place.

    `path` is relative to the mesh's root; `line` and `column` count from 1, 0 means the whole file.
    `pointer` is the RFC 6901 JSON pointer of the offending value inside a document, or "".
    """

    code: str
    message: str
    path: str
    line: int = 0
    column: int = 0
    value: str = ""
    hint: str = ""
    pointer: str = ""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        place = self.path if not self.line else f"{self.path}:{self.line}:{self.column or 1}"
        value = f" ({self.value})" if self.value else ""
        hint = f" … {self.hint}" if self.hint else ""
        return f"{place}: {self.severity}[{self.code}]: {self.message}{value}{hint}"

    @property
    def order(self) -> tuple[str, int, int, str, str]:
        """Sorts findings as a person reads them: by file, then down the file."""
        return self.path, self.line, self.column, self.code, self.message


@dataclass(frozen=True, slots=True)
class Code:
    """A finding's code and what `mesh explain` says of it: what it means, why it matters, how to fix it."""

    code: str
    title: str
    explanation: str
