"""Names and addresses: `domain.product.port`, `@major`, and the shape every name has."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
NAME_LENGTH_MAX = 63


def is_name(text: str) -> bool:
    """Whether *text* may name a domain, product, port, step or environment."""
    return len(text) <= NAME_LENGTH_MAX and NAME.match(text) is not None


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that *word* most likely meant, or None when nothing is close."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return close[0] if close else None


@dataclass(frozen=True, slots=True, order=True)
class PortAddress:
    """Where an output port is: domain, product, port and, when pinned, its major version."""

    domain: str
    product: str
    port: str
    major: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """The address written as `domain.product[.port][@major]`.

        Raises ValueError when the text is not two or three names and an optional major version.
        """
        path, _, major = text.partition("@")
        parts = path.split(".")
        if len(parts) not in {2, 3} or not all(is_name(part) for part in parts):
            message = f"'{text}' is not an address: write domain.product or domain.product.port"
            raise ValueError(message)
        if "@" in text and not major.isdecimal():
            message = f"'{text}' has no major version after '@': write a whole number"
            raise ValueError(message)
        return cls(parts[0], parts[1], parts[-1], int(major) if major else None)

    @classmethod
    def of(cls, product_id: str, port: str, major: int | None) -> Self:
        """The address of a *port* of the product `domain.product`."""
        domain, _, product = product_id.partition(".")
        return cls(domain, product, port, major)

    @property
    def product_id(self) -> str:
        """`domain.product`."""
        return f"{self.domain}.{self.product}"

    def __str__(self) -> str:
        port = "" if self.port == self.product else f".{self.port}"
        major = "" if self.major is None else f"@{self.major}"
        return f"{self.domain}.{self.product}{port}{major}"
