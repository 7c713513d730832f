"""Events of a build, past tense, for whoever shows or records its progress."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meshwright.model.publication import Publication
    from meshwright.model.results import RuleResult


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildStarted:
    """A build began: how many products it will look at."""

    run: str
    environment: str
    products: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductStarted:
    """One product's transformations began to run."""

    product: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputPrinted:
    """A Python transformation printed a line."""

    product: str
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductEnded:
    """One product is done.

    `outcome`: published, reused, failed (a test), error (it could not be built), skipped (something upstream failed),
    blocked, removed, kept (a removal that was not allowed). `cause` says without a value of any row what `message` says with
    them, "" where that has none.
    """

    product: str
    outcome: str
    message: str = ""
    publication: Publication | None = None
    tests: dict[str, tuple[RuleResult, ...]] = field(default_factory=dict)
    rows: int = 0
    seconds: float = 0.0
    exit_code: int = 0
    details: dict[str, Any] = field(default_factory=dict)
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildEnded:
    """The build is over; `outcomes` counts products by outcome."""

    run: str
    outcomes: dict[str, int]
    seconds: float


Event = BuildStarted | ProductStarted | OutputPrinted | ProductEnded | BuildEnded
