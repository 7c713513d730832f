"""Compiled rules: what each needs to be proven, counted and shown on data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meshwright.model.results import Outcome
from meshwright.quality.comparison import NO_ROWS, Comparison

if TYPE_CHECKING:
    from datetime import datetime

    from meshwright.quality import Dataset


@dataclass(frozen=True, slots=True)
class QuarantineLimit:
    """How many rows a rule may set aside before it blocks: a number of rows, or percent of them."""

    most: float
    percent: bool

    def allows(self, failing: int, rows: int) -> bool:
        """Whether *failing* of *rows* may be set aside."""
        return failing <= (rows * self.most / 100 if self.percent else self.most)

    def __str__(self) -> str:
        return f"{self.most:g}%" if self.percent else f"{self.most:g} rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a rule is, whatever it takes to check it. The words are those of `RuleResult`."""

    rule: str
    kind: str
    column: str | None = None
    severity: str = "error"
    dimension: str | None = None
    description: str = ""
    name: str = ""
    pointer: str = ""
    comparison: Comparison = NO_ROWS
    quarantine: QuarantineLimit | None = None


@dataclass(frozen=True, slots=True)
class Bound:
    """`column operator literal` is how a value breaks the rule; `<` is proven by the lowest value, `>` by the highest."""

    column: str
    operator: str
    literal: str

    @property
    def of_lowest(self) -> bool:
        """Whether the lowest value decides."""
        return self.operator.startswith("<")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCheck:
    """A rule about single rows; `broken` is a SQL predicate over one row, NULL meaning not broken.

    What footers can prove: `not_null` columns hold no NULL (and nothing else is asked), `bounds` are kept.
    `columns` are the columns that `broken` reads.
    """

    about: About
    broken: str
    columns: tuple[str, ...]
    not_null: tuple[str, ...] = ()
    bounds: tuple[Bound, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UniqueCheck:
    """No two rows have equal `keys` (SQL expressions); a row with a NULL among them equals no other.

    `columns` are the plain columns that `keys` are, none when they are nested values.
    """

    about: About
    keys: tuple[str, ...]
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceCheck:
    """The values of `keys` (SQL) are found in `target_keys` (column names) of `target`; NULLs refer to nothing."""

    about: About
    keys: tuple[str, ...]
    target: Dataset
    target_keys: tuple[str, ...]
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CountCheck:
    """A rule about the number of rows."""

    about: About


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlCheck:
    """A rule that a query measures; placeholders are filled in."""

    about: About
    query: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgeCheck:
    """The newest (`newest`) or oldest value of a date or timestamp column is not before `since`."""

    about: About
    column: str
    since: datetime
    newest: bool
    promise: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A rule that needs no data: prose, another engine's, or one that cannot be evaluated."""

    about: About
    outcome: Outcome
    message: str
    value: str = ""
    proof: str = ""


Check = RowCheck | UniqueCheck | ReferenceCheck | CountCheck | SqlCheck | AgeCheck | Settled


def uncheckable(about: About, message: str) -> Settled:
    """A rule that cannot be evaluated, which is an error and never silence."""
    return Settled(about=about, outcome=Outcome.ERROR, message=message)


@dataclass(slots=True)
class Names:
    """Gives each rule a name that is stable between runs: `column:kind`, then `column:kind:2`, and so on."""

    given: dict[str, int] = field(default_factory=dict)

    def name(self, column: str | None, kind: str) -> str:
        """The next free name for a rule of *kind* on *column* (None: on the table)."""
        base = f"{column}:{kind}" if column else kind
        self.given[base] = self.given.get(base, 0) + 1
        return base if self.given[base] == 1 else f"{base}:{self.given[base]}"
