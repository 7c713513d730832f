"""Planning: what a build would do to each product, why, at what cost, and whom a break reaches."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from meshwright.build.continuation import older_majors
from meshwright.build.impact import Impact
from meshwright.build.lineage import Lineage
from meshwright.build.reuse import Reuse, SourceState, Verdict, label
from meshwright.build.selection import select
from meshwright.model.compatibility import is_bumped, required_bump
from meshwright.model.errors import Denied
from meshwright.model.findings import Finding, Severity
from meshwright.model.plan import Action, Estimate, Plan, ProductPlan

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from meshwright.analysis.binding import Binder
    from meshwright.build.admission import Admission
    from meshwright.build.bound import BoundProduct
    from meshwright.build.effective import EffectiveMesh
    from meshwright.model.plan import Affected, Change
    from meshwright.model.publication import Publication


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """What is asked of a plan: which environment, which products, and what is allowed.

    `told` gives the ids of products that may be suggested for one that is misspelt; None: all.
    """

    environment: str = "prod"
    select: Sequence[str] = ()
    full: bool = False
    allow_remove: bool = False
    told: Callable[[], Collection[str]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan, and what it was made from: builds go on with both."""

    plan: Plan
    mesh: EffectiveMesh
    published: Mapping[str, Publication]
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    sources: SourceState = field(default_factory=SourceState)


def make_plan(
    mesh: EffectiveMesh,
    published: Mapping[str, Publication],
    *,
    request: PlanRequest,
    binder: Binder,
    sources: SourceState,
    admission: Admission | None = None,
) -> Planned:
    """The plan for *request*: products in build order, removals last. Only domains in the checkout are planned.

    *admission* says what policies leave products to read of each other.
    """
    return _Planner(mesh, published, request, Lineage(binder), sources, admission).run()


class _Planner:
    def __init__(
        self,
        mesh: EffectiveMesh,
        published: Mapping[str, Publication],
        request: PlanRequest,
        lineage: Lineage,
        sources: SourceState,
        admission: Admission | None,
    ) -> None:
        self.mesh = mesh
        self.published = published
        self.request = request
        self.reuse = Reuse(mesh, published, lineage, sources, admission)
        self.impact = Impact(mesh, published, lineage)
        self.sources = sources
        self.findings: dict[str, list[Finding]] = {}
        for finding in mesh.findings:
            if finding.severity is Severity.ERROR:
                self.findings.setdefault(self._owner(finding.path), []).append(finding)
        self.verdicts: dict[str, Verdict] = {}

    @staticmethod
    def _owner(path: str) -> str:
        """Whom a finding in *path* keeps from being built: a product, all of a domain's, or (plans are not made then) all."""
        folder, *parts = path.split("/")
        if folder != "domains" or not parts:
            return ""
        return parts[0] if parts[1:2] == ["domain.yaml"] else ".".join(parts[:2])

    def run(self) -> Planned:
        chosen = self._chosen()
        plans = []
        for name, bound in self.mesh.products.items():
            if name not in chosen:
                continue
            plans.append(self._product(bound))
        if not self.request.select:
            plans.extend(self._unreadable())
            plans.extend(self._removals())
        plan = Plan(
            environment=self.request.environment,
            products=tuple(plans),
            full=self.request.full,
            allow_remove=self.request.allow_remove,
        )
        return Planned(
            plan=plan, mesh=self.mesh, published=self.published, verdicts=self.verdicts, sources=self.sources
        )

    def _chosen(self) -> set[str]:
        products = {name: bound.product for name, bound in self.mesh.products.items()}
        if not self.request.select:
            return set(products)
        upstream: dict[str, list[str]] = {}
        for (product, _), read in self.mesh.reads.items():
            upstream.setdefault(product, []).append(read.product)
        changed: set[str] = set()
        if any("changed" in pattern for pattern in self.request.select):
            # A throw-away pass over everything: "changed" is what a plan of the whole mesh would build.
            scratch = Reuse(self.mesh, self.published, self.reuse.lineage, self.sources, self.reuse.admission)
            changed = {name for name, bound in self.mesh.products.items() if scratch.decide(bound).reasons}
        return select(self.request.select, products, upstream, changed=changed, told=self.request.told)

    def _product(self, bound: BoundProduct) -> ProductPlan:
        name = bound.product.id
        changes = self.mesh.changes.get(name, ())
        affects = self.impact.affected(name, changes) if any(change.breaking for change in changes) else ()
        blockers = self._blockers(bound, changes, affects)
        if blockers:
            return self._planned(bound, Action.BLOCKED, tuple(blockers), changes, affects)
        verdict = self.reuse.decide(bound, full=self.request.full)
        self.verdicts[name] = verdict
        if not verdict.reasons:
            return self._planned(bound, Action.REUSE, self._reuse_reasons(bound), changes, affects)
        reasons = verdict.reasons + self._bump_reasons(bound, changes) + self._carried(bound)
        return self._planned(bound, Action.BUILD, reasons, changes, affects)

    def _blockers(self, bound: BoundProduct, changes: tuple[Change, ...], affects: tuple[Affected, ...]) -> list[str]:
        name = bound.product.id
        found = (*self.findings.get(bound.product.domain, ()), *self.findings.get(name, ()))
        reasons = [str(finding) for finding in found] or self._unserved(bound) or self._denied(bound)
        if name in self.sources.problems:
            reasons.append(self.sources.problems[name])
        if name in self.mesh.blocked:
            broken = [
                f"{change.port}.{change.column} {change.kind}".replace(". ", " ")
                for change in changes
                if change.breaking
            ]
            readers = sorted({one.id for one in affects})
            whom = f", which {', '.join(readers)} read{'s' if len(readers) == 1 else ''}" if readers else ""
            reasons.append(
                f"breaks an active contract without a new major version: {'; '.join(broken)}{whom}. "
                f"Keep what was promised, or publish contracts/<port>@N.yaml beside it"
            )
        return reasons

    def _denied(self, bound: BoundProduct) -> list[str]:
        """Why policies keep it from reading its inputs, as these are served now."""
        reasons = []
        for port in bound.product.input_ports if self.reuse.admission is not None else ():
            try:
                self.reuse.admitted(bound, port.name)
            except Denied as error:
                reasons.append(f"input {port.name}: {error}")
        return reasons

    def _unserved(self, bound: BoundProduct) -> list[str]:
        """What it reads of products that this plan does not build, and that they do not serve yet."""
        reasons = []
        for port in bound.product.input_ports:
            read = self.mesh.reads.get((bound.product.id, port.name))
            if read is None or port.name not in bound.used or read.key[1:] in self.reuse.expected.get(read.product, {}):
                continue
            head = self.published.get(read.product)
            served = head.port(read.port, read.major) if head is not None else None
            known = {field.name for field in served.schema} if served is not None else set()
            lacking = sorted(set(bound.used[port.name]) - known)
            if lacking or served is None:
                what = (
                    f"column {', '.join(lacking)} is not served yet" if served is not None else "it serves nothing yet"
                )
                reasons.append(f"input {port.name} reads {read.product}, which is not built in this plan: {what}")
        return reasons

    def _unreadable(self) -> list[ProductPlan]:
        """Products of which not even the descriptor can be read: they are no part of the mesh, but nor are they gone."""
        return [
            ProductPlan(
                id=name,
                action=Action.BLOCKED,
                reasons=tuple(str(finding) for finding in findings),
                head=self.published[name].sequence if name in self.published else None,
            )
            for name, findings in sorted(self.findings.items())
            if "." in name and name not in self.mesh.products
        ]

    def _bump_reasons(self, bound: BoundProduct, changes: tuple[Change, ...]) -> tuple[str, ...]:
        head = self.published.get(bound.product.id)
        reasons = []
        for port in bound.product.output_ports:
            old = head.port(port.name, port.major) if head is not None else None
            mine = [change for change in changes if change.port == port.name and change.major in {None, port.major}]
            bump = required_bump(mine)
            if old is None or port.contract is None or not port.contract.written or not bump:
                continue
            if not is_bumped(old.contract.version, port.contract.version, bump):
                reasons.append(
                    f"note: these changes ask for a new {bump} version of the contract of {port.name} (still {port.contract.version})"
                )
        return tuple(reasons)

    def _carried(self, bound: BoundProduct) -> tuple[str, ...]:
        kept, _ = older_majors(self.published.get(bound.product.id), bound.product, datetime.now(UTC).date())
        return tuple(f"note: {label(port.name, port.major)} stays served as last published" for port in kept)

    def _reuse_reasons(self, bound: BoundProduct) -> tuple[str, ...]:
        head = self.published[bound.product.id]
        return (f"nothing it rests on changed since publication {head.sequence}",)

    def _planned(
        self,
        bound: BoundProduct,
        action: Action,
        reasons: tuple[str, ...],
        changes: tuple[Change, ...],
        affects: tuple[Affected, ...],
    ) -> ProductPlan:
        head = self.published.get(bound.product.id)
        estimate = _estimate(head) if action is Action.BUILD else Estimate()
        return ProductPlan(
            id=bound.product.id,
            action=action,
            reasons=reasons,
            changes=changes,
            affects=affects,
            estimate=estimate,
            head=head.sequence if head else None,
            fingerprint=self._fingerprint(bound),
        )

    def _fingerprint(self, bound: BoundProduct) -> str:
        """Covers all that this product's part of the plan rests on, beside its own head."""
        digest = hashlib.sha256(self.mesh.workspace.fingerprints.get(bound.product.id, "").encode())
        modules = self.sources.modules.get(bound.product.id, {})
        digest.update(str(sorted(modules.items())).encode())
        for port in bound.product.input_ports:
            files = self.sources.fingerprints.get(f"{bound.product.id}:{port.name}", {})
            read = self.mesh.reads.get((bound.product.id, port.name))
            upstream = self.published.get(read.product) if read else None
            digest.update(f"{port.name}{sorted(files.items())}{upstream.sequence if upstream else ''}".encode())
        return digest.hexdigest()

    def _removals(self) -> list[ProductPlan]:
        present = set(self.mesh.workspace.mesh.domains)
        gone = [
            name
            for name in sorted(self.published)
            if name.partition(".")[0] in present and name not in self.mesh.products and not self.findings.get(name)
        ]
        return [self._removal(name, self.published[name], gone) for name in gone]

    def _removal(self, name: str, head: Publication, gone: Sequence[str]) -> ProductPlan:
        from meshwright.model.plan import Change

        changes = tuple(
            Change(port=port.name, column="", kind="port removed", breaking=True, bump="major") for port in head.ports
        )
        affects = self.impact.affected(name, changes)
        readers = sorted({one.id for one in affects} - set(gone))
        rows = f"removes {', '.join(f'{port.name} ({port.rows:,} rows)' for port in head.ports)}"
        action, reasons = Action.REMOVE, ["its folder was deleted", rows]
        if readers:
            action = Action.BLOCKED
            reasons.append(f"it is still read by {', '.join(readers)}")
        elif not self.request.allow_remove:
            reasons.append("nothing is removed without --allow-remove")
        return ProductPlan(
            id=name, action=action, reasons=tuple(reasons), changes=changes, affects=affects, head=head.sequence
        )


def _estimate(head: Publication | None) -> Estimate:
    if head is None:
        return Estimate()
    return Estimate(
        rows_read=sum(read.rows for read in head.inputs),
        bytes_read=sum(read.bytes for read in head.inputs),
        rows_written=sum(port.rows for port in head.ports),
        bytes_written=sum(port.bytes for port in head.ports),
    )


def unchanged(saved: Plan, now: Plan) -> list[str]:
    """The products for which *now* no longer rests on what *saved* rested on; empty when it may be applied."""
    before = {one.id: replace(one, estimate=Estimate()) for one in saved.products}
    after = {one.id: replace(one, estimate=Estimate()) for one in now.products}
    return sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
