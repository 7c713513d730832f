"""What `--from` names: a file, a glob, or another product's port; found, brought into the mesh and looked at."""

from __future__ import annotations

import filecmp
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from meshwright.authoring.csv_tables import look_at_csv
from meshwright.authoring.input_tables import InputTable, plain_columns
from meshwright.authoring.naming import free_name, valid_name
from meshwright.engines.failures import located, translate
from meshwright.model.datatype import quote
from meshwright.model.errors import InvalidInput, NotFound, Unavailable
from meshwright.model.names import PortAddress
from meshwright.model.product import InputPort, Source
from meshwright.sources import files
from meshwright.sources.paths import GLOB, MEMBER

if TYPE_CHECKING:
    from collections.abc import Callable

    from duckdb import DuckDBPyConnection

    from meshwright.reading.reader import Reader

DATA: Final = "data"


@dataclass(slots=True)
class Origins:
    """Looks at what a new product of the mesh at *root* is to read.

    `here` is the folder that paths are relative to, if not to the root; `copied` are the files that were brought in.
    """

    root: Path
    here: Path
    connection: DuckDBPyConnection
    unpacked: Path
    reader: Callable[[], Reader]
    copied: list[Path] = field(default_factory=list)

    def look(self, text: str, *, product: str) -> list[InputTable]:
        """The tables of what *text* names, for a product called *product*; raises what says why there is none."""
        path = self.path(text)
        if path is not None:
            return [self.file(path, product)]
        address = _address(text)
        if address is not None:
            return [self.port(address, product)]
        raise NotFound(
            f"'{text}' is no file, seen from {self.here} or from the mesh's root, and no port (domain.product)"
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

    def file(self, path: str, product: str) -> InputTable:
        """The table in the file or files at *path*."""
        listed = files.files(self.root, Source(path=path))
        name = _input_name(listed[0] if not GLOB.search(path) else path, product)
        if _ending(listed[0]) in {"csv", ""}:
            return look_at_csv(self.root, Source(path=path), name, self.connection, self.unpacked)
        return self.typed(Source(path=path), name)

    def typed(self, source: Source, name: str) -> InputTable:
        """The table of a source that knows its columns' types."""
        import duckdb

        found = files.sample(self.root, source, self.connection, unpacked=self.unpacked)
        if found.format == "csv":
            return look_at_csv(self.root, source, name, self.connection, self.unpacked)
        whole = replace(source, format=found.format, options=found.options)
        select = files.scan(self.root, whole, found.columns, unpacked=self.unpacked, connection=self.connection)
        try:
            self.connection.execute(f"CREATE VIEW {quote(name)} AS {select}")
        except duckdb.Error as error:
            raise translate(located(error, [select], self.connection)) from error
        types = {column: str(kind) for column, kind in found.columns}
        return InputTable(
            title=source.path,
            port=InputPort(name=name, source=source),
            columns=plain_columns(found.columns),
            rows=found.rows_sampled,
            pin={"path": source.path, "format": found.format, "options": found.options, "columns": types},
        )

    def port(self, address: PortAddress, product: str) -> InputTable:
        """The table that another product's port serves."""
        reader = self.reader()
        resolved = reader.resolve(str(address))
        if resolved.port.kind != "tables":
            raise InvalidInput(f"{address} publishes files, not a table: no product can be written from it")
        rows = reader.read(str(address))
        name = address.port if address.port != product else free_name(f"{address.domain}_{address.port}", [product])
        self.connection.execute(f"CREATE VIEW {quote(name)} AS {rows.sql}")
        contract = resolved.port.contract
        version = f"^{contract.version}" if contract is not None and contract.is_active else ""
        return InputTable(
            title=str(address),
            port=InputPort(name=name, address=address, version=version),
            columns=plain_columns(tuple((one.name, one.type) for one in resolved.port.schema)),
            rows=resolved.port.rows,
            contract=contract,
        )


def _address(text: str) -> PortAddress | None:
    """The address that *text* is; None for what ends like a file."""
    if _ending(text):
        return None
    try:
        return PortAddress.parse(text)
    except ValueError:
        return None


def _ending(path: str) -> str:
    """The format that the end of a path says, "" when it says none."""
    plain = path.lower().removesuffix(".gz")
    return files.FORMATS.get("." + plain.rpartition(".")[2], "") if "." in plain else ""


def _input_name(path: str, product: str) -> str:
    """What queries call the files at *path*: `orders_csv` for `orders.csv`, so that nobody takes it for the product."""
    last = path.replace(MEMBER, "/").rstrip("/").rpartition("/")[2]
    stem = last.lower().removesuffix(".gz")
    if GLOB.search(stem):
        folder = path.rpartition("/")[0].rpartition("/")[2]
        stem = f"{folder or stem} files"
    return free_name(valid_name(stem, otherwise="rows"), [product])
