"""The errors Meshwright raises, one branch for each thing a caller can do about it.

MeshwrightError
├── InvalidInput     correct what you gave and call again      exit 2
│   └── InvalidMesh  the files have findings, all of them here  exit 2
├── NotFound         no such product, port, publication        exit 2
├── Refused          the mesh says no (failed test, blocked)   exit 1
│   ├── Denied       policy does not let you
│   └── Conflict     someone else was first: refresh and retry
└── Unavailable      something outside failed: wait and retry  exit 3
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshwright.model.findings import Finding


class MeshwrightError(Exception):
    """Something went wrong in a way the caller can act on; `exit_code` is the process's."""

    exit_code = 3


class InvalidInput(MeshwrightError):
    """What was given cannot be used; the message says what, where and what to write instead."""

    exit_code = 2


class InvalidMesh(InvalidInput):
    """The mesh's files have errors; `findings` holds every one of them."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))


class NotFound(MeshwrightError):
    """There is no such product, port, publication or file."""

    exit_code = 2


class Refused(MeshwrightError):
    """The mesh says no: a failed test, a blocked plan, a rule's Deny."""

    exit_code = 1


class Denied(Refused):
    """The principal may not do this."""


class Conflict(Refused):
    """Another writer was first: what this rested on has changed. Refresh and try again."""


class Unavailable(MeshwrightError):
    """Something outside Meshwright failed: a disk, a database, a source. Trying again may help."""

    exit_code = 3
