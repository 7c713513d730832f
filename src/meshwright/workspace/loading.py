"""A whole mesh read from its files, with everything that is wrong with them."""

from __future__ import annotations

import gc
import os
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

from meshwright.formats import mesh_files
from meshwright.formats.yaml_text import locate, parse, placed
from meshwright.model.errors import NotFound
from meshwright.model.findings import Finding, Severity
from meshwright.model.mesh import Domain, Mesh, People, Settings
from meshwright.model.names import is_name
from meshwright.workspace.files import is_inside, leaves_mesh, read_bytes, unreadable
from meshwright.workspace.folders import case_collisions, is_hidden, may_lie_beside, unread
from meshwright.workspace.memory import Memory, bad_folder
from meshwright.workspace.mesh_checks import duplicate_ids, resolved_inputs, unknown_people
from meshwright.workspace.people import alike, together
from meshwright.workspace.root import MESH_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from pathlib import Path

    from meshwright.model.issuer import Issuer
    from meshwright.workspace.product_folder import Record

T = TypeVar("T")
DOMAINS = "domains"
PEOPLE = "people"
DOMAIN_FILE = "domain.yaml"
# Folders of a domain that are no products.
NOT_PRODUCTS = frozenset({"policies"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A mesh as its files say.

    `mesh` has every product whose descriptor can be read, implied output ports included; `findings` everything that is
    wrong in the whole mesh, in reading order; `fingerprints` and `locks` are by product id: what changes when any of its
    files does, and its parsed inputs.lock.yaml ({} when there is none). `mark` names this state of the files, "" when no
    cache keeps it.
    """

    root: Path
    mesh: Mesh
    findings: tuple[Finding, ...]
    fingerprints: dict[str, str]
    locks: dict[str, dict[str, Any]]
    mark: str = ""

    def place(self, path: str, pointer: str) -> tuple[int, int]:
        """The line and column of *pointer* in the YAML file at *path*, or of its nearest parent; (1, 1) if unreadable."""
        content, _ = read_bytes(self.root, path)
        return locate(content or b"", pointer)


def load(root: Path, *, cache: Path | None = None) -> Workspace:
    """The mesh at *root*. Never raises for what its files hold: that is in `findings`.

    *cache* is a folder of ours in which what was read is kept for the next time. Raises NotFound when there is no
    mesh.yaml at *root*.
    """
    if not (root / MESH_FILE).is_file():
        message = f"{root} holds no {MESH_FILE}: run 'mesh init', or name the mesh with -C DIR"
        raise NotFound(message)
    with _without_garbage_collection():
        return _Loader(root, Memory(root, cache)).load()


def unchanged(root: Path, *, cache: Path) -> str:
    """The mark of the state in which the mesh was last loaded, when no file of it has changed since; else "".

    Files are looked at, not read.
    """
    return _Loader(root, Memory(root, cache)).unchanged()


def read_settings(root: Path) -> Settings:
    """What mesh.yaml alone says; the defaults where it is not valid."""
    content, _ = read_bytes(root, MESH_FILE)
    document, findings = parse(content or b"", MESH_FILE)
    settings = None if findings else mesh_files.read_mesh(document, MESH_FILE)[0]
    return settings or Settings(name=root.name)


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Nothing made while loading is garbage, and looking for some among it doubles the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            # What was read is a tree that stays: as old objects it is not walked by the next small collections. Frozen for
            # good, it would keep what it refers to alive at exit.
            gc.freeze()
            gc.unfreeze()
            gc.enable()


@dataclass(slots=True)
class _Loader:
    root: Path
    memory: Memory
    findings: list[Finding] = field(default_factory=list)
    records: dict[str, Record] = field(default_factory=dict)
    fingerprints: dict[str, str] = field(default_factory=dict)
    people: dict[str, People] = field(default_factory=dict)

    def load(self) -> Workspace:
        settings = self._read(MESH_FILE, Settings, mesh_files.read_mesh) or Settings(name=self.root.name)
        people = self._people(settings.issuers)
        domains: dict[str, Domain] = {}
        for domain, name in self._walk(domains):
            self._read_product(f"{DOMAINS}/{domain}/{name}", domain, name)
        self.memory.save()
        found = {record.product.id: record.product for record in self.records.values() if record.product is not None}
        mesh = Mesh(settings=settings, domains=domains, products=found, people=people)
        across = chain(
            alike(self.people, mesh),
            duplicate_ids(self.records.values()),
            unknown_people(domains.values(), self.records, people.groups) if people.groups else (),
            resolved_inputs(found, self._known()),
        )
        self._place(list(across))
        ids = {folder: record.product.id for folder, record in self.records.items() if record.product is not None}
        every = dict.fromkeys(self._known())
        return Workspace(
            root=self.root,
            mesh=mesh,
            findings=tuple(sorted(every, key=lambda finding: finding.order)),
            fingerprints={ids[folder]: value for folder, value in self.fingerprints.items() if folder in ids},
            locks={ids[folder]: record.lock for folder, record in self.records.items() if folder in ids},
            mark=self.memory.mark,
        )

    def unchanged(self) -> str:
        settings = self._read(MESH_FILE, Settings, mesh_files.read_mesh)
        self._people(settings.issuers if settings is not None else ())
        folders = [f"{DOMAINS}/{domain}/{name}" for domain, name in self._walk({})]
        return self.memory.mark if not self.findings and self.memory.holds(folders) else ""

    def _read(self, path: str, kind: type[T], reader: Callable[[Any, str], tuple[T | None, list[Finding]]]) -> T | None:
        value, findings = self.memory.small(path, kind, reader)
        self.findings += findings
        return value

    def _known(self) -> Iterator[Finding]:
        return chain(self.findings, *(record.findings for record in self.records.values()))

    def _place(self, findings: Iterable[Finding]) -> None:
        listed = list(findings)
        for path in {finding.path for finding in listed}:
            content, _ = read_bytes(self.root, path)
            self.findings += placed([finding for finding in listed if finding.path == path], content or b"")

    def _people(self, issuers: Collection[Issuer]) -> People:
        for entry in self._entries(PEOPLE):
            path = f"{PEOPLE}/{entry.name}"
            if entry.name.endswith(".yaml"):
                self.people[path] = self._read(path, People, mesh_files.read_people) or People()
            elif not may_lie_beside(entry.name):
                self.findings.append(unread(path, ".yaml", is_folder=entry.is_dir()))
        people, wrong = together(self.people, with_foreign=bool(issuers))
        self._place(wrong)
        return replace(people, errors=tuple(map(_place_of, self._errors_below(PEOPLE))))

    def _errors_below(self, folder: str) -> list[Finding]:
        return [
            one
            for one in self.findings
            if one.severity is Severity.ERROR and (one.path == folder or one.path.startswith(f"{folder}/"))
        ]

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        """What is in *folder*, sorted, without hidden files and links that leave the mesh."""
        place = self.root / folder
        if place.is_symlink() and not is_inside(self.root, place):
            self.findings.append(leaves_mesh(folder, str(place.readlink())))
            return []
        try:
            listed = sorted(os.scandir(place), key=lambda entry: entry.name)
        except FileNotFoundError:
            return []
        except OSError as error:
            self.findings.append(unreadable(folder, error.strerror or str(error)))
            return []
        entries = [entry for entry in listed if not is_hidden(entry.name)]
        self.findings += case_collisions([entry.name for entry in entries], folder)
        kept = []
        for entry in entries:
            if entry.is_symlink() and not is_inside(self.root, entry.path):
                self.findings.append(leaves_mesh(f"{folder}/{entry.name}", os.readlink(entry.path)))  # noqa: PTH115 - an entry has its path as text
            else:
                kept.append(entry)
        return kept

    def _walk(self, domains: dict[str, Domain]) -> Iterator[tuple[str, str]]:
        """The (domain, name) of every folder that may be a product; *domains* takes the domains on the way."""
        for entry in self._entries(DOMAINS):
            if not entry.is_dir():
                continue
            if not is_name(entry.name):
                self.findings.append(bad_folder(f"{DOMAINS}/{entry.name}", "domain"))
                continue
            domains[entry.name] = self._domain(entry.name)
            for inner in self._entries(f"{DOMAINS}/{entry.name}"):
                if inner.name not in NOT_PRODUCTS and inner.is_dir():
                    yield entry.name, inner.name

    def _domain(self, name: str) -> Domain:
        path = f"{DOMAINS}/{name}/{DOMAIN_FILE}"
        if not os.path.lexists(self.root / path):
            self.findings.append(
                Finding(
                    code="missing-file",
                    message=f"The domain '{name}' has no {DOMAIN_FILE}: nobody owns it",
                    path=path,
                    hint=f"write 'team:' with the 'name:' of the owning team, or run 'mesh new domain {name}'",
                )
            )
            return Domain(name=name, path=path)
        domain = self._read(
            path, Domain, lambda document, place: mesh_files.read_domain(document, name=name, path=place)
        )
        return domain or Domain(name=name, path=path)

    def _read_product(self, folder: str, domain: str, name: str) -> None:
        found = self.memory.product(folder, domain, name)
        self.findings += found.listed
        if found.record is not None:
            self.records[folder], self.fingerprints[folder] = found.record, found.fingerprint


def _place_of(finding: Finding) -> str:
    return f"{finding.path}:{finding.line}" if finding.line else finding.path
