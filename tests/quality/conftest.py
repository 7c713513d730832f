"""A place to write Parquet files and to run contracts on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from meshwright.model.contract import Column, Contract, QualityRule, Relationship, ServiceLevel, Table
from meshwright.model.datatype import DataType
from meshwright.quality import Dataset
from meshwright.quality.run import run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from meshwright.model.results import RuleResult

NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)


@dataclass
class Lab:
    folder: Path
    connection: duckdb.DuckDBPyConnection
    tables: dict[str, Dataset] = field(default_factory=dict)
    written: int = 0
    now: datetime = NOW

    def data(self, *queries: str, options: str = "") -> Dataset:
        """One Parquet file for each query."""
        files = tuple(self.file(query, options=options) for query in queries)
        return Dataset(files=files, columns=self.columns(queries[0]))

    def file(self, query: str, *, options: str = "") -> str:
        self.written += 1
        path = str(self.folder / f"{self.written}.parquet")
        self.connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet{options})")
        return path

    def columns(self, query: str) -> tuple[tuple[str, DataType], ...]:
        described = self.connection.execute(f"DESCRIBE {query}").fetchall()
        return tuple((row[0], DataType.parse(row[1])) for row in described)

    def run(self, table: Table, data: Dataset, **more: Any) -> dict[str, RuleResult]:
        levels = more.pop("service_levels", ())
        contract = Contract(id="c", version="1.0.0", status="active", tables=(table,), service_levels=levels)
        results = run(
            contract,
            table,
            data,
            connection=self.connection,
            references=self.tables.get,
            now=more.pop("now", NOW),
            **more,
        )
        assert len({result.rule for result in results}) == len(results)
        return {result.rule: result for result in results}

    def column(self, query: str, column: Column, **more: Any) -> dict[str, RuleResult]:
        """Results of a contract of one column on the rows of *query*, without that of the schema check."""
        results = self.run(Table(name="t", columns=(column,)), self.data(query), **more)
        schema = results.pop("schema")
        assert schema.outcome == "passed", schema.message
        return results

    @staticmethod
    def typed(name: str, kind: str, **more: Any) -> Column:
        return Column(name=name, type=DataType.parse(kind), **more)

    @staticmethod
    def values(*rows: str, names: str = "v") -> str:
        """A query that yields *rows*, each written as SQL."""
        return f"SELECT * FROM (VALUES {', '.join(f'({row})' for row in rows)}) AS t({names})"

    @staticmethod
    def rule(metric: str = "", **more: Any) -> QualityRule:
        comparisons = {key: more.pop(key) for key in list(more) if key.startswith(("mustBe", "mustNotBe"))}
        return QualityRule(kind=more.pop("kind", "library"), metric=metric, comparisons=comparisons, **more)

    @staticmethod
    def link(*columns: str, to: str | Sequence[str]) -> Relationship:
        return Relationship(columns=columns, to=(to,) if isinstance(to, str) else tuple(to))

    @staticmethod
    def promise(name: str, value: Any, unit: str = "", element: str = "") -> ServiceLevel:
        return ServiceLevel(property=name, value=value, unit=unit, element=element)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    yield Lab(tmp_path, connection)
    connection.close()
