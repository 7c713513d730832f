"""Sheets of workbooks: cells as they are, tables found in the sheet, mistakes told with sheet and column."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
import xlsxwriter

from meshwright.model.errors import InvalidInput, Unavailable
from meshwright.model.product import Source
from meshwright.sources.excel_files import sheets
from meshwright.sources.opening import open_source

if TYPE_CHECKING:
    from pathlib import Path


def workbook(path: Path, **tables: list[list[Any]]) -> None:
    with xlsxwriter.Workbook(path, {"default_date_format": "yyyy-mm-dd"}) as book:
        moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        for name, table in tables.items():
            sheet = book.add_worksheet(name)
            for number, row in enumerate(table):
                for column, value in enumerate(row):
                    style = [moment] if type(value) is dt.datetime else []
                    sheet.write(number, column, value, *style)


def look(root: Path, **options: Any) -> tuple[dict[str, str], list[dict[str, Any]], dict[str, Any]]:
    with open_source(Source(path="book.xlsx", options=options), root=root, cache=root / "cache") as opened:
        types = {name: str(kind) for name, kind in opened.columns}
        return types, opened.arrow().read_all().to_pylist(), opened.options


def test_cells_keep_their_kinds(tmp_path: Path) -> None:
    noon = dt.datetime(2024, 1, 2, 12, 30)  # noqa: DTZ001 - Excel knows no zones
    workbook(
        tmp_path / "book.xlsx",
        Orders=[
            ["Order No", "price", "name", "paid", "day", "at", "mixed", "empty"],
            [1, 1.5, "ä\nb", True, dt.date(2024, 1, 2), noon, 7, None],
            [2, 2, " ", False, None, noon, "x7", None],
        ],
    )
    types, rows, options = look(tmp_path)
    assert types == {
        "Order No": "BIGINT", "price": "DOUBLE", "name": "VARCHAR", "paid": "BOOLEAN", "day": "DATE", "at": "TIMESTAMP",
        "mixed": "VARCHAR", "empty": "VARCHAR",
    }  # fmt: skip
    assert rows[0] == {
        "Order No": 1, "price": 1.5, "name": "ä\nb", "paid": True, "day": dt.date(2024, 1, 2), "at": noon, "mixed": "7",
        "empty": None,
    }  # fmt: skip
    assert rows[1]["name"] is None
    assert options["sheet"] == "Orders"


def test_empty_rows_and_columns_around_a_table_are_no_part_of_it(tmp_path: Path) -> None:
    workbook(
        tmp_path / "book.xlsx", Data=[[], [None, None, "id", "n"], [], [None, None, 1, "a"], [None, None, 2, "b"], []]
    )
    assert look(tmp_path)[1] == [{"id": 1, "n": "a"}, {"id": 2, "n": "b"}]


def test_a_title_above_the_header_is_skipped(tmp_path: Path) -> None:
    workbook(tmp_path / "book.xlsx", Data=[["Report of January"], [], ["id", "n"], [1, "a"]])
    assert look(tmp_path, skip=2)[1] == [{"id": 1, "n": "a"}]


def test_a_sheet_is_named_or_numbered_and_several_are_asked_about(tmp_path: Path) -> None:
    workbook(tmp_path / "book.xlsx", One=[["a"], [1]], Two=[["b"], [2]], Empty=[])
    assert look(tmp_path, sheet="Two")[1] == [{"b": 2}]
    assert look(tmp_path, sheet=1)[1] == [{"a": 1}]
    with pytest.raises(InvalidInput, match=r"book\.xlsx: it has several sheets: One, Two; name one"):
        look(tmp_path)
    with pytest.raises(InvalidInput, match=r"there is no sheet 'Tow'; did you mean 'Two'\?"):
        look(tmp_path, sheet="Tow")
    assert sheets(tmp_path / "book.xlsx", "book.xlsx") == ["One", "Two", "Empty"]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ([["a", "A"], [1, 2]], r"\(sheet Data\): the header has the name 'A' twice \(columns 1 and 2\)"),
        ([], "no sheet has a cell in it"),
    ],
)
def test_a_sheet_that_is_no_table_is_told(tmp_path: Path, table: list[list[Any]], words: str) -> None:
    workbook(tmp_path / "book.xlsx", Data=table)
    with pytest.raises(InvalidInput, match=words):
        look(tmp_path)


def test_a_file_that_is_no_workbook_is_told(tmp_path: Path) -> None:
    (tmp_path / "book.xlsx").write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises((InvalidInput, Unavailable), match=r"book\.xlsx"):
        look(tmp_path)


def test_markers_for_nothing_leave_a_column_its_type(tmp_path: Path) -> None:
    workbook(tmp_path / "book.xlsx", Data=[["n"], [1], ["n/a"]])
    types, rows, _ = look(tmp_path, nulls=["n/a"])
    assert types == {"n": "BIGINT"}
    assert rows == [{"n": 1}, {"n": None}]
