"""What `--from` names: a file, a URL, a connection's table or another product's port; found and looked at."""

from __future__ import annotations

import filecmp
import shutil
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from meshwright.authoring.csv_tables import look_at_csv
from meshwright.authoring.input_tables import InputTable, plain_columns
from meshwright.authoring.naming import free_name, valid_name, valid_names
from meshwright.authoring.places import Place, format_of, in_mesh
from meshwright.authoring.typed_tables import look_at_typed, sheets_of
from meshwright.model.connection import remote_address, sheet_of
from meshwright.model.datatype import DataType, quote
from meshwright.model.errors import InvalidInput, NotFound, Unavailable
from meshwright.model.names import NAME_LENGTH_MAX, PortAddress, nearest
from meshwright.model.product import InputPort, Source
from meshwright.sources import excel_files, files
from meshwright.sources.opening import bring, remote
from meshwright.sources.paths import GLOB, MEMBER
from meshwright.sources.unpacking import readable
from meshwright.workspace.loading import DOMAINS
from meshwright.workspace.remote_sources import check_address

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from duckdb import DuckDBPyConnection

    from meshwright.model.connection import Address, Connection
    from meshwright.model.restriction import Restriction
    from meshwright.reading.reader import Reader

DATA: Final = "data"


@dataclass(slots=True)
class Origins:
    """Looks at what a new product of the mesh at *root* is to read.

    `here` is the folder that paths are relative to, if not to the root; `cache` keeps what is fetched, `connect` gives the
    connection of a name ("" none) or raises NotFound; `copied` are the files that were brought into the mesh.
    """

    root: Path
    here: Path
    connection: DuckDBPyConnection
    unpacked: Path
    reader: Callable[[], Reader]
    connect: Callable[[str], Connection | None]
    cache: Path
    copied: list[Path] = field(default_factory=list)

    def look(self, text: str, *, product: str, sheets: Sequence[str] = ()) -> list[InputTable]:
        """The tables of what *text* names, for a product called *product*; raises what says why there is none.

        *sheets* are the only ones taken of a workbook, () all that have a table.
        """
        workbook, sheet = sheet_of(text)
        path = self.path(text) or (self.path(workbook) if sheet else None)
        if path is not None:
            place = in_mesh(self.root, Source(path=path))
            return self.tables(place, product, sheets=[sheet] if sheet else sheets)
        remote = remote_address(text)
        if remote is not None:
            return self.tables(self.elsewhere(remote), product, sheets=sheets)
        address = _address(text)
        if address is not None:
            _refuse_sheets(sheets, text)
            return [self.port(address, product)]
        raise NotFound(
            f"'{text}' is no file, seen from {self.here} or from the mesh's root, no URL, and no port (domain.product)"
        )

    def tables(self, place: Place, product: str, *, sheets: Sequence[str]) -> list[InputTable]:
        """The table at *place*; of a workbook one for each sheet that has one."""
        name = _input_name(place, product)
        if place.ending == "excel":
            return self.workbook(place, name, sheets)
        _refuse_sheets(sheets, place.source.address)
        if place.ending in {"csv", ""} and (place.ending or not place.columns) and not self.is_other(place):
            return [look_at_csv(place, name, self.connection, self.unpacked)]
        return [look_at_typed(place, name, self.connection, self.unpacked)]

    def is_other(self, place: Place) -> bool:
        """Whether a file whose name says nothing begins like another format than CSV."""
        return not place.ending and files.sniffed_format(place.base, place.names[0], self.unpacked) != "csv"

    def workbook(self, place: Place, name: str, sheets: Sequence[str]) -> list[InputTable]:
        """The tables of a workbook's sheets."""
        first = place.names[0]
        file = readable(place.base, first, self.unpacked, format="", encoding="utf-8")
        there = excel_files.sheets(file, place.told(first))
        for sheet in sheets:
            if sheet not in there:
                guess = nearest(sheet, there)
                hint = f"did you mean '{guess}'?" if guess else f"it has {', '.join(there)}"
                raise NotFound(f"{place.told(first)}: there is no sheet '{sheet}'; {hint}")
        wanted = list(sheets) or there
        names = [name] if len(wanted) == 1 else [f"{name}_{one}"[:NAME_LENGTH_MAX] for one in valid_names(wanted)]
        found = list(sheets_of(place, list(zip(wanted, names, strict=True)), self.connection, self.unpacked))
        tables = [one for one in found if isinstance(one, InputTable)]
        failed = [one for one in found if not isinstance(one, InputTable)]
        if failed and (not tables or sheets):
            raise failed[0][1]
        left_out = tuple(f"the sheet '{sheet}' was left out: {error}" for sheet, error in failed)
        return [replace(tables[0], hints=(*tables[0].hints, *left_out)), *tables[1:]] if left_out else tables

    def elsewhere(self, address: Address) -> Place:
        """What a URL or a connection leads to, copied here."""
        findings = check_address(address, where="--from")
        if findings:
            raise InvalidInput(f"{findings[0].message}: {findings[0].value}; {findings[0].hint}")
        source = Source(path=address.path, connection=address.connection)
        reader = remote(source, root=self.root, cache=self.cache, connection=self.connect(address.connection))
        columns = reader.columns()
        brought = bring(reader, self.unpacked / "brought", columns=columns)
        if not brought.files:
            raise NotFound(f"{address}: there is nothing")
        called = {str(path): name for name, path in brought.files.items()}
        return Place(
            source=source,
            base=self.unpacked,
            names=tuple(called),
            called=called,
            format=brought.format,
            columns=columns,
        )

    def path(self, text: str) -> str | None:
        """The path of the file or glob *text*, relative to the mesh's root; None when there is nothing there."""
        for folder in (self.here, self.root):
            place = folder / text
            if GLOB.search(text) and not place.exists():
                found = self.glob(folder, text)
                if found is not None:
                    return found
            elif place.is_file():
                return self.inside(place)
            elif place.is_dir():
                raise InvalidInput(f"{text} is a folder: name its files, such as '{text.rstrip('/')}/*.csv'")
        archive, mark, member = text.partition(MEMBER)
        inner = self.path(archive) if mark else None
        return f"{inner}{MEMBER}{member}" if inner else None

    def glob(self, folder: Path, text: str) -> str | None:
        """The glob *text*, relative to the root, when files in the mesh match it."""
        base = folder.resolve()
        if not base.is_relative_to(self.root.resolve()) or Path(text).is_absolute():
            return None
        path = (base / text).relative_to(self.root.resolve()).as_posix()
        return path if next(self.root.glob(path), None) is not None else None

    def inside(self, place: Path) -> str:
        """The path of the file *place*, relative to the root; a file from elsewhere is copied into `data/` first.

        A product can only read what is versioned, or at least kept, with the mesh.
        """
        root = self.root.resolve()
        if place.resolve().is_relative_to(root):
            path = place.resolve().relative_to(root).as_posix()
            if GLOB.search(path):
                raise InvalidInput(f"{path} would be read as a pattern: rename it without * ? and [")
            return path
        target = root / DATA / GLOB.sub("_", place.name)
        try:
            if target.exists() and not filecmp.cmp(place, target, shallow=False):
                raise InvalidInput(
                    f"{target} is there already with other content: rename {place}, or copy it into the mesh"
                )
            if not target.exists():
                target.parent.mkdir(exist_ok=True)
                shutil.copyfile(place, target)
                self.copied.append(target)
        except OSError as error:
            raise Unavailable(f"{place} cannot be copied into the mesh: {error.strerror or error}") from error
        return target.relative_to(root).as_posix()

    def forget_copies(self) -> None:
        """Remove what was brought in: nothing came of it."""
        for file in self.copied:
            file.unlink(missing_ok=True)

    def port(self, address: PortAddress, product: str) -> InputTable:
        """The table that another product's port serves."""
        reader = self.reader()
        try:
            resolved = reader.resolve(str(address))
        except NotFound as error:
            if (self.root / DOMAINS / address.domain / address.product).is_dir():
                step = f"run `mesh build --select {address.product_id}` first"
                raise NotFound(f"{error}; it is written, but not built there: {step}") from error
            raise
        if resolved.port.kind != "tables":
            raise InvalidInput(f"{address} publishes files, not a table: no product can be written from it")
        started, rows = time.monotonic(), reader.read(str(address))
        name = address.port if address.port != product else free_name(f"{address.domain}_{address.port}", [product])
        self.connection.execute(f"CREATE VIEW {quote(name)} AS {rows.sql}")
        # What a policy leaves of a port has fewer columns than it.
        described = self.connection.execute(f"DESCRIBE {quote(name)}").fetchall()
        columns = tuple((str(row[0]), DataType.parse(row[1])) for row in described)
        count = resolved.port.rows
        if reader.guard is not None:
            (count,) = self.connection.execute(f"SELECT count(*) FROM {quote(name)}").fetchone() or (0,)
            # What is looked at of the rows tells of them, though none goes out.
            reader.guard.used(
                [(resolved, [one for one, _ in columns])], rows=0, size=0, seconds=time.monotonic() - started
            )
        restriction = reader.restriction(resolved)
        actions = {one.name: restriction.actions.get(one.id, "") for one in resolved.port.schema}
        seen = tuple(replace(one, mask=actions.get(one.original, "")) for one in plain_columns(columns))
        contract = resolved.port.contract
        version = f"^{contract.version}" if contract is not None and contract.is_active else ""
        return InputTable(
            title=str(address),
            port=InputPort(name=name, address=address, version=version),
            columns=seen,
            rows=count,
            contract=contract,
            hints=_left(address, restriction, [one.original for one in seen if one.mask]),
        )


def _left(address: PortAddress, restriction: Restriction, masked: Sequence[str]) -> tuple[str, ...]:
    """What whoever starts a product should know of what policies leave of a port; a column that is absent is not named."""
    if restriction.is_all:
        return ()
    through = f"; masked are {', '.join(masked)}" if masked else ""
    return (f"policies leave this product a part of {address}, which was looked at{through}",)


def _refuse_sheets(sheets: Sequence[str], what: str) -> None:
    if sheets:
        raise InvalidInput(f"{what} is no workbook: leave out --sheet")


def _address(text: str) -> PortAddress | None:
    """The address that *text* is; None for what ends like a file."""
    if format_of(text):
        return None
    try:
        return PortAddress.parse(text)
    except ValueError:
        return None


def _input_name(place: Place, product: str) -> str:
    """What queries call it: `orders_csv` for `orders.csv`, so that nobody takes it for the product; a table's own name."""
    path = place.source.path
    last = path.partition("?")[0].replace(MEMBER, "/").rstrip("/").rpartition("/")[2].lower().removesuffix(".gz")
    if place.columns:
        stem = last.rpartition(".")[2]
        return free_name(valid_name(stem, otherwise="rows"), [product, valid_name(product, otherwise="rows")])
    if GLOB.search(last):
        folder = path.rpartition("/")[0].rpartition("/")[2]
        last = f"{folder or last} files"
    return free_name(valid_name(last, otherwise="rows"), [product])
