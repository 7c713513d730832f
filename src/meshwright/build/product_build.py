"""One product's build: read inputs, transform to staging, test, commit, publish; or reuse what is published."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from meshwright.build.build_inputs import BuildInput, BuildInputs, without_progress
from meshwright.build.continuation import continued, older_majors, require_readable
from meshwright.build.events import ProductEnded, ProductStarted
from meshwright.build.fingerprints import (
    code_fingerprint,
    event_time_of,
    key_of,
    promises_fingerprint,
    settings_fingerprint,
)
from meshwright.build.materialization import TableState, appended, merged, replaced
from meshwright.build.publishing import PortResult, Publishing
from meshwright.build.quota import within_quota
from meshwright.build.reuse import label
from meshwright.build.testing import Tester
from meshwright.build.transforming import PreviousSchema, StagedPort, Transforming
from meshwright.engines import Staged, TableOutput
from meshwright.model.contract import QualityRule, without_places
from meshwright.model.datatype import VARCHAR, DataType
from meshwright.model.errors import Conflict, InvalidInput, Refused, Unavailable
from meshwright.model.fields import fields
from meshwright.model.publication import Attempt
from meshwright.model.results import Outcome
from meshwright.quality.retention import left_to_maintenance

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from meshwright.build.bound import BoundProduct
    from meshwright.build.planning import Planned
    from meshwright.build.reuse import Verdict
    from meshwright.build.workshop import Workshop
    from meshwright.model.contract import Contract
    from meshwright.model.product import OutputPort
    from meshwright.model.publication import Field, InputRead, Publication, PublishedPort
    from meshwright.model.results import RuleResult
    from meshwright.quality import Dataset
    from meshwright.quality.quarantine import Quarantine

# Each lost race means that somebody else published; more in a row than this is a storm, not a race.
TRIES = 20
# How many failed rules the one-line message of a failed build names.
RULES_NAMED = 4


class TestsFailed(Refused):
    """Rules of a contract failed: nothing was published; `tests` says which."""

    __test__ = False

    def __init__(self, message: str, tests: dict[str, tuple[RuleResult, ...]]) -> None:
        super().__init__(message)
        self.tests = tests


class ProductBuild:
    """Builds one product in one environment."""

    def __init__(self, workshop: Workshop, planned: Planned, bound: BoundProduct, verdict: Verdict) -> None:
        self.workshop = workshop
        self.mesh = mesh = planned.mesh
        # What the plan saw of the files that are read. Lost races look again.
        self.listed = planned.sources.fingerprints
        self.domain = domain = mesh.workspace.mesh.domains.get(bound.product.domain)
        owner = bound.product.owner or (domain.team if domain is not None else "")
        self.bound = replace(bound, product=replace(bound.product, owner=owner))
        self.verdict = verdict
        self.full = planned.plan.full
        self.product = bound.product.id
        self.folder = workshop.staging / self.product

    def run(self) -> ProductEnded:
        """Publish, or reuse. Raises TestsFailed and what transformations, sources and stores raise."""
        started = time.monotonic()
        for number in range(1, TRIES + 1):
            try:
                ended = self._once(started)
            except Conflict:
                # Another build was first. Decide again on top of what it published; nothing of this try is visible.
                if number == TRIES:
                    raise
                self.listed = {}
            else:
                shutil.rmtree(self.folder, ignore_errors=True)
                return ended
        raise AssertionError("unreachable")

    def _once(self, started: float) -> ProductEnded:
        workshop = self.workshop
        shutil.rmtree(self.folder, ignore_errors=True)
        head = workshop.registry.head(workshop.environment, self.product)
        resolver = BuildInputs(workshop, self.mesh, self.bound, full=self.full, listed=self.listed)
        inputs = resolver.read(head)
        if head is not None and self._is_current(head, inputs):
            if not self._only_words(head):
                return self._ended("reused", head, started, message="its inputs' content is the same")
            return self._reworded(head, inputs, started)
        workshop.emit(ProductStarted(product=self.product, reasons=self.verdict.reasons))
        tester = Tester(workshop, self.product)
        previous, began = self._previous(head), time.monotonic()
        try:
            staged = Transforming(workshop, self.bound, inputs, previous, self.folder, begin=resolver.begin).run()
            resolver.verify(inputs)
            results, tests = self._tested(tester, staged, head)
        except (InvalidInput, Unavailable) as error:
            resolver.require_files(inputs, head, str(error))
            told = resolver.told(error)
            if told is not error:
                raise told from error
            raise
        finally:
            self._record(inputs, tester, time.monotonic() - began)
        failed = {port: [one for one in rules if one.blocks] for port, rules in tests.items()}
        if any(failed.values()):
            raise TestsFailed(_failure(failed), tests)
        with within_quota(workshop, self.domain, self.bound.product, results, head):
            publication = Publishing(workshop, self.bound, head).publish(
                results,
                inputs=[one.read for one in inputs.values()],
                tests=tests,
                reason="; ".join(self.verdict.reasons) if head is not None else "first publication",
                seconds=time.monotonic() - started,
            )
        return self._ended("published", publication, started)

    def _record(self, inputs: dict[str, BuildInput], tester: Tester, seconds: float) -> None:
        """Keep that the product's transformations and rules read other products' ports, published or not."""
        if self.workshop.admission is not None:
            reads = [one.read for one in inputs.values() if one.read.product]
            self.workshop.admission.took(self.product, _merged([*reads, *tester.read.values()]), seconds=seconds)

    def _is_current(self, head: Publication, inputs: dict[str, BuildInput]) -> bool:
        """Whether a build would publish what *head* serves: same code, settings, promises and content read."""
        if self.full or any(one.volatile for one in self.bound.transformations):
            return False
        if head.code_fingerprint != code_fingerprint(self.bound):
            return False
        if head.settings_fingerprint != settings_fingerprint(self.bound.product):
            return False
        for port in self.bound.product.output_ports:
            served = head.port(port.name, port.major)
            if served is None:
                return False
            if port.contract is not None and promises_fingerprint(served.contract) != promises_fingerprint(
                port.contract
            ):
                return False
        before = {read.name: without_progress(read) for read in head.inputs}
        return before == {name: without_progress(one.read) for name, one in inputs.items()}

    def _only_words(self, head: Publication) -> bool:
        """Whether only what the contracts say in words, or tags, differ from *head*."""
        product = self.bound.product
        if head.version != product.version or self._ended_majors(head):
            return True
        of_domain = self.workshop.domain_tags.get(product.domain, ())
        if (set(product.tags), set(of_domain)) != (set(head.tags), set(head.domain_tags)):
            return True
        for port in self.bound.product.output_ports:
            served = head.port(port.name, port.major)
            if served is None or port.contract is None:
                continue
            if without_places(port.contract) != without_places(served.contract):
                return True
        return False

    def _ended_majors(self, head: Publication) -> list[PublishedPort]:
        return older_majors(head, self.bound.product, self.workshop.now().date())[1]

    def _reworded(self, head: Publication, inputs: dict[str, BuildInput], started: float) -> ProductEnded:
        """A publication of the same data under contracts whose words changed."""
        from meshwright.build.fingerprints import contract_fingerprint

        ports = []
        ended = self._ended_majors(head)
        for served in (port for port in head.ports if port not in ended):
            port = self.bound.product.output_port(served.name, served.major)
            if port is not None and port.contract is not None:
                contract, fingerprint = port.contract, contract_fingerprint(port.contract)
                served = replace(served, contract=contract, version=contract.version, contract_fingerprint=fingerprint)  # noqa: PLW2901 - one port, reworded
            ports.append(served)
        publication = Publishing(self.workshop, self.bound, head).record(
            ports,
            inputs=[one.read for one in inputs.values()],
            tests=head.tests,
            reason="; ".join(self.verdict.reasons),
            seconds=time.monotonic() - started,
        )
        return self._ended("published", publication, started, message="its data is the same")

    def _previous(self, head: Publication | None) -> dict[tuple[str, int], PreviousSchema]:
        found = {}
        for one in self.bound.product.output_ports:
            port = continued(head, self.bound, one)
            if port is not None and port.table and port.kind == "tables":
                snapshot = self.workshop.registry.snapshot(port.table, port.snapshot)
                found[one.name, one.major] = PreviousSchema(schema=port.schema, last_field_id=snapshot.last_field_id)
        return found

    def _tested(
        self, tester: Tester, staged: list[StagedPort], head: Publication | None
    ) -> tuple[list[PortResult], dict[str, tuple[RuleResult, ...]]]:
        states = {}
        # By its plain name a port is known to relationships as its newest major version.
        for one in sorted(staged, key=lambda one: one.port.major):
            if one.port.kind == "tables":
                state = self._state(one, head)
                data = tester.state(state, one.schema, incremental=self._is_incremental(one))
                states[one.port.name, one.port.major] = state, data
                tester.staged[one.port.name] = data
        results, tests = [], {}
        for one in staged:
            found = states.get((one.port.name, one.port.major))
            if found is None:
                results.append(PortResult(staged=one))
                continue
            result, rules = self._test_port(tester, one, *found, head)
            results.append(result)
            tests[label(one.port.name, one.port.major)] = rules
        return results, tests

    def _test_port(
        self, tester: Tester, one: StagedPort, state: TableState, data: Dataset, head: Publication | None
    ) -> tuple[PortResult, tuple[RuleResult, ...]]:
        assert one.port.contract is not None  # noqa: S101 - transforming drafts one
        contract = held_to_key(one.port)
        rules = self._judged(one, tester.test(contract, data, event_time=event_time_of(one.port)))
        quarantine = None if any(rule.blocks for rule in rules) else tester.split(contract, data, rules)
        if quarantine is None:
            return PortResult(staged=one, state=state), rules
        good, bad, schema = self._set_aside(one, quarantine)
        one = replace(one, staged=good)
        state = self._state(one, head)
        data = tester.state(state, one.schema, incremental=self._is_incremental(one))
        again = self._judged(one, tester.test(contract, data, event_time=event_time_of(one.port)))
        first = {rule.rule: rule for rule in rules if rule.quarantined}
        rules = tuple(first.get(rule.rule, rule) for rule in again)
        return PortResult(staged=one, state=state, quarantined=bad.files, quarantine_schema=schema), rules

    @staticmethod
    def _judged(one: StagedPort, rules: tuple[RuleResult, ...]) -> tuple[RuleResult, ...]:
        return rules if one.port.materialization == "full" else tuple(left_to_maintenance(rules))

    def _is_incremental(self, one: StagedPort) -> bool:
        """Whether only the new rows of a port have not been tested yet."""
        return one.port.materialization != "full" and not self.full

    def _set_aside(self, one: StagedPort, quarantine: Quarantine) -> tuple[Staged, Staged, tuple[Field, ...]]:
        """The good rows, the bad ones with their reasons, and the columns of the latter."""
        engine, folder = self.workshop.engine, self.folder / f"{one.port.name}.quarantine"
        columns = tuple((field.name, field.type) for field in one.schema)
        schema, _ = fields((*columns, (quarantine.reasons, DataType("LIST", fields=(("", VARCHAR),)))))
        key = key_of(one.port) if one.port.materialization == "full" else ()
        good = TableOutput(name=one.port.name, folder=folder / "good", schema=one.schema, key=key)
        bad = TableOutput(name=one.port.name, folder=folder / "bad", schema=schema)
        return (
            engine.stage(quarantine.good, inputs=(), output=good),
            engine.stage(quarantine.bad, inputs=(), output=bad),
            schema,
        )

    def _state(self, one: StagedPort, head: Publication | None) -> TableState:
        before = continued(head, self.bound, one.port)
        present = (
            self.workshop.registry.files(before.table, before.snapshot) if before is not None and before.table else ()
        )
        if one.port.materialization == "full" or self.full:
            return replaced(one.staged, present)
        require_readable(one.port.name, self.product, before, one.schema)
        if one.port.materialization == "append":
            return appended(one.staged, present)
        return merged(
            one.staged,
            present,
            schema=one.schema,
            key=key_of(one.port),
            folder=self.folder / f"{one.port.name}.merged",
            engine=self.workshop.engine,
            locate=self.workshop.locate,
        )

    def _ended(self, outcome: str, publication: Publication, started: float, message: str = "") -> ProductEnded:
        return ProductEnded(
            product=self.product,
            outcome=outcome,
            message=message,
            publication=publication,
            tests=publication.tests if outcome == "published" else {},
            rows=sum(port.rows for port in publication.ports),
            seconds=time.monotonic() - started,
        )

    def attempt(self, error: Exception, started_at: str) -> Attempt:
        """The record of a build that published nothing; its staged data stays for the owner to look at."""
        tests = error.tests if isinstance(error, TestsFailed) else {}
        return Attempt(
            product=self.product,
            environment=self.workshop.environment,
            run=self.workshop.run,
            started_at=started_at,
            ended_at=self.workshop.now().isoformat(),
            outcome="failed" if tests else "error",
            message=str(error),
            tests=tests,
            staged=_relative(self.folder, self.workshop.root),
            principal=self.workshop.principal,
        )


def held_to_key(port: OutputPort) -> Contract:
    """The contract that a port's rows are held to: of a merging port the key is unique, whether its contract says so or not."""
    assert port.contract is not None  # noqa: S101 - transforming drafts one
    key = key_of(port)
    if port.materialization != "merge" or key == port.contract.table.primary_key:
        return port.contract
    rule = QualityRule(
        kind="library",
        metric="duplicateValues",
        arguments={"properties": list(key)},
        comparisons={"mustBe": 0},
        description="the key that rows are merged by comes once",
    )
    table = replace(port.contract.table, quality=(*port.contract.table.quality, rule))
    return replace(port.contract, tables=(table,))


def _merged(reads: Iterable[InputRead]) -> list[InputRead]:
    """*reads* with one for each publication of a port, of all the columns that were read of it."""
    found: dict[tuple[str, str, int, int], InputRead] = {}
    for read in reads:
        key = (read.product, read.port, read.major, read.sequence)
        before = found.get(key, read)
        found[key] = replace(before, columns={**read.columns, **before.columns})
    return list(found.values())


def _relative(folder: Path, root: Path) -> str:
    return folder.relative_to(root).as_posix() if folder.is_relative_to(root) else str(folder)


def _failure(failed: dict[str, list[RuleResult]]) -> str:
    """Which rules keep the data from being published, in a line; the results say the rest."""
    named = [f"{port} {rule.rule}" for port, rules in failed.items() for rule in rules]
    broken = sum(rule.outcome is Outcome.ERROR for rules in failed.values() for rule in rules)
    shown = ", ".join(named[:RULES_NAMED]) + (
        f" and {len(named) - RULES_NAMED} more" if len(named) > RULES_NAMED else ""
    )
    word = "rule" if len(named) == 1 else "rules"
    return f"{len(named)} {word} {'failed' if not broken else 'failed or could not be run'}: {shown}"
