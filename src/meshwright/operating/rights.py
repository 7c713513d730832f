"""Rights: what the one who calls may change. Each answer is kept before anything is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshwright.governance.actions import ADMINISTER, Target
from meshwright.model.access_record import AccessRecord
from meshwright.model.errors import Denied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from meshwright.governance.authority import Authority
    from meshwright.model.mesh import Mesh
    from meshwright.model.publication import Publication
    from meshwright.operating.sign_in import Caller
    from meshwright.storage import Access


class Rights:
    """Asks the policies that bind on behalf of *caller*. The owner of a mesh on this machine may do everything."""

    def __init__(
        self, caller: Caller, authority: Authority, access: Access, *, environment: str, now: Callable[[], datetime]
    ) -> None:
        self.caller, self.authority, self.access = caller, authority, access
        self.environment, self.now = environment, now

    def require(
        self, action: str, targets: Iterable[Target], *, is_hidden: Callable[[str], bool] = lambda _: False
    ) -> None:
        """Raise Denied, naming every one of *targets* that the caller may not do *action* to, and why.

        Products that *is_hidden* says may not be named are counted.
        """
        principal = self.caller.principal
        if principal.is_owner:
            return
        problems, hidden, of_token = [], 0, ""
        for target in targets:
            why = of_token = self.caller.refused() or self._out_of_scope()
            said: tuple[str, ...] = ()
            if not why:
                why, said = self.authority.refusal(principal, action, target)
            self._keep(action, target, why, said)
            if why and is_hidden(target.product):
                hidden += 1
            elif why:
                problems.append(f"{principal} may not {action} {target}: {why}")
        if hidden:
            # What may not be discovered is not named.
            because = f": {of_token}" if of_token else ""
            problems.append(f"{principal} may not {action} {hidden} more that belong to others{because}")
        if problems:
            raise Denied("\n".join(problems))

    def settle(self, action: str, target: Target, why: str, *, is_reading: bool = False) -> None:
        """Keep what was decided about *action* without policies: *why* it is refused, "" when it is not. Raises Denied.

        *is_reading* is what a token that is for reading only is good for, too.
        """
        principal = self.caller.principal
        if principal.is_owner:
            return
        why = self.caller.refused() or why or ("" if is_reading else self._out_of_scope())
        self._keep(action, target, why, ())
        if why:
            raise Denied(f"{principal} may not {action} of {target}: {why}")

    def _out_of_scope(self) -> str:
        """A token for some ports or purposes is one to read with."""
        scope = self.caller.scope
        return "the token is for reading only" if scope.ports or scope.purposes else ""

    def allows(self, action: str, target: Target) -> bool:
        """Whether the caller may do *action* to *target*; what only is to be shown is not kept."""
        principal, scope = self.caller.principal, self.caller.scope
        beyond = scope.excludes_port(target.port.address) if target.port is not None else self._out_of_scope()
        return not (self.caller.refused() or beyond or self.authority.refusal(principal, action, target)[0])

    def administer(self) -> None:
        """Raise Denied unless the caller may administer the whole mesh, as those may who act in another's name."""
        self.require(ADMINISTER, [Target()])

    def _keep(self, action: str, target: Target, why: str, said: tuple[str, ...]) -> None:
        self.access.record(
            AccessRecord(
                at=self.now().isoformat(),
                **self.caller.principal.record,
                port=target.product or target.domain,
                publication=0,
                action=action,
                environment=self.environment,
                door="cli",
                allowed=not why,
                reasons=(why,) if why else (),
                policies=said,
            )
        )


def product_targets(names: Iterable[str], mesh: Mesh, heads: Mapping[str, Publication]) -> list[Target]:
    """The products called *names*, as policies see them: as this checkout says, else as they were published.

    The tags of a domain are both: its file may be elsewhere, or broken.
    """
    found = []
    for name in names:
        product, head = mesh.products.get(name), heads.get(name)
        descriptor = head.descriptor if head is not None else {}
        domain = name.partition(".")[0]
        of_domain = {*(mesh.domains[domain].tags if domain in mesh.domains else ()), *descriptor.get("domain_tags", ())}
        found.append(
            Target(
                domain=domain,
                product=name,
                domain_tags=tuple(sorted(of_domain)),
                tags=product.tags if product is not None else tuple(descriptor.get("tags", ())),
                status=product.status if product is not None else str(descriptor.get("status", "")),
                owner=product.owner if product is not None else str(descriptor.get("owner", "")),
            )
        )
    return found
