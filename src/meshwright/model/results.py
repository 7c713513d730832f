"""Test results: what one rule of a contract found on one set of rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

SAMPLE_ROWS_MAX = 100


class Outcome(StrEnum):
    """What became of a rule. *error*: it could not be evaluated; *not run*: another engine's rule."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleResult:
    """What one rule found.

    `rule` is stable between runs (`column:kind[:n]`); `name` is what the contract calls it, if anything; `value` is what was measured and `threshold` what was asked, as
    text; `failing` counts rows; `sample` holds up to 100 of them as objects, already safe to show to the owner.
    """

    rule: str
    kind: str
    outcome: Outcome
    name: str = ""
    severity: str = "error"
    column: str | None = None
    dimension: str | None = None
    description: str = ""
    value: str = ""
    threshold: str = ""
    failing: int = 0
    rows: int = 0
    proof: str = ""
    message: str = ""
    quarantined: int = 0
    duration_seconds: float = 0.0
    sample: tuple[dict[str, Any], ...] = field(default=())
    pointer: str = ""

    @property
    def blocks(self) -> bool:
        """Whether this result keeps the data from being published."""
        return self.severity == "error" and self.outcome in {Outcome.FAILED, Outcome.ERROR}
