"""Where a source's files lie while they are looked at: in the mesh, or as local copies of what is elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meshwright.engines.failures import translate
from meshwright.sources import files

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from meshwright.engines import Columns
    from meshwright.model.errors import MeshwrightError
    from meshwright.model.product import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The files `names` of a `source`, below `base`; `called` says by name what people call each, if not so.

    `format` is known where the source is no file at its own place (parquet for a database, with its `columns`), else "".
    """

    source: Source
    base: Path
    names: tuple[str, ...]
    called: Mapping[str, str] = field(default_factory=dict)
    format: str = ""
    columns: Columns = ()

    @property
    def ending(self) -> str:
        """The format that the first file's name says, "" when it says none."""
        return self.format or format_of(self.names[0])

    def told(self, name: str) -> str:
        """What people call the file *name*."""
        return self.called.get(name, name)

    def translated(self, error: Exception) -> MeshwrightError:
        """*error*, raised by DuckDB, as ours, with the names that people know."""
        return translate(error, names={**{str(self.base / name): name for name in self.names}, **self.called})


def in_mesh(root: Path, source: Source) -> Place:
    """The place of files of the mesh. Raises NotFound, InvalidInput, Unavailable."""
    return Place(source=source, base=root, names=tuple(files.files(root, source)))


def format_of(path: str) -> str:
    """The format that the end of a path says, "" when it says none."""
    plain = path.lower().removesuffix(".gz")
    return files.FORMATS.get("." + plain.rpartition(".")[2], "") if "." in plain else ""
