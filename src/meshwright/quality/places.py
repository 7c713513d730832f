"""Places of values in a table: columns, members of structs, items of lists, to any depth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshwright.model.datatype import VARCHAR, literal, quote
from meshwright.quality import options
from meshwright.quality.checks import About, RowCheck

if TYPE_CHECKING:
    from meshwright.model.datatype import DataType
    from meshwright.quality.options import Broken


@dataclass(frozen=True, slots=True)
class Place:
    """Where values are: a column, a member of a struct, the items of a list, to any depth.

    `path` names it (`address.zip`, `tags[]`), `sql` yields one value in the scope of `lists`: pairs of a list's SQL and
    the variable that stands for its items, outermost first. `parent` is the value that holds this one.
    """

    path: str
    root: str
    sql: str
    type: DataType
    parent: str = ""
    lists: tuple[tuple[str, str], ...] = ()

    @property
    def plain(self) -> str:
        """The column's name if this is a whole column, else nothing."""
        return self.root if not self.parent else ""

    def of_row(self, broken: str) -> str:
        """The predicate over a row that any of the values here is *broken*."""
        for items, variable in reversed(self.lists):
            broken = f"(len(list_filter({items}, lambda {variable}: {broken})) > 0)"
        return broken

    def member(self, name: str, kind: DataType) -> Place:
        """The member *name* of the struct here; of JSON text, as text."""
        if self.type.name == "VARCHAR":
            key = '$."' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
            return Place(f"{self.path}.{name}", self.root, self.json(key), VARCHAR, self.sql, self.lists)
        return Place(f"{self.path}.{name}", self.root, options.member(self.sql, name), kind, self.sql, self.lists)

    def items(self) -> Place:
        """The items of the list here; of JSON text, as text."""
        variable = f"item{len(self.lists) + 1}"
        json = self.type.name == "VARCHAR"
        lists = (*self.lists, (self.json("$[*]") if json else self.sql, variable))
        return Place(f"{self.path}[]", self.root, variable, VARCHAR if json else self.type.element, self.sql, lists)

    def json(self, path: str) -> str:
        """What the JSON text here holds at *path*; NULL where the text is no JSON."""
        return f"json_extract_string(TRY_CAST({self.sql} AS JSON), {literal(path)})"

    def entries(self, part: str) -> Place:
        """The keys or the values of the map here."""
        index, function = (0, "map_keys") if part == "key" else (1, "map_values")
        variable = f"item{len(self.lists) + 1}"
        lists = (*self.lists, (f"{function}({self.sql})", variable))
        return Place(f"{self.path}.{part}", self.root, variable, self.type.fields[index][1], self.sql, lists)


def row_check(about: About, place: Place, found: Broken) -> RowCheck:
    """The check that no value at *place* is broken as *found* says."""
    return RowCheck(about=about, broken=place.of_row(found.sql), columns=(place.root,), bounds=found.bounds)


def whole_column(name: str, kind: DataType) -> Place:
    """A column of the data as the place of its values."""
    return Place(name, name, quote(name), kind)
