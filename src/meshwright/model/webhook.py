"""Webhooks: who is told when a product becomes late, failing, blocked, or well again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

# What a product can be told of as; `recovered` is when it was one of the others before.
TOLD: Final = ("late", "failing", "blocked", "recovered")


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """One URL, what it is told (`on`), and of which `domains` (() all).

    `url` is text or a reference to a secret such as {"env": NAME}; `secret`, by which messages are signed, is a reference or
    None. `name` says where it is declared, for messages that must not repeat the URL.
    """

    name: str
    url: str | dict[str, Any]
    on: tuple[str, ...] = TOLD
    domains: tuple[str, ...] = ()
    secret: dict[str, Any] | None = None
