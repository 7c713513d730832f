"""Signing in: whom a token makes its bearer, and for how long."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from meshwright.governance.access_tokens import PREFIX, digest
from meshwright.governance.decisions import Decision
from meshwright.governance.identity import known_principal, principal_of
from meshwright.governance.key_sets import KeySets
from meshwright.governance.oidc import TokenVerifier
from meshwright.model.access_token import Scope
from meshwright.model.errors import Denied, InvalidInput, NotFound
from meshwright.model.principal import AGENT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from meshwright.governance.authority import Authority
    from meshwright.governance.oidc import Claims
    from meshwright.governance.port_facts import PortFacts
    from meshwright.model.access_token import AccessToken
    from meshwright.model.issuer import Issuer
    from meshwright.model.mesh import Mesh
    from meshwright.model.principal import Principal
    from meshwright.storage import Tokens


UNKNOWN: Final = "nobody handed it out here"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls: a principal, and what the token that it came with is good for. `refused` says why it is good no more.

    `token` is that one, where the mesh handed it out.
    """

    principal: Principal
    scope: Scope = field(default_factory=Scope)
    token: AccessToken | None = None
    refused: Callable[[], str] = str

    def holds(self, name: str) -> bool:
        """Whether *name*, as `--as` takes it, is the caller's own; the owner reads as somebody else even then."""
        return not self.principal.is_owner and name in {self.principal.spelled, f"person:{self.principal.spelled}"}

    def decision(self, authority: Authority, port: PortFacts, purpose: str) -> Decision:
        """What *authority* lets the caller read of *port* for *purpose*, with the token that it came with."""
        found = authority.decide(self.principal, port, purpose, among=self.scope.purposes)
        return self.within(found, port.address)

    def within(self, decision: Decision, port: str) -> Decision:
        """*decision* about the address *port*, made for the token's purposes; a denial where it is not good for the port."""
        refused = self.refused() or self.scope.excludes_port(port)
        if not refused:
            return decision
        return Decision(allowed=False, purpose=decision.purpose, reasons=(refused,), masks={})


class SignIn:
    """Knows the bearers of tokens: those of the mesh itself, and those of the *issuers* that it trusts."""

    def __init__(
        self,
        mesh: Callable[[], Mesh],
        tokens: Tokens,
        issuers: Sequence[Issuer],
        now: Callable[[], datetime],
        *,
        key_sets: KeySets | None = None,
    ) -> None:
        self._mesh, self._tokens, self._now = mesh, tokens, now
        self._verifier = TokenVerifier(issuers, key_sets or KeySets(), now) if issuers else None

    def caller(self, text: str) -> Caller:
        """Whom the token *text* makes its bearer. Raises Denied, which never repeats the token."""
        if text.startswith(PREFIX):
            return self._of_mesh(text)
        if self._verifier is None:
            raise Denied(
                "the token is none of this mesh (`mesh token create` makes one), and mesh.yaml trusts no issuer; "
                "if it names one, `mesh validate` says what is wrong with it"
            )
        return self._of_issuer(self._verifier.verify(text))

    def _of_issuer(self, claims: Claims) -> Caller:
        mesh, issuer = self._mesh(), claims.issuer
        principal = principal_of(claims.subject, issuer.kind, mesh, groups=claims.groups, attributes=claims.attributes)
        if claims.actor:
            principal = principal_of(claims.actor, AGENT, mesh, acts_for=principal)
        ends = claims.expires + issuer.skew_seconds
        return Caller(
            principal=principal,
            refused=lambda: "the token has expired" if self._now().timestamp() >= ends else "",
        )

    def _of_mesh(self, text: str) -> Caller:
        try:
            key = digest(text)
        except ValueError as error:
            raise Denied(f"the token cannot be used: {error}") from None
        token = self._tokens.find(key)
        if token is None:
            raise Denied(f"the token cannot be used: {UNKNOWN}")
        if why := token.refusal(self._now().isoformat()):
            raise Denied(f"the token cannot be used: {why}")
        try:
            principal = known_principal(token.principal, self._mesh())
        except (InvalidInput, NotFound):
            # What the mesh says of a name that it does not know tells those that it knows.
            raise Denied(f"the token cannot be used: {token.principal} is not known any more") from None
        return Caller(principal=principal, scope=token.scope, token=token, refused=lambda: self._refused(key))

    def _refused(self, key: str) -> str:
        token = self._tokens.find(key)
        return token.refusal(self._now().isoformat()) if token is not None else UNKNOWN
