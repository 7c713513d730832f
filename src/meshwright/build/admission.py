"""What policies leave a data product to read of other products' ports: products act, too."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from meshwright.model.errors import Denied, NotFound, Refused
from meshwright.model.names import PortAddress
from meshwright.model.restriction import EVERYTHING, PSEUDONYM
from meshwright.reading.resolve import ResolvedPort
from meshwright.reading.restricted_scan import restricted_scan, visible_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from meshwright.model.publication import DataFile, Field, InputRead, Publication, PublishedPort
    from meshwright.model.restriction import Restriction
    from meshwright.reading.locked_query import Relation
    from meshwright.reading.masks import Keys
    from meshwright.storage import Registry


class Admission(Protocol):
    """Decides about what a product's transformations read, by the policies that bind now."""

    @property
    def keys(self) -> Keys:
        """What masks hash with."""
        ...

    def principal(self, product: str) -> str:
        """Who reads when *product* does: a principal as `--as` takes it."""
        ...

    def restrict(self, product: str, resolved: ResolvedPort, *, is_kept: bool) -> Restriction:
        """What *product* may see of a port for its purpose; the decision goes into the audit log when it *is_kept*. Raises Denied."""
        ...

    def read_by(self, product: str) -> Collection[ResolvedPort]:
        """The ports of others that *product* has read so far, or asked for."""
        ...

    def took(self, product: str, reads: Sequence[InputRead], *, seconds: float) -> None:
        """Keep that *product* read what *reads* says, in so many *seconds*. Raises Unavailable when that cannot be kept."""
        ...

    def run_locked(self, name: str, sql: str, relations: Sequence[Relation], path: Path) -> bool:
        """Write the rows of *sql*, called *name*, over *relations* to *path*, where a process of its own runs it; else False."""
        ...

    def require_source(self, product: str, name: str) -> None:
        """Raise Denied when what *product* reads as *name* from outside the mesh may not be read."""
        ...


class Admitted:
    """One port as a product may read it: everything, where no policies are published."""

    def __init__(
        self,
        admission: Admission | None,
        product: str,
        address: PortAddress,
        upstream: Publication,
        served: PublishedPort,
        *,
        is_kept: bool,
    ) -> None:
        self._admission = admission
        self._reader = admission.principal(product) if admission is not None else product
        self._resolved = ResolvedPort(address=address, publication=upstream, port=served, files=())
        self.restriction = EVERYTHING
        if admission is not None:
            self.restriction = admission.restrict(product, self._resolved, is_kept=is_kept)

    @property
    def digest(self) -> str:
        """A hash of what is left and of what it is hashed with; "" for everything."""
        found = self.restriction.digest
        if found and self._admission is not None and PSEUDONYM in self.restriction.actions.values():
            key = hashlib.sha256(self._admission.keys.pseudonym).hexdigest()
            found = hashlib.sha256(f"{found} {key}".encode()).hexdigest()
        return found

    @property
    def fields(self) -> tuple[Field, ...]:
        """The columns that are left."""
        return visible_fields(self._resolved.port.schema, self.restriction)

    def scan(self, files: Sequence[DataFile], locate: Callable[[str], str]) -> str:
        """A SELECT of what is left of *files*."""
        keys = self._admission.keys if self._admission is not None and self.restriction.actions else None
        part = replace(self._resolved, files=files)
        return restricted_scan(part, locate=locate, restriction=self.restriction, keys=keys)

    def require(self, columns: Collection[str]) -> None:
        """Raise Denied when any of *columns*, which are used, is absent for the reader."""
        served = {field.name for field in self._resolved.port.schema}
        absent = sorted((served & set(columns)) - {field.name for field in self.fields})
        if absent:
            raise Denied(
                f"policies leave {self._reader} no column {', '.join(absent)} of {self._resolved.address}: read without it, or "
                f"ask its owner; `mesh policy explain {self._resolved.address} --as {self._reader}` says more"
            )

    def require_same(self, before: str, product: str) -> None:
        """Raise Refused when what may be read is not what was, as *before* (a digest) says, and rows were kept since."""
        if before != self.digest:
            raise Refused(
                f"policies leave {self._reader} something else of {self._resolved.address} than when its rows were kept: "
                f"`mesh build --full --select {product}` begins anew"
            )


def require_admitted(admission: Admission | None, registry: Registry, environment: str, made: Publication) -> None:
    """Raise Refused when *made* reads something else than policies leave its product in *environment* now."""
    for read in made.inputs if admission is not None else ():
        if not read.product:
            continue
        upstream: Publication | None
        try:
            upstream = registry.publication(made.environment, read.product, read.sequence)
        except NotFound:
            # It is too long ago: what is served now is as good a measure as there is.
            upstream = registry.head(environment, read.product)
        served = upstream.port(read.port, read.major) if upstream is not None else None
        if upstream is None or served is None:
            continue
        address = PortAddress.of(read.product, read.port, read.major)
        admitted = Admitted(admission, made.product, address, upstream, served, is_kept=False)
        if read.restriction != admitted.digest:
            raise Refused(
                f"publication {made.sequence} of {made.product} was made of something else than policies leave it of {address} in "
                f"{environment} now: build it there, `mesh build --env {environment} --select {made.product}`"
            )
