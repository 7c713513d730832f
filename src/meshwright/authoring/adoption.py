"""What became of another tool's project: everything that was carried over, and everything that was not, with its place."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class Outcome(StrEnum):
    """What became of one thing."""

    CARRIED = "carried over"
    CHANGED = "carried over, with a difference"
    LEFT = "not carried over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing of the original and what became of it.

    `place` is `file:line` in the original; `to` where it is now, an address or a path; `note` what differs or why it was
    left; `action` what a person can do about it.
    """

    kind: str
    name: str
    place: str
    outcome: Outcome
    to: str = ""
    note: str = ""
    action: str = ""


@dataclass(slots=True)
class Adoption:
    """The files that an import would write (text, or a file to copy), by path relative to the mesh, and its report."""

    source: str
    files: dict[str, str | Path] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)
    products: list[str] = field(default_factory=list)
    next_steps: list[str] = field(default_factory=list)

    def carried(self, kind: str, name: str, place: object, to: str = "") -> None:
        """Record something that means in the mesh what it meant before."""
        self.items.append(Item(kind=kind, name=name, place=str(place), outcome=Outcome.CARRIED, to=to))

    def changed(self, kind: str, name: str, place: object, *, note: str, to: str = "", action: str = "") -> None:
        """Record something that was carried over and is not quite what it was."""
        self.items.append(
            Item(kind=kind, name=name, place=str(place), outcome=Outcome.CHANGED, to=to, note=note, action=action)
        )

    def left(self, kind: str, name: str, place: object, *, note: str, action: str = "") -> None:
        """Record something that the mesh does not have."""
        self.items.append(
            Item(kind=kind, name=name, place=str(place), outcome=Outcome.LEFT, note=note, action=action)
        )

    def of(self, outcome: Outcome) -> list[Item]:
        """The items that came out so, by place."""
        return sorted((item for item in self.items if item.outcome is outcome), key=lambda item: (item.place, item.kind))

    def counts(self, outcome: Outcome) -> dict[str, int]:
        """How many of each kind came out so, most first."""
        return dict(Counter(item.kind for item in self.items if item.outcome is outcome).most_common())

    def report(self) -> str:
        """The whole report as a Markdown page, to be kept beside what was written."""
        lines = [f"# What became of {self.source}", ""]
        for outcome in (Outcome.LEFT, Outcome.CHANGED):
            items = self.of(outcome)
            lines += [f"## {str(outcome).capitalize()}", ""]
            lines += [f"- [ ] {_line(item)}" for item in items] or ["Nothing."]
            lines.append("")
        lines += ["## Carried over", ""]
        lines += [f"- {count} {kind}" for kind, count in self.counts(Outcome.CARRIED).items()] or ["Nothing."]
        return "\n".join(lines) + "\n"


def _line(item: Item) -> str:
    to = f" → {item.to}" if item.to else ""
    action = f" {item.action[0].upper()}{item.action[1:]}." if item.action else ""
    return f"`{item.place}` {item.kind} **{item.name}**{to}: {item.note}.{action}"
