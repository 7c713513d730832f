"""One product's folder → the product, its findings, and what the rest of the mesh must know to judge it."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from meshwright.formats import mesh_files, odcs, odps
from meshwright.formats.yaml_text import parse, placed
from meshwright.model.findings import Finding, Severity
from meshwright.model.product import Product, TestCase, Transformation
from meshwright.workspace.files import decoded, read_bytes
from meshwright.workspace.folders import CODE, CONTRACTS, DESCRIPTOR, LOCK, TESTS, TRANSFORM
from meshwright.workspace.locks import accepted
from meshwright.workspace.ports import Parts, assemble, split_stem
from meshwright.workspace.product_checks import (
    check_contract,
    check_domain,
    check_status,
    check_versions,
    unknown_tests,
)
from meshwright.workspace.source_paths import place_of

if TYPE_CHECKING:
    from pathlib import Path

    from meshwright.model.contract import Contract
    from meshwright.workspace.folders import Listing


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """An id that must be unique in the mesh: `kind` is product or contract, `owner` the product or port that has it."""

    kind: str
    id: str
    owner: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What was read from one product's folder. `product` is None when the descriptor is not valid.

    `people` are names of the team's group and members with their pointer; `probes` the places where sources were looked
    for, and whether something was there.
    """

    product: Product | None
    findings: tuple[Finding, ...] = ()
    lock: dict[str, Any] = field(default_factory=dict)
    identities: tuple[Identity, ...] = ()
    people: tuple[tuple[str, str], ...] = ()
    probes: dict[str, bool] = field(default_factory=dict)


@dataclass(slots=True)
class Contents:
    """The content of a product's files by path within its folder; None, with a finding, for what could not be read."""

    folder: str
    files: dict[str, bytes | None] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    fingerprint: str = ""


def read_contents(root: Path, listing: Listing) -> Contents:
    """The content and the fingerprint of all files in *listing*."""
    contents = Contents(listing.folder)
    digest = blake2b(digest_size=16)
    for path, signature in sorted(listing.files.items()):
        content, findings = read_bytes(root, f"{listing.folder}/{path}")
        contents.findings += findings
        digest.update(f"{len(path)}:{path}".encode("utf-8", "surrogateescape"))
        contents.files[path] = content
        if content is None:
            digest.update(repr(signature).encode("utf-8", "surrogateescape"))
        else:
            digest.update(blake2b(content, digest_size=16).digest())
    contents.fingerprint = digest.hexdigest()
    return contents


def read_product(root: Path, domain: str, name: str, contents: Contents) -> Record:
    """Everything that *contents*, the files of the product *name*, say."""
    reader = _Reader(root, domain, name, contents)
    return reader.read()


class _Reader:
    """Reads one product; gathers findings on the way, each with its line."""

    def __init__(self, root: Path, domain: str, name: str, contents: Contents) -> None:
        self.root = root
        self.domain = domain
        self.name = name
        self.folder = contents.folder
        self.contents = contents
        self.findings: list[Finding] = list(contents.findings)
        self.probes: dict[str, bool] = {}

    def read(self) -> Record:
        document = self._document(DESCRIPTOR)
        parts = self._parts()
        lock = self._lock()
        if document is None:
            return Record(product=None, findings=tuple(self.findings), lock=lock)
        product, findings = odps.read(document, domain=self.domain, name=self.name, folder=self.folder)
        product, more = assemble(product, parts)
        product, missing = self._with_sources(product)
        findings += [
            *more,
            *missing,
            *check_versions(product),
            *check_domain(document, product),
            *check_status(product.status, product.path),
        ]
        tests = self._tests()
        findings += unknown_tests(product, tests)
        product = replace(product, tests=tests)
        self._place(findings)
        return Record(
            product=product,
            findings=tuple(self.findings),
            lock=lock,
            identities=tuple(self._identities(product, parts)),
            people=tuple(_people(document)),
            probes=self.probes,
        )

    def _path(self, file: str) -> str:
        return f"{self.folder}/{file}"

    def _place(self, findings: list[Finding]) -> None:
        """Keep *findings*, with line and column where their file was read."""
        for path in {finding.path for finding in findings}:
            group = [finding for finding in findings if finding.path == path]
            content = self.contents.files.get(posixpath.relpath(path, self.folder))
            is_document = content is not None and path.endswith(".yaml")
            self.findings += placed(group, content) if is_document and content is not None else group

    def _document(self, file: str) -> Any:  # noqa: ANN401 - any document
        """The valid document in *file*, or None with findings kept."""
        path, content = self._path(file), self.contents.files.get(file)
        if content is None:
            return None
        document, findings = parse(content, path)
        if findings:
            self.findings += findings
            return None
        check = odps.check if file == DESCRIPTOR else odcs.check if file.startswith(CONTRACTS) else None
        problems = check(document, path) if check else []
        self._place(problems)
        return None if any(problem.severity is Severity.ERROR for problem in problems) else document

    def _parts(self) -> Parts:
        parts = Parts()
        listed = sorted(self.contents.files)
        for file in listed:
            folder, _, base = file.rpartition("/")
            stem, _, ending = base.rpartition(".")
            if folder == CONTRACTS:
                parts.contract_paths[stem] = self._path(file)
                parts.contracts[stem] = self._contract(file, stem)
            elif folder in {TRANSFORM, ""} and f".{ending}" in CODE:
                self._add_code(parts, stem, file, ending)
        return parts

    def _contract(self, file: str, stem: str) -> Contract | None:
        document = self._document(file)
        if document is None:
            return None
        path = self._path(file)
        contract, findings = odcs.read(document, path=path)
        findings += check_contract(contract, stem)
        self._place(findings)
        return contract

    def _add_code(self, parts: Parts, stem: str, file: str, ending: str) -> None:
        path = self._path(file)
        if stem in parts.code:
            self.findings.append(
                Finding(
                    code="several-transformations",
                    message=f"'{stem}' is made by {parts.code_paths[stem]} already",
                    path=path,
                    hint="keep one of the two files",
                )
            )
            return
        content = self.contents.files[file]
        text, findings = (None, []) if content is None else decoded(content, path)
        self.findings += findings
        language = "sql" if ending == "sql" else "python"
        parts.code_paths[stem] = path
        parts.code[stem] = None if text is None else Transformation(name=stem, language=language, path=path, text=text)

    def _lock(self) -> dict[str, Any]:
        content = self.contents.files.get(LOCK)
        if content is None:
            return {}
        document, findings = parse(content, self._path(LOCK))
        lock, findings = accepted(document, findings, self._path(LOCK))
        self.findings += findings
        return lock

    def _tests(self) -> tuple[TestCase, ...]:
        cases: list[TestCase] = []
        for file in sorted(self.contents.files):
            if file.startswith(TESTS + "/"):
                document, content = self._document(file), self.contents.files[file]
                if document is not None and content is not None:
                    found, findings = mesh_files.read_tests(
                        document, content=content, path=self._path(file), port=self.name
                    )
                    self._place(findings)
                    cases += found
        return tuple(cases)

    def _with_sources(self, product: Product) -> tuple[Product, list[Finding]]:
        if all(port.source is None for port in product.input_ports):
            return product, []
        findings: list[Finding] = []
        ports = []
        for port in product.input_ports:
            if port.source is not None:
                place = place_of(self.root, self.folder, port.source, where=product.path, pointer=port.pointer)
                self.probes.update(place.probes)
                findings += place.findings
                # What has a secret in it is not handed on: nothing may come to show it.
                is_known = all(finding.code != "literal-secret" for finding in place.findings)
                ports.append(replace(port, source=place.complete(port.source) if is_known else None))
            else:
                ports.append(port)
        return replace(product, input_ports=tuple(ports)), findings

    def _identities(self, product: Product, parts: Parts) -> list[Identity]:
        found = [Identity(kind="product", id=product.descriptor_id, owner=product.id, path=product.path)]
        for stem, contract in parts.contracts.items():
            if contract is not None:
                owner = f"{product.id}.{split_stem(stem)[0]}"
                found.append(Identity(kind="contract", id=contract.id, owner=owner, path=contract.path))
        return found


def _people(document: dict[str, Any]) -> list[tuple[str, str]]:
    team = document.get("team", {})
    if isinstance(team, list):
        return [(member["username"], f"/team/{index}/username") for index, member in enumerate(team)]
    members = team.get("members", ())
    return [(member["username"], f"/team/members/{index}/username") for index, member in enumerate(members)]
