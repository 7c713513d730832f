"""The effective mesh: every product with what it implies, bound to its inputs across domains, in build order."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from meshwright.analysis.query import parse_all
from meshwright.build.analysis_cache import AnalysisCache
from meshwright.build.bound import BoundProduct, bind
from meshwright.build.continuation import older_majors
from meshwright.build.input_resolution import InputResolution, Offer, PortColumns
from meshwright.build.outline import Outline, outline, sql_texts, stem
from meshwright.model.compatibility import contract_changes
from meshwright.model.findings import Finding, Severity
from meshwright.model.graph import build_order
from meshwright.model.product import OutputPort

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from meshwright.analysis.binding import Binder
    from meshwright.build.source_columns import SourceColumns
    from meshwright.model.plan import Change
    from meshwright.model.product import Product
    from meshwright.model.publication import Publication
    from meshwright.workspace.loading import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveMesh:
    """Every product of a checkout, understood.

    `products` is in build order; `reads` maps (product, input port) to the port and major version that is read;
    `changes` are the contract changes against what is published; `blocked` the products whose changes break consumers of
    an active port without a new major version; `pinned` what was sniffed of inputs for the first time, by product;
    `analysis` keeps what was found out, also later: whoever is done with the mesh saves it.
    """

    workspace: Workspace
    products: dict[str, BoundProduct]
    findings: tuple[Finding, ...]
    reads: dict[tuple[str, str], PortColumns]
    changes: dict[str, tuple[Change, ...]] = field(default_factory=dict)
    blocked: frozenset[str] = frozenset()
    pinned: dict[str, dict[str, object]] = field(default_factory=dict)
    analysis: AnalysisCache = field(default_factory=AnalysisCache)

    @property
    def errors(self) -> list[Finding]:
        """The findings that make the mesh invalid."""
        return [finding for finding in self.findings if finding.severity is Severity.ERROR]

    def consumers(self) -> dict[tuple[str, str, int], list[tuple[str, str]]]:
        """(product, input port) pairs that read each (product, output port, major)."""
        found: dict[tuple[str, str, int], list[tuple[str, str]]] = {}
        for reader, read in self.reads.items():
            found.setdefault(read.key, []).append(reader)
        return found


def effective(
    workspace: Workspace,
    *,
    published: Mapping[str, Publication],
    cache: AnalysisCache,
    sources: SourceColumns,
    binder: Binder,
) -> EffectiveMesh:
    """The effective mesh of *workspace* beside what is *published* (heads by product id; {} when nothing is)."""
    return _Effective(workspace, published, cache, sources, binder).run()


class _Effective:
    def __init__(
        self,
        workspace: Workspace,
        published: Mapping[str, Publication],
        cache: AnalysisCache,
        sources: SourceColumns,
        binder: Binder,
    ) -> None:
        self.workspace = workspace
        self.published = published
        self.cache = cache
        self.sources = sources
        self.binder = binder
        self.findings: list[Finding] = list(workspace.findings)
        self.products: dict[str, BoundProduct] = {}
        self.reads: dict[tuple[str, str], PortColumns] = {}
        self.changes: dict[str, tuple[Change, ...]] = {}
        self.blocked: set[str] = set()
        self.resolution = InputResolution(workspace.mesh.products, published)

    def run(self) -> EffectiveMesh:
        outlines = self.outlines()
        upstream = {
            name: [self.resolution.product_of(port) or "" for port in one.product.input_ports if not port.source]
            for name, one in outlines.items()
        }
        upstream |= self.upstream_elsewhere(upstream)
        order, cycles = build_order(upstream)
        # A product is tested against those that its relationships point to, so they come first where that is possible.
        references = {name: one.references for name, one in outlines.items()}
        tested, circles = build_order({name: [*ups, *references.get(name, ())] for name, ups in upstream.items()})
        order = tested if len(circles) == len(cycles) else order
        for cycle in cycles:
            path = next((outlines[name].product.path for name in cycle if name in outlines), "")
            hint = "a product cannot wait for itself: drop one of these inputs"
            self.findings.append(
                Finding(
                    code="cycle",
                    message="products read each other in a circle",
                    value=" → ".join(cycle),
                    path=path,
                    hint=hint,
                )
            )
        for name in order:
            if name in outlines:
                self.products[name] = self.bind(outlines[name])
        self.find_idle(upstream)
        return EffectiveMesh(
            workspace=self.workspace,
            products=self.products,
            findings=tuple(sorted(self.findings, key=lambda finding: finding.order)),
            reads=self.reads,
            changes=self.changes,
            blocked=frozenset(self.blocked),
            pinned=self.sources.pinned,
            analysis=self.cache,
        )

    def upstream_elsewhere(self, known: Mapping[str, object]) -> dict[str, list[str]]:
        """What the products of domains elsewhere read, as they were published: a circle may lead through them."""
        domains = self.workspace.mesh.domains
        names = [name for name in self.published if name not in known and name.partition(".")[0] not in domains]
        return {name: [read.product for read in self.published[name].inputs if read.product] for name in names}

    def find_idle(self, upstream: Mapping[str, Sequence[str]]) -> None:
        """Products that wait for inputs which never publish, because they read no product."""
        for name, bound in self.products.items():
            product = bound.product
            schedule = product.schedule
            if schedule is None or not schedule.on_inputs or any(upstream[name]):
                continue
            pointer = "/customProperties"
            line, column = self.workspace.place(product.path, pointer)
            self.findings.append(
                Finding(
                    code="idle-schedule",
                    message="It is due on new publications of its inputs, and reads no product",
                    path=product.path,
                    line=line,
                    column=column,
                    hint="write a cron, which looks for new files, too; or leave out 'on: inputs'",
                    pointer=pointer,
                    severity=Severity.WARNING,
                )
            )

    def outlines(self) -> dict[str, Outline]:
        """Every product's outline, from the cache where its files are as they were."""
        keys = self.workspace.fingerprints
        products = self.workspace.mesh.products
        found = {name: self.kept_outline(product, keys.get(name, "")) for name, product in products.items()}
        texts = list(
            dict.fromkeys(text for name, known in found.items() if known is None for text in sql_texts(products[name]))
        )
        parsed = dict(zip(texts, parse_all(texts), strict=True)) if texts else {}
        outlines = {}
        for name, known in found.items():
            if known is None:
                outlines[name] = outline(products[name], self.sources.locate, parsed)
                self.cache.keep_outline(keys.get(name, ""), outlines[name])
            else:
                outlines[name] = known
        return outlines

    def kept_outline(self, product: Product, key: str) -> Outline | None:
        """The outline from the cache, unless a file that its SQL names is no longer where it was."""
        known = self.cache.outline(product, key)
        implied = known.product.input_ports[len(product.input_ports) :] if known is not None else ()
        is_whole = all(port.source is None or self.sources.is_there(port.source) for port in implied)
        return known if is_whole else None

    def bind(self, one: Outline) -> BoundProduct:
        product = one.product
        inputs = {}
        digest = hashlib.sha256()
        for port in product.input_ports:
            found, finding = self.input_columns(product, port.name)
            if finding is not None:
                if port.implied and port.name not in one.places:
                    # An outline from the cache no longer knows where its inputs are named.
                    one = outline(self.workspace.mesh.products[product.id], self.sources.locate)
                path, line, column = one.places.get(port.name, (finding.path, finding.line, finding.column))
                self.findings.append(replace(finding, path=path, line=line, column=column))
            if found is not None:
                inputs[port.name] = found.columns
                digest.update(f"{port.name}={found.digest};".encode())
        key = digest.hexdigest()
        bound = self.cache.bound(one, key, inputs, self.binder)
        if bound is None:
            bound = bind(one, inputs, self.binder)
            if len(bound.findings) > len(one.findings):
                # An outline from the cache no longer knows the original's places: parse again, so that errors do.
                one = outline(self.workspace.mesh.products[product.id], self.sources.locate)
                bound = bind(one, inputs, self.binder)
            self.cache.keep_bound(key, bound)
        self.findings.extend(bound.findings)
        self.compare(bound)
        return bound

    def input_columns(self, product: Product, name: str) -> tuple[PortColumns | None, Finding | None]:
        port = product.input_port(name)
        assert port is not None  # noqa: S101 - names come from the product itself
        if port.source is not None:
            return self.sources.columns(product, port)
        found, finding = self.resolution.resolve(product, port, self.workspace.place)
        if found is not None:
            self.reads[product.id, name] = found
        return found, finding

    def compare(self, bound: BoundProduct) -> None:
        """Contract changes against the head; consumers of a blocked product go on with what is published."""
        head = self.published.get(bound.product.id)
        if head is not None:
            self.find_changes(bound.product, head)
        blocked = bound.product.id in self.blocked
        # Not a closure over this object: the circle would be walked by the garbage collector at exit.
        self.resolution.provide(bound.product, partial(offers, bound, head, blocked=blocked))

    def find_changes(self, product: Product, head: Publication) -> None:
        changes: list[Change] = []
        for port in product.output_ports:
            old = head.port(port.name, port.major)
            if old is not None and port.contract is not None and old.contract != port.contract:
                found = contract_changes(port.name, old.contract, port.contract)
                changes += [replace(change, major=port.major) for change in found]
                if old.contract.is_active and any(change.breaking for change in found):
                    self.blocked.add(product.id)
        changes += lost_ports(product, head)
        if any(change.kind == "port removed" and change.breaking for change in changes):
            self.blocked.add(product.id)
        if changes:
            self.changes[product.id] = tuple(changes)


def offers(bound: BoundProduct, head: Publication | None, *, blocked: bool) -> list[Offer]:
    """The output ports that products built after this one may read."""
    product = bound.product
    found: list[Offer] = []
    for port in product.output_ports:
        served = head.port(port.name, port.major) if head is not None else None
        if served is not None and (blocked or port.contract is None):
            found.append((replace(port, contract=served.contract), ()))
        else:
            found.append((port, bound.columns.get(stem(port), ())))
    for served in older_majors(head, product, datetime.now(UTC).date())[0]:
        # An older major version goes on being served as it is: its readers go on reading it.
        kept = OutputPort(name=served.name, version=served.version, kind=served.kind, contract=served.contract)
        found.append((kept, ()))
    return found


def lost_ports(product: Product, head: Publication) -> list[Change]:
    """Published ports that the product does not declare any more.

    One whose name is still there in a newer major version goes on being served as it is; any other is a break.
    """
    from meshwright.model.plan import Change

    names = {port.name for port in product.output_ports}
    lost = [port for port in head.ports if port.name not in names]
    return [
        Change(port=port.name, column="", kind="port removed", breaking=port.contract.is_active, bump="major")
        for port in lost
    ]
