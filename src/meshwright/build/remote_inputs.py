"""Inputs that are fetched: brought here whole, or only what is new, and scanned like files of the mesh."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from meshwright.engines import TableInput
from meshwright.model.datatype import literal, quote
from meshwright.model.errors import MeshwrightError, Refused
from meshwright.model.publication import InputRead
from meshwright.sources import files, highest, opening
from meshwright.sources.paths import with_members
from meshwright.sources.watching import all_within

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from meshwright.build.source_columns import SourceColumns
    from meshwright.build.workshop import Workshop
    from meshwright.engines import Columns
    from meshwright.model.product import InputPort, Product, Source
    from meshwright.sources.opening import Brought

# Sources that are asked at the same time, and how long a plan waits for all of them: who has not answered then may have
# changed.
ASKED_AT_ONCE = 16
PLAN_SECONDS_MAX = 5
UNTOLD = "only reading it tells"


def glances(
    sources: SourceColumns, inputs: Sequence[tuple[str, Product, InputPort]]
) -> tuple[dict[str, Mapping[str, str]], dict[str, str]]:
    """What builds would record of remote *inputs* (by `product:input`), and why that is not known of the others."""

    def glance(product: Product, port: InputPort) -> Mapping[str, str] | str:
        try:
            assert port.source is not None  # noqa: S101 - only called for remote inputs
            return sources.reader(product, port.source).glance() or UNTOLD
        except MeshwrightError as error:
            return str(error)

    asked = {name: partial(glance, product, port) for name, product, port in inputs}
    found = all_within(asked, seconds=PLAN_SECONDS_MAX, at_once=ASKED_AT_ONCE)
    late = f"no answer within {PLAN_SECONDS_MAX} seconds"
    known = {name: one for name, one in found.items() if not isinstance(one, str)}
    told = {name: one for name, one in found.items() if isinstance(one, str)}
    return known, {name: told.get(name, late) for name in asked if name not in known}


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteInput:
    """One remote input of one build. `reads_whole`: whether a transformation may read more of it than what is new."""

    workshop: Workshop
    product: Product
    port: InputPort
    source: Source
    columns: Columns
    reads_whole: bool

    def read(self, before: InputRead | None, folder: Path) -> tuple[Brought, TableInput, InputRead]:
        """The local copies, how the engine scans them, and the record; *before* is what the head read.

        Raises Unavailable when the source does not answer, Refused when its columns are others or when new rows cannot be
        told from those that were appended before.
        """
        sources, source = self.workshop.sources, self.source
        beyond = self._beyond(before)
        whole = self.reads_whole or not beyond
        place = folder / "remote" / hashlib.sha256(self.port.name.encode()).hexdigest()[:16]
        reader = sources.reader(self.product, source)
        brought = opening.bring(
            reader,
            place,
            columns=self.columns,
            beyond="" if whole else beyond,
            stopped=self.workshop.stopped.is_set,
        )
        scan = self._scan(list(brought.files.values()), brought, folder)
        changes = None
        if before is not None and beyond:
            changes = self._new_rows(scan, beyond) if whole else scan
        elif before is not None:
            new = [path for name, path in brought.files.items() if before.files.get(name) != brought.prints[name]]
            changes = self._scan(new, brought, folder)
        read = InputRead(
            name=self.port.name,
            files=dict(brought.prints),
            reading=sources.reading(self.product, self.port),
            bytes=brought.bytes,
        )
        table = TableInput(name=self.port.name, scan=scan, changes=changes, columns=self.columns)
        return brought, table, read

    def _scan(self, paths: list[Path], brought: Brought, folder: Path) -> str:
        try:
            names = with_members(paths)
            return files.scan(self.workshop.root, self.source, self.columns, unpacked=folder, files=names)
        except (Refused, *opening.TOLD) as error:
            raise brought.told(error) from None

    def _beyond(self, before: InputRead | None) -> str:
        """What was recorded of the highest value that the head has read; "" when everything is to be read."""
        recorded = next(iter(before.files.values()), "") if before is not None else ""
        appends = any(port.materialization == "append" for port in self.product.output_ports)
        if self.source.incremental:
            if recorded.startswith(highest(self.source.incremental)):
                return recorded
            if recorded and appends:
                raise Refused(
                    f"input {self.port.name} is read by another column now (mesh.incremental), so new rows cannot be told from "
                    f"those appended before: `mesh build --full --select {self.product.id}` begins anew"
                )
        elif recorded and appends and self.workshop.sources.is_table(self.product, self.source):
            raise Refused(
                f"input {self.port.name} is a table that nothing tells new rows of: every build would append all of them again. "
                f"Name a column whose values only grow as mesh.incremental of the input port, or use materialization merge or full"
            )
        return ""

    def _new_rows(self, scan: str, beyond: str) -> str:
        column = self.source.incremental
        value = beyond.removeprefix(highest(column))
        if value.startswith("'") and value.endswith("'"):
            # As SQLite writes a text.
            value = value[1:-1].replace("''", "'")
        if not value:
            return scan
        kind = next(kind for name, kind in self.columns if name.lower() == column.lower())
        return f"SELECT * FROM ({scan}) WHERE {quote(column)} > CAST({literal(value)} AS {kind})"
