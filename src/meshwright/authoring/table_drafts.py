"""What templates see of a table: its columns, and what of them tells groups, times and amounts apart."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from meshwright.authoring.input_tables import kept_as
from meshwright.authoring.number_kinds import IN_PERCENT
from meshwright.authoring.personal import personal
from meshwright.authoring.profile import ColumnProfile, profile
from meshwright.authoring.proposals import KEY_NAME, TIMES_EACH
from meshwright.model.datatype import quote
from meshwright.quality.values import INTEGERS, NUMBERS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from meshwright.authoring.input_tables import InputColumn, InputTable

GROUPS_MAX: Final = 2
MEASURES_MAX: Final = 4
DAYS: Final = frozenset({"DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"})


class TableDraft:
    """One table that a new product reads, and the output `port` that is made of it.

    `input` is what queries call it, `title` what people do; `columns` have `name`, `original`, `expression`, `selected`
    (an entry of a SELECT list), `note` and `doubt`.
    """

    def __init__(self, connection: DuckDBPyConnection, table: InputTable, port: str) -> None:
        self._connection = connection
        self._table = table
        self.port = port
        self.input = table.port.name
        self.title = table.title
        self.rows = table.rows
        self.columns: tuple[InputColumn, ...] = table.columns

    @property
    def query(self) -> str:
        """The plain selection of all columns."""
        columns = ",\n    ".join(column.selected for column in self.columns)
        return f"SELECT\n    {columns}\nFROM {self.input}\n"

    @cached_property
    def _profiles(self) -> list[ColumnProfile]:
        name = f"drafted {self.input}"
        kept = kept_as(self.rows, len(self.columns))
        self._connection.execute(f"CREATE {kept} {quote(name)} AS {self.query}")
        return profile(self._connection, name)

    @property
    def times(self) -> list[InputColumn]:
        """The columns of days and moments, those that every row has first."""
        found = [one for one in self._profiles if one.type.name in DAYS]
        return self._columns(sorted(found, key=lambda one: not one.is_complete))

    @property
    def growing(self) -> InputColumn | None:
        """The column whose values most likely only grow: a number that no two rows share, else a time that every row has."""
        numbers = [one for one in self._profiles if one.is_unique and one.type.name in INTEGERS]
        times = [one for one in self._profiles if one.is_complete and one.type.name in DAYS]
        return next(iter(self._columns([*numbers, *times])), None)

    @property
    def groups(self) -> list[InputColumn]:
        """The columns with few values, each often and about no person, by which rows are best counted."""
        found = [one for one in self._profiles if one.type.name == "BOOLEAN" or _is_group(one)]
        return self._columns(sorted(found, key=lambda one: not one.values))[:GROUPS_MAX]

    @property
    def measures(self) -> list[InputColumn]:
        """The columns of numbers that can be added up."""
        found = [one for one in self._profiles if one.type.name in NUMBERS and not KEY_NAME.search(one.name)]
        return [one for one in self._columns(found) if one.note != IN_PERCENT][:MEASURES_MAX]

    def type(self, column: InputColumn) -> str:
        """The type that *column* has when it is selected."""
        return next(str(one.type) for one in self._profiles if one.name == column.name)

    def _columns(self, profiles: list[ColumnProfile]) -> list[InputColumn]:
        """The columns of *profiles*, but for masked ones: what is seen in place of values is nothing to count or add up."""
        by_name = {column.name: column for column in self.columns if not column.mask}
        return [by_name[one.name] for one in profiles if one.name in by_name]


def _is_group(seen: ColumnProfile) -> bool:
    return 0 < len(seen.values) * TIMES_EACH <= seen.present and not personal(seen.name, seen.some)
