"""Restrictions: what a policy decision leaves of a port for one reader."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Restriction:
    """A row filter on original values and an action per column, in Iceberg's `read-restrictions` vocabulary.

    `row_filter` is a SQL predicate over the port's columns, None for every row. `actions` maps a field id to its
    action; an id that is absent reads clear unless `others_absent`, an unknown action makes the column absent.
    """

    row_filter: str | None = None
    actions: dict[int, str] = field(default_factory=dict)
    others_absent: bool = False

    @property
    def is_all(self) -> bool:
        """Whether the reader sees the port as it is."""
        return self.row_filter is None and not self.actions and not self.others_absent


EVERYTHING = Restriction()
NOTHING = Restriction(row_filter="false", others_absent=True)
