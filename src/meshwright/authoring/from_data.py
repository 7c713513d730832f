"""`mesh new product --from`: look at the data, write the product, leave nothing behind when that fails."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from meshwright.authoring.admitted_reader import admitted_reader
from meshwright.authoring.blueprints import Blueprint, blueprint
from meshwright.authoring.new_product import NewProduct, new_product_files
from meshwright.authoring.origins import Origins
from meshwright.model.errors import InvalidInput
from meshwright.workspace.new_files import write_all
from meshwright.workspace.scaffold import product_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from duckdb import DuckDBPyConnection

    from meshwright.authoring.input_tables import InputTable
    from meshwright.build.admission import Admission
    from meshwright.model.connection import Connection
    from meshwright.reading.reader import Reader

OF_DATA: Final = "source"
OF_PORT: Final = "derived"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked for: a product `domain.name` from the data called `source`, by a blueprint ("" the fitting one).

    `here` is where relative paths begin; `sheets` are the only ones taken of a workbook, () all; `purpose` is what the product
    reads others for, "" unspecified.
    """

    domain: str
    name: str
    source: str = ""
    blueprint: str = ""
    here: Path = Path()
    sheets: tuple[str, ...] = ()
    purpose: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What was written: all files, the product itself, and of the rows and columns that were looked at how many."""

    written: tuple[Path, ...]
    product: NewProduct
    rows: int = 0
    columns: int = 0


def start_product(
    root: Path,
    asked: Asked,
    *,
    reader: Callable[[], Reader],
    admission: Callable[[], Admission | None],
    connect: Callable[[str], Connection | None],
    cache: Path,
) -> Started:
    """Write the product that was *asked* for into the mesh at *root*.

    *reader* reads what is published, *admission* decides what of it products may read, *connect* gives the connection of a
    name ("": none), *cache* keeps what is fetched.

    Raises NotFound and InvalidInput for what was asked wrongly or cannot be read, Denied for what the product may not read,
    Unavailable when writing fails.
    """
    import duckdb

    folder = product_folder(root, asked.domain, asked.name)
    if (folder / "product.yaml").exists():
        raise InvalidInput(f"{folder / 'product.yaml'} is there already and was not changed: choose another name")
    chosen = _chosen(root, asked)
    with TemporaryDirectory(prefix="meshwright-") as temporary, duckdb.connect(":memory:") as connection:
        connection.execute("SET temp_directory = ?", [str(Path(temporary) / "spill")])

        def admitted() -> Reader:
            return admitted_reader(reader(), admission(), f"{asked.domain}.{asked.name}")

        origins = Origins(root, asked.here, connection, Path(temporary), admitted, connect, cache)
        try:
            return _started(folder, asked, chosen, origins, connection)
        except BaseException:
            origins.forget_copies()
            raise


def _started(
    folder: Path, asked: Asked, chosen: Blueprint | None, origins: Origins, connection: DuckDBPyConnection
) -> Started:
    tables = origins.look(asked.source, product=asked.name, sheets=asked.sheets) if asked.source else []
    if chosen is None:
        chosen = blueprint(origins.root, OF_PORT if tables[0].port.address is not None else OF_DATA)
    if chosen.reads == "port" and any(table.port.address is None for table in tables):
        raise InvalidInput(f"the blueprint {chosen.name} reads another product's port: name one, as domain.product")
    product = new_product_files(
        asked.domain,
        asked.name,
        tables,
        chosen,
        connection=connection,
        asked=_shown(asked, tables),
        purpose=asked.purpose,
    )
    below = folder.relative_to(origins.root)
    written = write_all(origins.root, {str(below / path): text for path, text in product.files.items()})
    return Started(
        written=(*origins.copied, *written),
        product=product,
        rows=sum(table.rows for table in tables),
        columns=sum(len(table.columns) for table in tables),
    )


def _shown(asked: Asked, tables: Sequence[InputTable]) -> str:
    """What texts call the data: as the descriptor does, never by a path of the machine on which it was looked at."""
    source = tables[0].port.source if tables else None
    return source.address if source is not None else asked.source


def _chosen(root: Path, asked: Asked) -> Blueprint | None:
    """The blueprint that was named, when it fits what it is to read."""
    if not asked.blueprint:
        return None
    chosen = blueprint(root, asked.blueprint)
    if chosen.reads != "nothing" and not asked.source:
        raise InvalidInput(f"the blueprint {chosen.name} needs data to look at: add --from FILE, URL or domain.product")
    return chosen
