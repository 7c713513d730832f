"""Reuse: whether a product's head still is what a build would publish, and if not, why and in which columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meshwright.build.fingerprints import code_fingerprint, promises_fingerprint, settings_of
from meshwright.build.lineage import ROWS, Lineage
from meshwright.build.outline import stem
from meshwright.model.compatibility import contract_changes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshwright.build.bound import BoundProduct
    from meshwright.build.effective import EffectiveMesh
    from meshwright.model.contract import Contract
    from meshwright.model.product import InputPort, OutputPort
    from meshwright.model.publication import InputRead, Publication, PublishedPort

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
    """File inputs as they are now: the sha-256 of each file by path, by `product:input`; what is wrong, by product."""

    fingerprints: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)


class Reuse:
    """Decides about products in build order, remembering what is expected of those before."""

    def __init__(
        self,
        mesh: EffectiveMesh,
        published: Mapping[str, Publication],
        lineage: Lineage,
        sources: SourceState,
    ) -> None:
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
        volatile = [
            f"{one.path} uses {one.volatile}(), whose result changes by itself"
            for one in bound.transformations
            if one.volatile
        ]
        incremental = any(port.materialization != "full" for port in bound.product.output_ports)
        whole = bool(settings or volatile or incremental)
        inputs, by_inputs = self._inputs(bound, head, whole=whole)
        reasons = [*code, *settings, *rules, *inputs, *volatile]
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
        reasons = []
        before = head.descriptor.get("settings", {})
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
        return rules, words, by_port

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
        wanted = set(bound.used.get(port.name, ())) | {ROWS}
        expected = self.expected.get(read.product, {})
        if (read.port, read.major) in expected:
            columns = expected[read.port, read.major]
            touched = wanted if columns is None else wanted & columns
            if touched:
                return f"{_listed(touched, columns)} of input {port.name} may change", frozenset(touched)
        upstream = self.published.get(read.product)
        served = upstream.port(read.port, read.major) if upstream is not None else None
        if served is None:
            return "", None
        differing = changed_columns(before, served, wanted)
        if differing:
            assert upstream is not None  # noqa: S101 - it serves the port
            return (
                f"{_listed(differing, None)} of input {port.name} changed in publication {upstream.sequence}",
                frozenset(differing),
            )
        return "", None

    def _files(self, bound: BoundProduct, port: InputPort, before: InputRead | None) -> str:
        now = self.sources.fingerprints.get(f"{bound.product.id}:{port.name}", {})
        if before is None:
            return f"input {port.name} is new"
        if before.files == now:
            return ""
        new = sorted(set(now) - set(before.files))
        gone = sorted(set(before.files) - set(now))
        edited = sorted(path for path in now if path in before.files and before.files[path] != now[path])
        parts = [
            f"{word} {_some(paths)}" for word, paths in (("new", new), ("changed", edited), ("removed", gone)) if paths
        ]
        return f"input {port.name}: {'; '.join(parts)}"


def changed_columns(before: InputRead, served: PublishedPort, wanted: set[str]) -> set[str]:
    """The *wanted* columns whose content version is not the one that was read; ROWS stands for the number of rows."""
    versions = {**served.columns, ROWS: str(served.rows)}
    return {name for name in wanted if before.columns.get(name) != versions.get(name)}


def label(port: str, major: int) -> str:
    """How a port's major version is named in records: `port@major`."""
    return f"{port}@{major}"


def wanted_columns(bound: BoundProduct, port: InputPort) -> set[str]:
    """The columns of an input whose content decides about reuse."""
    return set(bound.used.get(port.name, ())) | {ROWS}


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
    rules = [*contract.table.quality, *(rule for column in contract.table.columns for rule in column.quality)]
    return any(rule.custom.get("mesh.onFailure") for rule in rules)


def _merged(one: PortChanges, two: PortChanges) -> PortChanges:
    found = dict(one)
    for port, columns in two.items():
        if port in found:
            other = found[port]
            found[port] = None if columns is None or other is None else columns | other
        else:
            found[port] = columns
    return found


def _listed(columns: set[str], expected: frozenset[str] | None) -> str:
    del expected
    named = sorted(column for column in columns if column)
    if not named:
        return "the number of rows"
    return f"column{'s' if len(named) > 1 else ''} {_some(named)}"


def _some(names: list[str]) -> str:
    most = 4
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def port_key(port: OutputPort) -> tuple[str, int]:
    """What identifies an output port within its product."""
    return port.name, port.major
