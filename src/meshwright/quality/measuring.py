"""Row rules that footers do not settle: on a column's distinct values where those are few, else all in one scan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meshwright.model.datatype import literal, quote
from meshwright.quality import rows
from meshwright.quality.proofs import ROWS_MIN, Counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

    from meshwright.quality import Dataset
    from meshwright.quality.checks import RowCheck

# A column that takes less than this in the file repeats few values, whose dictionary is cheaper to test than its rows.
BYTES_PER_VALUE_MAX: Final = 1.0
# Rules in one statement: a statement is planned in time that grows faster than its length.
RULES_MAX: Final = 400


def kept_by_dictionary(
    connection: duckdb.DuckDBPyConnection, checks: Sequence[RowCheck], data: Dataset, total: int
) -> set[str]:
    """The names of those rules that every distinct value of their one column keeps."""
    if total < ROWS_MIN or data.scan:
        return set()
    single = {check.columns[0] for check in checks if len(set(check.columns)) == 1}
    small = _repetitive(connection, single, data)
    groups: dict[str, list[RowCheck]] = {}
    for check in checks:
        if len(set(check.columns)) == 1 and check.columns[0] in small:
            groups.setdefault(check.columns[0], []).append(check)
    if not groups:
        return set()
    asked = [check for group in groups.values() for check in group]
    source = rows.new(data)
    parts = [
        f"(SELECT {', '.join(f'count(*) FILTER (WHERE {check.broken})' for check in group)}"
        f" FROM (SELECT DISTINCT {quote(name)} FROM {source}))"
        for name, group in groups.items()
    ]
    found = connection.execute(f"SELECT * FROM {', '.join(parts)}").fetchone() or ()
    return {check.about.rule for check, failing in zip(asked, found, strict=True) if not failing}


def _repetitive(connection: duckdb.DuckDBPyConnection, names: set[str], data: Dataset) -> set[str]:
    files = data.files if data.new_files is None else data.new_files
    plain = [name for name, kind in data.columns if name in names and not kind.is_nested]
    if not plain:
        return set()
    listed = ", ".join(literal(file) for file in files)
    asked = ", ".join(literal(name) for name in plain)
    query = (
        f"SELECT path_in_schema FROM parquet_metadata([{listed}]) WHERE path_in_schema IN ({asked}) GROUP BY 1"
        f" HAVING sum(total_uncompressed_size) <= {BYTES_PER_VALUE_MAX} * sum(num_values)"
    )
    return {name for (name,) in connection.execute(query).fetchall()}


def count_broken(
    connection: duckdb.DuckDBPyConnection, checks: Sequence[RowCheck], data: Dataset
) -> dict[str, Counted | str]:
    """How many new rows break each rule, by its name; a message for a rule that cannot be evaluated."""
    found: dict[str, Counted | str] = {}
    for start in range(0, len(checks), RULES_MAX):
        found |= _count(connection, checks[start : start + RULES_MAX], data)
    return found


def _count(
    connection: duckdb.DuckDBPyConnection, checks: Sequence[RowCheck], data: Dataset
) -> dict[str, Counted | str]:
    import duckdb

    # Not count_if, which is NULL where the predicate is NULL for every row.
    counts = ", ".join(f"count(*) FILTER (WHERE {check.broken})" for check in checks)
    try:
        found = connection.execute(f"SELECT {counts} FROM {rows.new(data)}").fetchone() or ()
    except duckdb.InterruptException:
        raise
    except duckdb.Error as error:
        if len(checks) == 1:
            return {checks[0].about.rule: str(error).split("\n", 1)[0]}
        # One rule cannot be evaluated: halves find it without giving up the others.
        half = len(checks) // 2
        return _count(connection, checks[:half], data) | _count(connection, checks[half:], data)
    return {check.about.rule: Counted(int(count), "scan") for check, count in zip(checks, found, strict=True)}
