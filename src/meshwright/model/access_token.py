"""Access tokens: what a mesh hands out to those who come without an identity provider, such as a job or an agent."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a token is good for: `ports` are patterns of addresses, `purposes` names, with what is part of them; no limit when empty."""

    ports: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()

    def excludes_port(self, port: str) -> str:
        """Why *port* may not be read with the token for any purpose, "" when it may for some."""
        is_named = not self.ports or any(fnmatchcase(port, pattern) for pattern in self.ports)
        return "" if is_named else f"the token is for {', '.join(self.ports)} only"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """One token, without the secret: `digest` is its SHA-256. `principal` is whom it makes its bearer; times are ISO 8601, UTC.

    `id` is what people call it by; `revoked_at` is "" while nobody has revoked it. `made_with` is the id of the token of the
    same principal with which it was made, "" for none: it ends with that one.
    """

    id: str
    digest: str
    principal: str
    created_at: str
    created_by: str
    expires_at: str
    scope: Scope = Scope()
    note: str = ""
    made_with: str = ""
    revoked_at: str = ""

    def refusal(self, now: str) -> str:
        """Why the token is good for nothing at the ISO 8601 time *now*, "" when it is good."""
        if self.revoked_at:
            return f"token {self.id} was revoked"
        return f"token {self.id} expired at {self.expires_at}" if now >= self.expires_at else ""
