"""The council's work: policies in files are checked against the mesh, tried on cases, explained and published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from meshwright.governance.actions import Target
from meshwright.governance.authority import Authority
from meshwright.governance.drafts import (
    Case,
    asked_of,
    attribute_types,
    check_files,
    decider,
    files_of,
    mesh_schema,
    read_cases,
)
from meshwright.governance.identity import known_principal
from meshwright.governance.nowhere import unasked, unknown_entities
from meshwright.governance.policy_text import parse
from meshwright.governance.port_facts import facts_of
from meshwright.governance.purposes import UNSPECIFIED, known_purposes, wrong_purposes
from meshwright.model.errors import InvalidInput, InvalidMesh, NotFound
from meshwright.model.findings import Finding, Severity
from meshwright.model.names import PortAddress, nearest
from meshwright.model.policy_version import WHOLE_MESH, PolicyVersion
from meshwright.model.principal import PERSON, SERVICE
from meshwright.reading.resolve import resolve
from meshwright.workspace.loading import PEOPLE
from meshwright.workspace.policy_files import case_files, folder_of, policy_files
from meshwright.workspace.root import MESH_FILE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from datetime import datetime

    from meshwright.governance.decisions import Decision
    from meshwright.governance.port_facts import PortFacts
    from meshwright.model.datatype import DataType
    from meshwright.model.principal import Principal
    from meshwright.operating.rights import Rights
    from meshwright.reading.resolve import ResolvedPort, Told
    from meshwright.storage import Policies, Registry
    from meshwright.workspace.loading import Workspace

# As records of access call it: Cedar's `publish` is of products.
PUBLISH_POLICIES: Final = "publish policies"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What publishing did: the version that binds now; `changed` is False when it had bound before."""

    version: int
    files: dict[str, str]
    changed: bool


class Council:
    """Works on the policies of the mesh in *workspace* for the one who has *rights*, whom records call *principal*."""

    def __init__(
        self,
        workspace: Workspace,
        *,
        policies: Policies,
        registry: Registry,
        rights: Rights,
        principal: str,
    ) -> None:
        self.root = workspace.root
        self.mesh = workspace.mesh
        self.around = workspace.findings
        self.policies = policies
        self.registry = registry
        self.rights = rights
        self.caller = rights.caller.principal
        self.principal = principal

    def files(self) -> tuple[dict[str, dict[str, str]], list[Finding]]:
        """The texts of the policy files by scope and path, and what cannot be read."""
        return policy_files(self.root, self.mesh.domains)

    def schema(self, told: Collection[str] | None = None) -> str:
        """The Cedar schema that policies are checked against; with columns only of the products that are *told*, if any."""
        return mesh_schema(self._columns(told), self.mesh.people, self.mesh.settings.issuers)

    def findings(self) -> list[Finding]:
        """Everything that is wrong with the policy files."""
        texts, unread = self.files()
        files = files_of(texts)
        purposes = [
            Finding(
                code="purpose",
                message=f"The purpose {name} {what}",
                path=MESH_FILE,
                pointer=f"/purposes/{name}",
                value=name,
                hint="`mesh policy purposes` lists those there are",
            )
            for name, what in wrong_purposes(self.mesh.settings.purposes).items()
        ]
        if not files:
            return [*unread, *purposes]
        policies = [policy for file in files for policy in parse(file)[0]]
        return [
            *unread,
            *purposes,
            *check_files(files, self.schema()),
            *unasked(policies, self._columns(), self.attributes),
            *unknown_entities(policies, self._known()),
        ]

    def _known(self) -> dict[str, set[str]]:
        """What there is, by Cedar's type: ids of what policies can name. Whom a provider may know is left out."""
        mesh, heads = self.mesh, self.registry.heads("prod").values()
        products = {*mesh.products, *(head.product for head in heads)}
        served = [
            (head.product, port.name, [field.name for field in port.schema]) for head in heads for port in head.ports
        ]
        for product in mesh.products.values():
            for port in product.output_ports:
                tables = port.contract.tables if port.contract is not None else ()
                served.append((product.id, port.name, [column.name for table in tables for column in table.columns]))
        groups = {} if mesh.settings.issuers else {"Group": set(mesh.people.groups)}
        return groups | {
            "Domain": {*mesh.domains, *(product.partition(".")[0] for product in products)},
            "Product": products,
            "DataProduct": products,
            "Port": {f"{product}.{port}" for product, port, _ in served},
            "Column": {f"{product}.{port}.{name}" for product, port, names in served for name in names},
            "Purpose": {*self.purposes, UNSPECIFIED},
        }

    def checked(self) -> list[Finding]:
        """Everything that is wrong with the policy files, and with the files that they stand on."""
        return [*self._unsound(self.mesh.domains), *self.findings()]

    def require_sound(self) -> None:
        """Raise InvalidMesh while a file that policies stand on has an error: what they then say is not what was meant."""
        if wrong := self._unsound(self.mesh.domains):
            raise InvalidMesh(wrong)

    def _unsound(self, scopes: Iterable[str]) -> list[Finding]:
        """The errors in mesh.yaml, people/ and the domain.yaml of each of *scopes*: purposes, groups, attributes and tags."""
        files = {MESH_FILE, PEOPLE, *(domain.path for name, domain in self.mesh.domains.items() if name in scopes)}
        return [
            one
            for one in self.around
            if one.severity is Severity.ERROR and (one.path in files or one.path.startswith(f"{PEOPLE}/"))
        ]

    def _errors(self) -> list[Finding]:
        """What keeps policy files from being published."""
        return [one for one in self.findings() if one.severity is Severity.ERROR]

    @property
    def purposes(self) -> dict[str, str]:
        """Every purpose as the files have them, with the wider one that it is a part of."""
        return known_purposes(self.mesh.settings.purposes)

    @property
    def attributes(self) -> dict[str, str]:
        """Every attribute that a principal may have as the files have it, by Cedar type."""
        return attribute_types(self.mesh.people, self.mesh.settings.issuers)

    def publish(self, scope: str, *, at: datetime) -> Published:
        """Let the files of *scope* bind.

        Raises NotFound for no domain, Denied, InvalidMesh for policies that are not valid, Conflict.
        """
        if scope and scope not in self.mesh.domains:
            # Domains may hold nothing but what a bearer of a token may not discover.
            guess = nearest(scope, self.mesh.domains) if self.caller.is_owner else None
            raise NotFound(f"there is no domain {scope}" + (f": did you mean {guess}?" if guess else ""))
        self._require_entitled(scope)
        here = f"{folder_of(scope)}/"
        of_scope = [
            one for one in self._errors() if f"{one.path}/".startswith(here) or (not scope and one.path == MESH_FILE)
        ]
        if wrong := [*self._unsound({scope}), *of_scope]:
            raise InvalidMesh(wrong)
        texts, _ = self.files()
        newest = {version.scope: version for version in self.policies.binding()}.get(scope)
        files = texts.get(scope, {})
        purposes = {} if scope else self.mesh.settings.purposes
        attributes = asked_of(files_of({scope: files}), self.attributes)
        if newest is not None and (newest.files, newest.purposes, newest.attributes) == (files, purposes, attributes):
            return Published(version=newest.version, files=files, changed=False)
        version = PolicyVersion(
            scope=scope,
            version=newest.version + 1 if newest is not None else 1,
            published_at=at.isoformat(),
            published_by=self.principal,
            files=files,
            purposes=purposes,
            attributes=attributes,
        )
        self.policies.publish(version)
        return Published(version=version.version, files=files, changed=True)

    def publish_all(self, *, at: datetime) -> dict[str, Published]:
        """Let the files of the mesh and of every domain that has some bind, or those of none; by scope.

        Raises as `publish`.
        """
        texts, _ = self.files()
        of_mesh = {WHOLE_MESH} if self.mesh.settings.purposes else set()
        scopes = sorted(
            of_mesh
            | {scope for scope, files in texts.items() if files}
            # What was removed is to bind no more.
            | {
                version.scope
                for version in self.policies.binding()
                if version.scope in {WHOLE_MESH, *self.mesh.domains}
            }
        )
        for scope in scopes:
            self._require_entitled(scope)
        if wrong := [*self._unsound(self.mesh.domains), *self._errors()]:
            raise InvalidMesh(wrong)
        return {scope: self.publish(scope, at=at) for scope in scopes}

    def require_author(self) -> None:
        """Raise Denied unless the caller may publish some policies: names and types of all columns are for who writes them."""
        is_author = any(self._entitled(scope)[0] for scope in (WHOLE_MESH, *self.mesh.domains))
        self.rights.settle("see the policy schema", Target(), "" if is_author else "mesh.yaml names those who may")

    def _require_entitled(self, scope: str) -> None:
        """Raise Denied unless mesh.yaml or domain.yaml names the caller: policies cannot say who writes policies."""
        is_entitled, file = self._entitled(scope)
        self.rights.settle(PUBLISH_POLICIES, Target(domain=scope), "" if is_entitled else f"{file} names those who may")

    def _entitled(self, scope: str) -> tuple[bool, str]:
        """Whether the caller may publish policies of *scope*, and which file says so."""
        domain = self.mesh.domains.get(scope)
        if domain is None:
            names, file = {self.mesh.settings.owner} - {""}, "mesh.yaml (owner)"
        else:
            names = set(domain.approvers) or {*domain.members, domain.team} - {""}
            file = f"{domain.path} ({'approvers' if domain.approvers else 'team'})"
        # An agent passes on what it read; it decides for nobody who may read.
        is_trusted = self.caller.kind in {PERSON, SERVICE}
        return is_trusted and bool(names & {self.caller.spelled, *self.caller.groups}), file

    def decide(
        self,
        port: str,
        *,
        acting: str | Principal,
        purpose: str = "",
        environment: str = "prod",
        among: tuple[str, ...] = (),
        from_files: bool = False,
        told: Told = None,
    ) -> tuple[Decision, PortFacts]:
        """What *acting* may read of *port*, by what binds or *from_files*, and what was known of the port.

        Without a *purpose* it is the only one that is granted, *among* those of a token.

        Raises InvalidInput, NotFound, which names no port but those in *told*.
        """
        principal = self.known(acting) if isinstance(acting, str) else acting
        facts = self.facts(self.resolved(port, environment, told), environment)
        if from_files:
            drafted = decider(
                files_of(self.files()[0]), purposes=self.purposes, attributes=self.attributes, environment=environment
            )
            return drafted.read(principal, facts, purpose, among=among), facts
        authority = Authority(self.policies, environment=environment)
        return authority.decide(principal, facts, purpose, among=among), facts

    def known(self, name: str) -> Principal:
        """Whom *name* means. Raises InvalidInput, NotFound."""
        return known_principal(name, self.mesh, asked_by=self.principal)

    def resolved(self, port: str, environment: str, told: Told = None) -> ResolvedPort:
        """The port as it is served now. Raises InvalidInput, NotFound, as `resolve`."""
        try:
            address = PortAddress.parse(port)
        except ValueError as error:
            raise InvalidInput(str(error)) from None
        return resolve(self.registry, address, environment=environment, told=told)

    def facts(self, resolved: ResolvedPort, environment: str) -> PortFacts:
        """What policies know of a port: today's tags, whichever publication is read."""
        product = resolved.publication.product
        head = self.registry.head(environment, product)
        domain = self.mesh.domains.get(product.partition(".")[0])
        return facts_of(resolved.publication, resolved.port, head, domain_tags=domain.tags if domain else ())

    def cases(self) -> list[Case]:
        """Every policy case of the mesh. Raises InvalidMesh."""
        from meshwright.formats.mesh_files import read_policy_cases
        from meshwright.workspace.files import read_document

        found: list[Case] = []
        paths, findings = case_files(self.root, self.mesh.domains)
        for path in paths:
            document, content, wrong = read_document(self.root, path)
            if not wrong:
                lines, wrong = read_policy_cases(document, content=content, path=path)
                found += [] if wrong else read_cases(document, path, lines)
            findings += wrong
        if findings:
            raise InvalidMesh(findings)
        return found

    def _columns(self, told: Collection[str] | None = None) -> Iterator[tuple[str, DataType]]:
        """The columns of every port that the files or the registry know, of those products that are *told*."""
        for product in self.mesh.products.values():
            if told is not None and product.id not in told:
                continue
            for port in product.output_ports:
                for table in port.contract.tables if port.contract is not None else ():
                    yield from ((column.name, column.type) for column in table.columns)
        for head in self.registry.heads("prod").values():
            if told is not None and head.product not in told:
                continue
            for served in head.ports:
                yield from ((field.name, field.type) for field in served.schema)
