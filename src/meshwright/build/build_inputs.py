"""Inputs of one build: what is read, how the engine scans it, and the record of it that the publication keeps."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from meshwright.build.admission import Admitted
from meshwright.build.continuation import beginners
from meshwright.build.input_comparison import layout, named_columns, wanted_columns
from meshwright.build.outline import CHANGES
from meshwright.build.python_modules import imported_modules
from meshwright.build.reuse import MODULES
from meshwright.engines import TableInput
from meshwright.model.errors import Refused, Unavailable
from meshwright.model.names import PortAddress
from meshwright.model.publication import InputRead, Publication, PublishedPort
from meshwright.reading.changes import new_rows_sql
from meshwright.reading.lost_files import require_files
from meshwright.sources import files

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from meshwright.build.bound import BoundProduct
    from meshwright.build.effective import EffectiveMesh
    from meshwright.build.workshop import Workshop
    from meshwright.engines import Columns
    from meshwright.model.errors import MeshwrightError
    from meshwright.model.product import InputPort, Source
    from meshwright.model.publication import DataFile
    from meshwright.sources.opening import Brought


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildInput:
    """One input port as this build reads it. `read` is for the publication; `port` the publication's port, if any."""

    name: str
    table: TableInput
    read: InputRead
    port: PublishedPort | None = None
    # The files that the build opens, of those that are recorded.
    opened: tuple[str, ...] = ()


class BuildInputs:
    """Resolves a product's inputs once, so that everything the build does reads the same state."""

    def __init__(
        self,
        workshop: Workshop,
        mesh: EffectiveMesh,
        bound: BoundProduct,
        *,
        full: bool,
        listed: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self.workshop = workshop
        self.mesh = mesh
        self.bound = bound
        self.full = full
        # By `product:input` the sha-256 of each file, as the plan saw them.
        self.listed = listed or {}
        self.heads: dict[str, Publication] = {}
        # The local copies of remote inputs, by name.
        self.brought: dict[str, Brought] = {}
        # The transformations to which every row is new.
        self.begin: frozenset[str] = frozenset()

    def read(self, head: Publication | None) -> dict[str, BuildInput]:
        """Every input that a transformation reads, by name; *head* says what the last publication read."""
        used = {name for one in self.bound.transformations for name in one.inputs}
        before = {} if head is None or self.full else {read.name: read for read in head.inputs}
        self.begin = beginners(head, self.bound) if before else frozenset()
        found = {}
        for port in self.bound.product.input_ports:
            if port.name in used:
                previous = before.get(port.name)
                found[port.name] = self._outside(port, previous) if port.source else self._published(port, previous)
        if modules := imported_modules(self.workshop.root, self.bound):
            read = InputRead(name=MODULES, files=modules)
            found[MODULES] = BuildInput(name=MODULES, table=TableInput(name=MODULES, scan=""), read=read)
        return found

    def whole(self, port: InputPort) -> BuildInput:
        """One input port as a first build reads it."""
        return self._outside(port, None) if port.source else self._published(port, None)

    def _published(self, port: InputPort, before: InputRead | None) -> BuildInput:
        workshop = self.workshop
        target = self.mesh.reads[self.bound.product.id, port.name]
        upstream = self._head(target.product)
        served = upstream.port(target.port, target.major)
        if served is None:
            message = f"{target.product} does not serve {target.port}@{target.major} in {workshop.environment} yet: build it first"
            raise Unavailable(message)
        wanted = wanted_columns(self.bound, port)
        admitted = self._admitted(port, upstream, served, before)
        current = workshop.registry.files(served.table, served.snapshot)
        scan = admitted.scan(current, workshop.locate)
        changes, taken = None, 0
        if before is not None and before.product == target.product and before.port == target.port:
            taken = self._taken(before, upstream)
            # What a rollback brought back was taken before.
            changes = (
                f"SELECT * FROM ({scan}) WHERE false" if taken else self._new_rows(before, served, wanted, admitted)
            )
        versions = {**served.columns, "": str(served.rows)}
        read = InputRead(
            name=port.name,
            product=target.product,
            port=target.port,
            major=target.major,
            sequence=upstream.sequence,
            columns={name: versions[name] for name in sorted(wanted) if name in versions},
            reading=layout((field.name for field in served.schema), wanted),
            restriction=admitted.digest,
            rows=served.rows,
            bytes=served.bytes,
            taken=taken,
        )
        columns = tuple((field.name, field.type) for field in admitted.fields)
        table = TableInput(name=port.name, scan=scan, changes=changes, columns=columns)
        return BuildInput(name=port.name, table=table, read=read, port=served)

    def _taken(self, before: InputRead, upstream: Publication) -> int:
        """The publication up to which an appending port has taken rows, when *upstream* was rolled back behind it; else 0.

        A merging port follows a rollback instead: rows that come again replace themselves.
        """
        last = before.taken or before.sequence
        appends = any(port.materialization == "append" for port in self.bound.product.output_ports)
        return last if appends and upstream.sequence < last else 0

    def _admitted(
        self, port: InputPort, upstream: Publication, served: PublishedPort, before: InputRead | None
    ) -> Admitted:
        """What policies leave the product to read of *served*. Raises Denied, Refused."""
        product, target = self.bound.product, self.mesh.reads[self.bound.product.id, port.name]
        address = PortAddress.of(target.product, target.port, target.major)
        admitted = Admitted(self.workshop.admission, product.id, address, upstream, served, is_kept=True)
        admitted.require(named_columns(self.bound, port.name))
        if before is not None and any(one.materialization != "full" for one in product.output_ports):
            admitted.require_same(before.restriction, product.id)
        return admitted

    def _new_rows(self, before: InputRead, served: PublishedPort, read: set[str], admitted: Admitted) -> str | None:
        """The rows that came since *before* was read, told by the columns *read*.

        None, for everything, when that was another table: an appending port is refused then. Raises Refused.
        """
        registry, sequence = self.workshop.registry, before.taken or before.sequence
        old = registry.publication(self.workshop.environment, before.product, sequence).port(before.port, before.major)
        if old is None or not served.continues(old):
            self._require_whole(before)
            return None
        now = registry.files(served.table, served.snapshot)
        earlier = self._compacted(before, registry.files(old.table, old.snapshot), now)
        return new_rows_sql(
            earlier, now, admitted.fields, lambda files: admitted.scan(files, self.workshop.locate), read=read
        )

    def _compacted(self, before: InputRead, earlier: Sequence[DataFile], now: Sequence[DataFile]) -> Sequence[DataFile]:
        """The files that hold the rows of *earlier*, which *before* read, after they were compacted, if they were.

        Then what is new can be told by files, and rows need not be compared.
        """
        if {file.path for file in earlier} <= {file.path for file in now}:
            return earlier
        registry, last = self.workshop.registry, before.taken or before.sequence
        following = [
            one for one in registry.publications(self.workshop.environment, before.product)[::-1] if one.sequence > last
        ]
        for one in following:
            port = one.port(before.port, before.major)
            if not one.compacted or one.parent != last or port is None:
                break
            last, earlier = one.sequence, registry.files(port.table, port.snapshot)
        return earlier

    def _require_whole(self, before: InputRead) -> None:
        """Raise Refused where the rows of *before* would be appended a second time, from another table."""
        appends = any(port.materialization == "append" for port in self.bound.product.output_ports)
        if appends and any(before.name in one.changes for one in self.bound.transformations):
            raise Refused(
                f"input {before.name} is another table now than publication {before.sequence} of {before.product}, so new rows "
                f"cannot be told from those appended before: `mesh build --full --select {self.bound.product.id}` begins anew"
            )

    def _head(self, product: str) -> Publication:
        if product not in self.heads:
            head = self.workshop.registry.head(self.workshop.environment, product)
            if head is None:
                raise Unavailable(f"{product} is not published in {self.workshop.environment} yet: build it first")
            self.heads[product] = head
        return self.heads[product]

    def _outside(self, port: InputPort, before: InputRead | None) -> BuildInput:
        if self.workshop.admission is not None:
            self.workshop.admission.require_source(self.bound.product.id, port.name)
        source, columns = self.workshop.sources.source(self.bound.product, port)
        if not source.is_remote:
            return self._files(port, source, columns, before)
        from meshwright.build.remote_inputs import RemoteInput

        remote = RemoteInput(
            workshop=self.workshop,
            product=self.bound.product,
            port=port,
            source=source,
            columns=columns,
            reads_whole=self._reads_whole(port.name),
        )
        self.brought[port.name], found, read = remote.read(before, self.unpacked())
        return BuildInput(name=port.name, table=found, read=read)

    def told(self, error: MeshwrightError) -> MeshwrightError:
        """*error* with the names of sources instead of the local copies' paths."""
        for brought in self.brought.values():
            error = brought.told(error)
        return error

    def _files(self, port: InputPort, source: Source, columns: Columns, before: InputRead | None) -> BuildInput:
        workshop = self.workshop
        prints, fresh, opened = self._listed(port, source, before)
        unpacked = self.unpacked()
        scan = files.scan(workshop.root, source, columns, unpacked=unpacked, files=opened)
        changes = None
        if before is not None:
            changes = files.scan(workshop.root, source, columns, unpacked=unpacked, files=fresh)
        size = sum((workshop.root / path.partition("!")[0]).stat().st_size for path in opened)
        read = InputRead(
            name=port.name, files=prints, reading=workshop.sources.reading(self.bound.product, port), bytes=size
        )
        table = TableInput(name=port.name, scan=scan, changes=changes, columns=columns)
        return BuildInput(name=port.name, table=table, read=read, opened=tuple(opened))

    def _listed(
        self, port: InputPort, source: Source, before: InputRead | None
    ) -> tuple[dict[str, str], list[str], list[str]]:
        """Every file of an input with its sha-256, those that are new, and those that this build opens.

        What the plan listed is taken as it is when the files that are opened still are what it saw. These very files are
        recorded: one that comes meanwhile would be read now, and again as new.
        """
        root, cache = self.workshop.root, self.workshop.cache
        seen = dict(self.listed.get(f"{self.bound.product.id}:{port.name}", {}))
        # A file that the head has read came after the plan, and another build took it: without it in the record of this
        # one, the next would take it again.
        if seen and (before is None or before.files.keys() <= seen.keys()):
            fresh, opened = self._opened(port.name, seen, before)
            with contextlib.suppress(Unavailable):
                if files.fingerprints(root, opened, cache=cache) == {path: seen[path] for path in opened}:
                    return seen, fresh, opened
        now = files.fingerprints(root, files.files(root, source), cache=cache)
        return now, *self._opened(port.name, now, before)

    def _opened(self, name: str, prints: dict[str, str], before: InputRead | None) -> tuple[list[str], list[str]]:
        if before is None:
            return list(prints), list(prints)
        fresh = [path for path, digest in prints.items() if before.files.get(path) != digest]
        return fresh, list(prints) if self._reads_whole(name) else fresh

    def _reads_whole(self, name: str) -> bool:
        """Whether a transformation may read more of an input than what is new in it."""
        return any(
            port == name and (one.language != "sql" or not table.endswith(CHANGES) or one.name in self.begin)
            for one in self.bound.transformations
            for table, port in one.tables.items()
        )

    def unpacked(self) -> Path:
        """Where archives of this product's inputs are unpacked for this run."""
        return self.workshop.staging / self.bound.product.id / "unpacked"

    def verify(self, inputs: dict[str, BuildInput]) -> None:
        """Make sure that no file changed while it was read. Raises Unavailable naming the ones that did."""
        for one in inputs.values():
            if one.opened:
                files.verify_unchanged(self.workshop.root, {path: one.read.files[path] for path in one.opened})

    def require_files(self, inputs: dict[str, BuildInput], head: Publication | None, error: str) -> None:
        """Raise Unavailable when published data that the build read is gone or damaged: that is to blame for *error*."""
        ports = [(one.read.product, one.port) for one in inputs.values() if one.port is not None]
        ports += [(self.bound.product.id, port) for port in (head.ports if head is not None else ())]
        for product, port in ports:
            if port.table and port.kind == "tables":
                found = self.workshop.registry.files(port.table, port.snapshot)
                address = product if port.name == product.partition(".")[2] else f"{product}.{port.name}"
                require_files(found, port=address, product=product, warehouse=self.workshop.warehouse, error=error)


def without_progress(read: InputRead) -> InputRead:
    """*read* without what may differ although nothing was read anew: the publication's number and sizes."""
    return replace(read, sequence=0, rows=0, bytes=0, taken=0)
