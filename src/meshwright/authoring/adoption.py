"""What became of another tool's project: everything that was carried over, and everything that was not, with its place."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path


# What a person wants to know first.
KINDS: Final = (
    "product",
    "model",
    "python model",
    "snapshot",
    "source",
    "seed",
    "table",
    "column",
    "test",
    "unit test",
)


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
        self.items.append(Item(kind=kind, name=name, place=str(place), outcome=Outcome.LEFT, note=note, action=action))

    def of(self, outcome: Outcome) -> list[Item]:
        """The items that came out so, by place."""
        return sorted((item for item in self.items if item.outcome is outcome), key=_order)

    def counts(self, outcome: Outcome) -> dict[str, int]:
        """How many of each kind came out so, most first."""
        return dict(Counter(item.kind for item in self.items if item.outcome is outcome).most_common())

    def grouped(self, outcome: Outcome) -> list[list[Item]]:
        """The items that came out so, those of one kind with the same note and advice together."""
        groups: dict[tuple[str, str, str], list[Item]] = {}
        for item in self.of(outcome):
            groups.setdefault((item.kind, item.note, item.action), []).append(item)
        return sorted(groups.values(), key=lambda group: (_rank(group[0].kind), _order(group[0])))

    def report(self) -> str:
        """The whole report as a Markdown page, to be kept beside what was written."""
        lines = [f"# What became of {self.source}", ""]
        for outcome in (Outcome.LEFT, Outcome.CHANGED):
            lines += [f"## {str(outcome).capitalize()}", ""]
            for group in self.grouped(outcome):
                first = group[0]
                action = f" {_sentence(first.action)}" if first.action else ""
                lines += [f"**{first.kind.capitalize()}**: {_sentence(first.note)}{action}", ""]
                lines += [f"- [ ] {_line(item)}" for item in group]
                lines.append("")
            lines += [] if self.of(outcome) else ["Nothing.", ""]
        lines += ["## Carried over", ""]
        for kind, count in self.counts(Outcome.CARRIED).items():
            lines += [f"{count} {kind}{'' if count == 1 else 's'}", ""]
            if kind != "test":
                lines += [f"- {_line(item)}" for item in self.of(Outcome.CARRIED) if item.kind == kind]
                lines.append("")
        return "\n".join(lines)


def _rank(kind: str) -> tuple[int, str]:
    return (KINDS.index(kind), "") if kind in KINDS else (len(KINDS), kind)


def _order(item: Item) -> tuple[str, int, str, str]:
    path, _, line = item.place.rpartition(":")
    return (path, int(line), item.kind, item.name) if line.isdecimal() else (item.place, 0, item.kind, item.name)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _line(item: Item) -> str:
    place = f"`{item.place}` " if item.place else ""
    return f"{place}{item.name}" + (f" → {item.to}" if item.to else "")
