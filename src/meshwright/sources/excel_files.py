"""Excel workbooks: one sheet as a Parquet file, each column with the one type that all its cells have."""

from __future__ import annotations

import datetime as dt
import zipfile
from typing import TYPE_CHECKING, Any, Final

from meshwright.model.errors import InvalidInput, Unavailable
from meshwright.model.names import nearest
from meshwright.sources.extras import required

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

ENDINGS: Final = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
# Whole numbers up to here are themselves as floating point, which is all that Excel has.
WHOLE_MAX: Final = 2**53


def sheets(path: Path, where: str) -> list[str]:
    """The names of the workbook's sheets that can be seen, in its order. Raises InvalidInput when it is no workbook."""
    workbook = _workbook(path, where)
    return [one.name for one in workbook.sheets_metadata if str(one.visible).endswith("Visible") and _is_table(one)]


def chosen_sheet(path: Path, options: Mapping[str, Any], where: str) -> str:
    """The sheet that is read: the one that *options* name, else the only one with rows. Raises as `to_parquet`."""
    return _chosen(_workbook(path, where), options.get("sheet"), path, where)


def to_parquet(path: Path, new: Path, options: Mapping[str, Any], where: str) -> None:
    """Write the sheet that *options* names (else the only one with rows) of the workbook at *path* to *new*.

    Raises InvalidInput for a damaged workbook, an unknown sheet, several to choose from, an empty one, and a header that
    names a column twice.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    workbook = _workbook(path, where)
    name = _chosen(workbook, options.get("sheet"), path, where)
    rows = workbook.get_sheet_by_name(name).to_python(skip_empty_area=False)
    place = f"{where} (sheet {name})"
    names, cells = _table(rows, options, place)
    arrays = []
    for index, column in enumerate(names):
        values = [row[index] if index < len(row) else None for row in cells]
        arrays.append(_typed(values, column, place, set(options.get("nulls") or ())))
    try:
        pq.write_table(pa.table(arrays, names=names), new, compression="zstd")
    except OSError as error:
        raise Unavailable(f"{where}: the local copy cannot be written: {error}") from error


def _workbook(path: Path, where: str) -> Any:  # noqa: ANN401 - a workbook of python-calamine
    calamine = required("python_calamine", extra="excel", what=f"{where}: reading Excel")
    try:
        return calamine.CalamineWorkbook.from_path(str(path))
    except OSError as error:
        raise Unavailable(f"{where}: cannot be read: {error.strerror or error}") from error
    except (calamine.CalamineError, zipfile.BadZipFile, ValueError) as error:
        if "assword" in str(error) or "encrypted" in str(error).lower():
            raise InvalidInput(f"{where}: the workbook is protected by a password; save it without one") from error
        raise InvalidInput(f"{where}: not a whole workbook ({error}); save or download it again") from error


def _is_table(sheet: Any) -> bool:  # noqa: ANN401 - metadata of python-calamine
    return str(sheet.typ).endswith("WorkSheet")


def _chosen(workbook: Any, wanted: Any, path: Path, where: str) -> str:  # noqa: ANN401 - a workbook; an option
    names = list(workbook.sheet_names)
    if wanted is not None and wanted != "":
        if isinstance(wanted, int):
            if 1 <= wanted <= len(names):
                return str(names[wanted - 1])
        elif wanted in names:
            return str(wanted)
        close = nearest(str(wanted), names)
        hint = f"did you mean '{close}'?" if close else f"it has {', '.join(names)}"
        raise InvalidInput(f"{where}: there is no sheet '{wanted}'; {hint}")
    filled = [name for name in sheets(path, where) if workbook.get_sheet_by_name(name).height]
    if len(filled) == 1:
        return str(filled[0])
    if not filled:
        raise InvalidInput(f"{where}: no sheet has a cell in it")
    raise InvalidInput(
        f"{where}: it has several sheets: {', '.join(filled)}; name one (mesh.options sheet, or '{where}#{filled[0]}')"
    )


def _table(rows: Sequence[Sequence[Any]], options: Mapping[str, Any], place: str) -> tuple[list[str], list[list[Any]]]:
    """Column names and the rows below; empty rows and columns around the table are no part of it."""
    skip = int(options.get("skip") or 0)
    cells = [[None if _is_empty(cell) else cell for cell in row] for row in rows[skip:]]
    while cells and not any(cell is not None for cell in cells[0]):
        cells.pop(0)
    cells = [row for row in cells if any(cell is not None for cell in row)]
    if not cells:
        raise InvalidInput(f"{place}: the sheet is empty")
    width = max(len(row) for row in cells)
    used = [index for index in range(width) if any(index < len(row) and row[index] is not None for row in cells)]
    cells = [[row[index] if index < len(row) else None for index in used] for row in cells]
    if not options.get("header", True):
        given = list(options.get("columns") or ())
        return [given[index] if index < len(given) else f"column{index}" for index in range(len(used))], cells
    return _header(cells[0], place), cells[1:]


def _header(cells: Sequence[Any], place: str) -> list[str]:
    names = [
        " ".join(_text(cell).split()) if cell is not None else f"column{index}" for index, cell in enumerate(cells)
    ]
    seen: dict[str, int] = {}
    for index, name in enumerate(names, 1):
        first = seen.setdefault(name.lower(), index)
        if first != index:
            advice = "rename one, say where the header is (mesh.options skip), or declare header: false"
            raise InvalidInput(
                f"{place}: the header has the name '{name}' twice (columns {first} and {index}); {advice}"
            )
    return names


def _is_empty(cell: Any) -> bool:  # noqa: ANN401 - a cell
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _typed(values: list[Any], column: str, place: str, nulls: set[str]) -> Any:  # noqa: ANN401 - an array of pyarrow
    import pyarrow as pa

    values = [None if isinstance(value, str) and value.strip() in nulls else value for value in values]
    kinds = {type(value) for value in values if value is not None}
    try:
        if kinds == {bool}:
            return pa.array(values, pa.bool_())
        if kinds and kinds <= {int, float}:
            whole = all(value is None or (float(value).is_integer() and abs(value) <= WHOLE_MAX) for value in values)
            return (
                pa.array([None if value is None else int(value) for value in values], pa.int64())
                if whole
                else pa.array([None if value is None else float(value) for value in values], pa.float64())
            )
        if kinds == {dt.date}:
            return pa.array(values, pa.date32())
        if kinds and kinds <= {dt.datetime, dt.date}:
            return pa.array([_moment(value) for value in values], pa.timestamp("us"))
        if kinds == {dt.time}:
            return pa.array(values, pa.time64("us"))
        return pa.array([None if value is None else _text(value) for value in values], pa.string())
    except (pa.ArrowInvalid, OverflowError) as error:
        raise InvalidInput(f"{place}: column {column}: {error}") from error


def _moment(value: Any) -> dt.datetime | None:  # noqa: ANN401 - a cell
    if value is None or isinstance(value, dt.datetime):
        return value
    return dt.datetime.combine(value, dt.time())


def _text(value: Any) -> str:  # noqa: ANN401 - a cell
    """A cell as text: whole numbers without the point that Excel's own numbers all have."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= WHOLE_MAX:
        return str(int(value))
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return value.isoformat()
    return str(value)
