"""Governed copies: what one restriction leaves of a data file, written once and shared by everybody who may see just that.

A copy is named by the hashes of all that it follows from (data file; columns, restriction, the mesh's key for pseudonyms), so
it is right or not there, and goes when its data file does. Who may use one is decided anew for each read; a copy decides nothing.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from meshwright.model.errors import MeshwrightError
from meshwright.model.publication import DataFile
from meshwright.model.release import __version__
from meshwright.model.restriction import PSEUDONYM, SHA_256_QUERY_LOCAL, FilterColumn, Predicate, Restriction
from meshwright.reading.restricted_scan import order_of, visible_fields
from meshwright.reading.session import is_readable, write_governed
from meshwright.storage.durable import reported, sync

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from meshwright.model.publication import Field
    from meshwright.reading.masks import Keys
    from meshwright.reading.resolve import ResolvedPort
    from meshwright.storage.file_cache import FileCache

LOG = logging.getLogger(__name__)
WANTED: Final = "wanted"
# To copy so many rows takes about a third of a second.
ROWS_AT_ONCE: Final = 500_000
# A port with more restrictions than that has one per person: they are scanned.
RESTRICTIONS_MAX: Final = 64
# Whoever has not read for so long is not waited for.
LIVE_SECONDS: Final = 30 * 86_400
NOTED_SECONDS: Final = 60
# What every Parquet file ends with.
MAGIC: Final = b"PAR1"
# Copies that can be read for so long are taken for whole.
TRIED_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GovernedCopies:
    """The governed copies in *cache*, and notes of who wants some. Safe between processes.

    A reader waits for `rows_at_once` rows to be copied; more are copied when a port is published or the mesh is maintained,
    and scanned until then.
    """

    cache: FileCache
    rows_at_once: int = ROWS_AT_ONCE

    def serve(
        self,
        resolved: ResolvedPort,
        restriction: Restriction,
        keys: Keys,
        scan: Callable[[ResolvedPort], str],
        *,
        has_time: bool = False,
    ) -> ResolvedPort | None:
        """The port as *restriction* leaves it, served from copies; None when it is to be scanned.

        Copies that are missing are made now, from what *scan* selects of a part of the port, if they are small or the caller
        *has_time*. Copies that cannot be made, as on a full disk, are done without.
        """
        fields = visible_fields(resolved.port.schema, restriction)
        if (
            not fields
            or any(one.startswith(SHA_256_QUERY_LOCAL) for one in restriction.actions.values())
            or not self._note(resolved, restriction)
        ):
            return None
        named = {self._name(file, resolved, restriction, keys): file for file in resolved.files}
        found = {name: self.cache.find(name, ending=MAGIC) for name in named}
        missing = [name for name, path in found.items() if path is None]
        if sum(named[name].rows for name in missing) > self.rows_at_once and not has_time:
            return None
        try:
            for name in missing:
                found[name] = self._make(name, scan(replace(resolved, files=(named[name],))), fields)
        except (MeshwrightError, OSError) as error:
            LOG.warning("%s is scanned, its copy cannot be made: %s", resolved.address, error)
            return None
        files = tuple(
            DataFile(path=str(found[name]), rows=one.rows, bytes=0, schema=fields) for name, one in named.items()
        )
        return replace(resolved, port=replace(resolved.port, schema=fields), files=files)

    def products(self, environment: str) -> set[str]:
        """The products of *environment* of which somebody read a port under a restriction."""
        notes = (self.cache.folder / WANTED / environment).glob("*")
        return {".".join(one.name.split(".")[:2]) for one in notes}

    def wanted(self, environment: str, product: str, port: str) -> list[Restriction]:
        """The restrictions under which a port was read in the last 30 days; older notes are removed."""
        found = []
        for path in sorted(self._folder(environment, product, port).glob("*.json")):
            with suppress(OSError, ValueError, KeyError, TypeError):
                if time.time() - path.stat().st_mtime > LIVE_SECONDS:
                    path.unlink()
                else:
                    found.append(_restriction(json.loads(path.read_text())))
        return found

    def expire(self) -> None:
        """Remove the copies that nobody has used for 30 days."""
        self.cache.expire(LIVE_SECONDS)

    def forget(self, paths: Iterable[str]) -> None:
        """Remove the copies that were made of the data files *paths*, whoever uses them. Raises Unavailable."""
        for path in paths:
            self.cache.forget_folder(_folder_of(path))

    def forget_others(self, paths: Iterable[str], *, before: float) -> None:
        """Remove the copies made of data files other than *paths*, last used *before* a moment (seconds since 1970).

        They are of files that another machine has removed, or of another release. Raises Unavailable.
        """
        self.cache.forget_others({_folder_of(path) for path in paths}, before=before)

    def forget_damaged(self, resolved: ResolvedPort, restriction: Restriction, keys: Keys) -> bool:
        """Remove the copies of the port as *restriction* leaves it that cannot be read to their end; whether there are some."""
        damaged, until = [], time.monotonic() + TRIED_SECONDS
        if resolved.port.kind == "tables" and not restriction.is_all:
            names = [self._name(file, resolved, restriction, keys) for file in resolved.files]
            found = [(name, path) for name in names if (path := self.cache.find(name)) is not None]
            damaged = [name for name, path in found if not is_readable(path, seconds=until - time.monotonic())]
        for name in damaged:
            self.cache.forget(name)
        return bool(damaged)

    def nameless(self, text: str) -> str:
        """*text* without the paths of copies."""
        return re.sub(re.escape(str(self.cache.folder)) + r"[^\s'\"]*", "a copy", text)

    def _make(self, name: str, select: str, fields: tuple[Field, ...]) -> Path:
        import duckdb

        draft = self.cache.draft()
        try:
            write_governed(select, draft, fields)
            with reported(draft, "write"):
                sync(draft)
            return self.cache.keep(draft, name)
        except duckdb.Error as error:
            raise MeshwrightError(str(error)) from error
        finally:
            draft.unlink(missing_ok=True)

    @staticmethod
    def _name(file: DataFile, resolved: ResolvedPort, restriction: Restriction, keys: Keys) -> str:
        has_pseudonyms = any(one.startswith(PSEUDONYM) for one in restriction.actions.values())
        key = hashlib.sha256(keys.pseudonym).hexdigest() if has_pseudonyms else ""
        columns = [(one.id, one.name, str(one.type), one.nested_ids) for one in resolved.port.schema]
        told = repr((__version__, columns, order_of(resolved, restriction), restriction.digest, key))
        return f"{_folder_of(file.path)}/{hashlib.sha256(told.encode()).hexdigest()}.parquet"

    def _note(self, resolved: ResolvedPort, restriction: Restriction) -> bool:
        """Keep that *restriction* is read with; False when a port has too many."""
        published = resolved.publication
        folder = self._folder(published.environment, published.product, resolved.port.name)
        notes = set(folder.glob("*.json"))
        path = folder / f"{restriction.digest}.json"
        try:
            if path in notes:
                if time.time() - path.stat().st_mtime > NOTED_SECONDS:
                    os.utime(path)
            elif len(notes) >= RESTRICTIONS_MAX:
                return False
            else:
                folder.mkdir(parents=True, exist_ok=True)
                draft = path.with_suffix(f".{os.getpid()}")
                draft.write_text(json.dumps(_data(restriction)))
                draft.replace(path)
        except OSError as error:
            LOG.warning("%s cannot be noted: %s", path, error)
        return True

    def _folder(self, environment: str, product: str, port: str) -> Path:
        """Where it is noted who wants copies of a port."""
        return self.cache.folder / WANTED / environment / f"{product}.{port}"


def _folder_of(path: str) -> str:
    """Where the copies made of the data file *path* are, in the cache."""
    digest = hashlib.sha256(path.encode()).hexdigest()
    return f"{digest[:2]}/{digest[2:]}"


def _data(restriction: Restriction) -> dict[str, Any]:
    """A restriction as JSON has it."""
    return {
        "rows": _predicate_data(restriction.row_filter) if restriction.row_filter is not None else None,
        "actions": sorted(restriction.actions.items()),
        "others_absent": restriction.others_absent,
    }


def _restriction(data: dict[str, Any]) -> Restriction:
    """The restriction that `_data` made *data* of. Raises KeyError, TypeError, ValueError."""
    return Restriction(
        row_filter=_predicate(data["rows"]) if data["rows"] is not None else None,
        actions={int(number): str(action) for number, action in data["actions"]},
        others_absent=bool(data["others_absent"]),
    )


def _predicate_data(predicate: Predicate) -> dict[str, Any]:
    return {"operator": predicate.operator, "arguments": [_argument_data(one) for one in predicate.arguments]}


def _argument_data(argument: object) -> object:
    match argument:
        case Predicate():
            return _predicate_data(argument)
        case FilterColumn(number):
            return {"column": number}
        case tuple():
            return list(argument)
        case _:
            return argument


def _predicate(data: dict[str, Any]) -> Predicate:
    return Predicate(data["operator"], tuple(_arguments(data["arguments"])))


def _arguments(arguments: list[Any]) -> Iterator[Any]:
    for one in arguments:
        match one:
            case {"column": int(number)}:
                yield FilterColumn(number)
            case dict():
                yield _predicate(one)
            case list():
                yield tuple(one)
            case str() | int():
                yield one
            case _:
                raise ValueError(one)
