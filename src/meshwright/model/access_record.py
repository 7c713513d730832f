"""Access records: what was decided about each governed read, kept before anything is read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRecord:
    """One decision: who would read what, for what, and by which policies it was allowed or denied, and why.

    `action` is what was asked for; of one that changes something `port` is a product or a domain, "" for the mesh.
    `asked_by` is who asked in the principal's name, "" when it asked itself; `acts_for` the person for whom an agent acts;
    `door` the way in (cli, sdk …); `masked` the columns that are not clear, `rows` which rows are seen: all, none, filtered.
    """

    at: str
    principal: str
    port: str
    publication: int
    allowed: bool
    asked_by: str = ""
    acts_for: str = ""
    purpose: str = ""
    environment: str = ""
    action: str = "read"
    door: str = ""
    reasons: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    masked: tuple[str, ...] = ()
    rows: str = ""
    number: int = 0
