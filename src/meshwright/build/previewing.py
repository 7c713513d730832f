"""Previewing: one port's or step's transformation run on what the checkout says; nothing is published or left behind."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from meshwright.build.faithful import refuse_unfaithful
from meshwright.build.fingerprints import event_time_of
from meshwright.build.outline import stem
from meshwright.build.relations import ABOUT_CONTRACTS, Columns, Relations
from meshwright.build.sampling import Sample, Sampling
from meshwright.build.testing import Tester, dataset
from meshwright.engines import TableInput, TableOutput
from meshwright.engines.casts import cast_sql
from meshwright.engines.interruption import interruptible
from meshwright.engines.parquet_scan import parquet, scan_sql
from meshwright.model.casting import is_castable
from meshwright.model.datatype import Unstorable, quote, stored
from meshwright.model.errors import InvalidInput, InvalidMesh, NotFound, Unavailable
from meshwright.model.fields import fields
from meshwright.model.names import PortAddress, nearest
from meshwright.model.results import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from meshwright.build.bound import BoundProduct
    from meshwright.build.outline import ParsedTransformation
    from meshwright.build.planning import Planned
    from meshwright.build.workshop import Workshop
    from meshwright.engines import Staged
    from meshwright.model.contract import Contract
    from meshwright.model.findings import Finding
    from meshwright.model.mesh import Mesh
    from meshwright.model.product import OutputPort
    from meshwright.model.publication import Field
    from meshwright.model.results import RuleResult

ROWS_SHOWN = 20
# So many rows are computed and meet the contract's rules, however few are shown.
ROWS_CHECKED = 10_000
# The threshold of a rule that one bad row breaks.
NOT_ONE = "mustBe 0"


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewRequest:
    """What is previewed: a port or a step (`domain.product[.name]`), how many rows are shown, and how much is read."""

    address: str
    limit: int = ROWS_SHOWN
    sample: Sample | None = None

    @property
    def port(self) -> PortAddress:
        """The address. Raises InvalidInput."""
        try:
            return PortAddress.parse(self.address)
        except ValueError as error:
            raise InvalidInput(str(error)) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Previewed:
    """What a transformation yields.

    `columns` and `rows` as they would be stored; `computed` is how many rows there are, or, when not `is_whole`, how many
    were looked at. `rules` are those that failed on them. `reads` says what was read, `rebuilt` which upstream products
    were computed on the way, `sampled` of what only a sample was read ("": of nothing). `artifacts` are a port of files' paths and bytes.
    """

    address: str
    path: str
    kind: str = "tables"
    columns: Columns = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    computed: int = 0
    is_whole: bool = True
    rules: tuple[RuleResult, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    rebuilt: tuple[str, ...] = ()
    sampled: str = ""
    artifacts: tuple[tuple[str, int], ...] = ()
    seconds: float = 0.0


def product_of(request: PreviewRequest, mesh: Mesh, *, told: Callable[[], Collection[str]] | None = None) -> str:
    """The id of the product that is asked for. Raises InvalidInput, and NotFound, which suggests what *told* gives only."""
    name = request.port.product_id
    if name not in mesh.products:
        guess = nearest(name, mesh.products if told is None else told())
        raise NotFound(f"there is no product {name} in this checkout" + (f": did you mean {guess}?" if guess else ""))
    return name


class Preview:
    """Runs one preview below the workshop's staging folder."""

    def __init__(self, workshop: Workshop, planned: Planned, request: PreviewRequest) -> None:
        self.workshop = workshop
        self.planned = planned
        self.request = request
        self.started = time.monotonic()
        self.bound = self._product()
        self.port, self.one = self._transformation()
        self.relations = Relations(workshop, planned)
        self.said = ""
        self.findings = [one for one in planned.mesh.errors if one.path.startswith(f"{self.bound.product.folder}/")]
        self._require_allowed()

    def run(self) -> Previewed:
        """The preview. Raises InvalidMesh for a query that does not bind, and what transformations and sources raise.

        It runs in a thread of its own: an engine at work lets no signal through. Ctrl-C stops it.
        """
        return interruptible(self._run, self.workshop.stop)

    def _run(self) -> Previewed:
        try:
            if self.request.sample is not None:
                self._sample(self.request.sample)
            return self._files() if self.port is not None and self.port.kind == "files" else self._table()
        except (InvalidInput, Unavailable) as error:
            raise self.relations.told(error) from error

    def _sample(self, sample: Sample) -> None:
        self.said = Sampling(self.relations, self.relations.survey(self.bound, self.one)).apply(sample)

    def _table(self) -> Previewed:
        query, inputs, have = self.relations.query(self.bound, self.one)
        schema, _ = fields(self._kept(have))
        count = max(ROWS_CHECKED, self.request.limit)
        query, inputs = self._locked(query, inputs, have, schema, count)
        output = TableOutput(name=self.one.name, folder=self.workshop.staging / "previewed", schema=schema)
        staged = self.workshop.engine.stage_first(count, query, inputs=inputs, output=output)
        is_whole = staged.rows < count and not self.relations.sampled
        return Previewed(
            address=self.request.address,
            path=self.one.path,
            columns=tuple((field.name, field.type) for field in schema),
            rows=self._shown(staged, schema),
            computed=staged.rows,
            is_whole=is_whole,
            rules=self._rules(staged, schema, is_whole=is_whole),
            findings=tuple(self.findings),
            notes=tuple(self._notes(staged, schema)),
            reads=tuple(leaf.says for leaf in self.relations.leaves.values()),
            rebuilt=tuple(self.relations.computed),
            sampled=self.said,
            seconds=time.monotonic() - self.started,
        )

    def _locked(
        self, query: str, inputs: tuple[TableInput, ...], have: Columns, schema: tuple[Field, ...], count: int
    ) -> tuple[str, tuple[TableInput, ...]]:
        """A query of the first *count* rows of *query*, which for a governed reader another process ran; else *query* itself.

        What Python makes is in files of ours, and what comes after it is run here.
        """
        admission = self.workshop.admission
        if admission is None or not all(one.sql for one in self.relations.survey(self.bound, self.one).values()):
            return query, inputs
        casts = [
            f"{cast_sql(quote(name), kind, field.type)} AS {quote(field.name)}"
            for (name, kind), field in zip(have, schema, strict=True)
        ]
        sql = f"SELECT {', '.join(casts)} FROM ({query}\n) LIMIT {count}"
        relations = [(one.name, one.scan, self.relations.leaves[one.name].table.columns) for one in inputs]
        path = self.workshop.staging / "locked.parquet"
        if not admission.run_locked(self.one.name, sql, relations, path):
            return query, inputs
        columns = tuple((field.name, field.type) for field in schema)
        return "SELECT * FROM locked", (
            TableInput(name="locked", scan=f"SELECT * FROM {parquet([str(path)])}", columns=columns),
        )

    def _files(self) -> Previewed:
        folder = self.relations.folder(self.bound, self.one)
        self.relations.files(self.bound, self.one)
        made = sorted(path for path in folder.rglob("*") if path.is_file())
        return Previewed(
            address=self.request.address,
            path=self.one.path,
            kind="files",
            reads=tuple(leaf.says for leaf in self.relations.leaves.values()),
            rebuilt=tuple(self.relations.computed),
            sampled=self.said,
            artifacts=tuple((path.relative_to(folder).as_posix(), path.stat().st_size) for path in made),
            seconds=time.monotonic() - self.started,
        )

    def _product(self) -> BoundProduct:
        name = self.request.port.product_id
        bound = self.planned.mesh.products.get(name)
        if bound is None:
            own = f"domains/{name.replace('.', '/')}/"
            every = self.planned.mesh.errors
            raise InvalidMesh([one for one in every if one.path.startswith(own)] or every)
        return bound

    def _require_allowed(self) -> None:
        """Raise InvalidMesh for a query that no build would run: what the fence keeps out is not run here either."""
        paths = {one.path for one in self.bound.transformations}
        if refused := [one for one in self.findings if one.path in paths and one.code not in ABOUT_CONTRACTS]:
            raise InvalidMesh(refused)

    def _transformation(self) -> tuple[OutputPort | None, ParsedTransformation]:
        address, product = self.request.port, self.bound.product
        port = product.output_port(address.port, address.major)
        name = stem(port) if port is not None else address.port
        found = next((one for one in self.bound.transformations if one.name == name), None)
        if found is not None:
            return port, found
        if port is not None:
            own = [one for one in self.planned.mesh.errors if one.path.startswith(f"{product.folder}/")]
            raise InvalidMesh(own) if own else NotFound(f"no transformation makes {self.request.address}")
        known = [one.name for one in self.bound.transformations]
        guess = nearest(address.port, known)
        meant = f"did you mean {product.id}.{guess}?" if guess else f"it has {', '.join(known)}"
        raise NotFound(f"{product.id} has no port or step {address.port}: {meant}")

    def _kept(self, have: Columns) -> Columns:
        """The columns as they would be stored: as the contract has them where the query's fit, else as the query has."""
        contract = self._contract()
        promised = {} if contract is None else {column.name.lower(): column for column in contract.table.columns}
        kept = []
        for name, kind in have:
            column = promised.get(name.lower())
            shown = (
                (column.name, column.type) if column is not None and is_castable(kind, column.type) else (name, kind)
            )
            try:
                kept.append((shown[0], stored(shown[1])))
            except Unstorable as error:
                raise InvalidInput(f"{self.one.path}: column {name}: {error}") from None
        return tuple(kept)

    def _contract(self) -> Contract | None:
        return self.port.contract if self.port is not None else None

    def _shown(self, staged: Staged, schema: tuple[Field, ...]) -> tuple[tuple[Any, ...], ...]:
        if not staged.files or not self.request.limit:
            return ()
        cursor = self.workshop.engine.cursor()
        try:
            scan = scan_sql(staged.files, schema, str)
            return tuple(cursor.execute(f"SELECT * FROM ({scan}) LIMIT {self.request.limit}").fetchall())
        finally:
            cursor.close()

    def _rules(self, staged: Staged, schema: tuple[Field, ...], *, is_whole: bool) -> tuple[RuleResult, ...]:
        """The contract's rules that fail on the rows. Of some rows only, those that no further row can put right."""
        contract = self._contract()
        if contract is None or not contract.written or self.findings or self.port is None:
            return ()
        data = dataset(staged.files, schema, self.workshop.warehouse)
        found = Tester(self.workshop, self.bound.product.id).test(contract, data, event_time=event_time_of(self.port))
        failed = [one for one in found if one.outcome is Outcome.FAILED]
        definite = (one for one in failed if one.failing and one.threshold == NOT_ONE and one.kind != "sql")
        return tuple(failed if is_whole else definite)

    def _notes(self, staged: Staged, schema: tuple[Field, ...]) -> list[str]:
        contract = self._contract()
        notes = []
        if contract is not None and not self.findings:
            try:
                refuse_unfaithful(self.one.name, staged, schema, contract, self.workshop.engine)
            except InvalidInput as error:
                notes.append(str(error))
        if self.one.changes:
            notes.append("as a first build: to it all rows of its inputs are new")
        return notes
