"""Column lineage inside a product: which output columns a change of input columns reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshwright.analysis.query import SqlError
from meshwright.build.outline import stem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meshwright.analysis.binding import Binder
    from meshwright.build.bound import BoundProduct
    from meshwright.build.outline import ParsedTransformation

# The columns of each input that change; None stands for every column, "" for the rows themselves.
Changed = "Mapping[str, frozenset[str] | None]"
ROWS = ""


class Lineage:
    """Follows columns through transformations with DuckDB's binder; in doubt, a column is reached."""

    def __init__(self, binder: Binder) -> None:
        self.binder = binder

    def reached(
        self, bound: BoundProduct, changed: Mapping[str, frozenset[str] | None]
    ) -> dict[str, frozenset[str] | None]:
        """The output columns of each transformation that *changed* input columns reach; None for all of them.

        A transformation that nothing reaches is left out.
        """
        found: dict[str, frozenset[str] | None] = {}
        for one in bound.transformations:
            reads = {name: changed[name] for name in one.inputs if name in changed}
            reads |= {name: found[name] for name in one.siblings.values() if name in found}
            if not reads:
                continue
            columns = self._columns(bound, one, reads)
            if columns is None or columns:
                found[one.name] = columns
        return {stem(port): found[stem(port)] for port in bound.product.output_ports if stem(port) in found}

    def _columns(
        self, bound: BoundProduct, one: ParsedTransformation, reads: Mapping[str, frozenset[str] | None]
    ) -> frozenset[str] | None:
        names = [name for name, _ in bound.columns.get(one.name, ())]
        if one.language != "sql" or not names:
            return None
        self._declare(bound, one)
        tables = {**one.tables, **one.siblings}
        try:
            if self._touches(self.binder.used_columns(one.sql, ROWS), tables, reads, rows=True):
                return None
            return frozenset(
                name
                for name in names
                if self._touches(self.binder.used_columns(one.sql, name), tables, reads, rows=False)
            )
        except SqlError:
            return None

    def _declare(self, bound: BoundProduct, one: ParsedTransformation) -> None:
        for table, port in one.tables.items():
            self.binder.declare(table, bound.inputs.get(port, ()))
        for table, name in one.siblings.items():
            self.binder.declare(table, bound.columns.get(name, ()))

    @staticmethod
    def _touches(
        used: Mapping[str, frozenset[str]],
        tables: Mapping[str, str],
        reads: Mapping[str, frozenset[str] | None],
        *,
        rows: bool,
    ) -> bool:
        for table, name in tables.items():
            if name not in reads:
                continue
            columns = reads[name]
            # When the rows of an input change, the rows of every query over it do.
            if columns is None or (rows and ROWS in columns):
                return True
            if used.get(table, frozenset()) & columns:
                return True
        return False
