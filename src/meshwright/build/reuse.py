"""Reuse: whether a product's head still is what a build would publish, and if not, why and in which columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from meshwright.build.admission import Admitted
from meshwright.build.continuation import older_majors
from meshwright.build.fingerprints import code_fingerprint, ours, promises_fingerprint, settings_of
from meshwright.build.input_comparison import (
    changed_columns,
    changed_files,
    layout,
    listed,
    named_columns,
    wanted_columns,
)
from meshwright.build.lineage import ROWS, Lineage
from meshwright.build.outline import stem
from meshwright.model.compatibility import contract_changes
from meshwright.model.errors import Denied
from meshwright.model.names import PortAddress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from meshwright.build.admission import Admission
    from meshwright.build.bound import BoundProduct
    from meshwright.build.effective import EffectiveMesh
    from meshwright.build.input_resolution import PortColumns
    from meshwright.model.contract import Contract
    from meshwright.model.product import InputPort
    from meshwright.model.publication import InputRead, Publication

# What the Python modules that transformations import are called among a publication's inputs.
MODULES = "imported modules"
# How a reason ends that is nothing but a build upstream in the same plan.
FOLLOWING = "may change"
# The columns of an output port that a build may change; None for all.
PortChanges = dict[tuple[str, int], frozenset[str] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Why a product must be built, and which columns of its ports may then change.

    No reasons: its head is reused. `wording` is True when only words of a contract changed, so that data need not be.
    """

    reasons: tuple[str, ...] = ()
    changed: PortChanges = field(default_factory=dict)
    wording: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """Files as they are now.

    By `product:input` the sha-256 of each by path (`fingerprints`), and how they are read (`readings`); by product the
    sha-256 of the Python modules that it imports (`modules`), and what is wrong (`problems`). What a remote source holds
    may not be known without reading it: `unknown` says why, by `product:input`.
    """

    fingerprints: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    readings: Mapping[str, str] = field(default_factory=dict)
    modules: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)


class Reuse:
    """Decides about products in build order, remembering what is expected of those before."""

    def __init__(
        self,
        mesh: EffectiveMesh,
        published: Mapping[str, Publication],
        lineage: Lineage,
        sources: SourceState,
        admission: Admission | None = None,
    ) -> None:
        self.admission = admission
        self.mesh = mesh
        self.published = published
        self.lineage = lineage
        self.sources = sources
        self.expected: dict[str, PortChanges] = {}

    def decide(self, bound: BoundProduct, *, full: bool = False) -> Verdict:
        """The verdict on *bound*; it is remembered for the products downstream."""
        head = self.published.get(bound.product.id)
        everything: PortChanges = {(port.name, port.major): None for port in bound.product.output_ports}
        if head is None:
            verdict = Verdict(reasons=("not published yet",), changed=everything)
        elif full:
            verdict = Verdict(reasons=("a full rebuild was asked for",), changed=everything)
        else:
            verdict = self._compare(bound, head, everything)
        if verdict.reasons and not verdict.wording:
            self.expected[bound.product.id] = verdict.changed
        return verdict

    def _compare(self, bound: BoundProduct, head: Publication, everything: PortChanges) -> Verdict:
        code, by_code = self._code(bound, head)
        settings = self._settings(bound, head)
        rules, words, by_contract = self._contracts(bound, head)
        words += self._tags(bound, head)
        volatile = [
            f"{one.path} uses {one.volatile}(), whose result changes by itself"
            for one in bound.transformations
            if one.volatile
        ]
        incremental = any(port.materialization != "full" for port in bound.product.output_ports)
        # A name that SQL reads no more is a change of its text, which tells columns apart.
        gone = [] if code else self._gone(bound, head)
        modules = self._modules(bound, head)
        whole = bool(settings or volatile or incremental or gone or modules)
        inputs, by_inputs = self._inputs(bound, head, whole=whole)
        reasons = [*code, *settings, *rules, *modules, *inputs, *gone, *volatile]
        if not reasons:
            return Verdict(reasons=tuple(words), wording=bool(words))
        if whole:
            return Verdict(reasons=tuple(reasons + words), changed=everything)
        return Verdict(reasons=tuple(reasons + words), changed=_merged(_merged(by_code, by_inputs), by_contract))

    def _code(self, bound: BoundProduct, head: Publication) -> tuple[list[str], PortChanges]:
        if head.code_fingerprint == code_fingerprint(bound):
            return [], {}
        reasons: list[str] = []
        changed: dict[str, frozenset[str] | None] = {}
        before = head.descriptor.get("transformations", {})
        for one in bound.transformations:
            old = before.get(one.name)
            if old is None or old["fingerprint"] != one.fingerprint:
                columns = _differing(old["definitions"], bound.definitions(one.name)) if old is not None else None
                what = "is new" if old is None else "changed" + (f": {', '.join(sorted(columns))}" if columns else "")
                reasons.append(f"{one.path} {what}")
                changed[one.name] = columns
        gone = sorted(set(before) - {one.name for one in bound.transformations})
        reasons += [f"transformation {name} was removed" for name in gone]
        by_port: PortChanges = {}
        for port in bound.product.output_ports:
            siblings = _siblings(bound, stem(port))
            if any(name in changed for name in siblings):
                by_port[port.name, port.major] = None
            elif stem(port) in changed:
                by_port[port.name, port.major] = changed[stem(port)]
        return reasons or ["its transformations changed"], by_port

    @staticmethod
    def _settings(bound: BoundProduct, head: Publication) -> list[str]:
        before = head.descriptor.get("settings", {})
        names = {port.name for port in bound.product.output_ports}
        reasons = [f"port {name} is declared no more" for name in before if name.partition("@")[0] not in names]
        for port in bound.product.output_ports:
            now, then = settings_of(port), before.get(label(port.name, port.major))
            if then is None:
                reasons.append(f"port {label(port.name, port.major)} is new")
                continue
            reasons += [
                f"setting {name} of port {port.name} changed: {then.get(name)} → {value}"
                for name, value in now.items()
                if then.get(name) != value
            ]
        return reasons

    @staticmethod
    def _contracts(bound: BoundProduct, head: Publication) -> tuple[list[str], list[str], PortChanges]:
        rules, words = [], []
        by_port: PortChanges = {}
        for port in bound.product.output_ports:
            old = head.port(port.name, port.major)
            if old is None or port.contract is None or old.contract == port.contract:
                continue
            path = port.contract.path or f"the draft contract of {port.name}"
            kinds = [
                f"{change.column} {change.kind}".strip()
                for change in contract_changes(port.name, old.contract, port.contract)
            ]
            if promises_fingerprint(old.contract) != promises_fingerprint(port.contract):
                rules.append(f"{path} changed: {', '.join(kinds[:5]) or 'its rules'}")
                by_port[port.name, port.major] = _recontracted(old.contract, port.contract)
            elif old.contract.version != port.contract.version or kinds:
                words.append(f"{path} changed: {', '.join(kinds[:5]) or 'its version'}")
        _, ended = older_majors(head, bound.product, datetime.now(UTC).date())
        words += [f"{label(port.name, port.major)} has come to its end of life" for port in ended]
        return rules, words, by_port

    def _tags(self, bound: BoundProduct, head: Publication) -> list[str]:
        """Tags that policies ask for bind as published, so they are published when nothing else changed."""
        domain = self.mesh.workspace.mesh.domains.get(bound.product.domain)
        changed = ["its tags changed"] if set(bound.product.tags) != set(head.tags) else []
        if domain is not None and set(domain.tags) != set(head.domain_tags):
            changed.append(f"the tags of domain {domain.name} changed")
        return changed

    def _inputs(self, bound: BoundProduct, head: Publication, *, whole: bool) -> tuple[list[str], PortChanges]:
        """Which inputs changed, and the output columns that this reaches: not asked when *whole* ports change anyway."""
        before = {read.name: read for read in head.inputs}
        reasons: list[str] = []
        changed: dict[str, frozenset[str] | None] = {}
        used = {name for one in bound.transformations for name in one.inputs}
        for port in bound.product.input_ports:
            if port.name not in used:
                continue
            why, columns = self._input(bound, port, before.get(port.name))
            if why:
                reasons.append(why)
                changed[port.name] = columns
        reached = self.lineage.reached(bound, changed) if changed and not whole else {}
        by_port: PortChanges = {
            (port.name, port.major): reached[stem(port)] for port in bound.product.output_ports if stem(port) in reached
        }
        return reasons, by_port

    def _modules(self, bound: BoundProduct, head: Publication) -> list[str]:
        before = next((read.files for read in head.inputs if read.name == MODULES), {})
        changed = changed_files(before, self.sources.modules.get(bound.product.id, {}))
        return [f"{MODULES}: {changed}"] if changed else []

    @staticmethod
    def _gone(bound: BoundProduct, head: Publication) -> list[str]:
        used = {MODULES, *(name for one in bound.transformations for name in one.inputs)}
        return [f"input {read.name} is read no more" for read in head.inputs if read.name not in used]

    def _input(
        self, bound: BoundProduct, port: InputPort, before: InputRead | None
    ) -> tuple[str, frozenset[str] | None]:
        if port.source is not None:
            return self._files(bound, port, before), None
        read = self.mesh.reads.get((bound.product.id, port.name))
        if read is None:
            return "", None
        if before is None:
            return f"input {port.name} is new", None
        if (before.product, before.port, before.major) != read.key:
            return f"input {port.name} now reads {read.product}.{read.port}@{read.major}", None
        wanted = wanted_columns(bound, port)
        expected = self.expected.get(read.product, {})
        columns = expected.get(read.key[1:], frozenset())
        touched = wanted if columns is None else wanted & columns
        if touched:
            return f"{listed(touched)} of input {port.name} {FOLLOWING}", frozenset(touched)
        return self._served(bound, port.name, before, read, wanted)

    def admitted(self, bound: BoundProduct, name: str) -> Admitted | None:
        """What policies leave *bound* to read of its input *name*; None where nothing is served yet. Raises Denied."""
        read = self.mesh.reads.get((bound.product.id, name))
        upstream = self.published.get(read.product) if read is not None else None
        served = upstream.port(read.port, read.major) if read is not None and upstream is not None else None
        if read is None or upstream is None or served is None:
            return None
        address = PortAddress.of(read.product, read.port, read.major)
        found = Admitted(self.admission, bound.product.id, address, upstream, served, is_kept=False)
        found.require(named_columns(bound, name))
        return found

    def _served(
        self, bound: BoundProduct, name: str, before: InputRead, read: PortColumns, wanted: set[str]
    ) -> tuple[str, frozenset[str] | None]:
        upstream = self.published.get(read.product)
        served = upstream.port(read.port, read.major) if upstream is not None else None
        if upstream is None or served is None:
            return "", None
        differing = changed_columns(before, served, wanted)
        if differing:
            why = f"{listed(differing)} of input {name} changed in publication {upstream.sequence}"
            return why, frozenset(differing)
        columns = [field.name for field in served.schema]
        if read.key[1:] in self.expected.get(read.product, {}) and read.columns:
            columns = [column for column, _ in read.columns]
        try:
            admitted = self.admitted(bound, name) if self.admission is not None else None
        except Denied as error:
            return str(error), None
        if admitted is not None and before.restriction != admitted.digest:
            return f"policies changed what it may read of input {name}", None
        if before.reading != layout(columns, wanted):
            return f"input {name} has other columns, or in another order", None
        return "", None

    def _files(self, bound: BoundProduct, port: InputPort, before: InputRead | None) -> str:
        name = f"{bound.product.id}:{port.name}"
        if before is None:
            return f"input {port.name} is new"
        if name in self.sources.unknown:
            return f"input {port.name} may have changed: {self.sources.unknown[name]}"
        if files := changed_files(before.files, self.sources.fingerprints.get(name, {})):
            return f"input {port.name}: {files}"
        if before.reading != self.sources.readings.get(name, before.reading):
            return f"input {port.name} is read in another way: its format, options or columns changed"
        return ""


def follows(reasons: Sequence[str]) -> bool:
    """Whether a product with these *reasons* is built only because of products before it in the plan."""
    return bool(reasons) and all(reason.endswith(FOLLOWING) for reason in reasons)


def label(port: str, major: int) -> str:
    """How a port's major version is named in records: `port@major`."""
    return f"{port}@{major}"


def _siblings(bound: BoundProduct, name: str) -> set[str]:
    """The transformations of the same product that *name* reads, directly or not."""
    parsed = {one.name: one for one in bound.transformations}
    found: set[str] = set()
    queue = [name]
    while queue:
        one = parsed.get(queue.pop())
        fresh = set(one.siblings.values()) - found if one is not None else set()
        found |= fresh
        queue.extend(fresh)
    return found


def _differing(old: Mapping[str, str], new: Mapping[str, str]) -> frozenset[str] | None:
    """The columns whose definition differs; None when they cannot be told apart, or rows may differ."""
    if old.get(ROWS) != new.get(ROWS) or len(old) < 2 or len(new) < 2:  # noqa: PLR2004 - rows alone
        return None
    return frozenset(name for name in {*old, *new} if name and old.get(name) != new.get(name))


def _recontracted(old: Contract, new: Contract) -> frozenset[str] | None:
    """The columns whose stored values another contract may change; None when it may change which rows there are."""
    if old.table.primary_key != new.table.primary_key or _sets_aside(old) or _sets_aside(new):
        return None
    before = {column.name: column.type for column in old.table.columns}
    after = {column.name: column.type for column in new.table.columns}
    return frozenset(name for name in {*before, *after} if before.get(name) != after.get(name))


def _sets_aside(contract: Contract) -> bool:
    return "mesh.onFailure" in repr(ours(contract))


def _merged(one: PortChanges, two: PortChanges) -> PortChanges:
    found = dict(one)
    for port, columns in two.items():
        if port in found:
            other = found[port]
            found[port] = None if columns is None or other is None else columns | other
        else:
            found[port] = columns
    return found
