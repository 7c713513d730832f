"""Relations over one another, nothing of them stored: a port's rows as one query over published tables and source files."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meshwright.build.build_inputs import BuildInputs
from meshwright.build.outline import CHANGES, stem
from meshwright.build.transforming import call_python, kept_columns
from meshwright.engines import TableInput
from meshwright.engines.casts import cast_sql
from meshwright.engines.parquet_scan import parquet
from meshwright.model.datatype import DataType, quote, stored
from meshwright.model.errors import InvalidMesh, MeshwrightError
from meshwright.model.findings import Severity
from meshwright.model.names import PortAddress
from meshwright.model.plan import Action

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from meshwright.build.bound import BoundProduct
    from meshwright.build.build_inputs import BuildInput
    from meshwright.build.outline import ParsedTransformation
    from meshwright.build.planning import Planned
    from meshwright.build.workshop import Workshop
    from meshwright.model.findings import Finding
    from meshwright.model.product import InputPort
    from meshwright.model.publication import PublishedPort

Columns = tuple[tuple[str, DataType], ...]
# Findings about what a query yields beside its contract: the query itself can run.
ABOUT_CONTRACTS = frozenset({"column-missing", "column-type", "column-extra"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """What is read as it is: a published port or source files; `name` is its relation's, `rows` None where not known."""

    name: str
    says: str
    table: TableInput
    rows: int | None = None
    key: tuple[str, ...] = ()


# A transformation: product and file stem.
Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surveyed:
    """What a transformation reads: by the table's name in its text the leaf or transformation, and its columns' names."""

    sql: str
    tables: dict[str, str | Key]
    columns: dict[str, tuple[str, ...]]


@dataclass(slots=True)
class Relations:
    """The relations that a preview is made of, each known by a name that no query can use.

    Upstream products of the checkout that a build would publish anew are computed here, the others read as published.
    """

    workshop: Workshop
    planned: Planned
    # The scans of leaves of which only a sample is read.
    sampled: dict[str, str] = field(default_factory=dict)
    leaves: dict[str, Leaf] = field(default_factory=dict)
    computed: list[str] = field(default_factory=list)
    _read: list[tuple[BuildInputs, BuildInput]] = field(default_factory=list)
    _queries: dict[str, str] = field(default_factory=dict)
    _uses: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _known: dict[tuple[str, ...], str] = field(default_factory=dict)
    _columns: dict[str, Columns] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def query(self, bound: BoundProduct, one: ParsedTransformation) -> tuple[str, tuple[TableInput, ...], Columns]:
        """A transformation as one query: its text, the tables that it reads, its columns. Python runs at once."""
        text, names = self._text(bound, one)
        select, tables = self._with(text, names)
        columns = bound.columns.get(one.name, ()) if one.language == "sql" else ()
        return select, tables, columns or self.workshop.engine.columns(select, inputs=tables, name=one.name)

    def files(self, bound: BoundProduct, one: ParsedTransformation) -> None:
        """Run the Python of a port of files; what it writes is below `folder(bound, one)`."""
        self._python(bound, one, kind="files")

    def folder(self, bound: BoundProduct, one: ParsedTransformation) -> Path:
        """Where a Python transformation leaves what it makes."""
        return self.workshop.staging / bound.product.id / one.name / "returned"

    def survey(self, bound: BoundProduct, one: ParsedTransformation) -> dict[Key, Surveyed]:
        """A transformation and all it is computed from: what each reads under which name. Nothing is run."""
        found: dict[Key, Surveyed] = {}
        waiting = [(bound, one)]
        while waiting:
            product, each = waiting.pop()
            key = (product.product.id, each.name)
            if key in found:
                continue
            tables: dict[str, str | Key] = {}
            columns: dict[str, tuple[str, ...]] = {}
            for table, name in each.tables.items():
                target = self._target(product, name)
                columns[table] = tuple(column for column, _ in product.inputs.get(name, ()))
                if isinstance(target, str):
                    tables[table] = target
                else:
                    tables[table] = (target[0].product.id, target[1].name)
                    waiting.append(target)
            for table, name in each.siblings.items():
                tables[table] = (product.product.id, name)
                columns[table] = tuple(column for column, _ in product.columns.get(name, ()))
                waiting.append((product, product.transformation(name)))
            sql = each.sql if each.language == "sql" else ""
            found[key] = Surveyed(sql=sql, tables=tables, columns=columns)
        return found

    def told(self, error: MeshwrightError) -> MeshwrightError:
        """*error* with the names of sources instead of those of local copies. Raises Unavailable for lost data files."""
        for reader, found in self._read:
            reader.require_files({found.name: found}, None, str(error))
            error = reader.told(error)
        return error

    def _text(self, bound: BoundProduct, one: ParsedTransformation) -> tuple[str, list[str]]:
        """A transformation's query over relations, and these."""
        if one.language == "python":
            parts = self._python(bound, one, kind="tables")
            return f"SELECT * FROM {parquet([str(part) for part in parts])}", []
        if not one.sql or (one.tables and not bound.columns.get(one.name)):
            raise InvalidMesh(self._findings(bound))
        named: dict[str, str] = {}
        for table, name in one.tables.items():
            relation = self._input(bound, name)
            base = table.removesuffix(CHANGES) if name in one.changes else table
            # To a first build everything is new.
            named |= {base: relation, f"{base}{CHANGES}": relation} if name in one.changes else {base: relation}
        for table, name in one.siblings.items():
            named[table] = self._transformation(bound, bound.transformation(name))
        aliases = ", ".join(f"{quote(table)} AS (SELECT * FROM {quote(name)})" for table, name in named.items())
        return f"WITH {aliases} SELECT * FROM ({one.sql}\n)" if aliases else one.sql, list(named.values())

    def _python(self, bound: BoundProduct, one: ParsedTransformation, *, kind: str) -> list[Path]:
        names = {name: self._input(bound, port) for name, port in one.tables.items()}
        names |= {name: self._transformation(bound, bound.transformation(name)) for name in one.siblings.values()}
        tables = []
        for name, relation in names.items():
            query, leaves = self._with(f"SELECT * FROM {quote(relation)}", [relation])
            scans = ", ".join(f"{quote(leaf.name)} AS ({leaf.scan})" for leaf in leaves)
            tables.append(TableInput(name=name, scan=f"WITH {scans} SELECT * FROM ({query})" if scans else query))
        folder = self.folder(bound, one)
        return call_python(self.workshop, bound, one, tuple(tables), folder=folder, kind=kind)

    def _transformation(self, bound: BoundProduct, one: ParsedTransformation) -> str:
        """The relation of a step, or of a port of this or another product as it would be stored."""
        key = (bound.product.id, "", one.name)
        if key not in self._known:
            text, uses = self._text(bound, one)
            self._known[key] = self._add(self._as_stored(bound, one, text, uses), uses)
        return self._known[key]

    def _as_stored(self, bound: BoundProduct, one: ParsedTransformation, text: str, uses: list[str]) -> str:
        """The query *text* with its columns cast as a build casts them."""
        have = bound.columns.get(one.name, ()) if one.language == "sql" else ()
        if not have:
            select, tables = self._with(text, uses)
            have = self.workshop.engine.columns(select, inputs=tables, name=one.name)
        port = next((port for port in bound.product.output_ports if stem(port) == one.name), None)
        if port is None or port.contract is None or not port.contract.table.columns:
            kept = tuple((name, stored(kind)) for name, kind in have)
        else:
            kept = kept_columns(one.name, port.contract)
        found = {name.lower(): (name, kind) for name, kind in have}
        casts = [
            f"{cast_sql(quote(found[name.lower()][0]), found[name.lower()][1], kind)} AS {quote(name)}"
            for name, kind in kept
            if name.lower() in found
        ]
        return f"SELECT {', '.join(casts)} FROM ({text}\n)"

    def _input(self, bound: BoundProduct, name: str) -> str:
        """The relation of an input port."""
        target = self._target(bound, name)
        if isinstance(target, str):
            return target
        upstream = target[0].product.id
        if upstream not in self.computed:
            self.computed.append(upstream)
        return self._transformation(*target)

    def _target(self, bound: BoundProduct, name: str) -> str | tuple[BoundProduct, ParsedTransformation]:
        """What an input port reads: the name of a leaf, or a transformation that is computed here."""
        port = bound.product.input_port(name)
        assert port is not None  # noqa: S101 - transformations name input ports only
        if port.source is not None:
            return self._leaf((bound.product.id, name), bound, port, says=port.source.address)
        read = self.planned.mesh.reads.get((bound.product.id, name))
        if read is None:
            raise InvalidMesh(self._findings(bound))
        upstream = self.planned.mesh.products.get(read.product)
        if upstream is None or not self._is_computed(upstream, read.port, read.major):
            head = self.planned.published[read.product]
            served = head.port(read.port)
            pinned = read.major if served is not None and served.major != read.major else None
            domain, _, product = read.product.partition(".")
            address = PortAddress(domain, product, read.port, pinned)
            says = f"{address}, publication {head.sequence}"
            # Two products may be left different things of one port.
            key = (read.product, read.port, str(read.major), bound.product.id if self.workshop.admission else "")
            return self._leaf(key, bound, port, says=says)
        output = upstream.product.output_port(read.port, read.major)
        assert output is not None  # noqa: S101 - it is served or computed
        return upstream, upstream.transformation(stem(output))

    def _is_computed(self, upstream: BoundProduct, port: str, major: int) -> bool:
        """Whether an upstream port is computed here: where a build would publish it anew, or it is not published yet."""
        name = upstream.product.id
        head = self.planned.published.get(name)
        served = head is not None and head.port(port, major) is not None
        actions = {one.id: one.action for one in self.planned.plan.products}
        if served and actions.get(name) is not Action.BUILD:
            return False
        if upstream.product.output_port(port, major) is None:
            return False
        if any(one.severity is Severity.ERROR and one.code not in ABOUT_CONTRACTS for one in upstream.findings):
            raise InvalidMesh(self._findings(upstream))
        return True

    def _leaf(self, key: tuple[str, ...], bound: BoundProduct, port: InputPort, *, says: str) -> str:
        if key not in self._known:
            reader = BuildInputs(self.workshop, self.planned.mesh, bound, full=True)
            found = reader.whole(port)
            self._read.append((reader, found))
            name = self._known[key] = f"relation {next(self._numbers)}"
            served = found.port
            # Of what policies leave a part of, rows are counted as any reader would.
            is_whole = served is not None and not found.read.restriction
            self.leaves[name] = Leaf(
                name=name,
                says=says,
                table=found.table,
                rows=served.rows if served is not None and is_whole else None,
                key=_key(served, found.table) if served is not None else (),
            )
        return self._known[key]

    def _add(self, query: str, uses: Iterable[str]) -> str:
        name = f"relation {next(self._numbers)}"
        self._queries[name], self._uses[name] = query, tuple(uses)
        return name

    def _with(self, text: str, names: Iterable[str]) -> tuple[str, tuple[TableInput, ...]]:
        """*text* with the queries of the relations *names* and all they use, and the leaves among these."""
        needed: dict[str, None] = {}
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in needed:
                needed[name] = None
                waiting.extend(self._uses.get(name, ()))
        # A relation is added after those it uses.
        queries = [f"{quote(name)} AS ({query})" for name, query in self._queries.items() if name in needed]
        tables = [
            TableInput(name=name, scan=self.sampled.get(name, leaf.table.scan))
            for name, leaf in self.leaves.items()
            if name in needed
        ]
        return f"WITH {', '.join(queries)} SELECT * FROM ({text}\n)" if queries else text, tuple(tables)

    def _findings(self, bound: BoundProduct) -> list[Finding]:
        every = self.planned.mesh.errors
        return [one for one in every if one.path.startswith(f"{bound.product.folder}/")] or every


def _key(served: PublishedPort, table: TableInput) -> tuple[str, ...]:
    """The key of a port, where all of it may be read."""
    key, columns = served.key or served.contract.table.primary_key, {name for name, _ in table.columns}
    return key if columns.issuperset(key) else ()
