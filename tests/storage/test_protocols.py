from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import pytest

from meshwright import storage
from meshwright.storage.iceberg import IcebergTables
from meshwright.storage.local_files import LocalWarehouse
from meshwright.storage.s3_files import S3Warehouse
from meshwright.storage.sql_keys import SqlKeys
from meshwright.storage.sql_past import SqlPast
from meshwright.storage.sql_registry import SqlRegistry
from meshwright.storage.sql_runs import SqlRuns

if TYPE_CHECKING:
    # The type checker compares the signatures.
    registry: type[storage.Registry] = SqlRegistry
    runs: type[storage.Runs] = SqlRuns
    past: type[storage.Past] = SqlPast
    keys: type[storage.MeshKeys] = SqlKeys
    tables: type[storage.Tables] = IcebergTables
    warehouse: type[storage.Warehouse] = LocalWarehouse
    object_store: type[storage.Warehouse] = S3Warehouse


@pytest.mark.parametrize(
    ("protocol", "implementation"),
    [
        (storage.Registry, SqlRegistry),
        (storage.Runs, SqlRuns),
        (storage.Past, SqlPast),
        (storage.MeshKeys, SqlKeys),
        (storage.Tables, IcebergTables),
        (storage.Warehouse, LocalWarehouse),
        (storage.Warehouse, S3Warehouse),
    ],
)
def test_every_call_of_a_protocol_is_implemented_with_its_arguments(protocol: type, implementation: type) -> None:
    for name, declared in inspect.getmembers(protocol, inspect.isfunction):
        if not name.startswith("_"):
            assert list(inspect.signature(getattr(implementation, name)).parameters) == list(
                inspect.signature(declared).parameters
            )
