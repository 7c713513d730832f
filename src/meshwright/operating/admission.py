"""Admission: decides what transformations may read: as the product that they belong to, or as the one who tries them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from meshwright.model.access_record import AccessRecord
from meshwright.model.errors import Denied
from meshwright.model.names import PortAddress
from meshwright.model.principal import PRODUCT, Principal
from meshwright.model.restriction import EVERYTHING, REPLACE_WITH_NULL, SHA_256_QUERY_LOCAL
from meshwright.model.usage_record import UsageRecord
from meshwright.reading.guarding import check
from meshwright.reading.locked_query import run_locked
from meshwright.reading.restricted_scan import visible_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime
    from pathlib import Path

    from meshwright.governance.authority import Authority
    from meshwright.governance.decisions import Decision
    from meshwright.governance.port_facts import PortFacts
    from meshwright.model.publication import InputRead
    from meshwright.model.restriction import Restriction
    from meshwright.reading.locked_query import Relation
    from meshwright.reading.masks import Keys
    from meshwright.reading.reader import Reader
    from meshwright.reading.resolve import ResolvedPort
    from meshwright.storage import Access

DOOR = "build"


@dataclass(kw_only=True)
class ReaderAdmission:
    """Lets transformations read what *reader* may: for whoever tries one in somebody's name. `read` is what they did.

    `limits` says what they may see of each port.
    """

    reader: Reader
    read: dict[str, ResolvedPort] = field(default_factory=dict)
    limits: dict[str, Restriction] = field(default_factory=dict)

    @property
    def keys(self) -> Keys:
        """What masks hash with."""
        return self.reader.keys

    def principal(self, product: str) -> str:
        """Who tries it, not the product."""
        del product
        return self.reader.guard.reader.removeprefix("person:") if self.reader.guard is not None else ""

    def restrict(self, product: str, resolved: ResolvedPort, *, is_kept: bool) -> Restriction:
        """What the reader may see of a port, kept as any read is. Raises Denied."""
        del product, is_kept
        restriction = self.reader.restriction(resolved)
        self.read[str(resolved.address)], self.limits[str(resolved.address)] = resolved, restriction
        return restriction

    def read_by(self, product: str) -> Collection[ResolvedPort]:
        """What was read, whatever *product* was tried."""
        del product
        return list(self.read.values())

    def took(self, product: str, reads: Sequence[InputRead], *, seconds: float) -> None:
        """Nothing: what came of it is kept once it has ended, by `ended`."""

    def run_locked(self, name: str, sql: str, relations: Sequence[Relation], path: Path) -> bool:
        """Write the rows of *sql*, which the reader wrote, over *relations* to *path*, by the reader's gate."""
        reader = self.reader
        if reader.guard is None or reader.gate is None:
            return False
        run_locked(reader.gate, reader.guard.reader, sql, relations, path, name=name, check=self.confirm)
        return True

    def confirm(self) -> None:
        """Raise Denied when policies leave something else by now of what was read."""
        if self.reader.guard is not None:
            check(self.reader.guard, [(one, self.limits[address]) for address, one in self.read.items()])

    def ended(self, *, rows: int = 0, size: int = 0, seconds: float) -> None:
        """Keep what was taken, when *rows* of so many bytes came of it. Raises Unavailable when that cannot be kept."""
        if self.reader.guard is not None:
            seen = [
                (one, tuple(field.name for field in visible_fields(one.port.schema, self.limits[address])))
                for address, one in self.read.items()
            ]
            self.reader.guard.used(seen, rows=rows, size=size, seconds=seconds)

    def require_source(self, product: str, name: str) -> None:
        """Policies speak of ports; of what lies outside only the owner knows who may see it."""
        raise Denied(
            f"{product} reads {name} from outside the mesh, of which policies do not speak: only the mesh's owner previews it"
        )


@dataclass(kw_only=True)
class Admission:
    """Decides by the policies that bind in one *environment*; `asked_by` is who builds, as records name it.

    `known` is a product as a principal, and raises Denied while nobody is known; `purpose_of` says what a product reads
    others for. A mask that differs for every read would make kept rows differ from new ones: products get NULL instead.
    """

    facts: Callable[[ResolvedPort, str], PortFacts]
    authority: Authority
    access: Access
    environment: str
    asked_by: str
    known: Callable[[str], Principal]
    purpose_of: Callable[[str], str]
    open_keys: Callable[[], Keys]
    now: Callable[[], datetime]
    decided: dict[tuple[str, str, int], Decision] = field(default_factory=dict)
    resolved: dict[tuple[str, str, int], ResolvedPort] = field(default_factory=dict)
    kept: set[tuple[str, str, int]] = field(default_factory=set)
    opened: Keys | None = None

    @property
    def keys(self) -> Keys:
        """What masks hash with."""
        if self.opened is None:
            self.opened = self.open_keys()
        return self.opened

    def principal(self, product: str) -> str:
        """The product itself."""
        return f"product:{product}"

    def restrict(self, product: str, resolved: ResolvedPort, *, is_kept: bool) -> Restriction:
        """What *product* may see of a port for its purpose; the decision goes into the audit log when it *is_kept*. Raises Denied."""
        if resolved.publication.product == product:
            return EVERYTHING
        key = (product, str(resolved.address), resolved.publication.sequence)
        facts = self.facts(resolved, self.environment)
        decision = self.decided.get(key)
        if decision is None:
            decision = self.authority.decide(self.known(product), facts, self.purpose_of(product))
            self.decided[key], self.resolved[key] = decision, resolved
        if is_kept and key not in self.kept:
            self.kept.add(key)
            self._keep(product, resolved, decision)
        if not decision.allowed:
            raise Denied(
                f"policies do not let product:{product} read {facts.address}: {'; '.join(decision.reasons)}. "
                f"`mesh policy explain {facts.address} --as product:{product}` says more"
            )
        actions = {
            number: REPLACE_WITH_NULL if action == SHA_256_QUERY_LOCAL else action
            for number, action in decision.restriction.actions.items()
        }
        return replace(decision.restriction, actions=actions)

    def read_by(self, product: str) -> Collection[ResolvedPort]:
        """The ports of others that *product* has read so far, or asked for."""
        return [one for (reader, *_), one in list(self.resolved.items()) if reader == product]

    def took(self, product: str, reads: Sequence[InputRead], *, seconds: float) -> None:
        """Keep what a build of *product* read: of each port all rows that it serves. Raises Unavailable when that cannot be kept."""
        principal = Principal(id=product, kind=PRODUCT, impersonated_by=self.asked_by)
        records = []
        for read in reads:
            decision = self.decided.get(
                (product, str(PortAddress.of(read.product, read.port, read.major)), read.sequence)
            )
            if decision is None:
                # Of its own former publications nothing is decided.
                continue
            records.append(
                UsageRecord(
                    at=self.now().isoformat(),
                    **principal.record,
                    port=f"{read.product}.{read.port}",
                    publication=read.sequence,
                    environment=self.environment,
                    purpose=decision.purpose,
                    door=DOOR,
                    columns=tuple(name for name in read.columns if name),
                    rows=read.rows,
                    bytes=read.bytes,
                    seconds=round(seconds, 6),
                )
            )
        if records:
            self.access.use(records)

    def run_locked(self, name: str, sql: str, relations: Sequence[Relation], path: Path) -> bool:
        """Never: a build runs what review let through."""
        del name, sql, relations, path
        return False

    def require_source(self, product: str, name: str) -> None:
        """What it reads from outside is the product's own."""

    def _keep(self, product: str, resolved: ResolvedPort, decision: Decision) -> None:
        principal = Principal(id=product, kind=PRODUCT, impersonated_by=self.asked_by)
        self.access.record(
            AccessRecord(
                at=self.now().isoformat(),
                **principal.record,
                port=f"{resolved.publication.product}.{resolved.port.name}",
                publication=resolved.publication.sequence,
                environment=self.environment,
                door=DOOR,
                **decision.record,
            )
        )
