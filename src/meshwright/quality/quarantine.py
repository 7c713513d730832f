"""Quarantine: the rows that keep every rule of its kind, and the rows that do not, told apart by one SELECT each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from meshwright.model.datatype import literal, quote
from meshwright.quality import rows
from meshwright.quality.checks import Check, ReferenceCheck, RowCheck, UniqueCheck
from meshwright.quality.compiling import compile_checks
from meshwright.quality.proofs import orphans
from meshwright.quality.samples import surplus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    import duckdb

    from meshwright.model.contract import Contract, Table
    from meshwright.model.results import RuleResult
    from meshwright.quality import Dataset

BROKEN_RULES = "broken_rules"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine:
    """New rows told apart. Both SELECTs keep row order and read the data's own files.

    `good` has the data's columns; `bad` these and `reasons`, a list of the rules that the row breaks. `rows` is how
    many are bad, `rules` which rules set rows aside.
    """

    good: str
    bad: str
    reasons: str
    rows: int
    rules: tuple[str, ...]


def split(
    contract: Contract,
    table: Table,
    data: Dataset,
    results: Iterable[RuleResult],
    *,
    connection: duckdb.DuckDBPyConnection,
    references: Callable[[str], Dataset | None],
    now: datetime,
) -> Quarantine | None:
    """How to write the good and the bad rows of *data*, whose *results* `run` gave; None when nothing is set aside.

    Of rows with an equal key all but the first are bad. Rules about the whole table were judged on all rows: run the
    contract once more on the good ones before they are published.
    """
    chosen = {result.rule for result in results if result.quarantined}
    if not chosen:
        return None
    data = _new_last(data)
    checks = compile_checks(contract, table, data, references=references, now=now)
    quarantined = [check for check in checks if check.about.rule in chosen]
    reasons = BROKEN_RULES
    while data.column(reasons) is not None:
        reasons += "_"
    judged = _judged(quarantined, data, reasons, _old_rows(connection, data))
    names = ", ".join(quote(name) for name, _ in data.columns)
    good = f"SELECT {names} FROM ({judged}) WHERE len({quote(reasons)}) = 0 ORDER BY {rows.ROW}"
    bad = f"SELECT {names}, {quote(reasons)} FROM ({judged}) WHERE len({quote(reasons)}) > 0 ORDER BY {rows.ROW}"
    found = connection.execute(f"SELECT count(*) FROM ({bad})").fetchone()
    count = found[0] if found is not None else 0
    rules = tuple(check.about.rule for check in quarantined)
    return Quarantine(good=good, bad=bad, reasons=reasons, rows=count, rules=rules)


def _new_last(data: Dataset) -> Dataset:
    """*data* with its new files at the end, so that an old row is the first of its key."""
    if data.new_files is None:
        return data
    old = tuple(file for file in data.files if file not in data.new_files)
    return replace(data, files=(*old, *data.new_files))


def _old_rows(connection: duckdb.DuckDBPyConnection, data: Dataset) -> int:
    """How many rows precede the new ones."""
    if data.new_files is None:
        return 0
    counts = [f"(SELECT count(*) FROM {source})" for source in (rows.everything(data), rows.new(data))]
    found = connection.execute(f"SELECT {' - '.join(counts)}").fetchone()
    return int(found[0]) if found is not None else 0


def _judged(checks: Iterable[Check], data: Dataset, reasons: str, old_rows: int) -> str:
    """The new rows with the list of rules that each breaks."""
    cases = ", ".join(f"CASE WHEN {_broken(check, data)} THEN {literal(check.about.rule)} END" for check in checks)
    given = f"list_filter([{cases}], lambda reason: reason IS NOT NULL)"
    return f"SELECT *, {given} AS {quote(reasons)} FROM {rows.numbered(data)} WHERE {rows.ROW} > {old_rows}"


def _broken(check: Check, data: Dataset) -> str:
    match check:
        case RowCheck():
            return check.broken
        case UniqueCheck():
            return f"{rows.ROW} IN ({surplus(check, data)})"
        case ReferenceCheck():
            return f"{rows.ROW} IN (SELECT {rows.ROW} FROM {orphans(check, rows.everything(data))})"
        case _:
            return "false"
