"""Maintenance: how much of the past a mesh keeps, and what the registry knows of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Collection

DAY: Final = 86_400
# A publication by environment, product and number.
Key: TypeAlias = tuple[str, str, int]

# A head's time is taken so long before it is committed, at most: who began between the two still read the one before.
COMMIT_SECONDS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """How much of a product's past stays readable: what was served in the last `seconds`, and the newest `publications`."""

    seconds: int = 30 * DAY
    publications: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintenance:
    """What `mesh.yaml` says of maintenance. A file goes when nobody has needed it for `grace_seconds`."""

    history: History = field(default_factory=History)
    grace_seconds: int = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """Every publication that the registry keeps, and who serves which.

    `bases` maps an environment to the one it stands on ("" for none); `heads` and `moves` are by (environment, product)
    and leave out what is inherited; a move is (when, to which number), oldest first. `reads` are the (product, number)
    of each publication's inputs.
    """

    bases: dict[str, str]
    heads: dict[tuple[str, str], int | None]
    moves: dict[tuple[str, str], list[tuple[str, int | None]]]
    reads: dict[Key, tuple[tuple[str, int], ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remains:
    """What is left after publications were forgotten: who they were, and what the others need.

    `paths` are data files, artifacts and the tables' metadata files; `snapshots` (table, id) those whose manifest list is
    needed; `runs` the failed builds whose staged rows are kept; `attempts` how many records of failed builds went.
    """

    forgotten: tuple[Key, ...] = ()
    attempts: int = 0
    paths: Collection[str] = frozenset()
    snapshots: Collection[tuple[str, int]] = frozenset()
    runs: Collection[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file in the warehouse; `changed` is when it got there, in seconds since 1970 by the warehouse's clock."""

    path: str
    bytes: int
    changed: float
