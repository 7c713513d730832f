"""Runs a contract's checks on data, cheapest proof first; only rules that fail pay for rows to show."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

from meshwright.model.errors import Unavailable
from meshwright.model.results import SAMPLE_ROWS_MAX, Outcome, RuleResult
from meshwright.quality import footers, measuring, proofs, rows
from meshwright.quality.checks import (
    AgeCheck,
    Check,
    CountCheck,
    ReferenceCheck,
    RowCheck,
    Settled,
    SqlCheck,
    UniqueCheck,
)
from meshwright.quality.comparison import Uncheckable
from meshwright.quality.compiling import compile_checks
from meshwright.quality.proofs import Counted
from meshwright.quality.samples import sample
from meshwright.quality.sql_rules import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    import duckdb

    from meshwright.model.contract import Contract, Table
    from meshwright.quality import Dataset


def run(  # noqa: PLR0913 - what a run is of, and what it is judged by
    contract: Contract,
    table: Table,
    data: Dataset,
    *,
    connection: duckdb.DuckDBPyConnection,
    references: Callable[[str], Dataset | None],
    now: datetime,
    event_time: str = "",
    sample_rows: int = SAMPLE_ROWS_MAX,
) -> list[RuleResult]:
    """What every rule of *contract* finds in *data*, in the contract's order; each rule has exactly one result.

    *references* gives the data of `domain.product[.port]` or of a table's name, None when there is none, and raises
    Uncheckable when it may not be read; *now* (aware) is what freshness is judged against; *event_time* the column that
    tells a row's age where the contract names none.
    Raises Unavailable when the data itself cannot be read.
    """
    import duckdb

    checks = compile_checks(contract, table, data, references=references, now=now, event_time=event_time)
    sandbox = Sandbox(table, data, references, connection)
    try:
        return Run(connection, data, sandbox, sample_rows).results(checks)
    except duckdb.InterruptException:
        raise
    except duckdb.Error as error:
        reason = str(error).split("\n", 1)[0]
        message = f"the data of '{table.name}' cannot be read: {reason}; look whether its files are there and whole"
        raise Unavailable(message) from error
    finally:
        sandbox.close()


@dataclass(slots=True)
class Run:
    """One run: the rows of *data* there are, and of them those that rules about single rows look at."""

    connection: duckdb.DuckDBPyConnection
    data: Dataset
    sandbox: Sandbox
    sample_rows: int
    rows: int = 0
    new_rows: int = 0

    def results(self, checks: Sequence[Check]) -> list[RuleResult]:
        """The result of each of *checks*, in their order."""
        kinds = dict(self.data.columns)
        counted: dict[str, Counted | str] = {}
        seconds: dict[str, float] = {}
        started = perf_counter()
        whole, new = self._facts(checks)
        self.rows, self.new_rows = whole.rows, new.rows
        row_checks = [check for check in checks if isinstance(check, RowCheck)]
        for about_rows in row_checks:
            settled = footers.settle(about_rows, new)
            if settled is not None:
                counted[about_rows.about.rule] = Counted(settled, "footer")
        _share(seconds, counted, started)
        open_checks = [row_check for row_check in row_checks if row_check.about.rule not in counted]
        counted |= self._open(open_checks, seconds)
        results = []
        for check in checks:
            started = perf_counter()
            result = self._result(check, counted, whole, kinds)
            spent = seconds.get(check.about.rule, 0.0) + perf_counter() - started
            results.append(replace(result, duration_seconds=round(spent, 6)))
        return results

    def _facts(self, checks: Sequence[Check]) -> tuple[footers.Facts, footers.Facts]:
        """What is known without reading rows, of all files and of the new ones."""
        ages = [check for check in checks if isinstance(check, AgeCheck)]
        about_rows = [check for check in checks if isinstance(check, RowCheck)]
        if self.data.new_files is None:
            both = self._read_facts(self.data.files, [*about_rows, *ages], self.data.scan)
            return both, both
        # New files are written with the schema of now: plain whatever older files need.
        new = self._read_facts(self.data.new_files, about_rows, "")
        if self.data.rows is not None and not ages:
            # However long its history is, an append then opens what it adds and nothing else.
            return footers.Facts(self.data.rows), new
        return self._read_facts(self.data.files, ages, self.data.scan), new

    def _read_facts(self, files: Sequence[str], checks: Sequence[Check], scan: str) -> footers.Facts:
        kinds = dict(self.data.columns)
        facts = None if scan else footers.read_facts(self.connection, files, kinds, checks)
        if facts is not None:
            return facts
        source = f"({scan})" if scan else rows.read(files)
        found = self.connection.execute(f"SELECT count(*) FROM {source}").fetchone()
        return footers.Facts(found[0] if found is not None else 0)

    def _open(self, checks: Sequence[RowCheck], seconds: dict[str, float]) -> dict[str, Counted | str]:
        """Counts of the row rules that footers left open."""
        started = perf_counter()
        kept = measuring.kept_by_dictionary(self.connection, checks, self.data, self.new_rows) if checks else set()
        found: dict[str, Counted | str] = {rule: Counted(0, "dictionary") for rule in kept}
        _share(seconds, found, started)
        rest = [check for check in checks if check.about.rule not in kept]
        started = perf_counter()
        scanned = measuring.count_broken(self.connection, rest, self.data) if rest else {}
        _share(seconds, scanned, started)
        return found | scanned

    def _result(
        self, check: Check, counted: dict[str, Counted | str], whole: footers.Facts, kinds: dict[str, Any]
    ) -> RuleResult:
        """One rule's result; a rule that cannot be evaluated is an error of its own."""
        import duckdb

        try:
            if isinstance(check, Settled):
                return _settled(check, self.rows)
            if isinstance(check, AgeCheck):
                return self._of_age(check, whole, kinds)
            if isinstance(check, RowCheck):
                known = counted[check.about.rule]
                if isinstance(known, Counted):
                    return self._of_rows(check, known, self.new_rows)
                return _error(check, known, self.new_rows)
            return self._measured(check)
        except duckdb.InterruptException:
            raise
        except (duckdb.Error, Uncheckable) as error:
            return _error(check, str(error).split("\n", 1)[0], self.rows)

    def _measured(self, check: CountCheck | SqlCheck | UniqueCheck | ReferenceCheck) -> RuleResult:
        """The result of a rule that has a measurement to itself."""
        match check:
            case CountCheck():
                return self._of_count(check)
            case SqlCheck():
                return self._of_query(check)
            case UniqueCheck():
                found = proofs.count_duplicates(self.connection, check, self.data, self.rows)
                return self._of_rows(check, found, self.rows)
            case ReferenceCheck():
                found = proofs.count_orphans(self.connection, check, self.data, self.new_rows)
                return self._of_rows(check, found, self.new_rows)

    def _of_rows(self, check: RowCheck | UniqueCheck | ReferenceCheck, counted: Counted, total: int) -> RuleResult:
        about = check.about
        measured = about.comparison.measure(counted.failing, total)
        holds = about.comparison.holds(measured)
        result = replace(
            result_of(check, Outcome.PASSED if holds else Outcome.FAILED, total),
            value=about.comparison.show(measured),
            threshold=str(about.comparison),
            failing=counted.failing,
            proof=counted.proof,
        )
        if holds:
            return result
        shown = sample(self.connection, check, self.data, self.sample_rows) if counted.failing else ()
        result = replace(result, sample=shown, message=_failure(check, counted.failing, total))
        return self._quarantined(result, check)

    def _quarantined(self, result: RuleResult, check: Check) -> RuleResult:
        """A failed rule whose rows are set aside blocks only above its limit."""
        limit = check.about.quarantine
        if limit is None or not result.failing:
            return result
        if not limit.allows(result.failing, result.rows):
            message = f"{result.message}; more than the {limit} that may be quarantined"
            return replace(result, severity="error", message=message)
        return replace(result, severity="warning", quarantined=result.failing)

    def _of_count(self, check: CountCheck) -> RuleResult:
        asked = check.about.comparison
        holds = asked.holds(self.rows)
        return replace(
            result_of(check, Outcome.PASSED if holds else Outcome.FAILED, self.rows),
            value=str(self.rows),
            threshold=str(asked),
            proof="scan" if self.data.scan else "footer",
            message="" if holds else f"{self.rows} rows, but {asked}",
        )

    def _of_age(self, check: AgeCheck, whole: footers.Facts, kinds: dict[str, Any]) -> RuleResult:
        known = whole.ages.get(footers.age_key(check))
        proof = "footer"
        if known is None and self.rows:
            edge = f'{"max" if check.newest else "min"}("{check.column.replace(chr(34), chr(34) * 2)}")'
            query = f"SELECT CAST({edge} AS VARCHAR), coalesce({edge} < {footers.age_literal(check, kinds)}, false)"
            known = self.connection.execute(f"{query} FROM {rows.everything(self.data)}").fetchone()
            proof = "scan"
        edge_value, broken = known if known is not None else (None, False)
        if edge_value is None:
            message = "no row tells its age: there is nothing to judge"
            return replace(result_of(check, Outcome.NOT_RUN, self.rows), message=message)
        word = "newest" if check.newest else "oldest"
        return replace(
            result_of(check, Outcome.FAILED if broken else Outcome.PASSED, self.rows),
            value=edge_value,
            threshold=check.promise,
            proof=proof,
            message=f"the {word} '{check.column}' is {edge_value}, before {check.since.isoformat()}" if broken else "",
        )

    def _of_query(self, check: SqlCheck) -> RuleResult:
        asked = check.about.comparison
        found = self.sandbox.measure(check.query)
        holds = asked.holds(found)
        counts_rows = asked.operators == (("mustBe", 0),) and isinstance(found, int) and not holds
        return replace(
            result_of(check, Outcome.PASSED if holds else Outcome.FAILED, self.rows),
            value=str(found),
            threshold=str(asked),
            failing=int(found) if counts_rows else 0,
            proof="scan",
            message="" if holds else f"the query yields {found}, but {asked}",
        )


def _share(seconds: dict[str, float], rules: dict[str, Counted | str], started: float) -> None:
    """Rules answered by one statement share its time."""
    spent = (perf_counter() - started) / max(1, len(rules))
    seconds |= dict.fromkeys(rules, spent)


def result_of(check: Check, outcome: Outcome, total: int) -> RuleResult:
    """The result of *check* with what is known of it before it is judged."""
    about = check.about
    return RuleResult(
        rule=about.rule,
        kind=about.kind,
        outcome=outcome,
        severity=about.severity,
        column=about.column,
        dimension=about.dimension,
        description=about.description,
        name=about.name,
        rows=total,
        pointer=about.pointer,
    )


def _settled(check: Settled, total: int) -> RuleResult:
    result = result_of(check, check.outcome, total)
    threshold = str(check.about.comparison) if check.about.kind == "schema" else ""
    return replace(result, value=check.value, message=check.message, proof=check.proof, threshold=threshold)


def _error(check: Check, message: str, total: int) -> RuleResult:
    return replace(result_of(check, Outcome.ERROR, total), message=message, threshold=str(check.about.comparison))


def _failure(check: Check, failing: int, total: int) -> str:
    about = check.about
    place = f"'{about.column}': " if about.column else ""
    return f"{place}{about.description or about.name or about.kind}: {failing} of {total} rows, but {about.comparison}"
