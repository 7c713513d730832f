"""Known names: those of products, ports and columns that the one who calls may be told of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from meshwright.build.words import Words, words_of_ports
from meshwright.governance.actions import DISCOVER, Target
from meshwright.governance.port_facts import facts_of
from meshwright.model.names import PortAddress
from meshwright.reading.catalogue import discovered_ports
from meshwright.reading.restricted_scan import visible_fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from meshwright.governance.decisions import Decision
    from meshwright.governance.port_facts import PortFacts
    from meshwright.model.findings import Finding
    from meshwright.model.mesh import Domain
    from meshwright.model.publication import Publication, PublishedPort
    from meshwright.operating.rights import Rights
    from meshwright.storage import Registry

# Findings about a query whose hint is the nearest name, also of what belongs to others.
SUGGESTING: Final = frozenset({"unknown-input", "sql-unknown-table", "sql-unknown-column"})


def without_suggestion(finding: Finding) -> Finding:
    """*finding* as it is told to whoever may not discover everything: names in files are its own, the nearest ones are not."""
    return replace(finding, hint="see `mesh list`") if finding.code in SUGGESTING else finding


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownNames:
    """The names that the one who has *rights* may be told of; *domains* are those of this checkout.

    Ports are those that policies let it discover and its token is for, as they are served now; products are theirs.
    """

    registry: Registry
    rights: Rights
    domains: Mapping[str, Domain]

    def ports(self, environment: str) -> list[PortAddress]:
        """The ports served in *environment*, each with its major version."""
        return [
            PortAddress.of(head.product, port.name, port.major)
            for head in self.registry.heads(environment).values()
            for port in head.ports
            if self.may_discover(head, port)
        ]

    def products(self, environment: str) -> list[str]:
        """The products served in *environment*, by id."""
        return list(dict.fromkeys(port.product_id for port in self.ports(environment)))

    def domains_told(self, environment: str) -> set[str]:
        """The domains that serve a port of these in *environment*, and those that the one who calls belongs to."""
        served = {port.domain for port in self.ports(environment)}
        return served | set(self.rights.caller.principal.domains)

    def described(self, environment: str) -> list[dict[str, Any]]:
        """The ports served in *environment* as data, without what tells of their rows."""
        return discovered_ports(self.registry, environment, self.may_discover)

    def columns(self, port: str, environment: str, purpose: str) -> list[str]:
        """The columns that a read of *port* would show, in the port's order; none where it would be refused.

        Raises ValueError when *port* is no address.
        """
        address = PortAddress.parse(port)
        head = self.registry.head(environment, address.product_id)
        served = head.port(address.port, address.major) if head is not None else None
        if head is None or served is None:
            return []
        decision = self.decide(head, served, purpose)
        return [one.name for one in visible_fields(served.schema, decision.restriction)] if decision.allowed else []

    def decide(self, head: Publication, served: PublishedPort, purpose: str = "") -> Decision:
        """What a read of *served* would be left, which goes into no log: nothing of its rows is told."""
        return self.rights.caller.decision(self.rights.authority, self._facts(head, served), purpose)

    def may_discover(self, head: Publication, port: PublishedPort) -> bool:
        """Whether the one who calls may be told that there is *port*."""
        facts = self._facts(head, port)
        product = Target(
            domain=facts.domain,
            product=head.product,
            domain_tags=facts.domain_tags,
            tags=facts.product_tags,
            status=facts.status,
            owner=facts.owner,
        )
        # Nobody is told of a port whose product is kept from them; what a token is for is said of ports only.
        return (
            self.rights.allows(DISCOVER, replace(product, port=facts))
            and not self.rights.authority.refusal(self.rights.caller.principal, DISCOVER, product)[0]
        )

    def words(self, environment: str, environments: Iterable[str]) -> Words:
        """What can be named of the ports served in *environment*: no columns, which are asked for one port at a time."""
        return words_of_ports(self.ports(environment), environments)

    def _facts(self, head: Publication, port: PublishedPort) -> PortFacts:
        domain = self.domains.get(head.product.partition(".")[0])
        return facts_of(head, port, domain_tags=domain.tags if domain is not None else ())
