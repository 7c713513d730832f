"""Laws of the difference between two states of a port: applied to the one it gives the other; it agrees with `changes`."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshwright.engines import TableOutput
from meshwright.engines.duckdb_engine import DuckDBEngine
from meshwright.engines.parquet_scan import scan_sql
from meshwright.model.contract import Column, Contract, Table
from meshwright.model.datatype import DataType, literal
from meshwright.model.names import PortAddress
from meshwright.model.publication import DataFile, Field, Publication, PublishedPort
from meshwright.model.restriction import (
    ABSENT,
    EVERYTHING,
    NOTHING,
    REPLACE_WITH_NULL,
    FilterColumn,
    Predicate,
    Restriction,
)
from meshwright.reading.changes import changes_sql, differing_files
from meshwright.reading.diff import Access, PortDifference, difference
from meshwright.reading.resolve import ResolvedPort
from meshwright.reading.restricted_scan import restricted_scan

Row = tuple[Any, ...]

SCHEMA = (
    Field(id=1, name="id", type=DataType.parse("INTEGER")),
    Field(id=2, name="Amount", type=DataType.parse("DOUBLE")),
    Field(id=3, name="note", type=DataType.parse("VARCHAR")),
)
ENGINE = DuckDBEngine(threads=1)
CONNECTION = duckdb.connect(config={"threads": 1})


def written(folder: Path, rows: list[Row], schema: tuple[Field, ...] = SCHEMA) -> list[DataFile]:
    """The rows as a data file; none of no rows."""

    def cell(value: Any, field: Field) -> str:
        return f"CAST({'NULL' if value is None else literal(str(value))} AS {field.type})"

    queries = [
        "SELECT "
        + ", ".join(f'{cell(value, field)} AS "{field.name}"' for value, field in zip(row, schema, strict=True))
        for row in rows
    ]
    if not queries:
        return []
    output = TableOutput(name="t", folder=folder, schema=schema)
    return list(ENGINE.stage(" UNION ALL ".join(queries), inputs=(), output=output).files)


def state(
    files: list[DataFile], *, key: tuple[str, ...] = (), schema: tuple[Field, ...] = SCHEMA, table: str = "t"
) -> ResolvedPort:
    """A port that serves *files*."""
    columns = tuple(Column(name=field.name, type=field.type) for field in schema)
    contract = Contract(id="c", name="p", version="1.0.0", status="active", tables=(Table(name="p", columns=columns),))
    port = PublishedPort(
        name="p",
        version="1.0.0",
        contract=contract,
        contract_fingerprint="",
        key=key,
        table=table,
        schema=schema,
        rows=sum(file.rows for file in files),
    )
    publication = Publication(
        product="d.p",
        environment="prod",
        sequence=1,
        version="1.0.0",
        published_at="2026-11-20T10:00:00",
        code_fingerprint="",
        settings_fingerprint="",
        ports=(port,),
    )
    return ResolvedPort(address=PortAddress("d", "p", "p"), publication=publication, port=port, files=files)


def fetch(sql: str, served: list[ResolvedPort]) -> list[Row]:
    del served
    return CONNECTION.execute(sql).fetchall()


def access(restriction: Restriction = EVERYTHING) -> Access:
    def scan(port: ResolvedPort, limit: Restriction) -> str:
        return restricted_scan(port, locate=str, restriction=limit)

    return Access(restriction=lambda _: restriction, scan=scan, fetch=fetch)


def rows_of(one: ResolvedPort) -> list[Row]:
    return fetch(scan_sql(one.files, one.port.schema, str), [])


def same(rows: list[Row]) -> Counter[str]:
    """Rows as a multiset in which a NaN equals itself."""
    return Counter(repr(row) for row in rows)


def applied(found: PortDifference, old: list[Row]) -> list[Row]:
    """*old* with the difference made to it."""
    assert found.rows is not None
    names = [field.name for field in SCHEMA]
    left = list(old)
    for row in found.rows.removed_samples:
        wanted = repr(tuple(row.values()))
        left.remove(next(one for one in left if repr(one) == wanted))
    for change in found.rows.changed_samples:
        place = next(at for at, one in enumerate(left) if one[0] == change.key["id"])
        row = dict(zip(names, left[place], strict=True))
        assert {name: repr(row[name]) for name in change.columns} == {
            name: repr(before) for name, (before, _) in change.columns.items()
        }
        left[place] = tuple((row | {name: after for name, (_, after) in change.columns.items()}).values())
    return left + [tuple(row.values()) for row in found.rows.added_samples]


amounts = st.sampled_from([None, 0.0, 1.5, -2.25, float("nan")])
notes = st.sampled_from([None, "", "a", "b", "ü"])
whole_rows = st.lists(st.tuples(st.none() | st.integers(0, 3), amounts, notes), max_size=5)
# Three files of each state, with the keys that each may hold: a row may move from one file to another.
keyed_rows = st.dictionaries(st.integers(0, 12), st.tuples(amounts, notes, st.integers(0, 2)), max_size=10)


def by_file(rows: dict[int, tuple[Any, Any, int]]) -> list[list[Row]]:
    return [
        [(key, amount, note) for key, (amount, note, file) in sorted(rows.items()) if file == number]
        for number in range(3)
    ]


def changed(one: ResolvedPort, two: ResolvedPort, key: tuple[str, ...]) -> str:
    removed, added = (scan_sql(files, SCHEMA, str) for files in differing_files(one.files, two.files))
    return changes_sql(removed, added, [field.name for field in SCHEMA], key=key)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(old=keyed_rows, new=keyed_rows, kept=st.sets(st.integers(0, 2)))
def test_a_difference_by_key_applied_to_the_old_rows_gives_the_new_ones(
    old: dict[int, tuple[Any, Any, int]], new: dict[int, tuple[Any, Any, int]], kept: set[int]
) -> None:
    # Some files stay: what they hold cannot be in another file of the new state.
    stay = {key: row for key, row in old.items() if row[2] in kept}
    new = stay | {key: row for key, row in new.items() if key not in stay and row[2] not in kept}
    with tempfile.TemporaryDirectory() as folder:
        before = [written(Path(folder), rows) for rows in by_file(old)]
        after = [before[at] if at in kept else written(Path(folder), rows) for at, rows in enumerate(by_file(new))]
        one, two = (state([file for files in side for file in files], key=("id",)) for side in (before, after))
        found = difference(one, two, access(), samples=100)
        changes = fetch(changed(one, two, ("id",)), [])
        assert same(applied(found, rows_of(one))) == same(rows_of(two))
    assert found.rows is not None
    assert found.rows.unchanged + found.rows.added + found.rows.changed == two.port.rows
    assert found.skipped is not None
    assert found.skipped >= sum(bool(before[at]) for at in kept)
    kinds = Counter(row[0] for row in changes)
    assert (kinds["insert"], kinds["delete"]) == (found.rows.added, found.rows.removed)
    assert kinds["update_before"] == kinds["update_after"] == found.rows.changed
    by_column = Counter(name for change in found.rows.changed_samples for name in change.columns)
    assert {name: count for name, count in found.rows.columns.items() if count} == by_column


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(old=whole_rows, new=whole_rows, common=whole_rows, key=st.sampled_from([(), ("id",)]))
def test_a_difference_of_whole_rows_applied_to_the_old_ones_gives_the_new_ones(
    old: list[Row], new: list[Row], common: list[Row], key: tuple[str, ...]
) -> None:
    """Also where a key was named that does not tell rows apart."""
    with tempfile.TemporaryDirectory() as folder:
        shared = written(Path(folder), common)
        one = state(written(Path(folder), old) + shared, key=key)
        two = state(shared + written(Path(folder), new), key=key)
        found = difference(one, two, access(), samples=100)
        changes = fetch(changed(one, two, ()), [])
        assert same(applied(found, rows_of(one))) == same(rows_of(two))
    assert found.rows is not None
    assert found.rows.unchanged + found.rows.added + found.rows.changed == two.port.rows
    if not found.rows.key:
        kinds = Counter(row[0] for row in changes)
        assert (kinds["insert"], kinds["delete"]) == (found.rows.added, found.rows.removed)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seen=st.tuples(whole_rows, whole_rows),
    hidden=st.tuples(whole_rows, whole_rows, whole_rows),
    key=st.sampled_from([(), ("id",), ("note",)]),
)
def test_the_difference_that_a_restricted_reader_is_told_does_not_follow_from_what_is_hidden(
    seen: tuple[list[Row], list[Row]], hidden: tuple[list[Row], list[Row], list[Row]], key: tuple[str, ...]
) -> None:
    """Of rows with notes: the same ones in the same file twice, in another file because of hidden rows, with other cells."""
    some = Restriction(row_filter=Predicate("known", (FilterColumn(3),)), actions={2: REPLACE_WITH_NULL})
    stay, new = ([(number, amount, note or "") for number, amount, note in rows] for rows in seen)
    told = []
    with tempfile.TemporaryDirectory() as folder:
        for more in ((), tuple([(number, amount, None) for number, amount, _ in rows] for rows in hidden)):
            kept = written(Path(folder), stay)
            if more:
                before = [*kept, *written(Path(folder), more[0])]
                after = written(Path(folder), [*((number, 7.0, note) for number, _, note in stay), *more[1]])
                files = before, [*after, *written(Path(folder), [*new, *more[2]])]
            else:
                files = kept, [*kept, *written(Path(folder), new)]
            one, two = (state(side, key=key) for side in files)
            found = difference(one, two, access(some), samples=100)
            told.append(repr((found.rows, found.notes, found.columns, found.contract, found.compared, found.skipped)))
    assert told[0] == told[1]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(old=whole_rows, new=whole_rows)
def test_changes_without_a_key_come_in_the_order_of_their_values(old: list[Row], new: list[Row]) -> None:
    """In no order that follows from how files happen to be gone through, and so from rows that nobody sees."""
    with tempfile.TemporaryDirectory() as folder:
        one, two = (state(written(Path(folder), rows)) for rows in (old, new))
        sql = changed(one, two, ())
        ordered = fetch(f"SELECT * FROM ({sql}) ORDER BY ALL", [])
        assert [repr(row) for row in fetch(sql, [])] == [repr(row) for row in ordered]


def test_files_with_the_same_content_are_not_read_even_of_another_table(tmp_path: Path) -> None:
    rows: list[Row] = [(1, 1.0, "a"), (2, None, "b")]
    once, again = written(tmp_path / "a", rows), written(tmp_path / "b", rows)
    other = written(tmp_path / "b", [(3, 1.0, "c")])
    asked: list[str] = []

    def noted(sql: str, served: list[ResolvedPort]) -> list[Row]:
        asked.extend(file.path for one in served for file in one.files)
        return fetch(sql, served)

    found = difference(
        state(once, key=("id",), table="prod"),
        state(again + other, key=("id",), table="dev"),
        replace(access(), fetch=noted),
    )
    assert found.rows is not None
    assert (found.rows.added, found.rows.removed, found.rows.unchanged) == (1, 0, 2)
    assert asked == [other[0].path]
    assert (found.compared, found.skipped) == (1, 1)


def test_a_column_that_came_anew_under_an_old_name_is_another_column(tmp_path: Path) -> None:
    renewed = (SCHEMA[0], SCHEMA[1], replace(SCHEMA[2], id=9))
    files = written(tmp_path, [(1, 1.0, "a")])
    found = difference(state(files, key=("id",)), state(files, key=("id",), schema=renewed), access())
    assert [(one.kind, one.name) for one in found.columns] == [("removed", "note"), ("added", "note")]
    assert found.rows is not None
    assert found.rows.unchanged == 1
    # Of two tables the name is all there is to go by, and then the same file reads otherwise.
    found = difference(state(files, key=("id",)), state(files, key=("id",), schema=renewed, table="other"), access())
    assert found.columns == ()
    assert found.rows is not None
    assert found.rows.columns == {"Amount": 0, "note": 1}


@pytest.mark.parametrize(
    ("before", "after", "old", "new", "changed"),
    [
        ("INTEGER", "BIGINT", "7", "7", 0),
        ("INTEGER", "DECIMAL(9,2)", "7", "7.00", 0),
        ("BIGINT", "INTEGER", "9000000000", "7", 1),
        ("DATE", "TIMESTAMP", "2026-01-01", "2026-01-01 00:00:00", 0),
        ("INTEGER", "VARCHAR", "7", "7", 0),
        ("VARCHAR", "INTEGER", "seven", "7", 1),
        ("BOOLEAN", "INTEGER", "true", "1", 1),
        ("STRUCT(a INTEGER)", "STRUCT(a INTEGER, b INTEGER)", "{'a': 1}", "{'a': 1, 'b': 2}", 1),
        ("INTEGER[]", "VARCHAR[]", "[1]", "[1]", 0),
    ],
)
def test_values_are_compared_across_types(
    tmp_path: Path, before: str, after: str, old: str, new: str, changed: int
) -> None:
    def one(kind: str, value: str, table: str) -> ResolvedPort:
        parsed = DataType.parse(kind)
        nested = tuple(range(10, 10 + len(parsed.fields)))
        schema = (SCHEMA[0], Field(id=2, name="value", type=parsed, nested_ids=nested))
        return state(written(tmp_path, [(1, value)], schema), key=("id",), schema=schema, table=table)

    found = difference(one(before, old, "a"), one(after, new, "b"), access())
    assert found.rows is not None
    assert found.rows.changed == changed
    assert [(column.kind, column.before) for column in found.columns] == [("retyped", str(DataType.parse(before)))]


def test_a_restricted_reader_sees_the_difference_of_what_is_left(tmp_path: Path) -> None:
    one = state(written(tmp_path, [(1, 1.0, "a"), (2, 2.0, "b")]), key=("id",))
    two = state(written(tmp_path, [(1, 1.5, "x"), (3, 3.0, "c")]), key=("id",))
    some = difference(
        one, two, access(Restriction(row_filter=Predicate("<", (FilterColumn(1), 3)), actions={3: ABSENT}))
    )
    assert some.rows is not None
    assert (some.rows.added, some.rows.removed, some.rows.changed, some.rows.unchanged) == (0, 1, 1, 0)
    assert some.rows.columns == {"Amount": 1}
    assert "note" not in repr(some.rows)
    without_key = difference(one, two, access(Restriction(actions={1: ABSENT})))
    assert without_key.rows is not None
    assert (without_key.rows.key, without_key.rows.added, without_key.rows.removed) == ((), 2, 2)
    nothing = difference(one, two, access(NOTHING))
    assert nothing.rows is not None
    assert (nothing.rows.added, nothing.rows.removed, nothing.columns) == (0, 0, ())
