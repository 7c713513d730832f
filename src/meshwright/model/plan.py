"""Plans: what a build would do to each product, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Action(StrEnum):
    """What the plan does with a product."""

    BUILD = "build"
    REUSE = "reuse"
    REMOVE = "remove"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference between the published and the written contract of a port.

    `kind` names it (`column removed`, `type narrowed`, …); `bump` is the version part that must rise.
    """

    port: str
    column: str
    kind: str
    breaking: bool
    bump: str = ""
    detail: str = ""
    # The major version of the port that changes; None for every one that is served.
    major: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """A downstream product's output port and the columns of it that a breaking change reaches.

    `reads` are the changed columns that the product itself reads, () when the change reaches it through others; `owner`
    is whom to tell.
    """

    id: str
    port: str
    columns: tuple[str, ...]
    reads: tuple[str, ...] = ()
    owner: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a build would read and write, from what was last published; None when nothing was."""

    rows_read: int | None = None
    bytes_read: int | None = None
    rows_written: int | None = None
    bytes_written: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductPlan:
    """What is to be done with one product."""

    id: str
    action: Action
    reasons: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    affects: tuple[Affected, ...] = ()
    estimate: Estimate = field(default_factory=Estimate)
    # The head that the plan rests on: a build refuses to apply the plan to another one.
    head: int | None = None
    fingerprint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a build would do in one environment, products in build order."""

    environment: str
    products: tuple[ProductPlan, ...]
    full: bool = False
    allow_remove: bool = False
