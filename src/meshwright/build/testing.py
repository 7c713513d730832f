"""Testing: a contract's rules on a table's next state, and on the tables that its relationships point to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshwright.build.admission import Admitted
from meshwright.model.errors import Denied, MeshwrightError
from meshwright.model.names import PortAddress
from meshwright.model.publication import InputRead
from meshwright.quality import Dataset
from meshwright.quality.comparison import Uncheckable
from meshwright.quality.quarantine import split
from meshwright.quality.run import run as run_rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meshwright.build.materialization import TableState
    from meshwright.build.workshop import Workshop
    from meshwright.model.contract import Contract, Table
    from meshwright.model.publication import DataFile, Field, Publication, PublishedPort
    from meshwright.model.results import RuleResult
    from meshwright.quality.quarantine import Quarantine
    from meshwright.storage import Warehouse


def dataset(
    files: Sequence[DataFile],
    schema: tuple[Field, ...],
    warehouse: Warehouse,
    new: Sequence[DataFile] | None = None,
) -> Dataset:
    """*files* as the tests see them; *new* the ones whose rows have not been tested yet (None: all of them)."""
    from meshwright.engines.parquet_scan import scan_sql

    # Staged files are named by absolute path, published ones relative to the warehouse.
    published = [file.path for file in files if not file.path.startswith("/")]
    located = dict(zip(published, warehouse.locate_all(published), strict=True))
    # Files of one table share few schemas: thousands need not be compared column by column.
    uniform = all(other == schema for other in {id(file.schema): file.schema for file in files}.values())
    return Dataset(
        files=tuple(located.get(file.path, file.path) for file in files),
        columns=tuple((field.name, field.type) for field in schema),
        scan="" if uniform else scan_sql(files, schema, lambda path: located.get(path, path)),
        new_files=None if new is None else tuple(located.get(file.path, file.path) for file in new),
        rows=sum(file.rows for file in files),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractRun:
    """What one contract's table found on some rows; `name` is the port's or file's, as people know it."""

    name: str
    contract: Contract
    table: Table
    results: tuple[RuleResult, ...]


class Tester:
    """Runs contracts for one product build; other ports' data is what their heads serve."""

    def __init__(self, workshop: Workshop, product: str) -> None:
        self.workshop = workshop
        self.product = product
        # Tables of this product that are staged beside the tested one: relationships inside a product see them.
        self.staged: dict[str, Dataset] = {}
        # What rules read of other products, by address.
        self.read: dict[str, InputRead] = {}

    def test(self, contract: Contract, data: Dataset, *, event_time: str) -> tuple[RuleResult, ...]:
        """The results of every rule of *contract* on *data*."""
        cursor = self.workshop.engine.cursor()
        try:
            results = run_rules(
                contract,
                contract.table,
                data,
                connection=cursor,
                references=self.reference,
                now=self.workshop.now(),
                event_time=event_time,
            )
        finally:
            cursor.close()
        return tuple(results)

    def split(self, contract: Contract, data: Dataset, results: Sequence[RuleResult]) -> Quarantine | None:
        """How to tell good new rows from those that *results* set aside; None when there are none."""
        cursor = self.workshop.engine.cursor()
        try:
            return split(
                contract,
                contract.table,
                data,
                results,
                connection=cursor,
                references=self.reference,
                now=self.workshop.now(),
            )
        finally:
            cursor.close()

    def state(self, state: TableState, schema: tuple[Field, ...], *, incremental: bool) -> Dataset:
        """A table's next state as a dataset; of an *incremental* one only the new rows meet row rules."""
        return dataset(state.files, schema, self.workshop.warehouse, state.new if incremental else None)

    def reference(self, name: str) -> Dataset | None:
        """The table that a relationship points to: a port of this product by name, or any published port by address.

        Raises Uncheckable for one that policies keep from the product, or from whom tries it.
        """
        if name in self.staged:
            return self.staged[name]
        try:
            address = PortAddress.parse(name)
        except ValueError:
            return None
        if address.product_id == self.product:
            return self.staged.get(address.port)
        try:
            head = self.workshop.registry.head(self.workshop.environment, address.product_id)
        except MeshwrightError:
            return None
        port = head.port(address.port, address.major) if head is not None else None
        if head is None or port is None or port.kind != "tables":
            return None
        try:
            found = admitted_dataset(self.workshop, self.product, head, port)
        except Denied as error:
            admission = self.workshop.admission
            who = admission.principal(self.product) if admission is not None else self.product
            message = f"not run: policies do not let {who} read {address}"
            raise Uncheckable(message) from error
        self.read[str(PortAddress.of(head.product, port.name, port.major))] = _read(head, port, found)
        return found


def _read(head: Publication, port: PublishedPort, found: Dataset) -> InputRead:
    """That a rule read *found* of *port*: which of its columns only the rule knows, so all that it could see."""
    return InputRead(
        name=f"{head.product}.{port.name}",
        product=head.product,
        port=port.name,
        major=port.major,
        sequence=head.sequence,
        columns={name: "" for name, _ in found.columns},
        rows=port.rows,
        bytes=port.bytes,
    )


def admitted_dataset(
    workshop: Workshop, product: str, head: Publication, port: PublishedPort, *, only_clear: bool = False
) -> Dataset:
    """What a *port* serves, as far as policies leave it to *product*, or to whom tries it; *only_clear*: no masked column.

    Raises Denied.
    """
    files = workshop.registry.files(port.table, port.snapshot)
    address = PortAddress.of(head.product, port.name, port.major)
    admitted = Admitted(workshop.admission, product, address, head, port, is_kept=True)
    whole = dataset(files, port.schema, workshop.warehouse)
    if admitted.restriction.is_all:
        return whole
    masked = admitted.restriction.actions if only_clear else {}
    columns = tuple((field.name, field.type) for field in admitted.fields if field.id not in masked)
    return Dataset(files=whole.files, columns=columns, scan=admitted.scan(files, workshop.locate))
