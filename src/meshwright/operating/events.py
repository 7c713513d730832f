"""What a runner has to say, past tense, for whoever shows or records it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshwright.model.schedule import Due


@dataclass(frozen=True, slots=True, kw_only=True)
class DueFound:
    """Products are due, this runner builds them now, and why."""

    due: dict[str, Due]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftToOthers:
    """What is due others are building, or what it reads: the runner of each, by product."""

    runners: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waited:
    """Nothing is due before this: the product that comes next, or None when only something new makes one due."""

    product: str | None
    due: Due | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Troubled:
    """A pass could not be made; a runner that stays goes on, as soon as it can."""

    message: str
    exit_code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeFailed:
    """A webhook could not be told of a product's condition."""

    webhook: str
    product: str
    condition: str
    message: str


RunEvent = DueFound | LeftToOthers | Waited | Troubled | NoticeFailed
