"""A restriction: what a policy decision leaves of a port for one reader."""

from __future__ import annotations

import hashlib
import math
import re
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

# What leaves nothing of a value, the strictest first.
NOTHING_LEFT: Final = (REPLACE_WITH_NULL, MASK_TO_FIXED_VALUE)
# Hashes fit the same types, and so do masks that show a part of a text; of either the strictest first.
HASHES: Final = (SHA_256_QUERY_LOCAL, PSEUDONYM, SHA_256_GLOBAL)
PARTS_OF_TEXT: Final = (MASK_ALPHANUM, SHOW_FIRST_4, SHOW_LAST_4)
MASKS: Final = (*NOTHING_LEFT, *HASHES, *PARTS_OF_TEXT, TRUNCATE_TO_YEAR, TRUNCATE_TO_MONTH, GENERALISE)
WIDTH: Final = re.compile(r"[1-9][0-9]{0,17}")
# The parts of time that a range of times can be, the narrowest first.
PARTS: Final = ("day", "week", "month", "quarter", "year", "decade")
# A week can lie in two of the wider parts; all others lie in one.
WEEK: Final = PARTS.index("week")
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
    """What *left* and *right* both leave: every row filter holds, of two masks what both show."""
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


def is_mask(text: str) -> bool:
    """Whether *text* is a mask: one of `MASKS`, and for a range how wide: `generalise:10`, `generalise:month`."""
    name, has_argument, argument = text.partition(":")
    if name != GENERALISE:
        return name in MASKS and not has_argument
    return argument in PARTS or WIDTH.fullmatch(argument) is not None


def strictest(masks: list[str]) -> str:
    """What every one of *masks* leaves of a value; one that is not known is as good as no column at all.

    Of two the stricter counts where it can be told from what the other shows. Otherwise both together would show more than
    one of them does, and nothing is left: so it is of a hash and a range, or of weeks and months.
    """
    if not all(is_mask(mask) for mask in masks):
        return ABSENT
    found = set(masks)
    if not found or found & set(NOTHING_LEFT):
        return REPLACE_WITH_NULL if REPLACE_WITH_NULL in found or not found else MASK_TO_FIXED_VALUE
    for family in (HASHES, PARTS_OF_TEXT):
        if found <= set(family):
            # Of the first and of the last letters both tell the kinds.
            both_ends = found == {SHOW_FIRST_4, SHOW_LAST_4}
            return MASK_ALPHANUM if both_ends else min(found, key=family.index)
    parts = {mask: PARTS.index(_part(mask)) for mask in found if _part(mask)}
    if len(parts) == len(found):
        is_split = WEEK in parts.values() and max(parts.values()) > WEEK
        return REPLACE_WITH_NULL if is_split else max(found, key=lambda mask: (parts[mask], mask))
    widths = [mask.partition(":")[2] for mask in found]
    if all(WIDTH.fullmatch(width) for width in widths):
        shared = f"{GENERALISE}:{math.lcm(*map(int, widths))}"
        return shared if is_mask(shared) else REPLACE_WITH_NULL
    return REPLACE_WITH_NULL


def _part(mask: str) -> str:
    """The part of time in which *mask* shows a value to lie, "" for one that shows something else."""
    name, _, argument = mask.partition(":")
    part = {TRUNCATE_TO_YEAR: "year", TRUNCATE_TO_MONTH: "month", GENERALISE: argument}.get(name, "")
    return part if part in PARTS else ""
