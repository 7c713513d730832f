"""Credentials: tokens made, listed and revoked."""

from __future__ import annotations

import re
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from meshwright.governance.access_tokens import digest, new_token
from meshwright.governance.actions import ADMINISTER, Target
from meshwright.governance.identity import known_principal
from meshwright.governance.purposes import UNSPECIFIED, known_purposes
from meshwright.model.access_token import AccessToken, Scope
from meshwright.model.errors import InvalidInput, NotFound
from meshwright.model.names import is_name, nearest
from meshwright.model.principal import AGENT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from meshwright.model.mesh import Mesh
    from meshwright.operating.rights import Rights
    from meshwright.storage import Tokens

# What stands for any name, or part of one, in the pattern of a token's ports.
WILDCARDS: Final = re.compile(r"[*?\[]")


class Credentials:
    """The tokens of *mesh*, as the one who has *rights* may deal with them: its own, and everybody's when it administers."""

    def __init__(self, mesh: Mesh, tokens: Tokens, rights: Rights, *, by: str, now: Callable[[], datetime]) -> None:
        self.mesh, self.tokens, self.rights, self.by, self.now = mesh, tokens, rights, by, now

    def create(
        self, principal: str, *, ports: Sequence[str] = (), purposes: Sequence[str] = (), days: int = 90, note: str = ""
    ) -> tuple[str, AccessToken]:
        """A new token's text, which nothing keeps, and what is kept of it. Raises InvalidInput, NotFound, Denied."""
        caller = self.rights.caller
        is_own = (not principal and not caller.principal.is_owner) or caller.holds(principal)
        is_narrow = caller.scope != Scope() or caller.principal.kind == AGENT
        if is_own or is_narrow:
            principal = caller.principal.spelled if is_own else principal
            why = (
                "agents, and tokens that are good for some ports or purposes only, make no tokens" if is_narrow else ""
            )
            self.rights.settle("make a token", Target(), why)
        else:
            if not principal:
                raise InvalidInput("say for whom: --for USERNAME, service:NAME or agent:NAME/USERNAME")
            self.rights.administer()
        principal = self._known(principal)
        known = known_purposes(self.mesh.settings.purposes)
        unknown = [name for name in purposes if name not in known and name != UNSPECIFIED]
        if unknown:
            guess = nearest(unknown[0], known)
            raise InvalidInput(
                f"there is no purpose '{unknown[0]}'"
                + (f": did you mean {guess}?" if guess else ": `mesh policy purposes`")
            )
        addresses = _addresses(ports)
        text, now = new_token(), self.now()
        ends, made_with = (now + timedelta(days=days)).isoformat(), ""
        if is_own and caller.token is not None:
            # Else whoever found a token could keep what it opens.
            ends, made_with = min(ends, caller.token.expires_at), caller.token.id
        token = AccessToken(
            id=secrets.token_hex(4),
            digest=digest(text),
            principal=principal,
            scope=Scope(ports=addresses, purposes=tuple(purposes)),
            created_at=now.isoformat(),
            created_by=self.by,
            expires_at=ends,
            note=note,
            made_with=made_with,
        )
        self.tokens.add(token)
        return text, token

    def _known(self, principal: str) -> str:
        """*principal* as the mesh spells it. Raises NotFound, which names those that it knows to who may administer it."""
        try:
            return known_principal(principal, self.mesh).spelled
        except NotFound:
            if self.rights.caller.principal.is_owner or self.rights.allows(ADMINISTER, Target()):
                raise
            raise NotFound(
                f"this mesh does not know {principal}: only people and accounts in its files have tokens"
            ) from None

    def visible(self) -> list[AccessToken]:
        """The tokens that the caller may know of: its own, and all when it may administer the mesh.

        A token's scope names ports: with one that has a scope, only those of the same.
        """
        caller, scope = self.rights.caller.principal, self.rights.caller.scope
        found = list(self.tokens.tokens())
        if self.rights.allows(ADMINISTER, Target()):
            return found
        return [one for one in found if one.principal == caller.spelled and scope in {Scope(), one.scope}]

    def revoke(self, token_id: str) -> AccessToken:
        """The token called *token_id*, good for nothing from now on, nor are those made with it. Raises NotFound, Denied."""
        caller, every = self.rights.caller.principal, self.tokens.tokens()
        own = {one.id for one in every if one.principal == caller.spelled}
        if token_id in own:
            self.rights.settle("revoke a token", Target(), "", is_reading=True)
        else:
            self.rights.administer()
        at, ended = self.now().isoformat(), {token_id}
        revoked = self.tokens.revoke(token_id, at)
        # By creation: whatever was made with one comes after it.
        for one in every:
            if one.made_with in ended:
                ended.add(one.id)
                self.tokens.revoke(one.id, at)
        return revoked


def _addresses(patterns: Sequence[str]) -> tuple[str, ...]:
    """*patterns* as addresses are compared: `domain.product` is the port that bears the product's name.

    Raises InvalidInput for those that no address can be like: a token for nothing helps nobody.
    """
    found, wrong = [], []
    for pattern in patterns:
        names = pattern.split(".")
        if not (WILDCARDS.search(pattern) or (len(names) in {2, 3} and all(is_name(name) for name in names))):
            wrong.append(f"'{pattern}'")
        elif len(names) == 2 and is_name(names[1]):  # noqa: PLR2004 - domain, product
            found.append(f"{pattern}.{names[1]}")
        else:
            found.append(pattern)
    if wrong:
        raise InvalidInput(
            f"{', '.join(wrong)}: no port is called so; write DOMAIN.PRODUCT, DOMAIN.PRODUCT.PORT or a pattern as 'sales.*'"
        )
    return tuple(found)
