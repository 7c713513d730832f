"""Semantic versions (semver.org 2.0.0) and the ranges an input port may ask for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

SEMANTIC = re.compile(r"v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?\Z")
COMPARATOR = re.compile(r"(>=|<=|>|<|==|=|\^|~)?\s*v?(\d+)(?:\.(\d+|x|\*))?(?:\.(\d+|x|\*))?\Z")


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A semantic version; build metadata is dropped, a leading `v` is allowed."""

    major: int
    minor: int
    patch: int
    # A release sorts after its own pre-releases: "~" is above every pre-release character.
    prerelease: str = "~"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The version written in *text*. Raises ValueError when it is not semantic."""
        match = SEMANTIC.match(text.strip())
        if match is None:
            message = f"'{text}' is not a semantic version: write MAJOR.MINOR.PATCH, e.g. 1.0.0"
            raise ValueError(message)
        major, minor, patch, prerelease = match.groups()
        return cls(int(major), int(minor), int(patch), prerelease or "~")

    def __str__(self) -> str:
        suffix = "" if self.prerelease == "~" else f"-{self.prerelease}"
        return f"{self.major}.{self.minor}.{self.patch}{suffix}"


@dataclass(frozen=True, slots=True)
class VersionRange:
    """The versions from *lowest* (included) up to *below* (excluded); None is unbounded."""

    lowest: Version | None = None
    below: Version | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """The range written as `1`, `1.2`, `1.x`, `^1.2.0`, `~1.2`, `>=1.0,<3`, `1.2.0` or `*`.

        A bare version means "compatible with it": the same major from that version on (below 1.0.0 the
        same minor). Raises ValueError for anything else.
        """
        lowest: Version | None = None
        below: Version | None = None
        for part in filter(None, (piece.strip() for piece in text.split(","))):
            if part == "*":
                continue
            low, high = _bounds(part)
            lowest = low if lowest is None or (low is not None and low > lowest) else lowest
            below = high if below is None or (high is not None and high < below) else below
        return cls(lowest, below)

    def __contains__(self, version: Version) -> bool:
        return (self.lowest is None or version >= self.lowest) and (self.below is None or version < self.below)


def _bounds(part: str) -> tuple[Version | None, Version | None]:
    match = COMPARATOR.match(part)
    if match is None:
        message = f"'{part}' is not a version range: write e.g. 1.x, ^1.2.0 or >=1.0,<3"
        raise ValueError(message)
    sign, first, second, third = match.groups()
    wild = second in {None, "x", "*"}
    patch_wild = third in {None, "x", "*"}
    base = Version(int(first), 0 if wild else int(second), 0 if patch_wild else int(third))
    next_minor, next_major = Version(base.major, base.minor + 1, 0), Version(base.major + 1, 0, 0)
    # What "the same as this version" ends at depends on how much of it was written.
    same_until = next_major if wild else next_minor if patch_wild else Version(base.major, base.minor, base.patch + 1)
    compatible = next_minor if base.major == 0 and not wild else next_major
    table: dict[str | None, tuple[Version | None, Version | None]] = {
        ">=": (base, None),
        ">": (same_until, None),
        "<": (None, base),
        "<=": (None, same_until),
        "=": (base, same_until),
        "==": (base, same_until),
        "~": (base, next_major if wild else next_minor),
        "^": (base, compatible),
        None: (base, compatible),
    }
    return table[sign]
