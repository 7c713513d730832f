"""A restriction: what a policy decision leaves of a port for one reader."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final, TypeAlias

# Iceberg's `read-restrictions` actions, then two more: a pseudonym that is the same wherever the mesh's key is, and the
# range that a value lies in (`generalise:10` for numbers, `generalise:month` for times).
MASK_ALPHANUM: Final = "mask-alphanum"
MASK_TO_FIXED_VALUE: Final = "mask-to-fixed-value"
REPLACE_WITH_NULL: Final = "replace-with-null"
SHOW_FIRST_4: Final = "show-first-4"
SHOW_LAST_4: Final = "show-last-4"
TRUNCATE_TO_YEAR: Final = "truncate-to-year"
TRUNCATE_TO_MONTH: Final = "truncate-to-month"
SHA_256_GLOBAL: Final = "sha-256-global"
SHA_256_QUERY_LOCAL: Final = "sha-256-query-local"
PSEUDONYM: Final = "pseudonym"
GENERALISE: Final = "generalise"

# The strictest first: where policies name several, the first of them counts.
STRICTNESS: Final = (
    REPLACE_WITH_NULL,
    MASK_TO_FIXED_VALUE,
    SHA_256_QUERY_LOCAL,
    MASK_ALPHANUM,
    TRUNCATE_TO_YEAR,
    GENERALISE,
    TRUNCATE_TO_MONTH,
    PSEUDONYM,
    SHA_256_GLOBAL,
    SHOW_FIRST_4,
    SHOW_LAST_4,
)
# The parts of time that a range of times can be, the narrowest first.
PARTS: Final = ("day", "week", "month", "quarter", "year", "decade")
# What `actions` says of a column that is not there at all.
ABSENT: Final = "absent"
# What is said of a column of which `actions` says nothing.
CLEAR: Final = "clear"

Literal: TypeAlias = str | int | bool


@dataclass(frozen=True, slots=True)
class FilterColumn:
    """A column of the port, by field id, in a row filter."""

    id: int


@dataclass(frozen=True, slots=True)
class Predicate:
    """A condition on a row's original values.

    `operator` is and, or, not, ==, <, <=, contains (a set of literals has the column's value), like (SQL's pattern), known
    (the column is not NULL), or a constant `true`, `false`. What cannot be told of a row never lets it through.
    """

    operator: str
    arguments: tuple[Predicate | FilterColumn | Literal | tuple[Literal, ...], ...] = ()


TRUE: Final = Predicate("true")
FALSE: Final = Predicate("false")


@dataclass(frozen=True, slots=True, kw_only=True)
class Restriction:
    """A row filter on original values and an action per column, in Iceberg's `read-restrictions` vocabulary.

    `row_filter` is None for every row. `actions` maps a field id to its action; an id that is absent reads clear unless
    `others_absent`, an unknown action makes the column absent. `policies` are those that had a say.
    """

    row_filter: Predicate | None = None
    actions: dict[int, str] = field(default_factory=dict)
    others_absent: bool = False
    policies: tuple[str, ...] = ()

    @property
    def is_all(self) -> bool:
        """Whether the reader sees the port as it is."""
        return self.row_filter is None and not self.actions and not self.others_absent

    @property
    def digest(self) -> str:
        """A hash of what is left, the same for whomever and whoever said so; "" for everything."""
        if self.is_all:
            return ""
        told = repr((self.row_filter, sorted(self.actions.items()), self.others_absent))
        return hashlib.sha256(told.encode()).hexdigest()


EVERYTHING = Restriction()
NOTHING = Restriction(row_filter=FALSE, others_absent=True)


def both(left: Restriction, right: Restriction) -> Restriction:
    """What *left* and *right* both leave: every row filter holds, the stricter action counts."""
    actions = {}
    for number in {*left.actions, *right.actions}:
        named = [one.actions[number] for one in (left, right) if number in one.actions]
        actions[number] = ABSENT if ABSENT in named else strictest(named)
    filters = tuple(dict.fromkeys(one.row_filter for one in (left, right) if one.row_filter is not None))
    return Restriction(
        row_filter=Predicate("and", filters) if len(filters) > 1 else filters[0] if filters else None,
        actions=actions,
        others_absent=left.others_absent or right.others_absent,
        policies=tuple(sorted({*left.policies, *right.policies})),
    )


def strictest(masks: list[str]) -> str:
    """The strictest of *masks*; one that is not known is as good as no column at all.

    Of ranges the widest counts; ranges of numbers and of times cannot be compared, and leave nothing.
    """
    known = {mask: STRICTNESS.index(mask.partition(":")[0]) for mask in masks if mask.partition(":")[0] in STRICTNESS}
    if len(known) < len(set(masks)):
        return ABSENT
    ranges = {mask: _width(mask) for mask in known if _width(mask) is not None}
    if len({kind for kind, _ in filter(None, ranges.values())}) > 1:
        return REPLACE_WITH_NULL
    widest = max(ranges, key=lambda mask: (ranges[mask], mask), default=None)
    compared = [mask for mask in known if mask not in ranges or mask == widest]
    return min(compared, key=lambda mask: (known[mask], mask), default=REPLACE_WITH_NULL)


def _width(mask: str) -> tuple[str, int] | None:
    """How wide the range is that *mask* leaves of a value, and of what; None when it leaves no range."""
    name, _, argument = mask.partition(":")
    part = {TRUNCATE_TO_YEAR: "year", TRUNCATE_TO_MONTH: "month", GENERALISE: argument}.get(name)
    if part in PARTS:
        return "times", PARTS.index(part)
    return ("numbers", int(argument)) if name == GENERALISE and argument.isdecimal() else None
