from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from pyiceberg.table import StaticTable

from meshwright.model.datatype import DataType
from meshwright.model.errors import InvalidInput, Unavailable
from meshwright.model.publication import Field
from meshwright.storage import iceberg
from meshwright.storage.iceberg import IcebergTables
from meshwright.storage.local_files import LocalWarehouse
from meshwright.storage.s3_files import S3Warehouse

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from meshwright.model.publication import Snapshot
    from meshwright.storage import Warehouse
    from storage.conftest import Parquet, Place


def columns(**types: str) -> tuple[Field, ...]:
    """Plain columns with field ids from 1 on."""
    return tuple(
        Field(id=number, name=name, type=DataType.parse(kind)) for number, (name, kind) in enumerate(types.items(), 1)
    )


AB = columns(a="BIGINT", b="VARCHAR")


def opened(warehouse: Warehouse, snapshot: Snapshot) -> StaticTable:
    """The table as pyiceberg opens it, where it lies: no copy of ours helps."""
    properties = {}
    if isinstance(warehouse, S3Warehouse):
        settings = warehouse._store._settings
        properties = {
            "s3.endpoint": settings["endpoint"],
            "s3.access-key-id": settings["access_key_id"],
            "s3.secret-access-key": settings["secret_access_key"],
            "s3.region": settings["region"],
        }
    return StaticTable.from_metadata(warehouse.uri(snapshot.metadata), properties)


def values(warehouse: Warehouse, snapshot: Snapshot, column: str = "a", **scan: Any) -> list[Any]:
    found: pa.Table = opened(warehouse, snapshot).scan(**scan).to_arrow()
    return sorted(found[column].to_pylist())


def test_pyiceberg_reads_the_rows_of_a_first_snapshot(
    warehouse: Warehouse, tables: IcebergTables, parquet: Parquet
) -> None:
    table = tables.create(product="sales.orders", port="orders", columns=AB)
    file = parquet.write(table, "SELECT i, 'n' || i FROM range(10) t(i)", AB)
    snapshot = tables.commit(table=table, parent=None, schema=AB, added=[file])
    assert table.startswith("sales/orders/orders-")
    assert values(warehouse, snapshot) == list(range(10))
    assert (snapshot.rows, snapshot.bytes, snapshot.files, snapshot.sequence) == (10, file.bytes, 1, 1)
    assert snapshot.last_field_id == 2


def test_a_commit_stands_on_the_snapshot_it_is_told_to_not_on_the_latest(
    warehouse: Warehouse, tables: IcebergTables, parquet: Parquet
) -> None:
    table = tables.create(product="sales.orders", port="orders", columns=AB)
    first = tables.commit(table=table, parent=None, schema=AB, added=[parquet.write(table, "SELECT 1, 'x'", AB)])
    lost = tables.commit(table=table, parent=first, schema=AB, added=[parquet.write(table, "SELECT 2, 'x'", AB)])
    second = tables.commit(table=table, parent=first, schema=AB, added=[parquet.write(table, "SELECT 3, 'x'", AB)])
    assert values(warehouse, lost) == [1, 2]
    assert values(warehouse, second) == [1, 3]
    assert [found.snapshot_id for found in opened(warehouse, second).snapshots()] == [first.id, second.id]


def test_removed_files_leave_and_the_others_stay(warehouse: Warehouse, tables: IcebergTables, parquet: Parquet) -> None:
    table = tables.create(product="sales.orders", port="orders", columns=AB)
    files = [parquet.write(table, f"SELECT {i}, 'x'", AB) for i in range(3)]
    first = tables.commit(table=table, parent=None, schema=AB, added=files[:2])
    second = tables.commit(table=table, parent=first, schema=AB, added=files[2:])
    new = parquet.write(table, "SELECT 9, 'x'", AB)
    third = tables.commit(
        table=table, parent=second, schema=AB, added=[new], removed=[files[1].path], kept=[files[0], files[2]]
    )
    assert values(warehouse, third) == [0, 2, 9]
    assert (third.rows, third.files) == (3, 3)
    summary = opened(warehouse, third).current_snapshot()
    assert summary is not None
    assert summary.summary is not None
    assert summary.summary.operation.value == "overwrite"
    assert summary.summary["deleted-records"] == "1"
    assert values(warehouse, second) == [0, 1, 2]
    fourth = tables.commit(
        table=table, parent=third, schema=AB, added=[], removed=[new.path], kept=[files[0], files[2]]
    )
    assert values(warehouse, fourth) == [0, 2]


def test_zero_files_make_an_empty_snapshot(warehouse: Warehouse, tables: IcebergTables, parquet: Parquet) -> None:
    table = tables.create(product="sales.orders", port="orders", columns=AB)
    empty = tables.commit(table=table, parent=None, schema=AB, added=[])
    assert values(warehouse, empty) == []
    filled = tables.commit(table=table, parent=empty, schema=AB, added=[parquet.write(table, "SELECT 1, 'x'", AB)])
    assert values(warehouse, filled) == [1]
    emptied = tables.commit(
        table=table, parent=filled, schema=AB, added=[], removed=[file.path for file in filled.added]
    )
    assert values(warehouse, emptied) == []
    assert (emptied.rows, emptied.bytes, emptied.files) == (0, 0, 0)
    again = tables.commit(table=table, parent=emptied, schema=AB, added=[parquet.write(table, "SELECT 2, 'x'", AB)])
    assert values(warehouse, again) == [2]


def test_a_renamed_and_widened_column_is_read_by_its_field_id(
    warehouse: Warehouse, tables: IcebergTables, parquet: Parquet
) -> None:
    old = columns(a="INTEGER", b="DECIMAL(5,2)", c="FLOAT")
    new = (
        Field(id=1, name="renamed", type=DataType.parse("BIGINT")),
        Field(id=4, name="added", type=DataType.parse("DATE")),
        Field(id=2, name="b", type=DataType.parse("DECIMAL(20,2)")),
        Field(id=3, name="c", type=DataType.parse("DOUBLE")),
    )
    table = tables.create(product="sales.orders", port="orders", columns=old)
    first = tables.commit(
        table=table, parent=None, schema=old, added=[parquet.write(table, "SELECT -5, 1.25, 0.5", old)]
    )
    second = tables.commit(
        table=table,
        parent=first,
        schema=new,
        added=[parquet.write(table, "SELECT 1::BIGINT << 40, '2020-01-01', 2.5, 1", new)],
    )
    found = opened(warehouse, second).scan().to_arrow().sort_by("renamed").to_pylist()
    assert [row["renamed"] for row in found] == [-5, 1 << 40]
    assert [str(row["b"]) for row in found] == ["1.25", "2.50"]
    assert [row["added"] is None for row in found] == [True, False]
    assert values(warehouse, second, "renamed", row_filter="renamed < 0") == [-5]
    assert values(warehouse, second, "renamed", row_filter="b >= 2.50") == [1 << 40]
    assert second.last_field_id == 4
    assert sorted(opened(warehouse, second).schemas()) == [0, 1]


def test_a_field_id_never_changes_to_a_type_that_old_files_cannot_be_read_in(
    tables: IcebergTables, parquet: Parquet
) -> None:
    old = columns(a="BIGINT")
    table = tables.create(product="sales.orders", port="orders", columns=old)
    first = tables.commit(table=table, parent=None, schema=old, added=[parquet.write(table, "SELECT 1", old)])
    with pytest.raises(InvalidInput, match="column a cannot turn from long into string and keep field id 1"):
        tables.commit(table=table, parent=first, schema=columns(a="VARCHAR"), added=[])


def test_a_field_id_once_used_is_remembered_after_its_column_is_gone(
    warehouse: Warehouse, tables: IcebergTables
) -> None:
    table = tables.create(product="sales.orders", port="orders", columns=AB)
    first = tables.commit(table=table, parent=None, schema=AB, added=[])
    second = tables.commit(table=table, parent=replace(first, last_field_id=7), schema=AB[:1], added=[])
    third = tables.commit(table=table, parent=second, schema=AB[:1], added=[])
    assert (first.last_field_id, second.last_field_id, third.last_field_id) == (2, 7, 7)
    assert opened(warehouse, third).metadata.last_column_id == 7


def test_nested_columns_are_read_back(warehouse: Warehouse, tables: IcebergTables, parquet: Parquet) -> None:
    nested = (
        Field(id=1, name="l", type=DataType.parse("INTEGER[]"), nested_ids=(2,)),
        Field(id=3, name="m", type=DataType.parse("MAP(VARCHAR, STRUCT(x DOUBLE))"), nested_ids=(4, 5, 6)),
        Field(id=7, name="s", type=DataType.parse("STRUCT(p DATE[], q TIMESTAMPTZ)"), nested_ids=(8, 9, 10)),
    )
    table = tables.create(product="sales.orders", port="orders", columns=nested)
    query = (
        "SELECT [1, NULL], MAP {'k': {'x': 1.5}}, {'p': [DATE '2020-02-29'], 'q': TIMESTAMPTZ '2020-01-01 00:00:00+02'}"
    )
    snapshot = tables.commit(table=table, parent=None, schema=nested, added=[parquet.write(table, query, nested)])
    (row,) = opened(warehouse, snapshot).scan().to_arrow().to_pylist()
    assert row["l"] == [1, None]
    assert row["m"] == [("k", {"x": 1.5})]
    assert str(row["s"]["p"][0]) == "2020-02-29"
    assert row["s"]["q"].isoformat() == "2019-12-31T22:00:00+00:00"


def test_every_storable_type_is_read_back_and_gets_bounds_where_they_are_exact(
    warehouse: Warehouse, tables: IcebergTables, parquet: Parquet
) -> None:
    schema = columns(
        a="BOOLEAN", b="INTEGER", c="BIGINT", d="FLOAT", e="DOUBLE", f="DECIMAL(38,10)", g="VARCHAR", h="BLOB",
        i="DATE", j="TIME", k="TIMESTAMP", l="TIMESTAMPTZ",
    )  # fmt: skip
    query = """SELECT true, -1, -2, 0.5, 'nan', -1.0000000001, 'grün', '\\xFF', '0001-01-01', '23:59:59.999999',
        '1969-12-31 23:59:59.999999', '2020-01-01 00:00:00+00'"""
    table = tables.create(product="sales.orders", port="orders", columns=schema)
    snapshot = tables.commit(table=table, parent=None, schema=schema, added=[parquet.write(table, query, schema)])
    found = opened(warehouse, snapshot)
    assert found.scan().to_arrow().num_rows == 1
    described = found.inspect.files().to_pylist()[0]["readable_metrics"]
    bounds = {name: metrics["lower_bound"] for name, metrics in described.items()}
    assert {name for name, bound in bounds.items() if bound is None} == {"d", "e", "h"}
    assert {name: metrics["upper_bound"] for name, metrics in described.items()} == bounds
    assert [str(bounds[name]) for name in "abcfgijk"] == [
        "True", "-1", "-2", "-1.0000000001", "grün", "0001-01-01", "23:59:59.999999", "1969-12-31 23:59:59.999999"
    ]  # fmt: skip


def test_history_in_the_metadata_is_bounded_and_rows_survive_merging(
    warehouse: Warehouse, tables: IcebergTables, parquet: Parquet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(iceberg, "SMALL_MANIFESTS_MAX", 5)
    schema = columns(a="BIGINT")
    table = tables.create(product="sales.orders", port="orders", columns=schema)
    snapshot: Snapshot | None = None
    for number in range(23):
        file = parquet.write(table, f"SELECT {number}", schema)
        snapshot = tables.commit(table=table, parent=snapshot, schema=schema, added=[file])
    assert snapshot is not None
    found = opened(warehouse, snapshot)
    assert values(warehouse, snapshot) == list(range(23))
    assert len(found.snapshots()) == 10
    assert len(found.history()) == 10
    current = found.current_snapshot()
    assert current is not None
    assert len(current.manifests(found.io)) <= 5
    entries = found.inspect.entries().to_pylist()
    # Merging keeps what each file's own commit was.
    assert sorted(entry["sequence_number"] for entry in entries) == list(range(1, 24))
    assert len({entry["snapshot_id"] for entry in entries}) == 23


def test_times_in_the_log_never_decrease_when_the_clock_goes_backwards(
    warehouse: Warehouse, tables: IcebergTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tables.create(product="sales.orders", port="orders", columns=AB)
    first = tables.commit(table=table, parent=None, schema=AB, added=[])
    monkeypatch.setattr(iceberg, "_now", lambda: 1_000)
    second = tables.commit(table=table, parent=first, schema=AB, added=[])
    times = [entry.timestamp_ms for entry in opened(warehouse, second).history()]
    assert times == sorted(times)
    assert times[0] > 1_000


@pytest.mark.parametrize("folder", ["ein schönes Lager", "50%20", "a+b"])
def test_a_warehouse_folder_of_any_name_is_read(tmp_path: Path, make_parquet: type[Parquet], folder: str) -> None:
    warehouse = LocalWarehouse(tmp_path / folder)
    tables = IcebergTables(warehouse)
    table = tables.create(product="sales.orders", port="orders", columns=AB)
    file = make_parquet(warehouse).write(table, "SELECT 1, 'x'", AB)
    snapshot = tables.commit(table=table, parent=None, schema=AB, added=[file])
    assert values(warehouse, snapshot) == [1]


@pytest.mark.parametrize("replaced", [False, True])
def test_a_table_whose_warehouse_moved_is_read_at_its_new_place(
    tmp_path: Path, make_parquet: type[Parquet], replaced: bool
) -> None:
    before = LocalWarehouse(tmp_path / "before")
    table = IcebergTables(before).create(product="sales.orders", port="orders", columns=AB)
    writer = make_parquet(before)
    files = [writer.write(table, f"SELECT {i}, 'x'", AB) for i in range(2)]
    first = IcebergTables(before).commit(table=table, parent=None, schema=AB, added=files[:1])
    second = IcebergTables(before).commit(table=table, parent=first, schema=AB, added=files[1:])
    before.root.rename(tmp_path / "after")
    after = LocalWarehouse(tmp_path / "after")
    new = make_parquet(after).write(table, "SELECT 9, 'x'", AB)
    removed = [file.path for file in files] if replaced else []
    third = IcebergTables(after).commit(table=table, parent=second, schema=AB, added=[new], removed=removed)
    assert values(after, third) == ([9] if replaced else [0, 1, 9])
    fourth = IcebergTables(after).commit(table=table, parent=third, schema=AB, added=[])
    assert values(after, fourth) == values(after, third)
    assert [snapshot.snapshot_id for snapshot in opened(after, fourth).snapshots()] == [third.id, fourth.id]
    assert str(before.root) not in after.locate(fourth.metadata).read_text()


def test_a_warehouse_reached_through_a_symbolic_link_has_not_moved(tmp_path: Path) -> None:
    warehouse = LocalWarehouse(tmp_path / "warehouse")
    table = IcebergTables(warehouse).create(product="sales.orders", port="orders", columns=AB)
    first = IcebergTables(warehouse).commit(table=table, parent=None, schema=AB, added=[])
    (tmp_path / "link").symlink_to(warehouse.root)
    linked = IcebergTables(LocalWarehouse(tmp_path / "link"))
    second = linked.commit(table=table, parent=first, schema=AB, added=[])
    assert len(opened(warehouse, second).snapshots()) == 2


def test_a_type_that_no_table_can_hold_is_refused_naming_column_and_cast(tables: IcebergTables) -> None:
    with pytest.raises(InvalidInput, match="column a: INTERVAL cannot be stored faithfully"):
        tables.create(product="sales.orders", port="orders", columns=columns(a="INTERVAL"))


def test_files_that_are_neither_kept_nor_removed_are_refused(tables: IcebergTables, parquet: Parquet) -> None:
    table = tables.create(product="sales.orders", port="orders", columns=AB)
    files = [parquet.write(table, f"SELECT {i}, 'x'", AB) for i in range(2)]
    first = tables.commit(table=table, parent=None, schema=AB, added=files)
    with pytest.raises(InvalidInput, match="0 kept and 1 removed data files are not the 2 of the parent"):
        tables.commit(table=table, parent=first, schema=AB, added=[], removed=[files[0].path])


def test_a_missing_data_file_is_not_committed(place: Place, tables: IcebergTables, parquet: Parquet) -> None:
    table = tables.create(product="sales.orders", port="orders", columns=AB)
    file = parquet.write(table, "SELECT 1, 'x'", AB)
    place.delete(file.path)
    with pytest.raises(Unavailable, match=r"cannot find the data file .*\.parquet: it does not exist"):
        tables.commit(table=table, parent=None, schema=AB, added=[file])


@pytest.mark.parametrize("damage", [b"", b"{}", b"not json", b'{"snapshots": [], "last-updated-ms": 1}'])
def test_damaged_metadata_is_reported_with_its_path(place: Place, tables: IcebergTables, damage: bytes) -> None:
    table = tables.create(product="sales.orders", port="orders", columns=AB)
    first = tables.commit(table=table, parent=None, schema=AB, added=[])
    place.put(first.metadata, damage)
    with pytest.raises(Unavailable, match=r"metadata\.json is damaged .* restore it from a backup"):
        tables.commit(table=table, parent=first, schema=AB, added=[])
    place.delete(first.metadata)
    with pytest.raises(Unavailable, match=r"metadata\.json: it does not exist"):
        tables.commit(table=table, parent=first, schema=AB, added=[])


@pytest.mark.parametrize("cut", [0, 3, 100, -20])
def test_a_damaged_manifest_is_reported_with_its_path(
    place: Place, tables: IcebergTables, parquet: Parquet, cut: int
) -> None:
    table = tables.create(product="sales.orders", port="orders", columns=AB)
    file = parquet.write(table, "SELECT 1, 'x'", AB)
    first = tables.commit(table=table, parent=None, schema=AB, added=[file])
    for manifest in [path for path in place.paths() if path.endswith(".avro")]:
        place.put(manifest, place.get(manifest)[:cut])
    with pytest.raises(Unavailable, match=r"avro is damaged .* restore it from a backup"):
        tables.commit(table=table, parent=first, schema=AB, added=[], removed=[file.path])


def test_metadata_says_what_the_specification_requires(warehouse: Warehouse, tables: IcebergTables) -> None:
    table = tables.create(product="sales.orders", port="orders", columns=AB)
    first = tables.commit(table=table, parent=None, schema=AB, added=[])
    second = tables.commit(table=table, parent=first, schema=AB, added=[])
    document = json.loads(warehouse.locate(second.metadata).read_bytes())
    before = json.loads(warehouse.locate(first.metadata).read_bytes())
    assert document["format-version"] == 2
    assert document["table-uuid"] == before["table-uuid"]
    assert document["location"] == warehouse.uri(table)
    assert [entry["metadata-file"] for entry in document["metadata-log"]] == [warehouse.uri(first.metadata)]
    assert json.loads(document["properties"]["schema.name-mapping.default"]) == [
        {"field-id": 1, "names": ["a"]},
        {"field-id": 2, "names": ["b"]},
    ]
