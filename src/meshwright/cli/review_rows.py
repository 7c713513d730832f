"""The rows of a review's tables: a contract's change, a port's data, a rule's result; counts, never values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from meshwright.cli.markdown import code, codes, text
from meshwright.model.results import Outcome

if TYPE_CHECKING:
    from meshwright.build.review import ContractReview, DataReview, TestReview
    from meshwright.model.results import RuleResult

COLUMNS_NAMED: Final = 8
# What a rule's result is called, the gravest first, and in a count of them.
OUTCOMES: Final = {
    "failed": "failed",
    "error": "with an error",
    "warning": "with a warning",
    "not run": "not run",
    "passed": "passed",
}
# What a rule finds that finds the same in the environment below.
SAME: Final = "the same"


def outcome(result: RuleResult) -> str:
    """What became of a rule, as one of OUTCOMES."""
    is_warning = result.outcome in {Outcome.FAILED, Outcome.ERROR} and not result.blocks
    return "warning" if is_warning else result.outcome.value


def rule_row(one: TestReview, result: RuleResult) -> list[str]:
    """Port, rule, outcome, what the rule finds below, what it says."""
    word = outcome(result)
    message = result.message or f"{result.value} {result.threshold}"
    if result.outcome is Outcome.ERROR:
        message = without_values(message)
    below = _below(result, one.below.get(result.rule))
    return [
        code(one.port),
        code(result.name or result.rule),
        f"**{word}**" if result.blocks else word,
        below,
        text(message),
    ]


def _below(result: RuleResult, below: RuleResult | None) -> str:
    """What the rule finds in the environment below: what is there already is no fault of this change."""
    if below is None:
        return "new rule"
    if below.outcome is not result.outcome:
        return below.outcome.value
    if (below.failing, below.value) == (result.failing, result.value):
        return SAME
    return f"{below.failing:,} rows, here {result.failing:,}" if result.failing else "another value"


def without_values(message: str) -> str:
    """*message* without what it quotes: engines name the value that they could not take. The build's log has it all."""
    return re.sub(r"'[^']*'", "'…'", message)


def contract_rows(one: ContractReview) -> list[list[str]]:
    """For each change: contract, column, change, how it is judged; for the first also the versions."""
    needed = "" if one.is_enough or not one.bump else f", **needs a new {one.bump} version**"
    version = one.before if one.before == one.after or not one.after else f"{one.before} → {one.after}"
    return [
        [
            code(one.port),
            code(change.column),
            text(change.kind + (f" ({change.detail})" if change.detail else "")),
            "⛔ breaking" if change.breaking else "compatible",
            f"{text(version)}{needed}" if at == 0 else "",
        ]
        for at, change in enumerate(one.changes)
    ]


def data_row(one: DataReview) -> list[str]:
    """Port, rows, rows added, removed and changed, columns."""
    name = code(one.port)
    if one.before is None or one.after is None:
        served = one.after or one.before
        assert served is not None  # noqa: S101 - a difference has at least one side
        word = "new" if one.before is None else "removed"
        columns = codes([field.name for field in served.schema], COLUMNS_NAMED)
        return [name, f"{served.rows:,} ({word})", "", "", "", columns]
    rows = f"{one.before.rows:,}"
    if one.before.rows != one.after.rows:
        rows += f" → {one.after.rows:,}"
    found = one.difference
    if found is None:
        return [name, rows, "", "", "", text(one.note) if one.note else codes(one.columns, COLUMNS_NAMED)]
    notes = [f"{column.kind} {code(column.name)}" for column in found.columns[:COLUMNS_NAMED]]
    if found.rows is None:
        counts = [sum(kind == word for kind in found.artifacts.values()) for word in ("added", "removed", "changed")]
        return [name, "files", *(f"{count:,}" for count in counts), ", ".join(notes)]
    difference = found.rows
    notes += [f"{code(column)} in {count:,}" for column, count in difference.columns.items() if count][:COLUMNS_NAMED]
    if not difference.key:
        # Without a key no row can be said to have changed, but columns that hold other values are known.
        named = {column.name for column in found.columns}
        others = [column for column in one.columns if column not in named]
        notes += [f"other values in {codes(others, COLUMNS_NAMED)}"] if others else []
    changed = f"{difference.changed:,}" if difference.key else "–"
    return [name, rows, f"{difference.added:,}", f"{difference.removed:,}", changed, ", ".join(notes)]
