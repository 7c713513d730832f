"""Publishing: staged results become snapshots and one publication; one compare-and-set makes all of it visible."""

from __future__ import annotations

import hashlib
import logging
import secrets
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshwright.build.continuation import continued, older_majors
from meshwright.build.fingerprints import (
    code_fingerprint,
    contract_fingerprint,
    event_time_of,
    key_of,
    settings_fingerprint,
    settings_of,
)
from meshwright.build.reuse import label
from meshwright.model.errors import Unavailable
from meshwright.model.publication import Artifact, Publication, PublishedPort
from meshwright.reading.lost_files import are_intact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshwright.build.bound import BoundProduct
    from meshwright.build.materialization import TableState
    from meshwright.build.outline import ParsedTransformation
    from meshwright.build.transforming import StagedPort
    from meshwright.build.workshop import Workshop
    from meshwright.model.publication import DataFile, Field, InputRead, Snapshot
    from meshwright.model.results import RuleResult

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PortResult:
    """What is to be published for one port: its staged result and, for a table, the next state that was tested."""

    staged: StagedPort
    state: TableState | None = None
    quarantined: Sequence[DataFile] = ()
    quarantine_schema: tuple[Field, ...] = ()


class Publishing:
    """Makes the publication of one product build, on top of *head*."""

    def __init__(self, workshop: Workshop, bound: BoundProduct, head: Publication | None) -> None:
        self.workshop = workshop
        self.bound = bound
        self.head = head
        self.snapshots: list[Snapshot] = []
        # Where artifacts are stored, by checksum.
        self.stored = {one.sha256: one.location for port in (head.ports if head else ()) for one in port.artifacts}

    def publish(
        self,
        results: Sequence[PortResult],
        *,
        inputs: Sequence[InputRead],
        tests: dict[str, tuple[RuleResult, ...]],
        reason: str,
        seconds: float,
    ) -> Publication:
        """Commit every table, then move the head to the new publication. Raises Conflict when the head has moved."""
        ports = [self._files_port(one) if one.state is None else self._table_port(one, one.state) for one in results]
        return self.record(
            [*ports, *older_majors(self.head, self.bound.product, self.workshop.now().date())[0]],
            inputs=inputs,
            tests=tests,
            reason=reason,
            seconds=seconds,
        )

    def record(
        self,
        ports: Sequence[PublishedPort],
        *,
        inputs: Sequence[InputRead],
        tests: dict[str, tuple[RuleResult, ...]],
        reason: str,
        seconds: float,
    ) -> Publication:
        """Publish *ports*, whose snapshots are committed already."""
        workshop, product = self.workshop, self.bound.product
        head = self.head.sequence if self.head is not None else None
        publication = Publication(
            product=product.id,
            environment=workshop.environment,
            sequence=workshop.registry.next_sequence(workshop.environment, product.id),
            version=product.version,
            published_at=workshop.now().isoformat(),
            code_fingerprint=code_fingerprint(self.bound),
            settings_fingerprint=settings_fingerprint(product),
            ports=tuple(replace(port, written_in=self._writer(port) or workshop.environment) for port in ports),
            inputs=tuple(inputs),
            tests=tests,
            parent=head,
            reason=reason,
            principal=workshop.principal,
            trace_id=workshop.trace_id,
            run=workshop.run,
            duration_seconds=seconds,
            descriptor=self._descriptor(),
        )
        workshop.registry.publish(publication, snapshots=self.snapshots, head=head, below=workshop.below)
        return publication

    def _descriptor(self) -> dict[str, Any]:
        product = self.bound.product
        return {
            "title": product.title,
            "description": product.description,
            "status": product.status,
            "owner": product.owner,
            "tags": list(product.tags),
            "domain_tags": list(self.workshop.domain_tags.get(product.domain, ())),
            "folder": product.folder,
            "transformations": {one.name: self._described(one) for one in self.bound.transformations},
            "settings": {label(port.name, port.major): settings_of(port) for port in product.output_ports},
        }

    def _described(self, one: ParsedTransformation) -> dict[str, Any]:
        before: dict[str, Any] = self.head.descriptor.get("transformations", {}).get(one.name, {}) if self.head else {}
        if before.get("fingerprint") == one.fingerprint:
            # The same query is made of the same definitions; parsing it again would tell nothing new.
            return before
        return {"fingerprint": one.fingerprint, "definitions": self.bound.definitions(one.name)}

    def _table_port(self, one: PortResult, state: TableState) -> PublishedPort:
        staged, port = one.staged, one.staged.port
        assert port.contract is not None  # noqa: S101 - transforming drafts one
        before = continued(self.head, self.bound, port)
        unchanged = before is not None and not state.added and not state.removed and before.schema == staged.schema
        # Files that were compacted have other bytes, and the values of before.
        columns = before.columns if before is not None and unchanged else column_versions(state.files, staged.schema)
        event_time = event_time_of(port)
        lowest, highest = event_range(state.files, staged.schema, event_time)
        common = self._common(one) | {
            "event_time": event_time,
            "event_time_lowest": lowest,
            "event_time_highest": highest,
        }
        if (
            before is not None
            and before.columns == columns
            and before.schema == staged.schema
            and before.rows == state.rows
            and self._is_whole(before)
        ):
            # The same rows in the same columns: the table's present snapshot already holds them.
            return replace(before, **common)
        snapshot = self._commit(one, state, before)
        return PublishedPort(
            **common,
            table=snapshot.table,
            snapshot=snapshot.id,
            written_in=self.workshop.environment,
            origin=origin_of(before, snapshot.table),
            schema=staged.schema,
            rows=snapshot.rows,
            bytes=snapshot.bytes,
            files=snapshot.files,
            columns=columns,
        )

    def _is_whole(self, port: PublishedPort) -> bool:
        """Whether the files that *port* serves now are all there; a full build replaces those that were lost."""
        files = self.workshop.registry.files(port.table, port.snapshot)
        return are_intact(files, self.workshop.warehouse)

    def _common(self, one: PortResult) -> dict[str, Any]:
        port = one.staged.port
        assert port.contract is not None  # noqa: S101 - transforming drafts one
        quarantine = self._quarantine(one)
        return {
            "name": port.name,
            "version": port.contract.version,
            "contract": port.contract,
            "contract_fingerprint": contract_fingerprint(port.contract),
            "kind": port.kind,
            "materialization": port.materialization,
            "key": key_of(port),
            "quarantine_table": quarantine.table if quarantine else "",
            "quarantine_snapshot": quarantine.id if quarantine else 0,
        }

    def _commit(self, one: PortResult, state: TableState, before: PublishedPort | None) -> Snapshot:
        registry, tables = self.workshop.registry, self.workshop.tables
        schema = one.staged.schema
        if before is None or not before.table or self._writer(before) != self.workshop.environment:
            # A branch begins with the files that stay; the table it comes from goes on without it.
            table = self._new_table(one)
            added = [*state.kept, *self._adopt(table, state.added)]
            snapshot = tables.commit(table=table, parent=None, schema=schema, added=added)
        else:
            parent = registry.snapshot(before.table, before.snapshot)
            added = self._adopt(parent.table, state.added)
            try:
                snapshot = tables.commit(
                    table=parent.table,
                    parent=parent,
                    schema=schema,
                    added=added,
                    removed=state.removed,
                    kept=state.kept,
                )
            except Unavailable as error:
                if state.kept:
                    raise
                # Nothing of the table's present state stays, so damage in its metadata is left behind with it.
                LOG.warning("%s: the table's history begins anew: %s", self.bound.product.id, error)
                snapshot = tables.commit(table=parent.table, parent=None, schema=schema, added=added)
        snapshot = replace(snapshot, last_field_id=max(snapshot.last_field_id, one.staged.last_field_id))
        self.snapshots.append(snapshot)
        return snapshot

    def _writer(self, port: PublishedPort) -> str:
        """The environment whose builds write the table of a port of the head: another one's is branched off."""
        return port.written_in or (self.head.environment if self.head is not None else "")

    def _new_table(self, one: PortResult) -> str:
        port = one.staged.port
        name = port.name if port.major < 2 else f"{port.name}_{port.major}"  # noqa: PLR2004 - the first major is plain
        return self.workshop.tables.create(product=self.bound.product.id, port=name, columns=one.staged.schema)

    def _adopt(self, table: str, staged: Sequence[DataFile]) -> list[DataFile]:
        moved = [(file, f"{table}/data/{Path(file.path).name}") for file in staged]
        self.workshop.warehouse.adopt_all((Path(file.path), path) for file, path in moved)
        return [replace(file, path=path) for file, path in moved]

    def _quarantine(self, one: PortResult) -> Snapshot | None:
        """The owner-only table of this publication's bad rows; each publication's stands for itself."""
        if not one.quarantined:
            return None
        port = one.staged.port
        tables = self.workshop.tables
        table = tables.create(
            product=self.bound.product.id, port=f"{port.name}_quarantine", columns=one.quarantine_schema
        )
        added = self._adopt(table, one.quarantined)
        snapshot = tables.commit(table=table, parent=None, schema=one.quarantine_schema, added=added)
        self.snapshots.append(snapshot)
        return snapshot

    def _files_port(self, one: PortResult) -> PublishedPort:
        port, folder = one.staged.port, one.staged.artifacts
        assert port.contract is not None and folder is not None  # noqa: S101, PT018 - made by transforming
        for link in [path for path in folder.rglob("*") if path.is_symlink() and path.is_file()]:
            # What a link leads to may be moved before it: it becomes a copy.
            real = link.resolve()
            link.unlink()
            shutil.copyfile(real, link)
        artifacts = tuple(self._artifact(folder, path) for path in sorted(folder.rglob("*")) if path.is_file())
        before = continued(self.head, self.bound, port)
        content = {artifact.path: artifact.sha256 for artifact in artifacts}
        return PublishedPort(
            **(self._common(one) | {"key": ()}),
            artifacts=artifacts,
            bytes=sum(artifact.bytes for artifact in artifacts),
            files=len(artifacts),
            columns={"": hashlib.sha256(repr(sorted(content.items())).encode()).hexdigest()},
            table=before.table if before is not None else "",
        )

    def _artifact(self, folder: Path, path: Path) -> Artifact:
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        size = path.stat().st_size
        name = path.relative_to(folder).as_posix()
        # What the head serves is stored already. Anything else may be about to be removed, so nothing else is shared.
        if digest not in self.stored or self.workshop.warehouse.lost([(self.stored[digest], size)]):
            place = f"{self.bound.product.id.replace('.', '/')}/artifacts/{digest[:2]}"
            self.stored[digest] = f"{place}/{digest}-{secrets.token_hex(4)}"
            self.workshop.warehouse.adopt(path, self.stored[digest])
        return Artifact(path=name, location=self.stored[digest], bytes=size, sha256=digest)


def origin_of(before: PublishedPort | None, table: str) -> str:
    """The table that *table* branched off, when the port was served from another one *before*; "" when it never did."""
    origin = "" if before is None else before.origin or before.table
    return "" if origin == table else origin


def column_versions(files: Sequence[DataFile], schema: Sequence[Field]) -> dict[str, str]:
    """A content version per column: equal when the values are equal in the same order in equal files."""
    found = {}
    for field in schema:
        known = [
            column.content if (column := file.columns.get(field.id)) is not None else f"absent {file.path}"
            for file in files
        ]
        content = "|".join(known)
        found[field.name] = hashlib.sha256(f"{field.type}|{content}".encode()).hexdigest()
    return found


def event_range(files: Sequence[DataFile], schema: Sequence[Field], name: str) -> tuple[str | None, str | None]:
    """The lowest and highest event time of *files*, as text; None when it is not known of every file."""
    field = next((one for one in schema if one.name == name), None)
    if field is None or not files:
        return None, None
    known = [file.columns.get(field.id) for file in files]
    lows = [one.lowest for one in known if one is not None and one.lowest is not None]
    highs = [one.highest for one in known if one is not None and one.highest is not None]
    # ISO dates and times sort as text.
    return (min(lows), max(highs)) if len(lows) == len(highs) == len(files) else (None, None)
