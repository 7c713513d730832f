"""Rewriting what a product serves: many small files into few, and rows past their retention left out.

Both make a publication like any other, on top of the head and by compare-and-set. Compacted files hold the same rows in the
same order, so the ports' content versions stay: nothing downstream is built for it.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from meshwright.build.publishing import column_versions, event_range
from meshwright.build.reuse import label
from meshwright.build.testing import Tester, dataset
from meshwright.engines import TableInput, TableOutput
from meshwright.engines.parquet_scan import scan_sql
from meshwright.model.datatype import quote
from meshwright.model.errors import Refused, Unavailable
from meshwright.quality.retention import is_retention

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from meshwright.build.workshop import Workshop
    from meshwright.model.publication import DataFile, Field, Publication, PublishedPort, Snapshot
    from meshwright.model.results import RuleResult

# A file below the first size is small; so many in a row, or more, are made into files of about the second.
SMALL_BYTES: Final = 32 * 2**20
GOOD_BYTES: Final = 128 * 2**20
FILES_MIN: Final = 8
ZONED: Final = "TIMESTAMP WITH TIME ZONE"

Port = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Files of a port, next to each other, that one takes the place of; `where` is a condition on the rows that stay."""

    files: tuple[DataFile, ...]
    where: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether no row stays."""
        return self.where == "false"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """Rows whose `column` is before `until` are past their retention; `promise` is how the contract says it."""

    column: str
    until: datetime
    promise: str


def small_files(files: Sequence[DataFile]) -> list[Piece]:
    """What of a table's *files*, in order, is to be made into fewer ones."""
    runs: list[list[DataFile]] = [[]]
    for file in files:
        if file.bytes >= SMALL_BYTES:
            runs.append([])
            continue
        runs[-1].append(file)
        if sum(one.bytes for one in runs[-1]) >= GOOD_BYTES:
            runs.append([])
    return [Piece(files=tuple(run)) for run in runs if len(run) >= FILES_MIN]


def expired_rows(files: Sequence[DataFile], schema: tuple[Field, ...], expiry: Expiry) -> list[Piece]:
    """What of a table's *files* holds rows past their retention, told by the bounds of each file."""
    field = next((one for one in schema if one.name.lower() == expiry.column.lower()), None)
    if field is None:
        return []
    # A date is kept for as long as any of its day is.
    until = (
        expiry.until.replace(hour=0, minute=0, second=0, microsecond=0) if field.type.name == "DATE" else expiry.until
    )
    found = []
    for file in files:
        known = file.columns.get(field.id)
        lowest, highest = (_moment(known.lowest), _moment(known.highest)) if known is not None else (None, None)
        if lowest is None or highest is None or known is None:
            continue
        if highest < until and known.nulls == 0:
            found.append(Piece(files=(file,), where="false"))
        elif lowest < until:
            found.append(Piece(files=(file,), where=_stays(field, until)))
    return found


def _stays(field: Field, until: datetime) -> str:
    kind = "TIMESTAMPTZ" if field.type.name == ZONED else "TIMESTAMP"
    moment = until.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")
    literal = f"{kind} '{moment}{'+00' if field.type.name == ZONED else ''}'"
    return f"{quote(field.name)} IS NULL OR CAST({quote(field.name)} AS {kind}) >= {literal}"


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


class Rewriting:
    """Rewrites ports of the product that *head* serves, in the environment whose own publication it is."""

    def __init__(self, workshop: Workshop, head: Publication) -> None:
        self.workshop = workshop
        self.head = head
        self.snapshots: list[Snapshot] = []

    def compact(self, pieces: Mapping[Port, Sequence[Piece]]) -> Publication:
        """Publish the same rows in the files that *pieces* become. Raises Conflict when the head has moved, Unavailable."""
        ports = []
        for port in self.head.ports:
            found = pieces.get((port.name, port.major), ())
            ports.append(self._compacted(port, found) if found else port)
        before = sum(len(piece.files) for found in pieces.values() for piece in found)
        after = sum(len(found) for found in pieces.values())
        return self._publish(ports, self.head.tests, f"{before} small files made into {after}", compacted=True)

    def expire(self, pieces: Mapping[Port, Sequence[Piece]], expiries: Mapping[Port, Expiry]) -> Publication:
        """Publish what stays when the rows past their retention go.

        Raises Refused when the contract does not hold without them, Conflict when the head has moved, Unavailable.
        """
        ports, tests, gone = [], dict(self.head.tests), 0
        for port in self.head.ports:
            found = pieces.get((port.name, port.major), ())
            if not found:
                ports.append(port)
                continue
            kept, results = self._expired(port, found)
            ports.append(kept)
            tests[label(port.name, port.major)] = results
            gone += port.rows - kept.rows
        promises = "; ".join(dict.fromkeys(expiries[key].promise for key in pieces))
        return self._publish(ports, tests, f"{gone} rows past their {promises} removed")

    def _compacted(self, port: PublishedPort, pieces: Sequence[Piece]) -> PublishedPort:
        made = [self._stage(port, piece) for piece in pieces]
        for piece, files in zip(pieces, made, strict=True):
            rows = sum(file.rows for file in piece.files), sum(file.rows for file in files)
            if rows[0] != rows[1]:
                raise Unavailable(
                    f"{self.head.product}: {len(piece.files)} files of port {port.name} should hold {rows[0]} rows and hold "
                    f"{rows[1]}: restore the warehouse, or rebuild with `mesh build --full --select {self.head.product}`"
                )
        snapshot, _ = self._commit(port, pieces, made, same_rows=True)
        return replace(port, snapshot=snapshot.id, bytes=snapshot.bytes, files=snapshot.files)

    def _expired(self, port: PublishedPort, pieces: Sequence[Piece]) -> tuple[PublishedPort, tuple[RuleResult, ...]]:
        made = [() if piece.is_empty else self._stage(port, piece) for piece in pieces]
        staged = _in_place(self.workshop.registry.files(port.table, port.snapshot), pieces, made)
        data = dataset(staged, port.schema, self.workshop.warehouse)
        results = Tester(self.workshop, self.head.product).test(port.contract, data, event_time=port.event_time)
        blocking = [result.rule for result in results if result.blocks and not is_retention(result)]
        if blocking:
            raise Refused(
                f"{self.head.product}: without the rows past their retention port {port.name} breaks {', '.join(blocking)}: "
                "nothing is removed; correct the contract, or the retention in it"
            )
        snapshot, files = self._commit(port, pieces, made)
        lowest, highest = event_range(files, port.schema, port.event_time)
        return replace(
            port,
            snapshot=snapshot.id,
            rows=snapshot.rows,
            bytes=snapshot.bytes,
            files=snapshot.files,
            columns=column_versions(files, port.schema),
            event_time_lowest=lowest,
            event_time_highest=highest,
        ), results

    def _stage(self, port: PublishedPort, piece: Piece) -> tuple[DataFile, ...]:
        """The rows of *piece* that stay, in one new file, in their order."""
        where = f" WHERE {piece.where}" if piece.where else ""
        self.workshop.warehouse.fetch(file.path for file in piece.files)
        source = TableInput(name="piece", scan=scan_sql(piece.files, port.schema, self.workshop.locate))
        folder = self.workshop.staging / self.head.product / uuid.uuid4().hex
        output = TableOutput(name=port.name, folder=folder, schema=port.schema)
        return self.workshop.engine.stage(f"SELECT * FROM piece{where}", inputs=(source,), output=output).files

    def _commit(
        self,
        port: PublishedPort,
        pieces: Sequence[Piece],
        made: Sequence[Sequence[DataFile]],
        *,
        same_rows: bool = False,
    ) -> tuple[Snapshot, list[DataFile]]:
        """A snapshot with the *made* files where those of *pieces* were, and all its files in order."""
        registry, table = self.workshop.registry, port.table
        present = registry.files(table, port.snapshot)
        moved = [[replace(file, path=f"{table}/data/{Path(file.path).name}") for file in files] for files in made]
        self.workshop.warehouse.adopt_all(
            (Path(old.path), new.path)
            for olds, news in zip(made, moved, strict=True)
            for old, new in zip(olds, news, strict=True)
        )
        gone = {file.path for piece in pieces for file in piece.files}
        files = _in_place(present, pieces, moved)
        snapshot = self.workshop.tables.commit(
            table=table,
            parent=registry.snapshot(table, port.snapshot),
            schema=port.schema,
            added=[file for new in moved for file in new],
            removed=[file.path for file in present if file.path in gone],
            kept=[file for file in present if file.path not in gone],
            same_rows=same_rows,
        )
        snapshot = replace(snapshot, order=tuple(file.path for file in files))
        self.snapshots.append(snapshot)
        return snapshot, files

    def _publish(
        self,
        ports: Sequence[PublishedPort],
        tests: dict[str, tuple[RuleResult, ...]],
        reason: str,
        *,
        compacted: bool = False,
    ) -> Publication:
        workshop, head = self.workshop, self.head
        publication = replace(
            head,
            sequence=workshop.registry.next_sequence(workshop.environment, head.product),
            published_at=workshop.now().isoformat(),
            ports=tuple(ports),
            tests=tests,
            parent=head.sequence,
            reason=reason,
            principal=workshop.principal,
            trace_id=workshop.trace_id,
            run=uuid.uuid4().hex,
            promoted_from="",
            compacted=compacted,
            built_at=head.made_at,
        )
        workshop.registry.publish(publication, snapshots=self.snapshots, head=head.sequence, below=workshop.below)
        return publication


def _in_place(
    present: Sequence[DataFile], pieces: Sequence[Piece], made: Sequence[Sequence[DataFile]]
) -> list[DataFile]:
    """*present* with the *made* files where those of *pieces* were."""
    first = {piece.files[0].path: files for piece, files in zip(pieces, made, strict=True)}
    gone = {file.path for piece in pieces for file in piece.files}
    return [new for file in present for new in first.get(file.path, () if file.path in gone else (file,))]
