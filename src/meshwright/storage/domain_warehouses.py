"""Several warehouses as one: a domain's tables lie in its own, everybody else's in the mesh's."""

from __future__ import annotations

import shutil
import uuid
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from meshwright.storage.durable import reported
from meshwright.storage.local_files import LocalWarehouse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from meshwright.model.maintenance import StoredFile
    from meshwright.storage import Registry, Warehouse

T = TypeVar("T")
# Domain, product, table: the part of a path that names the table.
TABLE_PARTS = 3


def with_own(shared: Warehouse, folders: Mapping[str, Path], registry: Registry) -> Warehouse:
    """*shared*, but for domains that have folders of their own; *shared* itself when there is none."""
    if not folders:
        return shared

    def is_new(domain: str) -> bool:
        """Whether nothing was published into the domain's own folder yet: one that is gone is not made anew."""
        environments = ["prod", *(one.name for one in registry.environments())]
        heads = [head for name in dict.fromkeys(environments) for head in registry.heads(name).values()]
        mine = [port for head in heads if head.product.partition(".")[0] == domain for port in head.ports]
        return all(not port.table or shared.holds(port.table) for port in mine)

    own = {name: LocalWarehouse(folder, may_create=partial(is_new, name)) for name, folder in folders.items()}
    return DomainWarehouses(shared, own, is_shared=shared.holds)


class DomainWarehouses:
    """The *shared* warehouse, and the *own* ones by domain: every path begins with its domain.

    A table stays where it was first written: *is_shared* says whether the shared warehouse has the table at a path, also
    after its domain got a warehouse of its own.
    """

    def __init__(self, shared: Warehouse, own: Mapping[str, Warehouse], *, is_shared: Callable[[str], bool]) -> None:
        self._shared = shared
        self._own = own
        self._is_shared = is_shared
        self._places: dict[str, Warehouse] = {}
        self._staging: dict[int, Path] = {}

    def locate(self, path: str) -> Path:
        """Where the engine finds *path*."""
        return self._of(path).locate(path)

    def locate_all(self, paths: Iterable[str]) -> list[str]:
        """Where the engine finds a table's *paths*."""
        listed = list(paths)
        found: dict[str, str] = {}
        for warehouse, mine in self._grouped(listed, lambda path: path):
            found |= dict(zip(mine, warehouse.locate_all(mine), strict=True))
        return [found[path] for path in listed]

    def fetch(self, paths: Iterable[str]) -> None:
        """Bring *paths* near."""
        for warehouse, mine in self._grouped(paths, lambda path: path):
            warehouse.fetch(mine)

    def name(self, path: str) -> str:
        """*path* as messages call it."""
        return self._of(path).name(path)

    def uri(self, path: str) -> str:
        """*path* as other programs find it."""
        return self._of(path).uri(path)

    def holds(self, folder: str) -> bool:
        """Whether any file lies below *folder*."""
        return self._of(folder).holds(folder)

    def lost(self, files: Iterable[tuple[str, int]]) -> Mapping[str, str]:
        """Those of *files* that are missing or damaged."""
        found: dict[str, str] = {}
        for warehouse, mine in self._grouped(files, lambda file: file[0]):
            found |= warehouse.lost(mine)
        return found

    def read(self, path: str, *, doing: str) -> bytes:
        """The bytes of one file."""
        return self._of(path).read(path, doing=doing)

    def write_all(self, files: Mapping[str, bytes], *, doing: str) -> None:
        """Write new files, by path."""
        for warehouse, mine in self._grouped(files.items(), lambda file: file[0]):
            warehouse.write_all(dict(mine), doing=doing)

    def staging(self, run: str) -> Path:
        """A folder for one run beside the shared tables; one beside each domain's own takes what is adopted there."""
        self._staging |= {id(one): one.staging(run) for one in self._own.values()}
        return self._shared.staging(run)

    def discard_staging(self, run: str) -> None:
        """Remove what *run* staged, everywhere."""
        for warehouse in self._all():
            warehouse.discard_staging(run)

    def end(self, run: str) -> None:
        """Say that *run* is over, everywhere."""
        for warehouse in self._all():
            warehouse.end(run)

    def running(self) -> Mapping[str, float]:
        """When each run that is not over began, anywhere."""
        return {run: since for warehouse in self._all() for run, since in warehouse.running().items()}

    def staged(self) -> Mapping[str, float]:
        """The runs that have a staging folder anywhere, and when one of them last changed."""
        found: dict[str, float] = {}
        for warehouse in self._all():
            for run, changed in warehouse.staged().items():
                found[run] = max(changed, found.get(run, 0.0))
        return found

    def files(self) -> Iterator[StoredFile]:
        """Every file of every warehouse."""
        for warehouse in self._all():
            yield from warehouse.files()

    def remove(self, paths: Iterable[str], *, folders: Iterable[str] = ()) -> None:
        """Remove files, and folders that nothing is left in."""
        emptied = list(folders)
        for warehouse, mine in self._grouped(paths, lambda path: path):
            warehouse.remove(mine)
        for warehouse, mine in self._grouped(emptied, lambda path: path):
            warehouse.remove((), folders=mine)

    def adopt(self, staged: Path, path: str) -> None:
        """Make a staged file the warehouse's own."""
        self.adopt_all([(staged, path)])

    def adopt_all(self, files: Iterable[tuple[Path, str]]) -> None:
        """Adopt several (staged, path) files, each in the warehouse of its domain."""
        for warehouse, mine in self._grouped(files, lambda file: file[1]):
            warehouse.adopt_all([(self._beside(warehouse, staged), path) for staged, path in mine])

    def _beside(self, warehouse: Warehouse, staged: Path) -> Path:
        """*staged* on the same disk as the tables of *warehouse*, which only moves what lies there."""
        folder = self._staging.get(id(warehouse))
        if folder is None:
            return staged
        moved = folder / f"{uuid.uuid4().hex}-{staged.name}"
        with reported(staged, "move what was staged"):
            # The usual case is one disk, where this renames.
            shutil.move(staged, moved)
        return moved

    def _all(self) -> list[Warehouse]:
        return [self._shared, *self._own.values()]

    def _of(self, path: str) -> Warehouse:
        table = "/".join(path.split("/", TABLE_PARTS)[:TABLE_PARTS])
        found = self._places.get(table)
        if found is None:
            own = self._own.get(path.partition("/")[0])
            found = self._shared if own is None or self._is_shared(table) else own
            self._places[table] = found
        return found

    def _grouped(self, items: Iterable[T], path_of: Callable[[T], str]) -> Iterator[tuple[Warehouse, list[T]]]:
        groups: dict[int, tuple[Warehouse, list[T]]] = {}
        for item in items:
            warehouse = self._of(path_of(item))
            groups.setdefault(id(warehouse), (warehouse, []))[1].append(item)
        yield from groups.values()
