"""Usage records: what each governed read took, kept once it has ended."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRecord:
    """One port's part in one read. `rows` and `bytes` are those of the whole result, as it went out; `seconds` wall time.

    Of a build, which reads as its product, they are those of the port as it was served.

    `asked_by` is who asked in the principal's name, "" when it asked itself; `acts_for` the person for whom an agent acts;
    `door` the way in (cli, sdk …); `columns` those of the port that the read used.
    """

    at: str
    principal: str
    port: str
    publication: int
    rows: int
    bytes: int
    seconds: float
    asked_by: str = ""
    acts_for: str = ""
    purpose: str = ""
    environment: str = ""
    door: str = ""
    columns: tuple[str, ...] = ()
    number: int = 0
